"""What a product copies to scratch before it multiplies: panels and rows."""

from enum import Enum, auto

from cellc.targets.cpu.access import Access
from cellc.targets.cpu.footprint import LINE
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.register_tile import Tiling
from cellc.targets.cpu.vectors import WOVEN

# Rows that share the packing of a panel, at least.
FEWEST_ROWS = 256
# So many rows that copying a panel that they share pays, though it lies along lanes, and where each step is in a page.
_MANY_USES, _MANY_USES_OF_PAGES = 100, 32
# Elements of a page of memory, about; pages whose places are at hand, those of other factors aside.
PAGE, _KNOWN_PAGES = 1024, 256
# Reduction steps of which the L1 cache holds a panel, and a line of the other factor for each.
L1_STEPS = 128


class CopiedRows(Enum):
    """How rows of the broadcast factor lie in scratch: [tile][reduction step][row], or [row][reduction step]."""

    BY_STEP = auto()
    BY_ROW = auto()


def steps_are_apart(product: Product, scalar: Access, stride: int = 1) -> bool:
    """Whether each reduction step reads other cache lines, in more pages than the processor knows the places of.

    Rows `stride` apart take so many times the lines, where the L1 cache does not keep them for the next panel."""
    nest = product.nest
    nearest = min((abs(scalar.strides[d]) for d in nest.reduced), default=0)
    steps = nest.terms
    return nearest >= LINE and (stride if steps >= L1_STEPS else 1) * nearest * steps > _KNOWN_PAGES * PAGE


def rows_to_copy(product: Product, tiling: Tiling) -> CopiedRows | None:
    """How to copy the rows of a tile: where each reduction step is in other pages, or where they are computed."""
    factor, dim = product.factors[1 - tiling.vector_factor], tiling.tile_dim
    strides, reduced = factor.access.strides, product.nest.reduced
    if dim is None or tiling.second_dim is not None or tiling.dot_dim is not None or not reduced:
        return None
    if dim not in product.shared(tiling.vector_factor, tiling.lane_dim) or strides[tiling.lane_dim] != 0:
        return None
    near, computed = 1 <= strides[dim] <= WOVEN, factor.is_computed
    if near and 1 < tiling.tile <= tiling.lanes and (computed or steps_are_apart(product, factor.access, strides[dim])):
        return CopiedRows.BY_STEP if all(abs(strides[d]) >= LINE for d in reduced) else None
    if not factor.is_computed or strides[reduced[-1]] != 1:
        return None
    length, taps = product.nest.extents[reduced[-1]], {abs(strides[d]) for d in reduced[:-1]}
    rows = [abs(strides[d]) for d in product.shared(tiling.vector_factor, tiling.lane_dim)]
    overlap = any(0 < row < length or row in taps for row in rows)  # windows, whose copies would be many times as long
    return None if overlap or length < tiling.lanes else CopiedRows.BY_ROW


def pays_to_pack(product: Product, tiling: Tiling, rows: int) -> bool:
    """Whether copying panels pays."""
    factor = product.factors[tiling.vector_factor]
    if tiling.dot_dim is not None or factor.panel is not None:
        return False
    if factor.is_computed:
        return rows > tiling.tile
    tiles = rows / (tiling.tile * tiling.second)
    if factor.access.strides[tiling.lane_dim] == 1:
        pages = all(abs(factor.access.strides[d]) >= PAGE for d in product.nest.reduced)
        return rows >= (_MANY_USES_OF_PAGES if pages else _MANY_USES)
    # Blocks turned in registers cost less than gathers, even for one use.
    turned = any(abs(factor.access.strides[d]) == 1 for d in product.nest.reduced)
    return tiles >= 2 or (turned and rows > 1)
