"""Contraction kernels: products of two tensors, with an optional elementwise epilogue.

A block computes some panels of columns for some rows. For each panel, the factor read along lanes is copied to scratch
once where that pays: by the first of the register tiles of sums that run over the rows, while it multiplies, or before
where it has to be turned. The rows of the other factor are copied too where a tile would read them from cache lines far
apart, once for all panels. Long reductions are done in pieces, one after the other for the whole block, whose partial
sums wait in scratch.
"""

from collections.abc import Callable
from math import ceil

from xdsl.dialects.linalg.ops import GenericOp

from cellc.targets.cpu.blocking import choose_blocking
from cellc.targets.cpu.chain import write_reduction_kernel
from cellc.targets.cpu.copied_rows import RowCopy, copied_rows
from cellc.targets.cpu.current_panel import CurrentPanel
from cellc.targets.cpu.factor import Factor
from cellc.targets.cpu.finish import Place, TileFinisher
from cellc.targets.cpu.grid import chunk_ranges
from cellc.targets.cpu.kernel import BLOCK, KernelWriter
from cellc.targets.cpu.microkernel import MicroKernel
from cellc.targets.cpu.nest_writer import NestWriter, Range
from cellc.targets.cpu.next_panel import Rows
from cellc.targets.cpu.packing import ResidentPanels
from cellc.targets.cpu.partial_sums import PartialSums
from cellc.targets.cpu.pieces import Pieces
from cellc.targets.cpu.product import Product, product_of
from cellc.targets.cpu.register_tile import Tiling
from cellc.targets.cpu.row_tiles import RowTiles
from cellc.targets.cpu.tiling import choose_tiling


def write_contraction_kernel(kernel: KernelWriter) -> None:
    """Writes a kernel of kind `contraction`; forms that have no register tile run as reductions."""
    product = product_of(kernel, [op for op in kernel.ops if isinstance(op, GenericOp)])
    tiling = choose_tiling(product, kernel.level) if product is not None else None
    if product is None or tiling is None:
        kernel.forget_registers()
        write_reduction_kernel(kernel)
    else:
        ProductWriter(kernel, product, tiling).write_block()


