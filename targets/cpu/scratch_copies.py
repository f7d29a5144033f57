"""What a product copies to scratch before it multiplies: panels, rows, and how long a piece of a sum is."""

from enum import Enum, auto
from math import prod

from cellc.targets.cpu.access import Access
from cellc.targets.cpu.footprint import LINE, cache_lines
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.register_tile import Tiling, rows_of
from cellc.targets.cpu.vectors import ITEM_BYTES, WOVEN

# Reductions longer than KC_LIMIT run in pieces of about KC steps, whose panel stays in the L1 and L2 caches. Of wide
# panels, which many rows multiply and which read rows seldom, pieces are longer, or a panel is whole: sums wait less.
KC, KC_LIMIT, _WIDE_KC, _WIDE, _PANEL_BYTES, FEWEST_ROWS = 512, 1024, 1024, 4, 1 << 19, 256
# Of filters, whose windows read many more lines, so many that the panel stays in the L1 cache.
_KC_OF_TAPS = 256
# So many rows that copying a panel that they share pays, though it lies along lanes, and where each step is in a page.
_MANY_USES, _MANY_USES_OF_PAGES = 100, 32
# Elements of a page of memory, about; pages whose places are at hand, those of other factors aside.
PAGE, _KNOWN_PAGES = 1024, 256
# Reduction steps of which the L1 cache holds a panel, and a line of the other factor for each.
L1_STEPS = 128
# Lines of the L1 cache that both factors of a piece may take where each is read along lanes, and again and again.
_READ_AGAIN_LINES = 320


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


def pieces_of(product: Product, tiling: Tiling, steps: int) -> int | None:
    """Steps of the outermost reduction loop at a time, or None where it runs as a whole."""
    nest = product.nest
    if tiling.dot_dim is not None:
        return None
    if (
        steps > KC // 2
        and len(nest.reduced) > 1
        and all(factor.access.strides[tiling.lane_dim] for factor in product.factors)
    ):
        return _pieces_in_l1(product, tiling)
    if steps <= KC_LIMIT:
        return None
    shared = product.shared(tiling.vector_factor, tiling.lane_dim)
    many = tiling.vectors >= _WIDE and prod(nest.extents[d] for d in shared) >= FEWEST_ROWS
    wide = many and len(nest.reduced) == 1 and rows_to_copy(product, tiling) is None
    if wide and steps * tiling.width * ITEM_BYTES[product.element] <= _PANEL_BYTES:
        return None
    inner = steps // nest.extents[nest.reduced[0]]
    pieces = max(1, (_WIDE_KC if wide else _KC_OF_TAPS if len(nest.reduced) > 1 else KC) // inner)
    return pieces if pieces < nest.extents[nest.reduced[0]] else None


def _pieces_in_l1(product: Product, tiling: Tiling) -> int | None:
    """The same where both factors vary along lanes, so that nothing is copied: tiles find a piece in the L1 cache."""
    nest, (outermost, *inner) = product.nest, product.nest.reduced
    sizes = {d: nest.extents[d] for d in (*inner, *product.shared(tiling.vector_factor, tiling.lane_dim))}
    sizes |= {d: size for d, size in rows_of(tiling) if d is not None} | {tiling.lane_dim: tiling.width}
    pieces = max(1, _READ_AGAIN_LINES // sum(cache_lines(factor.access, sizes) for factor in product.factors))
    return pieces if pieces < nest.extents[outermost] else None
