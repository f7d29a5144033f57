"""Packing: copies a panel of a factor to scratch, widened, as [reduction step][column]."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import ceil, prod

from cellc.targets.cpu.access import Access, Buffer, row_major
from cellc.targets.cpu.factor import Factor
from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.microkernel import MicroKernel
from cellc.targets.cpu.nest import Nest
from cellc.targets.cpu.nest_writer import NestWriter, Range
from cellc.targets.cpu.pieces import Pieces, extents_of
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.register_tile import Tiling
from cellc.targets.cpu.vectors import ITEM_BYTES
from cellc.targets.cpu.writer import Writer

# Bytes of a panel that stay in the L1 cache while a tile of sums reads it.
_STAYS_BYTES = 1 << 15


def streamed(product: Product, size: int) -> bool:
    """Whether a panel of so many elements does not stay in the L1 cache."""
    return size * ITEM_BYTES[product.element] > _STAYS_BYTES


class PanelPacker:
    """Owns the scratch memory of one panel of one of the `pieces` of the reduction."""

    def __init__(self, kernel: KernelWriter, product: Product, tiling: Tiling, pieces: Pieces | None) -> None:
        self._product = product
        self._tiling = tiling
        nest = product.nest
        extents = extents_of(nest, pieces)
        strides = dict(zip(nest.reduced, row_major(extents), strict=True))
        # The last block of lanes x lanes may write some steps too far.
        size = (prod(extents) + tiling.lanes) * tiling.width
        buffer = kernel.scratch(product.element, size)
        self._streamed = streamed(product, size)
        every = [strides.get(d, 0) * tiling.width for d in range(len(nest.extents))]
        every[tiling.lane_dim] = 1
        self._panel = Access(buffer, 0, tuple(every))

    def pack(self, outer: NestWriter, factor: Factor, width: int, ranges: dict[int, Range]) -> Factor:
        """Writes the copy; returns the factor as read from the panel."""
        packed = self.packed(ranges)
        _PanelCopy(outer, self._product, self._tiling, factor, packed.access, width, ranges).write()
        return packed

    def packed(self, ranges: dict[int, Range]) -> Factor:
        """The factor as read from the panel, which holds the steps in `ranges`."""
        panel = self._panel
        for dim, (lower, _) in ranges.items():
            panel = replace(panel, terms=(*panel.terms, (lower, -panel.strides[dim])))
        return Factor(panel, None, streamed=self._streamed)


class ResidentPanels:
    """Every panel of a factor that a product reads again and again, side by side in scratch memory.

    That is `scratch`, where it is given, which is large enough then.
    """

    def __init__(self, kernel: KernelWriter, product: Product, tiling: Tiling, scratch: Buffer | None = None) -> None:
        self._product, self._tiling = product, tiling
        nest = product.nest
        self._steps = nest.terms
        size = ceil(nest.extents[tiling.lane_dim] / tiling.width) * tiling.width * self._steps
        steps = dict(zip(nest.reduced, row_major([nest.extents[d] for d in nest.reduced]), strict=True))
        strides = [steps.get(d, 0) * tiling.width for d in range(len(nest.extents))]
        strides[tiling.lane_dim] = 1
        self.scratch = scratch or kernel.scratch(product.element, size)
        self._panels = Access(self.scratch, 0, tuple(strides))

    @property
    def width(self) -> int:
        """Columns of a panel."""
        return self._tiling.width

    def write(self, writer: Writer) -> None:
        """Writes the copy of the whole factor, a panel at a time."""
        tiling, width = self._tiling, self._tiling.width
        outer = NestWriter(writer, self._product.nest, tiling.lanes)
        factor = self._product.factors[tiling.vector_factor]
        full, rest = divmod(self._product.nest.extents[tiling.lane_dim], width)

        def panel(start: str, columns: int) -> None:
            placed = factor.moved(lambda access: access.at(tiling.lane_dim, start))
            target = self.at(start).access
            _PanelCopy(outer, self._product, tiling, placed, target, columns, {}, once=True).write()

        def body(start: str, _: list[str]) -> list[str]:
            panel(start, width)
            return []

        if full:
            writer.loop((writer.index(0), writer.index(full * width), width), body)
        if rest:
            panel(writer.index(full * width), rest)

    def at(self, start: str) -> Factor:
        """The panel of the columns from `start` on."""
        large = streamed(self._product, self._steps * self._tiling.width)
        return Factor(replace(self._panels, terms=((start, self._steps),)), None, streamed=large)


class _PanelCopy:
    """The copy of one panel, over the reduction loops (merged where the factor allows) and lanes."""

    def __init__(
        self,
        outer: NestWriter,
        product: Product,
        tiling: Tiling,
        factor: Factor,
        panel: Access,
        width: int,
        ranges: dict[int, Range],
        *,
        once: bool = False,
    ) -> None:
        self._lanes, self._width, self._once = tiling.lanes, width, once
        groups = _groups(product.nest, [*factor.accesses, panel])
        self._ranges = _scaled(outer, product.nest, groups, ranges)
        kept = [*(group[-1] for group in groups), tiling.lane_dim]
        source, target = factor.moved(lambda access: outer.located(access).select(kept)), panel.select(kept)
        extents = [prod(product.nest.extents[d] for d in group) for group in groups]
        for dim, extent in enumerate(extents):
            if source.access.strides[dim] == -1 and dim not in self._ranges:
                backwards = partial(_reversed, dim=dim, extent=extent)
                source, target = source.moved(backwards), backwards(target)
        self._factor, self._panel, self._lane_dim = source, target, len(groups)
        nest = Nest((*extents, width), (True,) * len(groups) + (False,), (), (), product.nest.body)
        self._nest_writer = NestWriter(outer.writer, nest, tiling.lanes)
        self._micro = MicroKernel(self._nest_writer, product, tiling)

    def write(self) -> None:
        """Writes all steps of the panel."""
        strides, steps = self._factor.access.strides, range(self._lane_dim)
        along = [d for d in steps if strides[d] == 1 and (d not in self._ranges or self._lane_dim == 1)]
        if strides[self._lane_dim] == 1 or not along:
            self._nest_writer.loops(list(steps), self._ranges, self._step)
        else:
            outer = [d for d in steps if d != along[-1]]
            self._nest_writer.loops(outer, self._ranges, lambda: self._turn(along[-1]))

    def _step(self) -> None:
        """All columns of one reduction step."""
        for start in range(0, self._width, self._lanes):
            count = self._width - start if self._width - start < self._lanes else None
            source = self._factor.shifted(self._lane_dim, start)
            self._store(self._micro.load(source, self._lane_dim, count), self._panel, start)

    def _store(self, value: str, panel: Access, start: int) -> None:
        located = self._nest_writer.located(panel.shifted(self._lane_dim, start))
        self._nest_writer.vectors.store(value, located, 1)

    def _turn(self, along: int) -> None:
        """Blocks of lanes x lanes, read along the contiguous loop and turned in registers."""
        if along in self._ranges:
            self._turn_range(along, self._ranges[along])
            return
        writer, extent = self._nest_writer.writer, self._nest_writer.nest.extents[along]
        rest = extent % self._lanes
        if extent > rest:
            self._full_blocks(along, (writer.index(0), writer.index(extent - rest)))
        if rest:
            mask = self._nest_writer.vectors.first_lanes(rest)
            self._nest_writer.at(along, writer.index(extent - rest), lambda: self._block(along, rest, mask))

    def _turn_range(self, along: int, bounds: Range) -> None:
        """As `_turn` for a length known at run time: the last stores go past the panel's steps."""
        writer, (lower, upper) = self._nest_writer.writer, bounds
        length = writer.pure(f"arith.subi {upper}, {lower} : index")
        rest = writer.pure(f"arith.remui {length}, {writer.index(self._lanes)} : index")
        full = writer.pure(f"arith.subi {upper}, {rest} : index")
        self._full_blocks(along, (lower, full))

        def last() -> None:
            mask = writer.pure(f"vector.create_mask {rest} : {self._nest_writer.vectors.type('i1')}")
            self._nest_writer.at(along, full, lambda: self._block(along, self._lanes, mask))

        writer.branch(writer.pure(f"arith.cmpi ne, {rest}, {writer.index(0)} : index"), last)

    def _full_blocks(self, along: int, bounds: Range) -> None:
        def body(index: str, _: list[str]) -> list[str]:
            self._nest_writer.at(along, index, lambda: self._block(along, self._lanes, None))
            return []

        self._nest_writer.writer.loop((*bounds, self._lanes), body)

    def _block(self, along: int, steps: int, mask: str | None) -> None:
        """`steps` reduction steps from the current position on; `mask` guards the loads.

        What runs `once`, as the masked rest does, is a loop over vectors of columns: turns are most of a kernel's code.
        """
        writer, rest = self._nest_writer.writer, self._width % self._lanes
        whole = self._width - rest

        def body(index: str, _: list[str]) -> list[str]:
            self._nest_writer.at(self._lane_dim, index, lambda: self._turned(along, steps, mask, 0, self._lanes))
            return []

        if whole > self._lanes:
            writer.loop((writer.index(0), writer.index(whole), self._lanes), body)
        elif whole:
            self._turned(along, steps, mask, 0, self._lanes)
        if rest:
            self._turned(along, steps, mask, whole, rest)

    def _turned(self, along: int, steps: int, mask: str | None, start: int, count: int) -> None:
        """Columns `start` to `start + count`, at most as many as lanes."""
        vectors = self._nest_writer.vectors
        columns = range(start, start + count)
        vectors.mask = mask
        rows = [self._micro.load(self._factor.shifted(self._lane_dim, c), along) for c in columns]
        vectors.mask = None
        rows += [rows[0]] * (self._lanes - len(rows))
        for i, row in enumerate(vectors.transpose(rows, self._panel.buffer.element)[:steps]):
            self._store(row, self._panel.shifted(along, i), start)


