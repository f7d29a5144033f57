"""Register tiles of a product: how they run over the rows of a block, and where their sums are."""

from collections.abc import Callable
from math import ceil

from cellc.targets.cpu.finish import Place
from cellc.targets.cpu.nest_writer import NestWriter, Range
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.register_tile import Tiling

# Writes a tile of so many rows at the current position.
Tile = Callable[[int], None]


class RowTiles:
    """Runs tiles over the loops `shared`: their own, and others along which the factor read along lanes is the same."""

    def __init__(self, nest_writer: NestWriter, product: Product, tiling: Tiling) -> None:
        self._nest_writer, self._writer = nest_writer, nest_writer.writer
        self._nest, self._tiling = product.nest, tiling
        rows = (tiling.tile_dim, tiling.second_dim, *product.shared(tiling.vector_factor, tiling.lane_dim))
        self.shared = [d for d in product.nest.parallel if d in rows]
        if tiling.second_dim is not None:
            nest_writer.steps[tiling.second_dim] = tiling.second

    def run(self, ranges: dict[int, Range], tile: Tile) -> None:
        """Runs `tile` for every register tile of the rows in `ranges`."""
        dim = self._tiling.tile_dim
        if dim is None:
            self._nest_writer.loops(self.shared, ranges, lambda: tile(1))
            return
        # In the loops' own order: what a tile reads is often read again by the loops inside it.
        position = self.shared.index(dim)
        outer, inner = self.shared[:position], self.shared[position + 1 :]

        def one_tile(rows: int) -> None:
            self._nest_writer.loops(inner, ranges, lambda: tile(rows))

        self._nest_writer.loops(outer, ranges, lambda: self.along(dim, ranges[dim], one_tile))

    def along(self, dim: int, bounds: Range, tile: Tile) -> None:
        """Runs `tile` for every tile of the loop `dim`, the last of which may have fewer rows."""
        writer, extent, size = self._writer, self._nest.extents[dim], self._tiling.tile
        rest = extent % size
        full = extent - rest

        def body(index: str, _: list[str]) -> list[str]:
            self._nest_writer.at(dim, index, lambda: tile(size))
            return []

        def last() -> None:
            self._nest_writer.at(dim, writer.index(full), lambda: tile(rest))

        if full:
            upper = writer.pure(f"arith.minsi {bounds[1]}, {writer.index(full)} : index") if rest else bounds[1]
            writer.loop((bounds[0], upper, size), body)
        if rest and full:
            writer.branch(writer.pure(f"arith.cmpi sgt, {bounds[1]}, {writer.index(full)} : index"), last)
        elif rest:
            last()

    def places(self, rows: int, width: int) -> list[Place]:
        """Where sums of a tile are, in a panel of `width` columns: offsets of its loops, and the vector's number."""
        tiling, places = self._tiling, list[Place]()
        for second in range(tiling.second):
            for row in range(rows):
                offsets = {d: i for d, i in ((tiling.tile_dim, row), (tiling.second_dim, second)) if d is not None}
                places += [(offsets, j) for j in range(ceil(width / tiling.lanes))]
        return places
