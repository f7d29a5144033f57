"""Nests that read along another loop than they write: square tiles, transposed in registers.

The lanes of a store run along the loop that is contiguous in the result; an operand that is contiguous along
another loop, the crossing one, would be gathered element by element, each from a cache line of its own. A tile
reads its rows as vectors of the crossing loop instead, and uses each line whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil

from cellc.targets.cpu.access import Access
from cellc.targets.cpu.grid import Grid, make_grid
from cellc.targets.cpu.nest_writer import NestWriter, Range
from cellc.targets.cpu.vectors import WOVEN

# Ops of the longest body that a tile repeats for each of its rows.
_LONGEST_BODY = 64
# Tiles along a row of the result in one block.
_SIDE_BY_SIDE = 4


def crossing_loop(nest_writer: NestWriter, dim: int | None) -> int | None:
    """The loop that most of the operands which lanes along `dim` would gather are contiguous along, or None."""
    nest = nest_writer.nest
    if dim is None or not nest_writer.lanes_along_one_loop or len(list(nest.body.ops)) > _LONGEST_BODY:
        return None

    def crossing(other: int) -> int:
        return sum(_crosses(a, dim, other) for a in nest.inputs if a is not None)

    others = [d for d in nest_writer.open_parallel if d != dim and nest.extents[d] > 1]
    best = max(others, key=crossing, default=None)
    return best if best is not None and crossing(best) and nest.extents[dim] > 1 else None


def _crosses(access: Access, dim: int, other: int) -> bool:
    return access.strides[other] == 1 and abs(access.strides[dim]) > WOVEN


def tile_blocks(nest_writer: NestWriter, order: Sequence[int], block: str) -> tuple[Grid, dict[int, Range]]:
    """Blocks of a nest that is written in tiles, and the ranges of the loops `order`; the last two are the tiles'.

    A block has few tiles side by side, so that it goes through many lines of the operand and writes whole pieces of
    the result's: with a power of two between lines, single tiles would all fall on the same few lines of the cache.
    """
    writer, extents = nest_writer.writer, [nest_writer.nest.extents[d] for d in order]
    width = min(extents[-2], _SIDE_BY_SIDE * nest_writer.vectors.lanes)
    pieces = [*extents[:-2], ceil(extents[-2] / width), extents[-1]]
    grid = make_grid(pieces, width, nest_writer.vectors.lanes)
    ranges = dict(zip(order, grid.ranges(writer, block), strict=False))
    if order[-2] in ranges:
        lower, upper = (writer.linear(0, [(bound, width)]) for bound in ranges[order[-2]])
        ranges[order[-2]] = lower, writer.pure(f"arith.minsi {upper}, {writer.index(extents[-2])} : index")
    return grid, ranges


class TileWriter:
    """Writes tiles of `lanes` iterations of loop `dim` and as many of loop `crossing`, masked at their ends."""

    def __init__(self, nest_writer: NestWriter, dim: int, crossing: int) -> None:
        self._nest_writer = nest_writer
        self._vectors = nest_writer.vectors
        self._dim = dim
        self._crossing = crossing

    def write(self, ranges: dict[int, Range]) -> None:
        """Writes all tiles of the two loops in `ranges`, row by row of the result."""

        def rows(columns: int) -> None:
            self._sized(self._dim, ranges, lambda count: self._tile(count, columns))

        self._sized(self._crossing, ranges, rows)

    def _sized(self, dim: int, ranges: dict[int, Range], write: Callable[[int], None]) -> None:
        """`write(count)` for every `lanes` iterations of a loop, and for the rest."""
        lanes = self._vectors.lanes

        def one() -> None:
            count = self._vectors.count or lanes
            with self._vectors.masked(lanes):
                write(count)

        self._nest_writer.lane_loop(dim, lanes, 1, one, ranges.get(dim))

    def _tile(self, rows: int, columns: int) -> None:
        """The iterations from the current position on: `rows` of loop `dim`, `columns` of the crossing one."""
        nest, writer, start = self._nest_writer.nest, self._nest_writer.writer, self._nest_writer.position
        turned = [self._turned(access, rows, columns) for access in nest.inputs]
        first = start[self._crossing]
        assert first is not None
        for column in range(columns):
            index = writer.linear(column, [(first, 1)])
            operands = [None if lines is None else lines[column] for lines in turned]
            self._nest_writer.at(self._crossing, index, lambda found=operands: self._row(rows, found))

    def _turned(self, access: Access | None, rows: int, columns: int) -> list[str] | None:
        """Vectors along loop `dim` of an operand that is contiguous along the crossing loop, else None."""
        if access is None or not _crosses(access, self._dim, self._crossing):
            return None
        storage, located = access.buffer.storage, self._nest_writer.located(access)
        stored = replace(located, buffer=replace(located.buffer, element=storage))
        step = access.strides[self._dim]
        with self._vectors.masked(columns):
            lines = [self._vectors.load(replace(stored, offset=stored.offset + row * step), 1) for row in range(rows)]
        lines += lines[:1] * (self._vectors.lanes - rows)
        return [self._vectors.from_storage(line, access) for line in self._vectors.transpose(lines, storage)]

    def _row(self, count: int, turned: Sequence[str | None]) -> None:
        """One vector of results along loop `dim`, from operands turned already and others loaded now."""

        def one() -> None:
            nest_writer, dim = self._nest_writer, self._dim
            loaded = []
            for access, line in zip(nest_writer.nest.inputs, turned, strict=True):
                loaded.append(line or ("" if access is None else nest_writer.load(access, dim)))
            results = nest_writer.body(dim, [*loaded, *([""] * len(nest_writer.nest.outputs))])
            nest_writer.store(results, dim)

        self._nest_writer.masked(count, one)
