"""Chains over rows too short to fill vectors, such as the scores of ten classes: lanes run along the rows instead.

Memory is contiguous along each row, so vectors that run across rows would be gathered. A few vectors' worth of
rows are turned in registers once into scratch memory, where all ops of the chain find them, and what the
chain makes is turned back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, prod

from xdsl.dialects import arith, tensor
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import BlockArgument, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineExpr

from cellc.passes.linalg_analysis import bare_dim
from cellc.targets.cpu.access import Access, Buffer, View, row_major
from cellc.targets.cpu.body import widest_item
from cellc.targets.cpu.combiner import Combiner
from cellc.targets.cpu.elementwise import write_parallel
from cellc.targets.cpu.flat_rows import FlatRows, column_loop
from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.nest import copy_nest, loop_extents, restrict
from cellc.targets.cpu.nest_writer import NestWriter
from cellc.targets.cpu.turning import Turning
from cellc.targets.cpu.vectors import ITEM_BYTES, Vectors

# The longest row for which lanes across rows do better, in vectors: where results are turned back, or one reduction is
# all there is; else; and where math of what a row has one of takes a whole vector for each row, with lanes along it.
_LONGEST_TURNED_BACK, _LONGEST, _LONGEST_WITH_MATH = 1.5, 2, 3.75

_ROOTS = ("math.sqrt", "math.rsqrt", "math.absf")
"""Math that is an instruction or two."""


WriteRows = Callable[[Turning, Access, Sequence[Access], int], None]


@dataclass(frozen=True)
class TurnedRows:
    """An argument or result of a chain: its place in memory, and scratch memory for some rows of it, turned.

    Elements of a row are `stride` apart there, a multiple of the lanes.
    """

    value: SSAValue
    memory: View
    scratch: Buffer
    outer: int
    stride: int

    def place(self, kernel: KernelWriter, lower: str) -> None:
        """Makes the ops of the chain find the tensor's rows from `lower` on in scratch memory."""
        inner = row_major(self.memory.shape[self.outer :])
        strides = (*[0] * (self.outer - 1), 1, *(self.stride * s for s in inner))
        scratch = replace(self.scratch, element=self.memory.buffer.element)
        kernel.views[self.value] = View(scratch, self.memory.shape, strides, 0, ((lower, -1),))

    def read(self, kernel: KernelWriter, fixed: Mapping[int, str], lower: str, count: int) -> None:
        """Turns `count` rows from `lower` on into scratch memory."""

        def some(turning: Turning, memory: Access, columns: Sequence[Access], rows: int) -> None:
            for column, place in zip(turning.columns(memory, rows), columns, strict=True):
                turning.vectors.store(column, place, 1)

        self._for_vectors(kernel, fixed, lower, count, some)

    def write(self, kernel: KernelWriter, fixed: Mapping[int, str], lower: str, count: int) -> None:
        """Turns them back; rows that are whole vectors go past the cache where that is right."""
        memory, lanes = self._in_memory(fixed, lower), kernel.level.lanes(max(4, ITEM_BYTES[self.scratch.element]))
        if self._width % lanes == 0:
            source, target = Access(self.scratch, 0, (1, self.stride)), replace(memory, strides=(self._width, 1))
            write_parallel(NestWriter(kernel.writer, copy_nest((count, self._width), source, target), lanes), {})
            return

        def some(turning: Turning, memory: Access, columns: Sequence[Access], rows: int) -> None:
            turning.store([turning.vectors.load(place, 1) for place in columns], memory, rows)

        self._for_vectors(kernel, fixed, lower, count, some)

    def _for_vectors(
        self, kernel: KernelWriter, fixed: Mapping[int, str], lower: str, count: int, write: WriteRows
    ) -> None:
        """`write(turning, first row in memory, columns in scratch, rows)` for each vector of rows."""
        storage = self.scratch.element
        turning = Turning(Vectors(kernel.writer, kernel.level.lanes(max(4, ITEM_BYTES[storage]))), self._width, storage)
        lanes = turning.vectors.lanes

        def vector(first: str, rows: int) -> None:
            columns = [Access(self.scratch, self.stride * c, (), ((first, 1),)) for c in range(self._width)]
            write(turning, self._in_memory(fixed, lower).moved((first, self._width)), columns, rows)

        def whole(first: str, _: list[str]) -> list[str]:
            vector(first, lanes)
            return []

        writer, full = kernel.writer, count - count % lanes
        if full:
            writer.loop((writer.index(0), writer.index(full), lanes), whole)
        if count % lanes:
            vector(writer.index(full), count % lanes)

    @property
    def _width(self) -> int:
        """Elements of a row."""
        return prod(self.memory.shape[self.outer :])

    def _in_memory(self, fixed: Mapping[int, str], lower: str) -> Access:
        """The first element of the row at `lower`, as it is stored."""
        access = self.memory.identity()
        for dim, index in (*fixed.items(), (self.outer - 1, lower)):
            access = access.at(dim, index)
        return Access(replace(access.buffer, element=self.scratch.element), access.offset, (), access.terms)


