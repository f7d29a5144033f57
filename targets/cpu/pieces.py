"""How a long reduction is cut: pieces whose panel stays in a cache, one after the other."""

from dataclasses import dataclass
from math import ceil, prod

from cellc.targets.cpu.access import Access
from cellc.targets.cpu.footprint import LINE, cache_lines
from cellc.targets.cpu.nest import Nest
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.register_tile import Tiling, rows_of
from cellc.targets.cpu.scratch_copies import FEWEST_ROWS, rows_to_copy
from cellc.targets.cpu.vectors import ITEM_BYTES

# Reductions longer than KC_LIMIT run in pieces of about KC steps, whose panel stays in the L1 and L2 caches. Of wide
# panels, which many rows multiply and which read rows seldom, pieces are longer, or a panel is whole: sums wait less.
KC, KC_LIMIT, _WIDE_KC, _WIDE, _PANEL_BYTES = 512, 1024, 1024, 4, 1 << 19
# Longer panels do not stay in a level 2 cache; of images, whose lines follow each other, pieces are KC_LIMIT.
_LONG_PANEL_BYTES = 1 << 20
# Of filters, whose windows read many more lines, so many that the panel stays in the L1 cache.
_KC_OF_TAPS = 256
# Lines of the L1 cache that both factors of a piece may take where each is read along lanes, and again and again.
_READ_AGAIN_LINES = 320


@dataclass(frozen=True)
class Pieces:
    """`steps` iterations at a time of the reduction loop `dim`, in each iteration of the loops further out."""

    dim: int
    steps: int

    def outer(self, nest: Nest) -> list[int]:
        """The reduction loops around `dim`, of which a piece has one iteration."""
        return nest.reduced[: nest.reduced.index(self.dim)]


def extents_of(nest: Nest, pieces: Pieces | None) -> list[int]:
    """How often each reduction loop runs in one piece."""
    extents = [nest.extents[d] for d in nest.reduced]
    if pieces is None:
        return extents
    outer = len(pieces.outer(nest))
    return [1] * outer + [pieces.steps, *extents[outer + 1 :]]


def pieces_of(product: Product, tiling: Tiling) -> Pieces | None:
    """How the reduction is cut, or None where it runs as a whole."""
    nest, steps = product.nest, product.nest.terms
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
    return _cut(product, tiling, _WIDE_KC if wide else _KC_OF_TAPS if len(nest.reduced) > 1 else KC)


def _cut(product: Product, tiling: Tiling, wanted: int) -> Pieces | None:
    """Pieces of about `wanted` steps, of the outermost loop of which one iteration's panel is not too long."""
    nest, inner, scalar = product.nest, product.nest.terms, product.factors[1 - tiling.vector_factor].access
    most = _LONG_PANEL_BYTES // (tiling.width * ITEM_BYTES[product.element])
    for dim in nest.reduced:
        extent = nest.extents[dim]
        inner //= extent
        if inner > most:
            continue
        steps = max(1, (KC_LIMIT if _is_one_run(nest, scalar, dim) else wanted) // inner)
        if inner == 1 and dim != nest.reduced[0]:
            steps = ceil(ceil(extent / ceil(extent / steps)) / tiling.lanes) * tiling.lanes
        return Pieces(dim, steps) if steps < extent or dim != nest.reduced[0] else None
    raise AssertionError("the innermost loop leaves one step")


def _is_one_run(nest: Nest, scalar: Access, dim: int) -> bool:
    """Whether some iterations of a reduction loop read one run of memory for each row: long lines of one image."""
    inner = [d for d in nest.reduced if d > dim]
    span = 1 + sum(abs(scalar.strides[d]) * (nest.extents[d] - 1) for d in inner)
    return abs(scalar.strides[dim]) < 2 * span and nest.extents[nest.reduced[-1]] >= LINE


def _pieces_in_l1(product: Product, tiling: Tiling) -> Pieces | None:
    """The same where both factors vary along lanes, so that nothing is copied: tiles find a piece in the L1 cache."""
    nest, (outermost, *inner) = product.nest, product.nest.reduced
    sizes = {d: nest.extents[d] for d in (*inner, *product.shared(tiling.vector_factor, tiling.lane_dim))}
    sizes |= {d: size for d, size in rows_of(tiling) if d is not None} | {tiling.lane_dim: tiling.width}
    steps = max(1, _READ_AGAIN_LINES // sum(cache_lines(factor.access, sizes) for factor in product.factors))
    return Pieces(outermost, steps) if steps < nest.extents[outermost] else None
