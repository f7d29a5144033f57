"""Random programs in the linalg form, as text."""

from __future__ import annotations

import random
from math import prod

Shape = tuple[int, ...]


class RandomProgram:
    """A `@main` of `size` random ops: elementwise, transposes, broadcasts, reductions, products, reshapes, pads."""

    def __init__(self, seed: int, size: int = 14) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = ['%zero = arith.constant 0.0 : f32 loc("p.py":1:1)']
        self.values: list[tuple[str, Shape]] = []
        self.arguments: list[tuple[str, Shape]] = []
        self.count = 1
        extents = [self.random.choice([1, 2, 3, 4]) for _ in range(3)]
        for i in range(4):
            shape = tuple(self.random.choice(extents) for _ in range(self.random.randint(0 if i == 3 else 1, 3)))
            self.arguments.append((f"%arg{i}", shape))
        self.values += self.arguments
        for _ in range(size):
            self.random.choice(
                [self.elementwise, self.elementwise, self.elementwise, self.transpose, self.broadcast, self.reduce,
                 self.product, self.flatten, self.pad, self.slice, self.two_results]
            )()  # fmt: skip

    def text(self) -> str:
        """The module; parameters (argument 0 and 1) are updated by values of their shape when there are some."""
        chosen = self.random.sample(self.values, min(4, len(self.values)))
        updates = {}
        for i in (0, 1):
            shape = self.arguments[i][1]
            fitting = [v for v in self.values if v[1] == shape and v not in chosen]
            if fitting:
                updates[i] = len(chosen)
                chosen.append(self.random.choice(fitting))
        arguments = []
        for i, (name, shape) in enumerate(self.arguments):
            extra = f", cellc.updated_by = {updates[i]} : i64" if i in updates else ""
            kind = "parameter" if i < 2 else "input"
            arguments.append(f'{name}: {_type(shape)} {{cellc.name = "a{i}", cellc.kind = "{kind}"{extra}}}')
        types = ", ".join(_type(shape) for _, shape in chosen)
        names = ", ".join(name for name, _ in chosen)
        body = "\n".join(self.lines)
        header = f"func.func @main({', '.join(arguments)}) -> ({types})"
        end = f'return {names} : {types} loc("p.py":{self.count}:1)'
        return f'module {{\n{header} {{\n{body}\n{end}\n}} loc("p.py":1:1)\n}} loc("p.py":1:1)\n'

    # -- ops -----------------------------------------------------------------

    def elementwise(self) -> None:
        name, shape = self._pick()
        others = [v for v in self.values if v[1] == shape]
        other = self.random.choice(others)[0]
        identity = _dims(range(len(shape)))
        op = self.random.choice(["arith.addf", "arith.mulf", "arith.maximumf", "arith.subf", "exp", "index", "relu"])
        body = {
            "exp": '%m = arith.minimumf %a, %b : f32 loc("p.py":7:7)\n%r = math.tanh %m : f32',
            "index": _index_body(len(shape)),
            "relu": "%r = arith.maximumf %a, %zero : f32",
        }.get(op, f"%r = {op} %a, %b : f32")
        self._generic([(name, shape, identity), (other, shape, identity)], shape, identity, len(shape), 0, body)

    def two_results(self) -> None:
        """Two results, so that other ops read only one of them."""
        name, shape = self._pick()
        self.elementwise()
        first = self.values[-1]
        self._generic([(name, shape, _dims(range(len(shape))))], shape, _dims(range(len(shape))), len(shape), 0,
                      "%r = arith.mulf %a, %a : f32")  # fmt: skip
        if first[1] == shape:
            identity = _dims(range(len(shape)))
            inputs = [(*first, identity), (*self.values[-1], identity)]
            self._generic(inputs, shape, identity, len(shape), 0, "%r = arith.subf %a, %b : f32")

    def transpose(self) -> None:
        name, shape = self._pick()
        order = self.random.sample(range(len(shape)), len(shape))
        out = tuple(shape[d] for d in order)
        # The loops are those of the input; the output is written through a permutation.
        self._generic(
            [(name, shape, _dims(range(len(shape))))], out, _dims(order), len(shape), 0, "%r = arith.addf %a, %a : f32"
        )

    def broadcast(self) -> None:
        name, shape = self._pick()
        if len(shape) > 2:
            return
        extent, position = self.random.choice([2, 3]), self.random.randint(0, len(shape))
        out = (*shape[:position], extent, *shape[position:])
        read = _dims(i + (i >= position) for i in range(len(shape)))
        self._generic([(name, shape, read)], out, _dims(range(len(out))), len(out), 0, "")

    def reduce(self) -> None:
        name, shape = self._pick()
        if not shape:
            return
        axes = sorted(self.random.sample(range(len(shape)), self.random.randint(1, len(shape))))
        kept = [d for d in range(len(shape)) if d not in axes]
        # Loops: kept first, reduced last.
        loop = {d: i for i, d in enumerate([*kept, *axes])}
        out = tuple(shape[d] for d in kept)
        read = _dims(loop[d] for d in range(len(shape)))
        op = self.random.choice(["addf", "maximumf"])
        body = f"%r = arith.{op} %a, %o : f32"
        self._generic([(name, shape, read)], out, _dims(range(len(kept))), len(shape), len(axes), body, fill=True)

    def product(self) -> None:
        matrices = [value for value in self.values if len(value[1]) == 2]
        pairs = [(left, right) for left in matrices for right in matrices if left[1][1] == right[1][0]]
        if not pairs:
            return
        (lhs, left), (rhs, right) = self.random.choice(pairs)
        inputs = [(lhs, left, "d0, d2"), (rhs, right, "d2, d1")]
        body = '%m = arith.mulf %a, %b : f32 loc("p.py":8:8)\n%r = arith.addf %o, %m : f32'
        self._generic(inputs, (left[0], right[1]), "d0, d1", 3, 1, body, fill=True)

    def flatten(self) -> None:
        name, shape = self._pick()
        if len(shape) < 2:
            return
        cut = self.random.randint(1, len(shape) - 1)
        out = (*shape[: cut - 1], prod(shape[cut - 1 : cut + 1]), *shape[cut + 1 :])
        groups = [[i] for i in range(cut - 1)] + [[cut - 1, cut]] + [[i] for i in range(cut + 1, len(shape))]
        flat = self._name()
        self._line(f"{flat} = tensor.collapse_shape {name} {groups} : {_type(shape)} into {_type(out)}")
        self.values.append((flat, out))
        if self.random.random() < 0.5:
            back = self._name()
            text = f"{back} = tensor.expand_shape {flat} {groups} output_shape {list(shape)}"
            self._line(f"{text} : {_type(out)} into {_type(shape)}")
            self.values.append((back, shape))

    def slice(self) -> None:
        """A part of the first axis, maybe backwards; a prefix is read through an extra loop of one iteration."""
        name, shape = self._pick()
        if not shape or shape[0] < 2:
            return
        rest = [f"d{i}" for i in range(1, len(shape))]
        start = self.random.randint(0, 1)
        out = (shape[0] - 1, *shape[1:])
        loops = _dims(range(len(shape)))
        if start:
            first = self.random.choice(["d0 + 1", f"{shape[0] - 1} - d0"])
            self._generic([(name, shape, ", ".join([first, *rest]))], out, loops, len(shape), 0, "")
            return
        read = ", ".join(["d1 + d0", *(f"d{i + 1}" for i in range(1, len(shape)))])
        rank = len(shape) + 1
        self._generic([(name, shape, read)], (1, *out), _dims(range(rank)), rank, 0, "")
        source, flat = self.values.pop()[0], self._name()
        groups = [[0, 1]] + [[i] for i in range(2, rank)]
        self._line(f"{flat} = tensor.collapse_shape {source} {groups} : {_type((1, *out))} into {_type(out)}")
        self.values.append((flat, out))

    def pad(self) -> None:
        name, shape = self._pick()
        if not shape:
            return
        out = tuple(extent + 1 for extent in shape)
        filled, result = self._filled(out), self._name()
        offsets = [self.random.randint(0, 1) for _ in shape]
        ones = [1] * len(shape)
        text = f"{result} = tensor.insert_slice {name} into {filled}{offsets} {list(shape)} {ones}"
        self._line(f"{text} : {_type(shape)} into {_type(out)}")
        self.values.append((result, out))

    # -- text ------------------------------------------------------------------

    def _pick(self) -> tuple[str, Shape]:
        return self.random.choice(self.values[-8:])

    def _name(self) -> str:
        self.count += 1
        return f"%v{self.count}"

    def _line(self, text: str) -> None:
        self.lines.append(f'{text} loc("p.py":{self.count}:1)')

    def _filled(self, shape: Shape) -> str:
        empty, filled = self._name(), self._name()
        self._line(f"{empty} = tensor.empty() : {_type(shape)}")
        self._line(f"{filled} = linalg.fill ins(%zero : f32) outs({empty} : {_type(shape)}) -> {_type(shape)}")
        return filled

    def _generic(
        self, inputs: list[tuple[str, Shape, str]], out: Shape, written: str, loops: int, reductions: int, body: str,
        fill: bool = False,
    ) -> None:  # fmt: skip
        if fill:
            start = self._filled(out)
        else:
            start = self._name()
            self._line(f"{start} = tensor.empty() : {_type(out)}")
        result = self._name()
        dims = ", ".join(f"d{i}" for i in range(loops))
        maps = ", ".join(f"affine_map<({dims}) -> ({m})>" for m in [*(m for _, _, m in inputs), written])
        kinds = ", ".join(['"parallel"'] * (loops - reductions) + ['"reduction"'] * reductions)
        names = ", ".join(name for name, _, _ in inputs)
        types = ", ".join(_type(shape) for _, shape, _ in inputs)
        arguments = ", ".join(f"%{chr(97 + i)}: f32" for i in range(len(inputs)))
        place = f'loc("p.py":{self.count}:3)'
        located = "\n".join(line if "loc(" in line else f"{line} {place}" for line in body.split("\n") if line)
        value = "%r" if body else "%a"
        self._line(
            f"{result} = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}} "
            f"ins({names} : {types}) outs({start} : {_type(out)}) {{\n^bb0({arguments}, %o: f32):\n{located}\n"
            f'linalg.yield {value} : f32 loc("p.py":{self.count}:5)\n}} -> {_type(out)}'
        )
        self.values.append((result, out))


def _index_body(rank: int) -> str:
    if not rank:
        return "%r = arith.addf %a, %b : f32"
    lines = [f"%i = linalg.index {rank - 1} : index", "%j = arith.index_cast %i : index to i64",
             "%k = arith.sitofp %j : i64 to f32", "%r = arith.addf %a, %k : f32"]  # fmt: skip
    return "\n".join(lines)


def _dims(loops: object) -> str:
    return ", ".join(f"d{i}" for i in loops)  # pyright: ignore[reportGeneralTypeIssues]


def _type(shape: Shape) -> str:
    return f"tensor<{''.join(f'{extent}x' for extent in shape)}f32>"