def short_rows(kernel: KernelWriter, generics: Sequence[linalg.GenericOp], outer: int) -> list[SSAValue]:
    """The arguments and results to turn, where every op's loops within the `outer` ones are short; else none."""
    lanes = kernel.level.lanes(max(widest_item(op.body.block) for op in generics))
    longest = max(prod(loop_extents(op)[outer:]) for op in generics)
    if longest > _LONGEST_WITH_MATH * lanes or loop_extents(generics[0])[outer - 1] < kernel.level.lanes(4):
        return []
    values = _rows(kernel, generics, outer)
    return values if longest <= _longest(kernel, generics, outer, values) * lanes else []


def _longest(
    kernel: KernelWriter, generics: Sequence[linalg.GenericOp], outer: int, values: Sequence[SSAValue]
) -> float:
    """How many vectors long the rows of these ops may be."""
    if any(_has_math_of_rows(op, outer) for op in generics):
        return _LONGEST_WITH_MATH
    made = [op for op in generics if any(value in values for value in op.results)]
    turned_back = any(not _ends_chain(kernel, op, values) for op in made)
    alone = len(generics) == 1 and Combiner.all_of(kernel.nest_of(generics[0]))
    return _LONGEST_TURNED_BACK if turned_back or alone else _LONGEST


def _has_math_of_rows(op: linalg.GenericOp, outer: int) -> bool:
    """Whether an op computes a function of numbers that a row has one of, for each of its elements."""
    inputs = zip(op.inputs, op.indexing_maps, op.body.block.args, strict=False)
    known: set[SSAValue] = {a for _, m, a in inputs if all(d < outer for r in m.data.results for d in _loops(r))}
    for inner in op.body.block.ops:
        if inner.operands and all(v in known or isinstance(v.owner, arith.ConstantOp) for v in inner.operands):
            if inner.name.startswith("math.") and inner.name not in _ROOTS:
                return True
            known.update(inner.results)
    return False


def _loops(expression: AffineExpr) -> set[int]:
    return {e.position for e in expression.dfs() if isinstance(e, AffineDimExpr)}


def _rows(kernel: KernelWriter, generics: Sequence[linalg.GenericOp], outer: int) -> list[SSAValue]:
    """The arguments and results of which the ops read and write one row after the other."""
    captured = {o.tensor for op in generics for o in op.body.block.ops if isinstance(o, tensor.ExtractOp)}
    found: dict[SSAValue, bool] = {}
    for op in generics:
        for value, indexing in zip((*op.inputs, *op.results), op.indexing_maps, strict=True):
            if value not in kernel.views or value in captured:
                continue
            leading = [bare_dim(r) for r in indexing.data.results[:outer]]
            gathered = leading == list(range(outer)) and _are_rows(kernel.views[value], outer)
            found[value] = gathered and found.get(value, True)
    return [value for value, gathered in found.items() if gathered]


def _are_rows(view: View, outer: int) -> bool:
    """Whether the elements within the `outer` dimensions lie one after the other, row after row."""
    return view.strides[outer - 1 :] == row_major(view.shape[outer - 1 :]) and view.strides[outer - 1] > 1


def turned_rows(kernel: KernelWriter, values: Sequence[SSAValue], outer: int, chunk: int) -> list[TurnedRows]:
    """Scratch memory for `chunk` rows of each of the tensors."""
    lanes, turned = kernel.level.lanes(4), []
    stride = ceil(chunk / lanes) * lanes
    for value in values:
        memory = kernel.views[value]
        scratch = kernel.scratch(memory.buffer.storage, prod(memory.shape[outer:]) * stride)
        turned.append(TurnedRows(value, memory, scratch, outer, stride))
    return turned


def flat_ops(
    kernel: KernelWriter, generics: Sequence[linalg.GenericOp], outer: int, short: Sequence[SSAValue]
) -> list[linalg.GenericOp]:
    """The ops that need no turned rows: they make results of the kernel, element by element, from its arguments."""
    return [op for op in generics if _ends_chain(kernel, op, short) and column_loop(kernel.nest_of(op), outer - 1)]


def _ends_chain(kernel: KernelWriter, op: linalg.GenericOp, short: Sequence[SSAValue]) -> bool:
    results = all(v in short and v in kernel.results and len(list(v.uses)) == 1 for v in op.results)
    return results and all(isinstance(v, BlockArgument) for v in op.inputs if v in short)


def read_or_made(values: Sequence[SSAValue], ops: Sequence[linalg.GenericOp]) -> list[SSAValue]:
    """The values that some of the ops read or make."""
    return [value for value in values if any(value in op.inputs or value in op.results for op in ops)]


def write_flat(
    kernel: KernelWriter,
    op: linalg.GenericOp,
    turned: Sequence[TurnedRows],
    fixed: Mapping[int, str],
    rows: int,
    bounds: tuple[str, int],
) -> None:
    """Writes some rows (`bounds`: the first, and how many) of an op that needs none of them turned."""
    placed = dict(kernel.views)
    kernel.views.update({other.value: other.memory for other in turned})
    nest = restrict(kernel.nest_of(op), rows, *bounds)
    kernel.views.update(placed)
    columns = column_loop(nest, rows)
    assert columns is not None
    FlatRows(kernel.writer, nest, kernel.lanes(nest), rows, columns, fixed).write()
