"""The factor of a product that is read along lanes, a panel of columns at a time: copied, or where it lies."""

from collections.abc import Callable
from dataclasses import replace
from math import ceil

from cellc.targets.cpu.blocking import Blocking
from cellc.targets.cpu.factor import Factor
from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.nest_writer import NestWriter, Range
from cellc.targets.cpu.next_panel import NextPanel, Rows, steps_ahead, together
from cellc.targets.cpu.packing import PanelPacker, ResidentPanels, streamed
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.register_tile import Tiling
from cellc.targets.cpu.scratch_copies import steps_are_apart


class CurrentPanel:
    """How tiles read `width` columns from `start` on, and what they ask for meanwhile.

    The panels are `resident`, or copied to scratch one after the other where `blocking` says so.
    """

    def __init__(
        self,
        kernel: KernelWriter,
        nest_writer: NestWriter,
        product: Product,
        tiling: Tiling,
        blocking: Blocking,
        resident: ResidentPanels | None,
    ) -> None:
        self._nest_writer, self._product, self._tiling, self._blocking = nest_writer, product, tiling, blocking
        self._nest = product.nest
        packs = blocking.packed and resident is None
        self._packer = PanelPacker(kernel, product, tiling, blocking.pieces) if packs else None
        self._resident, self._factor = resident, product.factors[tiling.vector_factor]
        self._rows: Rows | None = None
        self._next: NextPanel | None = None
        self.start, self.width = "", 0

    @property
    def is_stored(self) -> bool:
        """Whether panels lie one after the other in memory."""
        return self._packer is not None or self._resident is not None or self._factor.panel is not None

    def begin(self, rows: Rows, panels: int | None = None) -> None:
        """Says which rows read the panels; with `panels` of them in a block, tiles ask for what comes next."""
        self._rows = rows
        if panels is not None:
            self._next = NextPanel(self._nest_writer, self._product, self._tiling, rows, panels)

    def each(self, bounds: Range, inner: Callable[[str], None], *, overlap: bool) -> None:
        """Runs `inner` for each of the panels in `bounds`; it gets the column that panels before have reached.

        With `overlap`, the last panel is whole vectors, the first of which may be columns of the one before.
        """
        writer, width, extent = self._nest_writer.writer, self._tiling.width, self._nest.extents[self._tiling.lane_dim]
        full, rest = divmod(extent, width)
        last_width = ceil(rest / self._tiling.lanes) * self._tiling.lanes if full and overlap else rest
        lower, upper = bounds

        def at(start: str, width: int, place: str) -> None:
            self.start, self.width = start, width
            inner(place)

        def body(index: str, _: list[str]) -> list[str]:
            start = writer.linear(0, [(index, width)])
            at(start, width, start)
            return []

        def last() -> None:
            at(writer.index(extent - last_width), last_width, writer.index(full * width))

        if full:
            bound = writer.pure(f"arith.minsi {upper}, {writer.index(full)} : index") if rest else upper
            writer.loop((lower, bound, 1), body)
        if rest and full:
            writer.branch(writer.pure(f"arith.cmpi sgt, {upper}, {writer.index(full)} : index"), last)
        elif rest:
            last()

    def place(self, factor: Factor) -> Factor:
        """A factor at the panel's columns."""
        if factor.panel is None:
            return factor.moved(lambda access: access.at(self._tiling.lane_dim, self.start))
        steps = self._nest.terms
        access = factor.access.moved((self.start, steps))
        return replace(factor, access=access, streamed=streamed(self._product, steps * factor.panel))

    def read(self, part: dict[int, Range]) -> Factor:
        """The factor as all tiles read it in the reduction steps `part`, copied before them where it is."""
        return self._asking_around(self._packed(self.place(self._factor), part), part)

    def read_by_first_tile(self, part: dict[int, Range]) -> tuple[Factor, Factor] | None:
        """The factor as the first tile reads it, which makes the copy, and as others do; None where it is not so."""
        vector = self.place(self._factor)
        panel = None if self._packer is None else self._asking(self._packer.packed(part), vector, part)
        if panel is None or not self._packs_in_first_tile(vector, panel):
            return None
        panel = self._asking_around(panel, part)
        return replace(vector, kept=panel.access, following=panel.following), panel

    def _packs_in_first_tile(self, vector: Factor, panel: Factor) -> bool:
        """Whether the first tile of each block stores what it reads of a panel: whole vectors, and rows enough.

        Where steps are far apart and not asked for before, a copy by itself waits for more of them at a time.
        """
        dim, size, rows = self._tiling.tile_dim, self._tiling.tile, self._rows
        if dim is None or rows is None or list(rows.shared) != [dim] or self.width < self._tiling.width:
            return False
        if panel.following is None and steps_are_apart(self._product, vector.access):
            return False
        extent, chunk = self._nest.extents[dim], rows.chunks[dim]
        last = (extent - 1) % chunk + 1  # rows of the last block
        return vector.access.strides[self._tiling.lane_dim] == 1 and min(last, chunk) >= size and chunk > size

    def _packed(self, vector: Factor, part: dict[int, Range]) -> Factor:
        if self._resident is not None:
            return self._resident.at(self.start)
        if self._packer is not None:
            return self._asking(self._packer.pack(self._nest_writer, vector, self.width, part), vector, part)
        if vector.panel is not None and self._next is not None:
            return replace(vector, following=self._next.behind(vector, part))
        return replace(vector, following=steps_ahead(self._nest_writer, self._product, self._tiling, vector))

    def _asking(self, packed: Factor, vector: Factor, part: dict[int, Range]) -> Factor:
        """The panel, with what is asked for while it is read."""
        return packed if self._next is None else replace(packed, following=self._next.after(vector, part))

    def _asking_around(self, panel: Factor, part: dict[int, Range]) -> Factor:
        """The panel, with what is asked for of the epilogue's operands too."""
        if self._next is None:
            return panel
        around = self._next.around(self.start, self._blocking.turned, part)
        return replace(panel, following=together(panel.following, around))
