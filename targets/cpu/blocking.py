"""How a product is cut into blocks: enough work in each to pay for packing, enough of them for many threads."""

from dataclasses import dataclass
from math import ceil, gcd, lcm, prod

from cellc.targets.cpu.footprint import LINE, cache_lines
from cellc.targets.cpu.nest import volume
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.register_tile import Tiling, rows_of
from cellc.targets.cpu.scratch_copies import FEWEST_ROWS, CopiedRows, pays_to_pack, pieces_of, rows_to_copy
from cellc.targets.cpu.vectors import ITEM_BYTES

# Bytes of the broadcast factor that a block reads again for each panel, and of windows, which share what they read;
# rows that share the packing of a panel, and how few they may be for the sake of more blocks.
_ROWS_BYTES, _WINDOWS_BYTES, _MOST_ROWS, _MANY_ROWS, _SOME_BLOCKS = 1 << 19, 1 << 20, 1024, 512, 8
BLOCK_STEPS, _ENOUGH_BLOCKS, MOST_PANELS = 1 << 18, 32, 8
# Panels that stay in a cache, steps beside which storing takes long, and into how many blocks rows are cut then.
_NEAR_BYTES, _FEW_STEPS, _BLOCKS_OF_ROWS = 1 << 16, 64, 16
# Columns for which copied rows pay; panels of a block whose rows are copied from memory, once for all of them.
_MANY_COLUMNS, MOST_COPIED_PANELS = 64, 32
FEW = 4
# Steps of a sum beside which storing it a lane at a time takes little.
_LONG_SUMS = 1024


@dataclass(frozen=True)
class Blocking:
    """`chunks[d]` iterations of loop d per block, counted in panels for the lane loop.

    `packed`: panels are copied to scratch. `pieces`: steps of the outermost reduction loop at a time, or None
    where it runs as a whole. `turned`: loops that the results walk as one, along which they are stored; the sums
    of a panel wait in scratch for that. None where they are stored tile by tile. `rows`: how the block's rows of the
    broadcast factor are copied to scratch, for all its panels, or None.
    """

    chunks: dict[int, int]
    packed: bool
    pieces: int | None
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
    chunks, rows = _rows_for_blocks(product, tiling, shared, wide)
    blocks = _count(product, tiling, chunks)
    per_block = rows * tiling.width * prod(nest.extents[d] for d in nest.reduced)
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
    steps = prod(product.nest.extents[d] for d in product.nest.reduced)
    turned = _turned(product, tiling, shared, chunks)
    for dim, size in rows_of(tiling):  # only the last block of a loop may end within a tile
        assert dim is None or chunks[dim] % size == 0 or chunks[dim] == product.nest.extents[dim], (chunks, tiling)
    return Blocking(chunks, packed, pieces_of(product, tiling, steps), turned, copied)


def _panels_are_near(product: Product, tiling: Tiling) -> bool:
    """Whether storing results along lanes takes longer than their few steps, and all panels are in a cache: one thread
    makes whole rows of results then, and finds them in its own cache again."""
    nest, lane = product.nest, tiling.lane_dim
    steps, columns = prod(nest.extents[d] for d in nest.reduced), nest.extents[lane]
    near = steps <= _FEW_STEPS and steps * columns * ITEM_BYTES[product.element] <= _NEAR_BYTES
    one = len(product.shared(tiling.vector_factor, lane)) == len(nest.parallel) - 1 > 0
    return near and one and tiling.dot_dim is None and nest.outputs[0].strides[lane] == 1


