"""Sums that wait in scratch: between pieces of a long reduction, or until whole rows of a panel can be stored."""

from collections.abc import Callable, Mapping, Sequence
from math import prod

from cellc.targets.cpu.access import Access
from cellc.targets.cpu.finish import Place, TileFinisher
from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.nest_writer import NestWriter, Range
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.register_tile import Tiling


class PartialSums:
    """[panel][row of the block][column of the panel]; the rows are the iterations of the loops `shared` in `ranges`.

    Only where `panels` is more than 1 each panel has its own place. They begin at `sums`, or in scratch of their own.
    """

    def __init__(
        self,
        kernel: KernelWriter,
        product: Product,
        tiling: Tiling,
        nest_writer: NestWriter,
        shared: Sequence[int],
        chunks: Mapping[int, int],
        ranges: dict[int, Range],
        panels: int,
        sums: Access | None = None,
    ) -> None:
        self._nest, self._tiling, self._nest_writer = product.nest, tiling, nest_writer
        self._writer, self._vectors = nest_writer.writer, nest_writer.vectors
        self._shared, self._ranges = shared, ranges
        strides, terms = [0] * len(product.nest.extents), []
        for position, dim in enumerate(shared):
            strides[dim] = tiling.width * prod(chunks[d] for d in shared[position + 1 :])
            terms.append((ranges[dim][0], -strides[dim]))
        strides[tiling.lane_dim] = 1
        self._rows = prod(chunks[d] for d in shared)
        self._panels, self._first_panel = panels, ranges[tiling.lane_dim][0]
        if sums is None:
            sums = Access(kernel.scratch(product.element, panels * tiling.width * self._rows), 0, ())
        self._all = self._access = Access(sums.buffer, sums.offset, tuple(strides), (*sums.terms, *terms))

    def panel(self, start: str) -> None:
        """Says which panel's sums follow."""
        if self._panels > 1:
            self._access = self._all.moved((start, self._rows), (self._first_panel, -self._rows * self._tiling.width))

    def load(self, places: Sequence[Place]) -> list[str]:
        """The sums of the tile at the current position."""
        return [self._vectors.load(self._at(*place), 1) for place in places]

    def ask(self, places: Sequence[Place]) -> None:
        """Asks for the sums of the tile at the current position."""
        for place in places:
            self._vectors.fetch(self._at(*place), 0)

    def store(self, places: Sequence[Place], sums: Sequence[str]) -> None:
        """Keeps the sums of the tile at the current position."""
        for place, value in zip(places, sums, strict=True):
            self._vectors.store(value, self._at(*place), 1)

    def _at(self, offsets: Mapping[int, int], number: int) -> Access:
        access = self._access.shifted(self._tiling.lane_dim, number * self._tiling.lanes)
        for dim, offset in offsets.items():
            access = access.shifted(dim, offset)
        return self._nest_writer.located(access)

    def turn(self, finisher: TileFinisher, turned: Sequence[int], width: int) -> None:
        """Finishes all rows of a panel of `width` columns, lanes along the loops `turned` as if they were the last."""
        inner, bounds = self._rows_of(turned)
        extent, lanes, last = self._nest.extents[turned[0]] * inner, self._tiling.lanes, turned[-1]
        rest = extent % lanes

        def store(rows: int) -> None:
            self._across(width, lambda start, columns: self._turn(finisher, last, rows, start, columns))

        def body(index: str, _: list[str]) -> list[str]:
            self._nest_writer.at(last, index, lambda: store(lanes))
            return []

        def runs() -> None:
            full = self._writer.index(extent - rest)
            if extent > rest:
                upper = self._writer.pure(f"arith.minsi {bounds[1]}, {full} : index") if rest else bounds[1]
                self._writer.loop((bounds[0], upper, lanes), body)
            if rest:
                reached = self._writer.pure(f"arith.cmpi sgt, {bounds[1]}, {full} : index")
                self._writer.branch(reached, lambda: self._nest_writer.at(last, full, lambda: store(rest)))

        # Every row of its own: steps are those of register tiles.
        steps, self._nest_writer.steps = self._nest_writer.steps, {}
        self._nest_writer.loops([d for d in self._shared if d not in turned], self._ranges, runs)
        self._nest_writer.steps = steps

    def _across(self, width: int, write: Callable[[str, int], None]) -> None:
        """`write(first column, columns)` for each vector across: in a loop, since turns are most of a kernel's code."""
        writer, lanes = self._writer, self._tiling.lanes
        whole = width - width % lanes

        def body(start: str, _: list[str]) -> list[str]:
            write(start, lanes)
            return []

        if whole > lanes:
            writer.loop((writer.index(0), writer.index(whole), lanes), body)
        elif whole:
            write(writer.index(0), lanes)
        if width > whole:
            write(writer.index(whole), width - whole)

    def _turn(self, finisher: TileFinisher, dim: int, rows: int, start: str, columns: int) -> None:
        """Rows of loop `dim` from the current position on, at most a vector of columns."""
        lane_dim = self._tiling.lane_dim
        access, self._access = self._access, self._access.at(lane_dim, start)
        values = self.load([({dim: row}, 0) for row in range(rows)])
        self._access = access
        with finisher.part(start, columns):
            finisher.turn(dim, {lane_dim: 0}, 0, values)

    def _rows_of(self, turned: Sequence[int]) -> tuple[int, Range]:
        """The rows for each iteration of the first loop, and the range of rows in this block."""
        inner = prod(self._nest.extents[d] for d in turned[1:])
        lower, upper = (self._writer.linear(0, [(bound, inner)]) for bound in self._ranges[turned[0]])
        return inner, (lower, upper)
