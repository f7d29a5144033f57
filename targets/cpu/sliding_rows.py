"""Tiles whose rows are windows that slide over one image, as in depthwise convolutions: each vector is loaded once.

Row y of the tile reads line y + r of the image at tap r, so neighbours read the same lines. The taps are written out
in the order of the lines, not of the taps: what has been loaded is multiplied for all rows that read it, and need not
stay. A row still adds its taps in their own order.
"""

from collections.abc import Sequence
from itertools import groupby
from itertools import product as index_tuples

from cellc.targets.cpu.access import Access
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.register_tile import Tiling

# Registers beside sums, taps and one row of vectors.
_SPARE = 2
# With fewer registers taps would push sums out of them.
_MANY_REGISTERS = 32

Tap = tuple[int, ...]
# A row of the tile, and the tap at which it reads something.
Reader = tuple[int, Tap]


def slides(product: Product, tiling: Tiling) -> bool:
    """Whether the rows of a tile read the same vectors at other taps, and the registers hold all taps."""
    nest, dim = product.nest, tiling.tile_dim
    vector, scalar = (product.factors[i].access.strides for i in (tiling.vector_factor, 1 - tiling.vector_factor))
    if dim is None or tiling.second_dim is not None or tiling.dot_dim is not None or tiling.registers < _MANY_REGISTERS:
        return False
    taps = nest.terms
    if taps + tiling.sums + tiling.vectors + _SPARE > tiling.registers:
        return False
    if (
        vector[dim] == 0
        or scalar[dim] != 0
        or scalar[tiling.lane_dim] != 0
        or product.factors[tiling.vector_factor].panel is not None
    ):
        return False
    places = [_offset(vector, nest.reduced, tap) for tap in taps_of(product)]
    return places == sorted(set(places)) and any(vector[dim] + place in places for place in places)


def taps_of(product: Product) -> list[Tap]:
    """The index tuples of the reduction loops, in their order."""
    return list(index_tuples(*(range(product.nest.extents[d]) for d in product.nest.reduced)))


def lines_of(product: Product, tiling: Tiling, rows: int) -> list[list[Reader]]:
    """Who reads each vector that a tile of `rows` rows reads, in the order of memory."""
    strides = product.factors[tiling.vector_factor].access.strides
    assert tiling.tile_dim is not None
    step = strides[tiling.tile_dim]

    def place(reader: Reader) -> int:
        row, tap = reader
        return row * step + _offset(strides, product.nest.reduced, tap)

    readers = sorted(((row, tap) for row in range(rows) for tap in taps_of(product)), key=place)
    return [list(group) for _, group in groupby(readers, key=place)]


def at_tap(access: Access, reduced: Sequence[int], tap: Tap) -> Access:
    """An access with the reduction loops at the indices `tap`."""
    for dim, index in zip(reduced, tap, strict=True):
        access = access.shifted(dim, index)
    return access


def _offset(strides: Sequence[int], reduced: Sequence[int], tap: Tap) -> int:
    return sum(strides[d] * index for d, index in zip(reduced, tap, strict=True))
