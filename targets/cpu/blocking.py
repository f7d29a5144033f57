"""How a product is cut into blocks: enough work in each to pay for packing, enough of them for many threads."""

from dataclasses import dataclass
from math import ceil, gcd, lcm, prod

from cellc.targets.cpu.pieces import Pieces, pieces_of
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.register_tile import Tiling, rows_of
from cellc.targets.cpu.row_chunks import BLOCK_STEPS, FEW, count_blocks, rows_for_blocks, split_rows
from cellc.targets.cpu.scratch_copies import FEWEST_ROWS, CopiedRows, pays_to_pack, rows_to_copy
from cellc.targets.cpu.vectors import ITEM_BYTES

_ENOUGH_BLOCKS, MOST_PANELS = 32, 8
# Panels that stay in a cache, steps beside which storing takes long, and into how many blocks rows are cut then.
_NEAR_BYTES, _FEW_STEPS, _BLOCKS_OF_ROWS = 1 << 16, 64, 16
# Steps beside which copying a panel takes long, where the columns of results are stored one row after the other.
_FEWEST_STEPS = 24
# Columns for which copied rows pay; panels of a block whose rows are copied from memory, once for all of them.
_MANY_COLUMNS, MOST_COPIED_PANELS = 64, 32
# Steps of a sum beside which storing it a lane at a time takes little.
_LONG_SUMS = 1024


@dataclass(frozen=True)
class Blocking:
    """`chunks[d]` iterations of loop d per block, counted in panels for the lane loop.

    `packed`: panels are copied to scratch. `pieces`: how the reduction is cut, or None where it runs as a whole.
    `turned`: loops that the results walk as one, along which they are stored; the sums of a panel wait in scratch for
    that. None where they are stored tile by tile. `rows`: how the block's rows of the broadcast factor are copied to
    scratch, for all its panels, or None.
    """

    chunks: dict[int, int]
    packed: bool
    pieces: Pieces | None
    turned: list[int]
    rows: CopiedRows | None


def choose_blocking(product: Product, tiling: Tiling) -> Blocking:
    """Blocks with enough work to pay for packing, of which there are enough for many threads."""
    nest, lane = product.nest, tiling.lane_dim
    same = product.shared(tiling.vector_factor, lane)
    shared = [d for d in nest.parallel if d in (*same, tiling.tile_dim, tiling.second_dim)]
    panels, copied = ceil(nest.extents[lane] / tiling.width), _copied(product, tiling)
    if _panels_are_near(product, tiling):
        return _by_rows(product, tiling, shared, panels, copied)
    if not {tiling.tile_dim, tiling.second_dim} <= {None, *same}:
        return _by_loops(product, tiling, shared, panels, copied)
    return _by_panels(product, tiling, shared, panels, copied)


