"""Contraction kernels: products of two tensors, with an optional elementwise epilogue.

A block computes some panels of columns for some rows. For each panel, the factor read along lanes is copied to scratch
once where that pays: by the first of the register tiles of sums that run over the rows, while it multiplies, or before
where it has to be turned. The rows of the other factor are copied too where a tile would read them from cache lines far
apart, once for all panels. Long reductions are done in pieces, one after the other for the whole block, whose partial
sums wait in scratch.
"""

from collections.abc import Callable
from dataclasses import replace
from math import ceil

from xdsl.dialects.linalg.ops import GenericOp

from cellc.targets.cpu.blocking import choose_blocking
from cellc.targets.cpu.chain import write_reduction_kernel
from cellc.targets.cpu.copied_rows import RowCopy, copied_rows
from cellc.targets.cpu.factor import Factor
from cellc.targets.cpu.finish import Place, TileFinisher
from cellc.targets.cpu.grid import chunk_ranges
from cellc.targets.cpu.kernel import BLOCK, KernelWriter
from cellc.targets.cpu.microkernel import MicroKernel
from cellc.targets.cpu.nest_writer import NestWriter, Range
from cellc.targets.cpu.next_panel import NextPanel, Rows, steps_ahead, together
from cellc.targets.cpu.packing import PanelPacker, ResidentPanels, streamed
from cellc.targets.cpu.partial_sums import PartialSums
from cellc.targets.cpu.pieces import Pieces
from cellc.targets.cpu.product import Product, product_of
from cellc.targets.cpu.register_tile import Tiling
from cellc.targets.cpu.scratch_copies import steps_are_apart
from cellc.targets.cpu.tiling import choose_tiling

