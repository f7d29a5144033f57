"""Scan kernels: running sums, each element read once and written once. Blocks own rows, or columns, of some images.

Elements whose sums lie side by side have lanes of their own, and each step adds a row. Else lanes run along the sum: a
vector is summed within (Hillis and Steele, Data Parallel Algorithms), and what came before is added to all its lanes.

The order of sums depends on the shape alone.
"""

from collections.abc import Sequence

from cellc.dialects.linalg_ext import CumsumOp
from cellc.targets.cpu.access import Access
from cellc.targets.cpu.grid import make_grid
from cellc.targets.cpu.kernel import BLOCK, KernelWriter, single
from cellc.targets.cpu.lane_groups import each_vector, grouped_vectors
from cellc.targets.cpu.nest import copy_nest, shape_of
from cellc.targets.cpu.nest_writer import NestWriter, Range
from cellc.targets.cpu.running_sums import RunningSums
from cellc.targets.cpu.vectors import Vectors

# Vectors of sums side by side or after each other, and vectors of a row that are written without a loop.
_GROUP, _UNROLLED = 4, 8


def write_scan_kernel(kernel: KernelWriter) -> None:
    """Writes a kernel of kind `scan`."""
    op = single(kernel.ops, CumsumOp, kernel.name)
    assert isinstance(op, CumsumOp)
    inner, sums = shape_of(op.result)[2], RunningSums(kernel, op)
    if inner < sums.lanes and inner & (inner - 1) == 0:
        RowScan(kernel, op, sums).write()
    else:
        _write_columns(kernel, op, sums)


class RowScan:
    """Lanes along the sums of a row, `inner` of which take turns (a power of two)."""

    def __init__(self, kernel: KernelWriter, op: CumsumOp, sums: RunningSums) -> None:
        self._kernel, self._writer, self._sums = kernel, kernel.writer, sums
        self._vectors = Vectors(kernel.writer, sums.lanes)
        self._source, self._target = (kernel.view_of(value).buffer for value in (op.src, op.result))
        self._rows, extent, self._inner = shape_of(op.result)
        self._size = extent * self._inner
        self._reverse = op.reverse is not None

    def write(self) -> None:
        """Writes a block of rows, and sets the kernel's number of blocks."""
        grid = make_grid([self._rows], self._size)
        self._kernel.blocks = grid.blocks
        ((lower, upper),) = grid.ranges(self._writer, BLOCK)

        def body(row: str, _: list[str]) -> list[str]:
            self._row(row)
            return []

        self._writer.loop((lower, upper, 1), body)

    def _row(self, row: str) -> None:
        lanes, size = self._sums.lanes, self._size
        full, rest = size // lanes, size % lanes
        before = None
        if rest and self._reverse:
            before = self._tail(row, None)
        if full:
            before = self._whole_vectors(row, full, before)
        if rest and not self._reverse:
            self._tail(row, before)

    def _tail(self, row: str, before: list[str] | None) -> list[str]:
        rest = self._size % self._sums.lanes
        with self._vectors.masked(rest):
            return self._next(row, [self._writer.index(self._size - rest)], before)

    def _whole_vectors(self, row: str, full: int, before: list[str] | None) -> list[str]:
        """All vectors without a mask, in order; the first have nothing to add where no tail comes before them."""
        lanes, group = self._sums.lanes, _GROUP if self._sums.is_float else 1  # what rounding takes is worked out once
        main = full - full % group if full > _UNROLLED else 0

        def places(first: int, last: int) -> list[str]:
            numbers = range(first, last)
            return [self._writer.index(((full - 1 - i) if self._reverse else i) * lanes) for i in numbers]

        def body(index: str, carried: list[str]) -> list[str]:
            sign = -1 if self._reverse else 1
            start = self._writer.linear((full - 1) * lanes if self._reverse else 0, [(index, sign)])
            starts = [self._writer.linear(sign * number * lanes, [(start, 1)]) for number in range(group)]
            return self._next(row, starts, carried)

        if main:
            before = self._next(row, places(0, group), before)
            bounds = (self._writer.index(group * lanes), self._writer.index(main * lanes), group * lanes)
            before = self._writer.loop(bounds, body, before, self._sums.types)
        for first in range(main, full, group):
            before = self._next(row, places(first, min(first + group, full)), before)
        assert before is not None
        return before

    def _next(self, row: str, places: Sequence[str], before: list[str] | None) -> list[str]:
        """Writes the sums of some vectors; returns what the next ones add to their own."""
        sums, vectors, ahead = self._sums, self._vectors, None
        last = [lane % self._inner + (0 if self._reverse else sums.lanes - self._inner) for lane in range(sums.lanes)]
        for place in places:
            terms = ((row, self._size), (place, 1))
            within = self._within(sums.load(vectors, Access(self._source, 0, (1,), terms)))
            local = within if ahead is None else sums.add(ahead, within)
            sums.store(vectors, local if before is None else sums.result(before, local), self._written(terms))
            total = vectors.shuffle(within, within, last, sums.element)
            ahead = total if ahead is None else sums.add(ahead, total)
        assert ahead is not None
        return [ahead, *sums.zero(vectors)[1:]] if before is None else sums.after(before, ahead)

    def _written(self, terms: tuple[tuple[str, int], ...]) -> Access:
        return Access(self._target, 0, (1,), terms)

    def _within(self, vector: str) -> str:
        """Sums of the lanes up to each (from each on), every `inner`-th of them."""
        distance, lanes = self._inner, self._sums.lanes
        zero = self._vectors.constant(0, self._sums.element)
        while distance < lanes:
            if self._reverse:
                moved = self._vectors.shuffle(vector, zero, range(distance, lanes + distance), self._sums.element)
            else:
                from_ = range(lanes - distance, 2 * lanes - distance)
                moved = self._vectors.shuffle(zero, vector, from_, self._sums.element)
            vector, distance = self._sums.add(vector, moved), 2 * distance
        return vector


