"""Which keys a mask hides from all rows of a chunk, found out at run time, whatever the mask is made of.

A score is x = f(raw), where raw is an element of Q K^T and f, the product's epilogue, scales it and adds or selects
what masks say. Where f grows with raw (`masked_scores.py`) and |raw| <= B, x lies between f(-B) and f(B), for which no
product is needed; and

    B = d * max |q| * max |k|.

A row's maximum m is at least the maximum over its keys so far, and f(-B) of any key of the block. If f(B) of a key less
that, rounded, is so low that the exponential is 0, then so is exp(x - m), with masks that add -10000 or -inf and with
those that select -1e30, and without the key every sum has the same bits. A key is left out only with all that
follow it in the block, and a panel of them at a time. 0 times infinity is not 0: where V has infinities or NaNs, or B
is one, nothing is hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf, nan

from cellc.passes.attention_form import ScoreParts
from cellc.targets.cpu.access import Access
from cellc.targets.cpu.attention_blocks import AttentionBlocks
from cellc.targets.cpu.attention_products import Keys, Shared
from cellc.targets.cpu.kernel import KernelWriter, element_of
from cellc.targets.cpu.masked_scores import steps_of
from cellc.targets.cpu.nest import restrict
from cellc.targets.cpu.nest_writer import NestWriter
from cellc.targets.cpu.online_softmax import RowState, joined, larger
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.vectors import ITEM_BYTES, Vectors

# exp(-x) is 0 from here on, denormal numbers and what rounding adds counted in.
_FAR = {"f32": 128.0, "f64": 1024.0}
# B is larger than what rounding makes of a sum of so many products.
SLACK = 1.01
# Masks of so many rows ahead are asked for.
_ROWS_AHEAD = 4


class SeenPanels:
    """How many panels of keys each chunk of a part sees, and the most of them, in scratch."""

    def __init__(self, kernel: KernelWriter, blocks: AttentionBlocks, first: str) -> None:
        self._writer, self._chunk, self._first = kernel.writer, blocks.chunk, first
        self._counts = kernel.scratch("i64", 1 + ceil(blocks.part / blocks.chunk))

    def begin(self) -> None:
        """No chunk sees any."""
        self._store(self._writer.pure("arith.constant 0 : i64"), self._writer.index(0))

    def put(self, row: str, count: str) -> None:
        """Keeps the count of the chunk that begins with a row."""
        number = self._writer.pure(f"arith.index_cast {count} : index to i64")
        self._store(number, self._place(row))
        most = self._writer.pure(f"arith.maxsi {number}, {self._load(self._writer.index(0))} : i64")
        self._store(most, self._writer.index(0))

    def get(self, row: str) -> str:
        """The count of the chunk that begins with a row."""
        return self._writer.pure(f"arith.index_cast {self._load(self._place(row))} : i64 to index")

    def any(self) -> str:
        """Whether some chunk sees some."""
        most, none = self._load(self._writer.index(0)), self._writer.pure("arith.constant 0 : i64")
        return self._writer.pure(f"arith.cmpi sgt, {most}, {none} : i64")

    def _place(self, row: str) -> str:
        distance = self._writer.pure(f"arith.subi {row}, {self._first} : index")
        chunk = self._writer.pure(f"arith.divui {distance}, {self._writer.index(self._chunk)} : index")
        return self._writer.linear(1, [(chunk, 1)])

    def _load(self, place: str) -> str:
        return self._writer.value(f"memref.load {self._counts.name}[{place}] : {self._counts.type}")

    def _store(self, value: str, place: str) -> None:
        self._writer.line(f"memref.store {value}, {self._counts.name}[{place}] : {self._counts.type}")


class HiddenKeys:
    """Writes the test for a block of keys; `before` is the state of rows that saw others."""

    def __init__(self, kernel: KernelWriter, parts: ScoreParts, keys: Keys, before: RowState | None) -> None:
        self._kernel, self._writer, self._parts = kernel, kernel.writer, parts
        self._keys, self._before = keys, before
        self._element = element_of(parts.scores)
        self._vectors = Vectors(kernel.writer, kernel.level.lanes(ITEM_BYTES[self._element]))
        self._type = self._vectors.type(self._element)
        self._integer = "i" + self._element[1:]
        self._largest_key = Access(kernel.scratch(self._element, 1), 0, ())

    def measure(self, scores: Shared, mixed: Shared) -> None:
        """Finds max |k| for the block, which becomes NaN where V is not finite."""
        keys, values = (self._largest(product, factor) for product, factor in (scores, mixed))
        zero = self._vectors.constant(0.0, self._element)
        self._keep_largest(self._op("addf", keys, self._op("mulf", values, zero)))

    def _keep_largest(self, key: str) -> None:
        with self._vectors.masked(1):
            self._vectors.store(key, self._largest_key, 1)

    def panels_seen(self, position: Sequence[str], rows: int, scores: Shared, width: int) -> str:
        """How many panels of `width` keys some rows of a chunk see, up to the last such panel; an index value."""
        keys, (low, high) = self._keys, self._bound(scores)
        epilogue = Epilogue(self._kernel, self._parts, position, rows, keys)
        least = self._least_maximum(epilogue, position[-1], rows, low)
        least = self._if_finite(least, high)
        epilogue.fetch_rows(-_ROWS_AHEAD)
        writer, panels = self._writer, self._writer.index(ceil(keys.count / width))

        def of_row(number: str, seen: list[str]) -> list[str]:
            # From the last row on, which sees most with a causal mask: only what none has seen yet is looked at.
            row = writer.pure(f"arith.subi {writer.index(epilogue.rows - 1)}, {number} : index")

            def of_panel(panel: str, last: list[str]) -> list[str]:
                offsets = range(0, min(width, keys.count), self._vectors.lanes)
                places = [writer.linear(offset, [(panel, width)]) for offset in offsets]
                hidden = self._all_below([epilogue.scores(row, key, high) for key in places], least)
                after = writer.linear(1, [(panel, 1)])
                return [writer.pure(f"arith.select {hidden}, {last[0]}, {after} : index")]

            return writer.loop((seen[0], panels, 1), of_panel, seen, ["index"])

        return writer.loop((writer.index(0), writer.index(epilogue.rows), 1), of_row, [writer.index(0)], ["index"])[0]

    def _if_finite(self, least: str, bound: str) -> str:
        """The least maximum; NaN, which hides nothing, where it or the bound is not finite."""
        infinity, unknown = (self._vectors.constant(value, self._element) for value in (inf, nan))
        for value in (bound, least):
            finite = self._writer.pure(f"arith.cmpf olt, {value}, {infinity} : {self._type}")
            types = f"{self._vectors.type('i1')}, {self._type}"
            least = self._writer.pure(f"arith.select {finite}, {least}, {unknown} : {types}")
        return least

    def _all_below(self, scores: Sequence[str], least: str) -> str:
        """Whether every lane is far below the least maximum, as the softmax subtracts that: 128 below 1e30 is 1e30."""
        mask, below = self._vectors.type("i1"), self._vectors.constant(True, "i1")
        far = self._vectors.constant(-_FAR[self._element], self._element)
        for score in scores:
            distance = self._op("subf", score, least)
            here = self._writer.pure(f"arith.cmpf ole, {distance}, {far} : {self._type}")
            below = self._writer.pure(f"arith.andi {below}, {here} : {mask}")
        return self._writer.pure(f"vector.reduction <and>, {below} : {mask} into i1")

    def _bound(self, scores: Shared) -> tuple[str, str]:
        """-B and B for a chunk of rows, in all lanes."""
        product, factor = scores
        slack = self._vectors.constant(steps_of(self._parts) * SLACK, self._element)
        largest = self._op("mulf", self._largest(product, 1 - factor), self._vectors.load(self._largest_key, 0))
        bound = self._op("mulf", largest, slack)
        return self._op("subf", self._vectors.constant(0.0, self._element), bound), bound

    def _least_maximum(self, epilogue: Epilogue, first: str, rows: int, bound: str) -> str:
        """What every row's maximum reaches at least, in all lanes.

        NaNs of a mask may get lost here. They are scores of their row, which are not hidden and make all of it NaN.
        """

        def body(row: str, carried: list[str]) -> list[str]:
            reached = epilogue.scores(row, self._writer.index(0), bound)
            if self._before is not None:
                place = self._before.at(self._before.maxima, self._writer.add(first, row))
                reached = self._larger(reached, self._vectors.load(place, 0))
            reached = joined(self._vectors, self._larger, reached, self._element)
            smaller = self._writer.pure(f"arith.cmpf olt, {reached}, {carried[0]} : {self._type}")
            types = f"{self._vectors.type('i1')}, {self._type}"
            return [self._writer.pure(f"arith.select {smaller}, {reached}, {carried[0]} : {types}")]

        infinity = self._vectors.constant(inf, self._element)
        bounds = (self._writer.index(0), self._writer.index(epilogue.rows if self._before is None else rows), 1)
        return self._writer.loop(bounds, body, [infinity], [self._type])[0]

    def _largest(self, product: Product, number: int) -> str:
        """A bound of the absolute values of a factor, the largest one or 1, in all lanes; NaN if it has one."""
        factor, nest = product.factors[number], product.nest
        strides = factor.access.strides
        dims = [d for d, stride in enumerate(strides) if stride] or [0]
        along = next((d for d in reversed(dims) if strides[d] == 1), dims[-1])
        nest_writer = NestWriter(self._writer, nest, self._vectors.lanes)
        rest = nest.extents[along] % self._vectors.lanes
        full = nest.extents[along] - rest

        def vector(index: str, carried: list[str]) -> list[str]:
            found: list[str] = []

            def load() -> None:
                loaded = nest_writer.load(factor.access, along)
                wide = factor.widened(self._writer, loaded, self._vectors.lanes, self._element)
                found.append(self._bits(self._writer.pure(f"math.absf {wide} : {self._type}")))

            nest_writer.at(along, index, load)
            return [self._larger_bits(carried[0], found[0])]

        def line(carried: list[str]) -> list[str]:
            bounds = (self._writer.index(0), self._writer.index(full), self._vectors.lanes)
            carried = self._writer.loop(bounds, vector, carried, [self._vectors.type(self._integer)])
            if rest:
                with nest_writer.vectors.masked(rest):  # other lanes hold 1 or an element
                    carried = vector(self._writer.index(full), carried)
            return carried

        types, zero = [self._vectors.type(self._integer)], self._vectors.constant(0, self._integer)
        (found,) = nest_writer.carried_loops([d for d in dims if d != along], [zero], types, line)
        found = joined(self._vectors, self._larger_bits, found, self._integer)
        return self._writer.pure(f"arith.bitcast {found} : {types[0]} to {self._type}")

    def _bits(self, value: str) -> str:
        return self._writer.pure(f"arith.bitcast {value} : {self._type} to {self._vectors.type(self._integer)}")

    def _larger(self, left: str, right: str) -> str:
        return larger(self._vectors, left, right, self._element)

    def _larger_bits(self, left: str, right: str) -> str:
        """Bits of numbers that are not negative have the numbers' order, and those of NaN are larger than any."""
        return self._writer.pure(f"arith.maxsi {left}, {right} : {self._vectors.type(self._integer)}")

    def _op(self, name: str, left: str, right: str) -> str:
        return self._writer.pure(f"arith.{name} {left}, {right} : {self._type}")


