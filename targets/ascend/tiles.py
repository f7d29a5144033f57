"""Cutting a matrix into tiles whose shapes are static.

The hardware's copies and fractals want static shapes, so a matrix that the tile does not divide is
not given a tile of variable size: it becomes up to four regions (interior, right edge, bottom edge,
corner), each with one tile shape, and a kernel has one loop for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from xdsl.builder import Builder
from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import DYNAMIC_INDEX, IndexType, MemRefType, StridedLayoutAttr
from xdsl.ir import Block, Region, SSAValue
from xdsl.rewriter import InsertPoint

from cellc.dialects.ascend.kernel import BlockIdxOp, KernelOp
from cellc.dialects.ascend.memory import element_of, shape_of


class Span(NamedTuple):
    """`count` tiles of `size` elements, the first at `start`."""

    start: int
    count: int
    size: int


def spans(extent: int, tile: int) -> list[Span]:
    """The whole tiles of an axis, then the shorter one that is left."""
    whole, rest = divmod(extent, tile)
    found = [Span(0, whole, tile)] if whole else []
    return [*found, Span(whole * tile, 1, rest)] if rest else found


class TileBuilder(Builder):
    """Builds the body of a kernel, with the arithmetic on indices that tiles need."""

    def __init__(self, kernel: KernelOp):
        super().__init__(InsertPoint.at_end(kernel.body.block))
        self.kernel = kernel

    def index(self, value: int) -> SSAValue:
        return self.insert(arith.ConstantOp.from_int_and_width(value, IndexType())).result

    def affine(self, value: SSAValue, scale: int, offset: int) -> SSAValue:
        """value * scale + offset."""
        scaled = value if scale == 1 else self.insert(arith.MuliOp(value, self.index(scale))).result
        return scaled if offset == 0 else self.insert(arith.AddiOp(scaled, self.index(offset))).result

    def loop(self, lower: SSAValue, upper: int, step: int, body: Callable[[SSAValue], None]) -> None:
        """`scf.for`; `body` builds with this builder inside the loop."""
        block = Block(arg_types=[IndexType()])
        bounds = (lower, self.index(upper), self.index(step))
        self.insert(scf.ForOp(*bounds, [], Region(block)))
        outside, self.insertion_point = self.insertion_point, InsertPoint.at_end(block)
        body(block.args[0])
        self.insert(scf.YieldOp())
        self.insertion_point = outside

    def tiles(
        self,
        rows: int,
        columns: int,
        tile: tuple[int, int],
        body: Callable[[SSAValue, SSAValue, tuple[int, int]], None],
    ) -> None:
        """Shares the tiles of a rows x columns matrix among the blocks; body(row, column, tile shape)."""
        block = self.insert(BlockIdxOp()).index
        for down, across in regions(rows, columns, tile):

            def one(tile_number: SSAValue, down: Span = down, across: Span = across) -> None:
                per_row = self.index(across.count)
                row = self.insert(arith.DivUIOp(tile_number, per_row)).result
                column = self.insert(arith.RemUIOp(tile_number, per_row)).result
                body(
                    self.affine(row, down.size, down.start),
                    self.affine(column, across.size, across.start),
                    (down.size, across.size),
                )

            self.loop(block, down.count * across.count, self.kernel.blocks.value.data, one)

    def window(self, buffer: SSAValue, offsets: tuple[SSAValue, SSAValue], sizes: tuple[int, int]) -> SSAValue:
        """A view of part of a row-major matrix in global memory."""
        source = buffer.type
        assert isinstance(source, MemRefType)
        strides = [shape_of(buffer)[1], 1]
        layout = StridedLayoutAttr(strides, None)
        view = MemRefType(element_of(buffer), sizes, layout, source.memory_space)
        op = memref.SubviewOp(buffer, offsets, [], [], [DYNAMIC_INDEX] * 2, sizes, [1, 1], view)
        return self.insert(op).result


def regions(rows: int, columns: int, tile: tuple[int, int]) -> Iterator[tuple[Span, Span]]:
    """The regions of equal tiles that a matrix falls into, at most four."""
    for down in spans(rows, tile[0]):
        for across in spans(columns, tile[1]):
            yield down, across


def tile_count(rows: int, columns: int, tile: tuple[int, int]) -> int:
    """The largest number of tiles of one region: blocks beyond it would have nothing to do."""
    return max(down.count * across.count for down, across in regions(rows, columns, tile))
