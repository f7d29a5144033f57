"""Copies of the broadcast factor's rows: once for all panels of a block, widened, where a tile reads them best."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import ceil, prod

from cellc.targets.cpu.access import Access, row_major
from cellc.targets.cpu.factor import Factor
from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.microkernel import MicroKernel
from cellc.targets.cpu.nest_writer import NestWriter, Range
from cellc.targets.cpu.next_panel import Rows
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.register_tile import Tiling
from cellc.targets.cpu.scratch_copies import CopiedRows
from cellc.targets.cpu.vectors import ITEM_BYTES

# Runs a function at each register tile of the block, which gets the tile's number of rows.
Tiles = Callable[[Callable[[int], None]], None]

# Bytes ahead of a copied step to ask for: the copies of a step go to as many places as there are tiles.
_AHEAD_BYTES = 256


class RowCopy(ABC):
    """A copy in scratch memory; `write` makes it, `at_tile` reads it."""

    def __init__(self, outer: NestWriter, product: Product, tiling: Tiling, rows: Rows) -> None:
        assert tiling.tile_dim is not None
        self._nest_writer, self._product, self._tiling = outer, product, tiling
        self._micro, self._dim, self._rows = MicroKernel(outer, product, tiling), tiling.tile_dim, rows
        self._factor = product.factors[1 - tiling.vector_factor]

    @abstractmethod
    def write(self, tiles: Tiles, part: dict[int, Range]) -> None:
        """Copies the rows for the reduction steps `part`; all of them if there is none."""

    @abstractmethod
    def at_tile(self, part: dict[int, Range]) -> Factor:
        """The copy as the tile at the current position reads it."""

    def _begun(self, access: Access, part: dict[int, Range]) -> Access:
        """The copy holds `part` alone, from its start."""
        return access.moved(*((lower, -access.strides[dim]) for dim, (lower, _) in part.items()))


class RowsByStep(RowCopy):
    """As [tile][reduction step][row of the tile].

    The copy runs over the reduction steps, and over all tiles in each: the rows of a step lie side by side, the steps
    in other pages.
    """

    def __init__(self, kernel: KernelWriter, outer: NestWriter, product: Product, tiling: Tiling, rows: Rows) -> None:
        super().__init__(outer, product, tiling, rows)
        extents, height, strides, terms = rows.extents(product), tiling.tile, [0] * len(product.nest.extents), []
        for dim, stride in zip(product.nest.reduced, row_major(extents), strict=True):
            strides[dim] = stride * height
        # A step is copied as a whole vector, whose excess the next step overwrites: after the last one there is room.
        steps = prod(extents) + ceil(tiling.lanes / height)
        tiles = [ceil(rows.chunks[d] / height) if d == self._dim else rows.chunks[d] for d in rows.shared]
        for dim, stride in zip(rows.shared, row_major(tiles), strict=True):
            # Along the loop of the tile a position is a multiple of its rows.
            strides[dim] = stride * steps * (1 if dim == self._dim else height)
            terms.append((rows.ranges[dim][0], -strides[dim]))
        self._tile_stride, strides[self._dim] = strides[self._dim], 1
        buffer = kernel.scratch(product.element, prod(tiles) * steps * height)
        self._copy = Access(buffer, 0, tuple(strides), tuple(terms))

    def write(self, tiles: Tiles, part: dict[int, Range]) -> None:
        """A vector of each tile for each step."""

        def copy(rows: int) -> None:
            value = self._micro.load(self._factor, self._dim, rows)
            target = self._nest_writer.located(self._tile(part))
            self._nest_writer.vectors.store(value, target, 1)
            self._nest_writer.vectors.fetch(target, _AHEAD_BYTES // ITEM_BYTES[target.buffer.element])

        self._nest_writer.loops(self._product.nest.reduced, part, lambda: tiles(copy))

    def at_tile(self, part: dict[int, Range]) -> Factor:
        """Read from start to end, behind a panel that drives it out of the L1 cache."""
        return Factor(self._tile(part), None, streamed=True)

    def _tile(self, part: dict[int, Range]) -> Access:
        position = self._nest_writer.position[self._dim]
        assert position is not None
        return self._begun(self._copy, part).moved((position, self._tile_stride - 1))


class RowsByRow(RowCopy):
    """As [row][reduction step], for the sake of widening a vector at a time instead of each element that is read."""

    def __init__(self, kernel: KernelWriter, outer: NestWriter, product: Product, tiling: Tiling, rows: Rows) -> None:
        super().__init__(outer, product, tiling, rows)
        extents, strides, terms = rows.extents(product), [0] * len(product.nest.extents), []
        for dim, stride in zip(product.nest.reduced, row_major(extents), strict=True):
            strides[dim] = stride
        # Whole vectors are stored, and rows of a power of two would share sets of the cache.
        length = (prod(extents) // tiling.lanes + 2) * tiling.lanes
        for dim, stride in zip(rows.shared, row_major([rows.chunks[d] for d in rows.shared]), strict=True):
            strides[dim] = stride * length
            terms.append((rows.ranges[dim][0], -strides[dim]))
        buffer = kernel.scratch(product.element, length * prod(rows.chunks[d] for d in rows.shared))
        self._copy = Access(buffer, 0, tuple(strides), tuple(terms))

    def write(self, tiles: Tiles, part: dict[int, Range]) -> None:
        """Vectors along the innermost reduction loop."""
        outer, along = self._product.nest.reduced[:-1], self._product.nest.reduced[-1]
        rows = self._nest_writer
        rows.loops([*self._rows.shared, *outer], self._rows.ranges | part, lambda: self._copy_row(along, part))

    def _copy_row(self, along: int, part: dict[int, Range]) -> None:
        writer, lanes = self._nest_writer.writer, self._tiling.lanes
        lower, upper = part.get(along) or self._nest_writer.whole(along)
        target = self._begun(self._copy, part)

        def body(index: str, _: list[str]) -> list[str]:
            self._nest_writer.at(along, index, lambda: self._copy_vector(along, upper, target))
            return []

        writer.loop((lower, upper, lanes), body)

    def _copy_vector(self, along: int, upper: str, target: Access) -> None:
        vectors, writer, index = self._nest_writer.vectors, self._nest_writer.writer, self._nest_writer.position[along]
        left = writer.pure(f"arith.subi {upper}, {index} : index")
        vectors.mask = writer.pure(f"vector.create_mask {left} : {vectors.type('i1')}")
        value = self._micro.load(self._factor, along)
        vectors.mask = None
        vectors.store(value, self._nest_writer.located(target), 1)

    def at_tile(self, part: dict[int, Range]) -> Factor:
        """Its rows lie apart, as those of the factor do."""
        return Factor(self._begun(self._copy, part), None)


def copied_rows(
    how: CopiedRows, kernel: KernelWriter, outer: NestWriter, product: Product, tiling: Tiling, rows: Rows
) -> RowCopy:
    """The copy of kind `how`."""
    kind = {CopiedRows.BY_STEP: RowsByStep, CopiedRows.BY_ROW: RowsByRow}[how]
    return kind(kernel, outer, product, tiling, rows)
