"""The products of attention kernels, for some rows and some keys of one (batch, head) index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from xdsl.dialects.linalg.ops import GenericOp

from cellc.passes.attention_form import AttentionParts
from cellc.passes.linalg_analysis import reduction_loops
from cellc.targets.cpu.access import Access
from cellc.targets.cpu.contraction import ProductWriter
from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.nest import Nest, restrict
from cellc.targets.cpu.next_panel import Rows
from cellc.targets.cpu.packing import ResidentPanels
from cellc.targets.cpu.partial_sums import PartialSums
from cellc.targets.cpu.product import Product, product_of
from cellc.targets.cpu.register_tile import Tiling
from cellc.targets.cpu.tiling import choose_resident_tiling, choose_tiling
from cellc.targets.target import UnsupportedKernelError

# A product, and the number of the factor that all rows share.
Shared = tuple[Product, int]


@dataclass(frozen=True)
class Keys:
    """`count` keys from the index value `first` on."""

    first: str
    count: int


class SharedProducts:
    """Finds the tilings of products with a factor that many rows share."""

    def __init__(self, kernel: KernelWriter) -> None:
        self._kernel = kernel

    def narrowed(self, ops: list[GenericOp], ranges: Mapping[int, tuple[str, int]]) -> Product:
        """The product that a contraction (and its epilogue) computes; of loops in `ranges` so many from an index on."""

        def narrow(nest: Nest) -> Nest:
            for dim, (index, count) in ranges.items():
                # An epilogue has no loop over what its product sums over.
                nest = nest if dim >= len(nest.extents) else restrict(nest, dim, index, count)
            return nest

        product = product_of(self._kernel, ops, narrow)
        if product is None:
            raise UnsupportedKernelError(f"kernel {self._kernel.name}: a product of another form in attention")
        return product

    def tiling(self, product: Product, factor: int) -> Tiling:
        """Lanes run along the factor that all rows share, so that results are contiguous along them."""
        return self._found(choose_tiling(product, self._kernel.level, (factor,)))

    def resident_tiling(self, product: Product, factor: int, width: int | None = None) -> Tiling:
        """The tiling that reads panels of that factor, of `width` columns if they are packed already."""
        return self._found(choose_resident_tiling(product, factor, self._kernel.level, width))

    def packed(self, product: Product, factor: int) -> ResidentPanels:
        """Scratch for the panels of that factor."""
        return ResidentPanels(self._kernel, product, self.resident_tiling(product, factor))

    def _found(self, tiling: Tiling | None) -> Tiling:
        if tiling is None:
            raise UnsupportedKernelError(f"kernel {self._kernel.name}: no lanes for a product in attention")
        return tiling

    def some_keys(self, shared: Shared, packed: PackedFactor | None) -> KeysProduct:
        """The writer of a product; where its factor is not packed before, it does so where that pays."""
        if packed is None:
            return KeysProduct(self._kernel, shared[0], self.tiling(*shared))
        return KeysProduct(self._kernel, shared[0], self.resident_tiling(*shared, packed.width), packed.of(*shared))


class AttentionProducts(SharedProducts):
    """The two products of an attention kernel."""

    def __init__(self, kernel: KernelWriter, parts: AttentionParts) -> None:
        super().__init__(kernel)
        self._parts = parts

    def scores(self, position: Sequence[str], rows: int, keys: Keys | None = None) -> Shared:
        """Q K^T; `position` has the index of each shared loop, the last the first of `rows` rows."""
        parts = self._parts
        loops = [*range(parts.outer), parts.outer]
        return self.narrowed(parts.first, ranges_of(loops, position, rows, keys)), parts.keys

    def mixed(self, position: Sequence[str], rows: int, keys: Keys | None = None) -> Shared:
        """weights V."""
        parts = self._parts
        loops = [*parts.second_loops, *reduction_loops(parts.second[0])]
        return self.narrowed(parts.second, ranges_of(loops, position, rows, keys)), 1 - parts.factor


def ranges_of(
    loops: Sequence[int], position: Sequence[str], rows: int, keys: Keys | None
) -> dict[int, tuple[str, int]]:
    """The ranges of a product's loops b.., m and n."""
    *batch, row, key = loops
    ranges = {loop: (index, 1) for loop, index in zip(batch, position, strict=False)} | {row: (position[-1], rows)}
    return ranges if keys is None else ranges | {key: (keys.first, keys.count)}


class PackedFactor:
    """Panels of the shared factor of a product, in the same scratch for every block of keys."""

    def __init__(self, kernel: KernelWriter, products: SharedProducts, shared: Shared) -> None:
        self._kernel, self._products = kernel, products
        self._largest = products.packed(*shared)
        self.width = self._largest.width
        columns = shared[0].nest.extents[products.resident_tiling(*shared, self.width).lane_dim]
        self.panels = ceil(columns / self.width)

    def of(self, product: Product, factor: int) -> ResidentPanels:
        """The panels as that product has them, which has at most as many keys."""
        tiling = self._products.resident_tiling(product, factor, self.width)
        return ResidentPanels(self._kernel, product, tiling, self._largest.scratch)


class KeysProduct(ProductWriter):
    """A product of which the kernel finds out at run time how many keys it needs."""

    def write_columns(self, panels: str | None) -> None:
        """Writes the results of the first `panels` panels of keys, or of all."""
        ranges = self._all()
        if panels is not None:
            ranges[self._tiling.lane_dim] = (self._writer.index(0), panels)
        self._write(ranges)

    def write_sums(self, keys: str | None) -> None:
        """Writes the results, sums over the first `keys` keys, or over all."""
        self._steps = self._first_steps(keys)
        self._write(self._all())

    def add_sums(self, keys: str | None, sums: Access) -> None:
        """Adds the sums over the first `keys` keys to those from `sums` on, as `PartialSums` has them."""
        self._for_panels(sums, lambda partial, ranges: self._piece(partial, ranges, self._first_steps(keys)))

    def add_rows(self, keys: str | None, sums: Access) -> None:
        """The same of a product that sums over rows: adds to the sums of the first `keys` keys, a whole tile of which
        may read some keys more."""

        def inner(partial: PartialSums, ranges: dict[int, tuple[str, str]]) -> None:
            seen = {} if keys is None or self._key is None else {self._key: (self._writer.index(0), keys)}
            self._piece(partial, ranges | seen, {})

        self._for_panels(sums, inner)

    @property
    def _key(self) -> int | None:
        """The loop over keys of a product that sums over rows; None where there is one key."""
        return self._tiling.tile_dim

    @property
    def tile(self) -> int:
        """The rows of a tile."""
        return self._tiling.tile

    def finish_sums(self, sums: Access) -> None:
        """Writes the results of those sums."""
        self._for_panels(sums, self._finish_partial)

    def _for_panels(self, sums: Access, inner: Callable[[PartialSums, dict[int, tuple[str, str]]], None]) -> None:
        kernel, tiling, ranges = self._kernel, self._tiling, self._all()
        panels, rows = ceil(self._nest.extents[tiling.lane_dim] / tiling.width), (self._shared, self._chunks, ranges)
        partial = PartialSums(kernel, self._product, tiling, self._nest_writer, *rows, panels, sums)
        self._partial = partial
        self._panel.begin(Rows(self._shared, self._chunks, ranges, None))
        batch = self._batch_loops()
        self._nest_writer.loops(batch, ranges, lambda: self._panels(ranges, lambda: inner(partial, ranges)))

    def _first_steps(self, keys: str | None) -> dict[int, tuple[str, str]]:
        return {} if keys is None else {self._nest.reduced[0]: (self._writer.index(0), keys)}