def _groups(nest: Nest, accesses: Sequence[Access]) -> list[list[int]]:
    """The reduction loops, neighbours together where all accesses walk them as one."""
    groups: list[list[int]] = []
    for dim in nest.reduced:
        before = groups[-1][-1] if groups else None
        extent = nest.extents[dim]
        if before is not None and all(a.strides[before] == a.strides[dim] * extent for a in accesses):
            groups[-1].append(dim)
        else:
            groups.append([dim])
    return groups


def _scaled(outer: NestWriter, nest: Nest, groups: list[list[int]], ranges: dict[int, Range]) -> dict[int, Range]:
    """`ranges` in iterations of merged loops. Only the first loop of a group may have a range."""
    scaled = {}
    for position, group in enumerate(groups):
        if group[0] in ranges:
            inner = prod(nest.extents[d] for d in group[1:])
            lower, upper = (outer.writer.linear(0, [(bound, inner)]) for bound in ranges[group[0]])
            scaled[position] = (lower, upper)
    return scaled


def _reversed(access: Access, dim: int, extent: int) -> Access:
    """The access with loop `dim` run from its end to its start."""
    strides = [-s if d == dim else s for d, s in enumerate(access.strides)]
    return replace(access.shifted(dim, extent - 1), strides=tuple(strides))