Tile = Callable[[int], None]


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
        if tiling.second_dim is not None:
            self._nest_writer.steps[tiling.second_dim] = tiling.second
        self._micro = MicroKernel(self._nest_writer, product, tiling)
        self._vector = product.factors[tiling.vector_factor]
        self._scalar = product.factors[1 - tiling.vector_factor]
        rows = (tiling.tile_dim, tiling.second_dim, *product.shared(tiling.vector_factor, tiling.lane_dim))
        self._shared = [d for d in self._nest.parallel if d in rows]
        self._chunks = self._blocking.chunks
        pieces = self._blocking.pieces
        self._resident = panels
        packs = self._blocking.packed and panels is None
        self._packer = PanelPacker(kernel, product, tiling, pieces) if packs else None
        self._finisher = TileFinisher(kernel, product, tiling, self._nest_writer)
        self._row_copy: RowCopy | None = None
        self._partial: PartialSums | None = None
        self._next_panel: NextPanel | None = None
        self._steps: dict[int, Range] = {}
        self._panel_start = ""
        self._width = 0

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
        self._next_panel = NextPanel(self._nest_writer, self._product, self._tiling, rows, panels)
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
            self._panels(ranges, lambda: self._panel(ranges))
            return
        self._panels(
            ranges, lambda: self._rows(ranges, lambda rows: partial.store(self._places(rows), self._initial(rows)))
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
        writer, dim, width = self._writer, self._tiling.lane_dim, self._tiling.width
        full, rest = divmod(self._nest.extents[dim], width)
        last_width = ceil(rest / self._tiling.lanes) * self._tiling.lanes if full and self._may_overlap() else rest
        lower, upper = ranges[dim]

        def at(start: str, width: int, place: str) -> None:
            self._panel_start, self._width = start, width
            self._finisher.panel(start, width)
            if self._partial is not None:
                self._partial.panel(place)
            inner()

        def body(index: str, _: list[str]) -> list[str]:
            start = writer.linear(0, [(index, width)])
            at(start, width, start)
            return []

        def last() -> None:
            at(writer.index(self._nest.extents[dim] - last_width), last_width, writer.index(full * width))

        if full:
            bound = writer.pure(f"arith.minsi {upper}, {writer.index(full)} : index") if rest else upper
            writer.loop((lower, bound, 1), body)
        if rest and full:
            writer.branch(writer.pure(f"arith.cmpi sgt, {upper}, {writer.index(full)} : index"), last)
        elif rest:
            last()

    def _may_overlap(self) -> bool:
        """Whether the last panel can be whole vectors that the one before has some of: nothing is masked then.

        Its results are stored twice, so they must not replace what is read for them. A column of a product with lanes
        along the reduction is a whole sum by itself, which is not made twice.
        """
        if self._tiling.dot_dim is not None:
            return False
        stored = self._packer is not None or self._resident is not None or self._vector.panel is not None
        return not stored and not self._blocking.turned and not self._kernel.shared_results

    def _panel(self, ranges: dict[int, Range]) -> None:
        """The current panel for all rows of the block."""
        scalar = self._placed(self._scalar)

        def tile(panel: Factor, rows: int) -> None:
            self._keep_or_finish(rows, self._whole_sums(panel, scalar, rows))

        self._rows_of_panel(ranges, self._steps, tile)
        self._turn()

    def _piece(self, partial: PartialSums, ranges: dict[int, Range], part: dict[int, Range]) -> None:
        """Adds a piece of the reduction to the sums of the current panel."""
        scalar = self._placed(self._scalar)
        self._rows_of_panel(ranges, part, lambda panel, rows: self._add_piece(partial, panel, scalar, rows, part))

    def _rows_of_panel(
        self, ranges: dict[int, Range], part: dict[int, Range], tile: Callable[[Factor, int], None]
    ) -> None:
        """Runs `tile` for every register tile of the block's rows with the current panel, packed where that pays."""
        vector, dim, size = self._placed(self._vector), self._tiling.tile_dim, self._tiling.tile
        panel = None if self._packer is None else self._asking(self._packer.packed(part), vector, part)
        if panel is None or dim is None or not self._packs_in_first_tile(vector, panel):
            panel = self._asking_around(self._packed(vector, part), part)
            self._rows(ranges, lambda rows: tile(panel, rows))
            return
        panel = self._asking_around(panel, part)
        first, (lower, upper) = replace(vector, kept=panel.access, following=panel.following), ranges[dim]
        self._nest_writer.at(dim, lower, lambda: tile(first, size))
        rest = self._writer.linear(size, [(lower, 1)])
        self._tiles(dim, (rest, upper), lambda rows: tile(panel, rows))

    def _packs_in_first_tile(self, vector: Factor, panel: Factor) -> bool:
        """Whether the first tile of each block stores what it reads of a panel: whole vectors, and rows enough.

        Where steps are far apart and not asked for before, a copy by itself waits for more of them at a time.
        """
        dim, size = self._tiling.tile_dim, self._tiling.tile
        if dim is None or self._shared != [dim] or self._width < self._tiling.width:
            return False
        if panel.following is None and steps_are_apart(self._product, vector.access):
            return False
        extent, chunk = self._nest.extents[dim], self._chunks[dim]
        rows = (extent - 1) % chunk + 1  # of the last block
        return vector.access.strides[self._tiling.lane_dim] == 1 and min(rows, chunk) >= size and chunk > size

    def _finish_partial(self, partial: PartialSums, ranges: dict[int, Range]) -> None:
        if self._blocking.turned:
            self._turn()
        else:
            self._rows(ranges, lambda rows: self._finish(rows, partial.load(self._places(rows))))

    def _copy_rows(self, ranges: dict[int, Range], part: dict[int, Range]) -> None:
        """Copies the block's rows of the broadcast factor, where that pays."""
        if self._row_copy is not None:
            self._row_copy.write(lambda tile: self._rows(ranges, tile), part)

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
            self._partial.turn(self._finisher, self._blocking.turned, self._width)

    def _placed(self, factor: Factor) -> Factor:
        if factor.panel is None:
            return factor.moved(lambda access: access.at(self._tiling.lane_dim, self._panel_start))
        steps = self._nest.terms
        access = factor.access.moved((self._panel_start, steps))
        return replace(factor, access=access, streamed=streamed(self._product, steps * factor.panel))

    def _packed(self, vector: Factor, ranges: dict[int, Range]) -> Factor:
        if self._resident is not None:
            return self._resident.at(self._panel_start)
        if self._packer is None and vector.panel is not None and self._next_panel is not None:
            return replace(vector, following=self._next_panel.behind(vector, ranges))
        if self._packer is None:
            following = steps_ahead(self._nest_writer, self._product, self._tiling, vector)
            return replace(vector, following=following)
        return self._asking(self._packer.pack(self._nest_writer, vector, self._width, ranges), vector, ranges)

    def _asking(self, packed: Factor, vector: Factor, ranges: dict[int, Range]) -> Factor:
        """The panel, with what is asked for while it is read."""
        return packed if self._next_panel is None else replace(packed, following=self._next_panel.after(vector, ranges))

    def _asking_around(self, panel: Factor, ranges: dict[int, Range]) -> Factor:
        """The panel, with what is asked for of the epilogue's operands too."""
        if self._next_panel is None:
            return panel
        around = self._next_panel.around(self._panel_start, self._blocking.turned, ranges)
        return replace(panel, following=together(panel.following, around))

    def _rows(self, ranges: dict[int, Range], tile: Tile) -> None:
        """Runs `tile` for every register tile of the block's rows."""
        dim = self._tiling.tile_dim
        if dim is None:
            self._nest_writer.loops(self._shared, ranges, lambda: tile(1))
            return
        # In the loops' own order: what a tile reads is often read again by the loops inside it.
        position = self._shared.index(dim)
        outer, inner = self._shared[:position], self._shared[position + 1 :]

        def one_tile(rows: int) -> None:
            self._nest_writer.loops(inner, ranges, lambda: tile(rows))

        self._nest_writer.loops(outer, ranges, lambda: self._tiles(dim, ranges[dim], one_tile))

    def _tiles(self, dim: int, bounds: Range, tile: Tile) -> None:
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

    def _count(self) -> int:
        """Vectors across the current panel."""
        return ceil(self._width / self._tiling.lanes)

    def _initial(self, rows: int) -> list[str]:
        return [self._vectors.constant(self._product.initial, self._product.element)] * len(self._places(rows))

    def _places(self, rows: int) -> list[Place]:
        """Where the sums of a tile are: offsets of the tile's loops, and the number of the vector."""
        tiling, places = self._tiling, list[Place]()
        for second in range(tiling.second):
            for row in range(rows):
                offsets = {d: i for d, i in ((tiling.tile_dim, row), (tiling.second_dim, second)) if d is not None}
                places += [(offsets, j) for j in range(self._count())]
        return places

    def _whole_sums(self, vector: Factor, scalar: Factor, rows: int) -> list[str]:
        if self._tiling.dot_dim is not None:
            return [self._micro.dots(vector, scalar, self._width)]
        return self._micro.sums(
            vector, self._tile_rows(scalar, {}), rows, self._width, self._initial(rows), self._steps
        )

    def _add_piece(
        self, partial: PartialSums, vector: Factor, scalar: Factor, rows: int, part: dict[int, Range]
    ) -> None:
        """Sums of a piece begin at nothing and are added to those before it: rounding grows with the length of a piece
        and the number of pieces, not with their product. What is no piece, of few steps, goes on from those before."""
        places, scalar = self._places(rows), self._tile_rows(scalar, part)
        if self._blocking.pieces is None:
            sums = self._micro.sums(vector, scalar, rows, self._width, partial.load(places), part)
        else:
            partial.ask(places)
            zeros = [self._vectors.constant(0, self._product.element)] * len(places)
            sums = self._micro.sums(vector, scalar, rows, self._width, zeros, part)
            sums = [self._micro.add(old, new) for old, new in zip(partial.load(places), sums, strict=True)]
        partial.store(places, sums)

    def _finish(self, rows: int, sums: list[str]) -> None:
        self._finisher.finish(rows, self._places(rows), sums)
