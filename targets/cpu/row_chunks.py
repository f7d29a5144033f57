"""How many rows share the packing of a panel, and where the loops of rows are cut."""

from math import ceil, prod

from cellc.targets.cpu.footprint import LINE, cache_lines
from cellc.targets.cpu.nest import volume
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.register_tile import Tiling, rows_of
from cellc.targets.cpu.scratch_copies import FEWEST_ROWS

# Multiply-adds that pay for a block of their own, and blocks that some threads can share.
BLOCK_STEPS, FEW = 1 << 18, 4
# Bytes of the broadcast factor that a block reads again for each panel, and of windows, which share what they read;
# rows that share the packing of a panel, and how few they may be for the sake of more blocks.
_ROWS_BYTES, _WINDOWS_BYTES, _MOST_ROWS, _MANY_ROWS, _SOME_BLOCKS = 1 << 19, 1 << 20, 1024, 512, 8


def rows_for_blocks(product: Product, tiling: Tiling, shared: list[int], wide: int) -> tuple[dict[int, int], int]:
    """`_row_chunks` of as many rows as leave enough blocks; of fewer than share packing where those are too few."""
    chunks, rows = {}, 0
    for fewest in (_most_rows(product, tiling, shared), _MANY_ROWS, FEWEST_ROWS):
        chunks, rows = _row_chunks(product, tiling, shared, fewest, wide)
        if count_blocks(product, tiling, chunks) >= (_SOME_BLOCKS if wide == 1 else FEW):
            break
    blocks = count_blocks(product, tiling, chunks)
    if blocks < FEW and shared and volume(product.nest) > FEW * BLOCK_STEPS:
        rows = split_rows(product, tiling, chunks, shared, max(32, rows * blocks // FEW))
    return chunks, rows


def _most_rows(product: Product, tiling: Tiling, shared: list[int]) -> int:
    """Rows that share the packing of a panel; of windows, which share what they read, what a level 2 cache holds."""
    nest, scalar = product.nest, product.factors[1 - tiling.vector_factor].access
    rows = prod(nest.extents[d] for d in shared)
    read = LINE * cache_lines(scalar, {d: nest.extents[d] for d in (*shared, *nest.reduced)})
    held = _WINDOWS_BYTES * rows // (4 * max(1, read)) if 2 * read <= rows * nest.terms else _MOST_ROWS
    return max(_MANY_ROWS, min(_MOST_ROWS, held))


def _row_chunks(
    product: Product, tiling: Tiling, shared: list[int], fewest: int, wide: int
) -> tuple[dict[int, int], int]:
    """Chunks `wide` panels wide of at least about `fewest` rows, the loops `shared`, and the rows of one."""
    nest = product.nest
    steps = nest.terms
    chunks = {d: nest.extents[d] if d in shared else 1 for d in nest.parallel} | {tiling.lane_dim: wide}
    rows, most = prod(nest.extents[d] for d in shared), max(fewest, _ROWS_BYTES // (4 * max(1, steps)))
    if shared and rows > most:
        rows = split_rows(product, tiling, chunks, shared, most)
    return chunks, rows


def split_rows(product: Product, tiling: Tiling, chunks: dict[int, int], shared: list[int], most: int) -> int:
    """Cuts the first loop whose inner loops are few enough, in whole tiles; returns the rows left.

    A block that ended within a tile would compute, and store, rows of the next one, or rows behind the last."""
    extents, outer = product.nest.extents, 1
    for position, dim in enumerate(shared):
        inner = outer * prod(extents[d] for d in shared[position + 1 :])
        unit = dict(rows_of(tiling)).get(dim, 1)
        if inner * unit <= most or position == len(shared) - 1:
            parts = ceil(extents[dim] * inner / most)
            chunks[dim] = min(extents[dim], ceil(ceil(extents[dim] / parts) / unit) * unit)
            return chunks[dim] * inner
        chunks[dim] = min(extents[dim], unit)
        outer *= chunks[dim]
    raise AssertionError("no loop to cut")


def count_blocks(product: Product, tiling: Tiling, chunks: dict[int, int]) -> int:
    unit = {tiling.lane_dim: tiling.width}
    return prod(ceil(ceil(product.nest.extents[d] / unit.get(d, 1)) / chunk) for d, chunk in chunks.items())