def _write_columns(kernel: KernelWriter, op: CumsumOp, sums: RunningSums) -> None:
    """Lanes along sums side by side."""
    shape = outer, extent, inner = shape_of(op.result)
    source, target = (kernel.view_of(value).identity() for value in (op.src, op.result))
    nest_writer = NestWriter(kernel.writer, copy_nest(shape, source, target), sums.lanes)
    group = _GROUP if inner >= _GROUP * sums.lanes else 1
    grid = make_grid([outer, inner], extent, group * sums.lanes)
    kernel.blocks = grid.blocks
    ranges: dict[int, Range] = dict(zip((0, 2), grid.ranges(kernel.writer, BLOCK), strict=False))
    columns = ColumnScan(nest_writer, sums, op.reverse is not None)
    nest_writer.loops([0], ranges, lambda: columns.write(group, ranges.get(2)))


class ColumnScan:
    """Lanes along loop 2, sums along loop 1."""

    def __init__(self, nest_writer: NestWriter, sums: RunningSums, reverse: bool) -> None:
        self._nest_writer, self._sums, self._reverse = nest_writer, sums, reverse

    def write(self, group: int, bounds: Range | None) -> None:
        """Writes the columns in `bounds`, `group` vectors at a time."""
        grouped_vectors(self._nest_writer, 2, group, self._vectors, bounds)

    def _vectors(self, group: int) -> None:
        """All sums of `group` vectors of columns."""
        nest_writer, sums, extent = self._nest_writer, self._sums, self._nest_writer.nest.extents[1]
        writer, parts = nest_writer.writer, len(sums.types)

        def body(step: str, carried: list[str]) -> list[str]:
            def one(number: int) -> list[str]:
                return self._vector(carried[number * parts : (number + 1) * parts])

            row = writer.value(f"arith.subi {writer.index(extent - 1)}, {step} : index") if self._reverse else step
            following = list[str]()
            nest_writer.at(1, row, lambda: following.extend(each_vector(nest_writer, 2, group, one)))
            return following

        initial = sums.zero(nest_writer.vectors) * group
        writer.loop((*nest_writer.whole(1), 1), body, initial, sums.types * group)

    def _vector(self, before: list[str]) -> list[str]:
        """Adds a vector of a row."""
        nest_writer, vectors = self._nest_writer, self._nest_writer.vectors
        (source,), (target,) = nest_writer.nest.inputs, nest_writer.nest.outputs
        assert source is not None
        carried = self._sums.after(before, self._sums.load(vectors, nest_writer.located(source)))
        self._sums.store(vectors, self._sums.result(carried), nest_writer.located(target))
        return carried