def _by_rows(product: Product, tiling: Tiling, shared: list[int], panels: int, copied: CopiedRows | None) -> Blocking:
    """Blocks of all panels and some rows."""
    nest = product.nest
    chunks = {d: nest.extents[d] if d in shared else 1 for d in nest.parallel} | {tiling.lane_dim: panels}
    steps = prod(nest.extents[d] for d in nest.reduced)
    rows = prod(nest.extents[d] for d in shared)
    blocks = max(FEW, 2 * rows // FEWEST_ROWS) if pays_to_pack(product, tiling, rows) else rows
    blocks = min(blocks, _BLOCKS_OF_ROWS)
    most = max(ceil(rows / blocks), BLOCK_STEPS // max(1, steps * nest.extents[tiling.lane_dim]))
    if rows > most:
        _split_rows(product, tiling, chunks, shared, most)
    return _blocking(product, tiling, shared, chunks, rows, copied)  # constants are packed once for all blocks


def _by_loops(product: Product, tiling: Tiling, shared: list[int], panels: int, copied: CopiedRows | None) -> Blocking:
    """Blocks of inner loops, where the tile runs along a loop that has no panel in common: nothing is packed, and a
    thread that has the same images in each kernel finds them in its cache."""
    nest, lane = product.nest, tiling.lane_dim
    same = product.shared(tiling.vector_factor, lane)
    units = {d: size for d, size in rows_of(tiling) if d is not None} | {d: nest.extents[d] for d in same}
    chunks = {d: units.get(d, 1) for d in nest.parallel}
    chunks[lane] = 1
    per_block = prod(chunks.values()) * tiling.width * prod(nest.extents[d] for d in nest.reduced)
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
    widened = product.factors[1 - tiling.vector_factor].extension is not None
    return None if copied is CopiedRows.BY_STEP and few and not widened else copied


def _rows_for_blocks(product: Product, tiling: Tiling, shared: list[int], wide: int) -> tuple[dict[int, int], int]:
    """`_row_chunks` of as many rows as leave enough blocks; of fewer than share packing where those are too few."""
    chunks, rows = {}, 0
    for fewest in (_most_rows(product, tiling, shared), _MANY_ROWS, FEWEST_ROWS):
        chunks, rows = _row_chunks(product, tiling, shared, fewest, wide)
        if _count(product, tiling, chunks) >= (_SOME_BLOCKS if wide == 1 else FEW):
            break
    blocks = _count(product, tiling, chunks)
    if blocks < FEW and shared and volume(product.nest) > FEW * BLOCK_STEPS:
        rows = _split_rows(product, tiling, chunks, shared, max(32, rows * blocks // FEW))
    return chunks, rows


def _most_rows(product: Product, tiling: Tiling, shared: list[int]) -> int:
    """Rows that share the packing of a panel; of windows, which share what they read, what a level 2 cache holds."""
    nest, scalar = product.nest, product.factors[1 - tiling.vector_factor].access
    rows, steps = (prod(nest.extents[d] for d in dims) for dims in (shared, nest.reduced))
    read = LINE * cache_lines(scalar, {d: nest.extents[d] for d in (*shared, *nest.reduced)})
    held = _WINDOWS_BYTES * rows // (4 * max(1, read)) if 2 * read <= rows * steps else _MOST_ROWS
    return max(_MANY_ROWS, min(_MOST_ROWS, held))


def _row_chunks(
    product: Product, tiling: Tiling, shared: list[int], fewest: int, wide: int
) -> tuple[dict[int, int], int]:
    """Chunks `wide` panels wide of at least about `fewest` rows, the loops `shared`, and the rows of one."""
    nest = product.nest
    steps = prod(nest.extents[d] for d in nest.reduced)
    chunks = {d: nest.extents[d] if d in shared else 1 for d in nest.parallel} | {tiling.lane_dim: wide}
    rows, most = prod(nest.extents[d] for d in shared), max(fewest, _ROWS_BYTES // (4 * max(1, steps)))
    if shared and rows > most:
        rows = _split_rows(product, tiling, chunks, shared, most)
    return chunks, rows


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
        unit = {tiling.tile_dim: tiling.tile, tiling.second_dim: tiling.second}.get(first, 1)
        unit = lcm(unit, tiling.lanes // gcd(tiling.lanes, inner))
        whole = min(nest.extents[first], ceil(chunks[first] / unit) * unit)
        if whole == nest.extents[first] and prod(nest.extents[d] for d in nest.reduced) >= _LONG_SUMS:
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


def _split_rows(product: Product, tiling: Tiling, chunks: dict[int, int], shared: list[int], most: int) -> int:
    """Cuts the first loop whose inner loops are few enough, in whole tiles; returns the rows left.

    A block that ended within a tile would compute, and store, rows of the next one, or rows behind the last."""
    extents, outer = product.nest.extents, 1
    for position, dim in enumerate(shared):
        inner = outer * prod(extents[d] for d in shared[position + 1 :])
        unit = {tiling.tile_dim: tiling.tile, tiling.second_dim: tiling.second}.get(dim, 1)
        if inner * unit <= most or position == len(shared) - 1:
            parts = ceil(extents[dim] * inner / most)
            chunks[dim] = min(extents[dim], ceil(ceil(extents[dim] / parts) / unit) * unit)
            return chunks[dim] * inner
        chunks[dim] = min(extents[dim], unit)
        outer *= chunks[dim]
    raise AssertionError("no loop to cut")


def _count(product: Product, tiling: Tiling, chunks: dict[int, int]) -> int:
    unit = {tiling.lane_dim: tiling.width}
    return prod(ceil(ceil(product.nest.extents[d] / unit.get(d, 1)) / chunk) for d, chunk in chunks.items())