def _by_panels(product: Product, tiling: Tiling, shared: list[int], panels: int, copied: CopiedRows | None) -> Blocking:
    """Blocks of rows that share the packing of each panel, of as many panels as leave enough blocks."""
    nest, lane = product.nest, tiling.lane_dim
    wide = min(panels, MOST_COPIED_PANELS) if copied is CopiedRows.BY_STEP else 1
    chunks, rows = rows_for_blocks(product, tiling, shared, wide)
    blocks = count_blocks(product, tiling, chunks)
    per_block = rows * tiling.width * nest.terms
    if copied is CopiedRows.BY_ROW:
        chunks[lane] = min(panels, MOST_PANELS, max(ceil(_MANY_COLUMNS / tiling.width), blocks // FEW))
    elif copied is None:
        chunks[lane] = max(1, min(panels, MOST_PANELS, blocks // _ENOUGH_BLOCKS))
    if per_block * chunks[lane] < BLOCK_STEPS:
        chunks[lane] = min(panels, ceil(BLOCK_STEPS / max(1, per_block)))
    per_block *= chunks[lane]
    for d in reversed(nest.parallel):
        if d not in shared and d != lane and per_block < BLOCK_STEPS:
            chunks[d] = min(nest.extents[d], ceil(BLOCK_STEPS / max(1, per_block)))
            per_block *= chunks[d]
    return _blocking(product, tiling, shared, chunks, rows, copied)


def _blocking(
    product: Product, tiling: Tiling, shared: list[int], chunks: dict[int, int], rows: int, copied: CopiedRows | None
) -> Blocking:
    same = product.shared(tiling.vector_factor, tiling.lane_dim)
    packed = {tiling.tile_dim, tiling.second_dim} <= {None, *same} and pays_to_pack(product, tiling, rows)
    turned = _turned(product, tiling, shared, chunks)
    for dim, size in rows_of(tiling):  # only the last block of a loop may end within a tile
        assert dim is None or chunks[dim] % size == 0 or chunks[dim] == product.nest.extents[dim], (chunks, tiling)
    return Blocking(chunks, packed, pieces_of(product, tiling), turned, copied)


def _panels_are_near(product: Product, tiling: Tiling) -> bool:
    """Whether storing results along lanes takes longer than their few steps, and all panels are in a cache: one thread
    makes whole rows of results then, and finds them in its own cache again."""
    nest, lane = product.nest, tiling.lane_dim
    steps, columns = nest.terms, nest.extents[lane]
    most = 2 * _NEAR_BYTES if _reads_in_place(product, tiling) else _NEAR_BYTES
    near = steps <= _FEW_STEPS and steps * columns * ITEM_BYTES[product.element] <= most
    one = len(product.shared(tiling.vector_factor, lane)) == len(nest.parallel) - 1 > 0
    return near and one and tiling.dot_dim is None and nest.outputs[0].strides[lane] == 1


def _reads_in_place(product: Product, tiling: Tiling) -> bool:
    """Whether columns lie side by side, and steps are so few that each row of results reads them where they lie."""
    factor = product.factors[tiling.vector_factor]
    stored = factor.panel is not None or factor.is_computed or factor.access.strides[tiling.lane_dim] != 1
    return not stored and product.nest.terms <= _FEWEST_STEPS


def _by_rows(product: Product, tiling: Tiling, shared: list[int], panels: int, copied: CopiedRows | None) -> Blocking:
    """Blocks of all panels and some rows."""
    nest = product.nest
    chunks = {d: nest.extents[d] if d in shared else 1 for d in nest.parallel} | {tiling.lane_dim: panels}
    steps = nest.terms
    rows = prod(nest.extents[d] for d in shared)
    in_place = _reads_in_place(product, tiling)
    blocks = max(FEW, 2 * rows // FEWEST_ROWS) if pays_to_pack(product, tiling, rows) else rows
    blocks = rows if in_place else min(blocks, _BLOCKS_OF_ROWS)
    most = max(ceil(rows / blocks), BLOCK_STEPS // max(1, steps * nest.extents[tiling.lane_dim]))
    if rows > most:
        left = split_rows(product, tiling, chunks, shared, most)
        rows = left if in_place else rows  # constants are packed once for all blocks
    return _blocking(product, tiling, shared, chunks, rows, copied)


def _by_loops(product: Product, tiling: Tiling, shared: list[int], panels: int, copied: CopiedRows | None) -> Blocking:
    """Blocks of inner loops, where the tile runs along a loop that has no panel in common: nothing is packed, and a
    thread that has the same images in each kernel finds them in its cache."""
    nest, lane = product.nest, tiling.lane_dim
    same = product.shared(tiling.vector_factor, lane)
    units = {d: size for d, size in rows_of(tiling) if d is not None} | {d: nest.extents[d] for d in same}
    chunks = {d: units.get(d, 1) for d in nest.parallel}
    chunks[lane] = 1
    per_block = prod(chunks.values()) * tiling.width * nest.terms
    for d in (lane, *(d for d in reversed(nest.parallel) if d not in (*same, lane))):
        unit, most = chunks[d], panels if d == lane else nest.extents[d]
        chunks[d] = min(most, unit * ceil(BLOCK_STEPS / max(1, per_block)))
        per_block *= ceil(chunks[d] / unit)
    rows = prod(chunks[d] for d in shared)
    return _blocking(product, tiling, shared, chunks, rows, copied)


def _copied(product: Product, tiling: Tiling) -> CopiedRows | None:
    """How rows are copied, if there are columns enough."""
    copied = rows_to_copy(product, tiling)
    few = product.nest.extents[tiling.lane_dim] <= _MANY_COLUMNS - tiling.width
    computed = product.factors[1 - tiling.vector_factor].is_computed
    return None if copied is CopiedRows.BY_STEP and few and not computed else copied


def _turned(product: Product, tiling: Tiling, shared: list[int], chunks: dict[int, int]) -> list[int]:
    """The inner loops of a block's rows to store along; the first one's chunk is made whole vectors of them."""
    nest, dims = product.nest, contiguous_rows(product, shared)
    while dims and any(chunks[d] < nest.extents[d] for d in dims[1:]):
        dims = dims[1:]
    if not dims or tiling.dot_dim is not None or nest.outputs[0].strides[tiling.lane_dim] == 1:
        return []
    first, inner = dims[0], prod(nest.extents[d] for d in dims[1:])
    if nest.extents[first] * inner < tiling.lanes // FEW:
        return []
    if chunks[first] < nest.extents[first]:
        unit = dict(rows_of(tiling)).get(first, 1)
        unit = lcm(unit, tiling.lanes // gcd(tiling.lanes, inner))
        whole = min(nest.extents[first], ceil(chunks[first] / unit) * unit)
        if whole == nest.extents[first] and nest.terms >= _LONG_SUMS:
            return []  # blocks for other threads save more
        chunks[first] = whole
    return dims


def contiguous_rows(product: Product, shared: list[int]) -> list[int]:
    """The last of the loops `shared` that the first result walks as contiguous memory, and everything the epilogue
    reads or writes as one loop."""
    nest, dims = product.nest, list[int]()
    if product.uses_index or not shared or nest.outputs[0].strides[shared[-1]] != 1:
        return dims
    for dim in reversed(shared):
        accesses = product.around
        if dims and any(a.strides[dim] != a.strides[dims[0]] * nest.extents[dims[0]] for a in accesses):
            break
        dims.insert(0, dim)
    return dims