class ProductWriter:
    """Writes a product, or one block of it; `panels` are those of the factor read along lanes, where they exist."""

    def __init__(
        self, kernel: KernelWriter, product: Product, tiling: Tiling, panels: ResidentPanels | None = None
    ) -> None:
        self._kernel = kernel
        self._writer = kernel.writer
        self._product = product
        self._nest = product.nest
        self._tiling = tiling
        self._blocking = choose_blocking(product, tiling)
        self._nest_writer = NestWriter(kernel.writer, product.nest, tiling.lanes)
        self._vectors = self._nest_writer.vectors
        self._tiles = RowTiles(self._nest_writer, product, tiling)
        self._shared = self._tiles.shared
        self._micro = MicroKernel(self._nest_writer, product, tiling)
        self._scalar = product.factors[1 - tiling.vector_factor]
        self._chunks = self._blocking.chunks
        self._panel = CurrentPanel(kernel, self._nest_writer, product, tiling, self._blocking, panels)
        self._finisher = TileFinisher(kernel, product, tiling, self._nest_writer)
        self._row_copy: RowCopy | None = None
        self._partial: PartialSums | None = None
        self._steps: dict[int, Range] = {}

    def write_block(self) -> None:
        """Writes one block and sets the kernel's number of blocks."""
        self._write(self._block_ranges())

    def write_all(self) -> None:
        """Writes the whole product."""
        self._write(self._all())

    def _all(self) -> dict[int, Range]:
        """The range of each parallel loop, in panels for the lane loop; the block has all of them."""
        ranges = {d: self._nest_writer.whole(d) for d in self._nest.parallel}
        self._chunks = {d: self._nest.extents[d] for d in self._nest.parallel}
        panels = ceil(self._nest.extents[self._tiling.lane_dim] / self._tiling.width)
        return ranges | {self._tiling.lane_dim: (self._writer.index(0), self._writer.index(panels))}

    def _batch_loops(self) -> list[int]:
        return [d for d in self._nest.parallel if d not in (*self._shared, self._tiling.lane_dim)]

    def _write(self, ranges: dict[int, Range]) -> None:
        panels = ceil(self._nest.extents[self._tiling.lane_dim] / self._tiling.width)
        panels = min(panels, self._chunks[self._tiling.lane_dim])
        rows = Rows(self._shared, self._chunks, ranges, self._blocking.pieces)
        if self._blocking.pieces is not None or self._blocking.turned:
            places = panels if self._blocking.pieces is not None else 1
            self._partial = PartialSums(
                self._kernel, self._product, self._tiling, self._nest_writer, self._shared, self._chunks, ranges, places
            )
        if self._blocking.rows is not None:
            how, kernel = self._blocking.rows, self._kernel
            self._row_copy = copied_rows(how, kernel, self._nest_writer, self._product, self._tiling, rows)
        self._panel.begin(rows, panels)
        self._nest_writer.loops(self._batch_loops(), ranges, lambda: self._rows_by_columns(ranges))

    def _block_ranges(self) -> dict[int, Range]:
        """The range of each parallel loop in this block, in panels for the lane loop."""
        lane_dim, extents = self._tiling.lane_dim, self._nest.extents
        order = [d for d in self._nest.parallel if d != lane_dim] + [lane_dim]
        counts = {d: ceil(extents[d] / self._tiling.width) if d == lane_dim else extents[d] for d in order}
        loops = [(counts[d], self._chunks[d]) for d in order]
        self._kernel.blocks, ranges = chunk_ranges(self._writer, BLOCK, loops)
        return dict(zip(order, ranges, strict=True))

    def _rows_by_columns(self, ranges: dict[int, Range]) -> None:
        """All panels for all rows of the block."""
        partial, pieces = self._partial, self._blocking.pieces
        if partial is None or pieces is None:
            self._copy_rows(ranges, {})
            self._panels(ranges, lambda: self._whole_panel(ranges))
            return
        begin = partial.store
        self._panels(
            ranges, lambda: self._tiles.run(ranges, lambda rows: begin(self._places(rows), self._initial(rows)))
        )

        def piece(part: dict[int, Range]) -> None:
            self._copy_rows(ranges, part)
            self._panels(ranges, lambda: self._piece(partial, ranges, part))

        self._pieces(pieces, pieces.outer(self._nest), {}, piece)
        self._panels(ranges, lambda: self._finish_partial(partial, ranges))

    def _pieces(
        self, pieces: Pieces, outer: list[int], part: dict[int, Range], write: Callable[[dict[int, Range]], None]
    ) -> None:
        """Runs `write` for each piece: for each iteration of the loops `outer`, which `part` has no range of yet."""
        dim, steps = (outer[0], 1) if outer else (pieces.dim, pieces.steps)
        extent = self._nest.extents[dim]

        def body(lower: str, _: list[str]) -> list[str]:
            upper = self._writer.linear(steps, [(lower, 1)])
            if extent % steps:
                upper = self._writer.pure(f"arith.minsi {upper}, {self._writer.index(extent)} : index")
            here = part | {dim: (lower, upper)}
            if outer:
                self._pieces(pieces, outer[1:], here, write)
            else:
                write(here)
            return []

        self._writer.loop((self._writer.index(0), self._writer.index(extent), steps), body)

    def _panels(self, ranges: dict[int, Range], inner: Callable[[], None]) -> None:
        """Runs `inner` for each panel of the block."""

        def at(place: str) -> None:
            self._finisher.panel(self._panel.start, self._panel.width)
            if self._partial is not None:
                self._partial.panel(place)
            inner()

        self._panel.each(ranges[self._tiling.lane_dim], at, overlap=self._may_overlap())

    def _may_overlap(self) -> bool:
        """Whether the last panel can be whole vectors that the one before has some of: nothing is masked then.

        Its results are stored twice, so they must not replace what is read for them. A column of a product with lanes
        along the reduction is a whole sum by itself, which is not made twice.
        """
        if self._tiling.dot_dim is not None:
            return False
        return not self._panel.is_stored and not self._blocking.turned and not self._kernel.shared_results

    def _whole_panel(self, ranges: dict[int, Range]) -> None:
        """The current panel for all rows of the block."""
        scalar = self._panel.place(self._scalar)

        def tile(panel: Factor, rows: int) -> None:
            self._keep_or_finish(rows, self._whole_sums(panel, scalar, rows))

        self._rows_of_panel(ranges, self._steps, tile)
        self._turn()

    def _piece(self, partial: PartialSums, ranges: dict[int, Range], part: dict[int, Range]) -> None:
        """Adds a piece of the reduction to the sums of the current panel."""
        scalar = self._panel.place(self._scalar)
        self._rows_of_panel(ranges, part, lambda panel, rows: self._add_piece(partial, panel, scalar, rows, part))

    def _rows_of_panel(
        self, ranges: dict[int, Range], part: dict[int, Range], tile: Callable[[Factor, int], None]
    ) -> None:
        """Runs `tile` for every register tile of the block's rows with the current panel, packed where that pays."""
        copied, dim = self._panel.read_by_first_tile(part), self._tiling.tile_dim
        if copied is None or dim is None:
            panel = self._panel.read(part)
            self._tiles.run(ranges, lambda rows: tile(panel, rows))
            return
        (first, panel), (lower, upper), size = copied, ranges[dim], self._tiling.tile
        self._nest_writer.at(dim, lower, lambda: tile(first, size))
        rest = self._writer.linear(size, [(lower, 1)])
        self._tiles.along(dim, (rest, upper), lambda rows: tile(panel, rows))

    def _finish_partial(self, partial: PartialSums, ranges: dict[int, Range]) -> None:
        if self._blocking.turned:
            self._turn()
        else:
            self._tiles.run(ranges, lambda rows: self._finish(rows, partial.load(self._places(rows))))

    def _copy_rows(self, ranges: dict[int, Range], part: dict[int, Range]) -> None:
        """Copies the block's rows of the broadcast factor, where that pays."""
        if self._row_copy is not None:
            self._row_copy.write(lambda tile: self._tiles.run(ranges, tile), part)

    def _tile_rows(self, scalar: Factor, part: dict[int, Range]) -> Factor:
        """The broadcast factor as the tile at the current position reads it."""
        return scalar if self._row_copy is None else self._row_copy.at_tile(part)

    def _keep_or_finish(self, rows: int, sums: list[str]) -> None:
        if self._partial is None:
            self._finish(rows, sums)
        else:
            self._partial.store(self._places(rows), sums)

    def _turn(self) -> None:
        """Stores the panel's sums where they waited for that."""
        if self._partial is not None:
            self._partial.turn(self._finisher, self._blocking.turned, self._panel.width)

    def _initial(self, rows: int) -> list[str]:
        return [self._vectors.constant(self._product.initial, self._product.element)] * len(self._places(rows))

    def _places(self, rows: int) -> list[Place]:
        return self._tiles.places(rows, self._panel.width)

    def _whole_sums(self, vector: Factor, scalar: Factor, rows: int) -> list[str]:
        if self._tiling.dot_dim is not None:
            return [self._micro.dots(vector, scalar, self._panel.width)]
        width, initial = self._panel.width, self._initial(rows)
        return self._micro.sums(vector, self._tile_rows(scalar, {}), rows, width, initial, self._steps)

    def _add_piece(
        self, partial: PartialSums, vector: Factor, scalar: Factor, rows: int, part: dict[int, Range]
    ) -> None:
        """Sums of a piece begin at nothing and are added to those before it: rounding grows with the length of a piece
        and the number of pieces, not with their product. What is no piece, of few steps, goes on from those before."""
        places, scalar = self._places(rows), self._tile_rows(scalar, part)
        if self._blocking.pieces is None:
            sums = self._micro.sums(vector, scalar, rows, self._panel.width, partial.load(places), part)
        else:
            partial.ask(places)
            zeros = [self._vectors.constant(0, self._product.element)] * len(places)
            sums = self._micro.sums(vector, scalar, rows, self._panel.width, zeros, part)
            sums = [self._micro.add(old, new) for old, new in zip(partial.load(places), sums, strict=True)]
        partial.store(places, sums)

    def _finish(self, rows: int, sums: list[str]) -> None:
        self._finisher.finish(rows, self._places(rows), sums)