class Epilogue:
    """The first product's epilogue at given elements of the product."""

    def __init__(self, kernel: KernelWriter, parts: ScoreParts, position: Sequence[str], rows: int, keys: Keys) -> None:
        product, epilogue = parts.first
        self._row, self._key, self._count = parts.outer - 1, parts.outer, keys.count
        self._raw = list(epilogue.inputs).index(product.results[0])
        nest = kernel.nest_of(epilogue)
        for dim, index in enumerate(position):
            nest = restrict(nest, dim, index, rows if dim == self._row else 1)
        nest = restrict(nest, self._key, keys.first, keys.count)
        self._element = element_of(parts.scores)
        self._nest_writer = NestWriter(kernel.writer, nest, kernel.level.lanes(ITEM_BYTES[self._element]))
        masks = [access for i, access in enumerate(nest.inputs) if access is not None and i != self._raw]
        same = not nest.uses_index and not nest.captured and all(a.strides[self._row] == 0 for a in masks)
        # One row where a mask, such as one of padding, says the same of all.
        self.rows = 1 if same else rows

    def fetch_rows(self, ahead: int) -> None:
        """From here on, what lies so many rows behind is asked for."""
        for access in self._nest_writer.nest.inputs:
            if access is not None and access.buffer.name and access.strides[self._row]:
                self._nest_writer.fetched_ahead[access.buffer.name] = ahead * access.strides[self._row]

    def scores(self, row: str, key: str, raw: str) -> str:
        """The scores of a row and of the keys from `key` on where the product is `raw`; behind the last key, -inf."""
        nest_writer, found = self._nest_writer, list[str]()
        vectors, writer = nest_writer.vectors, nest_writer.writer
        if self._count % vectors.lanes:
            left = writer.pure(f"arith.subi {writer.index(self._count)}, {key} : index")
            vectors.mask = writer.pure(f"vector.create_mask {left} : {vectors.type('i1')}")
        nest_writer.at(self._row, row, lambda: nest_writer.at(self._key, key, lambda: found.append(self._at(raw))))
        mask, vectors.mask = vectors.mask, None
        if mask is None:
            return found[0]
        kind, infinity = vectors.type(self._element), vectors.constant(-inf, self._element)
        return writer.pure(f"arith.select {mask}, {found[0]}, {infinity} : {vectors.type('i1')}, {kind}")

    def _at(self, raw: str) -> str:
        nest_writer, key = self._nest_writer, self._key
        inputs = nest_writer.nest.inputs
        loaded = [
            raw if i == self._raw else ("" if access is None else nest_writer.load(access, key))
            for i, access in enumerate(inputs)
        ]
        return nest_writer.body(key, [*loaded, ""])[0]
