"""What a register tile costs: useful multiply-adds a cycle, estimated from a product's strides and extents alone."""

from math import ceil, prod

from cellc.targets.cpu.access import Access
from cellc.targets.cpu.blocking import MOST_COPIED_PANELS, contiguous_rows
from cellc.targets.cpu.footprint import LINE, cache_lines
from cellc.targets.cpu.nest import Nest, volume
from cellc.targets.cpu.pieces import extents_of, pieces_of
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.register_tile import Tiling, loads_of, rows_of, written_out
from cellc.targets.cpu.row_chunks import BLOCK_STEPS, FEW
from cellc.targets.cpu.scratch_copies import (
    FEWEST_ROWS,
    L1_STEPS,
    PAGE,
    CopiedRows,
    pays_to_pack,
    rows_to_copy,
    steps_are_apart,
)
from cellc.targets.cpu.vectors import ITEM_BYTES, WOVEN, bytes_of

# Cycles until a sum can be added to again, with one to spare.
FMA_LATENCY, FMAS_PER_CYCLE = 5, 2
_PANEL_BYTES_PER_CYCLE = 256
# To begin and end a tile: the end of its loop is not foreseen, and its sums are stored.
_CYCLES_PER_TILE = 24
# Cycles to load a line of which the next ones are not known ahead; to copy a vector to where its neighbours went, from
# turned blocks, to where they did not go; how many times longer lines in pages of their own take.
_CYCLES_PER_LINE, _CYCLES_PER_COPY, _CYCLES_PER_TURN, _CYCLES_PER_FAR_COPY, _FAR = 1.6, 2, 7, 8, 5
# Lines come in pairs from memory, and single ones that lie apart take as long as so many side by side.
_LINES_FOR_ONE = 4
_L2_BYTES = 1 << 20
# Lines of the L1 cache, 48 KiB.
_L1_LINES = 768
# Lines a whole number of pages apart that it holds, beside a panel.
_L1_WAYS = 6


def tile_score(product: Product, tiling: Tiling) -> float:
    """Useful multiply-adds per cycle, about; ties go to fewer loads, then to smaller tiles."""
    nest, work, (broadcast, vectors) = product.nest, tiling.sums, loads_of(product, tiling)
    loads, scalar = broadcast + vectors, product.factors[1 - tiling.vector_factor].access
    cycles = max(work / FMAS_PER_CYCLE, loads / FMAS_PER_CYCLE, FMA_LATENCY)
    if product.factors[1 - tiling.vector_factor].is_computed and rows_to_copy(product, tiling) is None:
        cycles += broadcast  # each element is widened, or made, where it is read
    cycles += _CYCLES_PER_TILE / max(1, nest.terms)
    panels = {tiling.tile_dim, tiling.second_dim} <= {None, *product.shared(tiling.vector_factor, tiling.lane_dim)}
    if panels:
        cycles += _memory_cycles(product, tiling)
    elif tiling.vectors == 1 and _is_far(nest, product.factors[tiling.vector_factor].access):
        cycles += vectors * _LINES_FOR_ONE * _CYCLES_PER_LINE
    score = _used(nest, tiling) * work / cycles
    output, vector = nest.outputs[0], product.factors[tiling.vector_factor].access
    turned = tiling.tile_dim is not None and output.strides[tiling.tile_dim] == 1
    if output.strides[tiling.lane_dim] != 1:
        # Tiles along the loop to store along read what their neighbours read too.
        score *= 0.97 if turned else 0.969 if _turnable(product, tiling) else 0.7
    if vector.strides[tiling.lane_dim] != 1:
        rows = prod(nest.extents[d] for d in product.shared(tiling.vector_factor, tiling.lane_dim))
        woven = 1 < vector.strides[tiling.lane_dim] <= WOVEN
        score *= 0.95 if rows > 16 and panels else 0.5 if woven else 0.2 if panels else 0.05  # gathers
    if scalar.strides[tiling.lane_dim] not in (0, 1):
        score *= 0.2
    if not _rows_are_near(nest, scalar, tiling) or _read_again_from_l2(product, tiling):
        score *= 0.95
    if _rows_share_sets(scalar, tiling):
        score *= 0.95
    if _few_blocks(product, tiling):
        score *= 0.9
    rows = [abs(scalar.strides[dim]) for dim, size in rows_of(tiling) if dim is not None and size > 1]
    return score - 0.05 * loads / work - 1e-3 * work - 1e-3 * sum(row >= PAGE for row in rows)


def _memory_cycles(product: Product, tiling: Tiling) -> float:
    """Cycles a reduction step of a tile waits for memory, about, with its part of copies that other tiles read too."""
    nest, factor = product.nest, product.factors[tiling.vector_factor]
    rows = prod(nest.extents[d] for d in product.shared(tiling.vector_factor, tiling.lane_dim))
    steps = max(1, nest.terms)
    packed = pays_to_pack(product, tiling, rows)
    once = min(1, tiling.tile * tiling.second / max(1, rows))
    if packed or factor.panel:
        # Panels are read again and again from the L2 cache.
        cycles = tiling.width * ITEM_BYTES[product.element] / _PANEL_BYTES_PER_CYCLE
    else:
        again = steps * tiling.vectors > _L1_LINES // 2
        lines = _LINES_FOR_ONE if tiling.vectors == 1 and _is_far(nest, factor.access) else tiling.vectors
        cycles = lines * _CYCLES_PER_LINE * (1 if again else once)
    turned = factor.access.strides[tiling.lane_dim] != 1
    if packed and (rows > FEW or not turned):  # fewer that would be turned become dot products
        copied = _CYCLES_PER_TURN if turned else _CYCLES_PER_COPY
        cycles += tiling.vectors * copied * once
    if nest.outputs[0].strides[tiling.lane_dim] != 1:
        cycles += _CYCLES_PER_TURN * tiling.sums / steps
    if rows_to_copy(product, tiling) is CopiedRows.BY_STEP:
        columns = min(nest.extents[tiling.lane_dim], MOST_COPIED_PANELS * tiling.width)
        return cycles + _CYCLES_PER_FAR_COPY * tiling.width / columns
    if rows * steps <= _L1_LINES // 2 * LINE:
        return cycles  # all rows stay in the L1 cache
    return cycles + _rows_read(product, tiling) * _CYCLES_PER_LINE


def _is_far(nest: Nest, vector: Access) -> bool:
    """Whether lines that lie apart come from a matrix that hardly fits a level 2 cache."""
    apart = all(abs(vector.strides[d]) >= 2 * LINE for d in nest.reduced)
    return apart and bytes_of(vector.buffer) >= _L2_BYTES


def _rows_read(product: Product, tiling: Tiling) -> float:
    """Cache lines of the broadcast factor that a reduction step of the tile begins, about, where its rows lie apart."""
    nest, scalar = product.nest, product.factors[1 - tiling.vector_factor].access
    dims = [(dim, size) for dim, size in rows_of(tiling) if dim is not None]
    apart = prod(size for dim, size in dims if abs(scalar.strides[dim]) >= LINE)
    begun = apart * prod(1 + size / LINE for dim, size in dims if 0 < abs(scalar.strides[dim]) < LINE)
    if steps_are_apart(product, scalar):
        return _FAR * begun
    steps = _elements_per_step(nest, scalar, apart)
    if steps >= LINE and nest.terms > L1_STEPS:
        return begun
    if apart > 1:
        return apart * min(steps, LINE) / LINE
    # Rows that are filters of a few taps, side by side: what all steps read, once for each tile.
    taps = [d for d in nest.reduced if 0 < abs(scalar.strides[d]) < LINE]
    span = 1 + sum(abs(scalar.strides[d]) * (nest.extents[d] - 1) for d in taps)
    filters = {dim: size for dim, size in dims if span <= abs(scalar.strides[dim]) < LINE and size > 1}
    sizes = filters | {d: nest.extents[d] for d in nest.reduced}
    return cache_lines(scalar, sizes) / nest.terms if taps and filters else 0.0


def _elements_per_step(nest: Nest, scalar: Access, rows: int) -> int:
    """How far a reduction step goes on in a row; loops further out use what inner ones leave in the L1 cache."""
    nearest, lines = LINE, rows
    for dim in reversed(nest.reduced):
        stride = abs(scalar.strides[dim])
        nearest = min(nearest, stride)
        lines *= ceil(nest.extents[dim] * min(stride, LINE) / LINE)
        if lines > _L1_LINES:
            break
    return nearest


def _rows_are_near(nest: Nest, scalar: Access, tiling: Tiling) -> bool:
    """Whether the tile's rows lie in the same cache lines, or a reduction loop runs along lines."""
    if any(abs(scalar.strides[d]) < LINE for d in nest.reduced):
        return True
    return all(scalar.strides[d] < LINE for d in (tiling.tile_dim, tiling.second_dim) if d is not None)


def _rows_share_sets(scalar: Access, tiling: Tiling) -> bool:
    """Whether the tile's rows lie whole pages apart, and are more than the L1 cache has places for."""
    return tiling.tile_dim is not None and tiling.tile > _L1_WAYS and _whole_pages(scalar.strides[tiling.tile_dim])


def _whole_pages(stride: int) -> bool:
    return stride != 0 and stride % PAGE == 0


def _read_again_from_l2(product: Product, tiling: Tiling) -> bool:
    """Whether a tile of windows reads more than the L1 cache holds, which the next tile reads again."""
    nest = product.nest
    if not written_out(nest, tiling.registers):
        return False
    sizes = dict(zip(nest.reduced, extents_of(nest, pieces_of(product, tiling)), strict=True))
    rows = ((tiling.tile_dim, tiling.tile), (tiling.second_dim, tiling.second))
    sizes |= {d: size for d, size in rows if d is not None}
    return cache_lines(product.factors[1 - tiling.vector_factor].access, sizes) > _L1_LINES


def _turnable(product: Product, tiling: Tiling) -> bool:
    """Whether results can be stored along their own loops, whatever loop the tile runs along."""
    nest = product.nest
    same = product.shared(tiling.vector_factor, tiling.lane_dim)
    shared = [d for d in nest.parallel if d in (*same, tiling.tile_dim, tiling.second_dim)]
    return prod(nest.extents[d] for d in contiguous_rows(product, shared)) >= tiling.lanes // FEW


def _used(nest: Nest, tiling: Tiling) -> float:
    """The part of the tiles' lanes and rows that are results."""
    extent = nest.extents[tiling.lane_dim]
    full, rest = divmod(extent, tiling.width)
    vectors = full * tiling.vectors + ceil(rest / tiling.lanes)
    rows = nest.extents[tiling.tile_dim] if tiling.tile_dim is not None else 1
    return extent / (vectors * tiling.lanes) * rows / (ceil(rows / tiling.tile) * tiling.tile)


def _few_blocks(product: Product, tiling: Tiling) -> bool:
    """Whether a long product has too few panels for several threads."""
    nest = product.nest
    shared = product.shared(tiling.vector_factor, tiling.lane_dim)
    rows = prod(nest.extents[d] for d in shared)
    panels = ceil(nest.extents[tiling.lane_dim] / tiling.width) * ceil(rows / FEWEST_ROWS)
    panels *= prod(nest.extents[d] for d in nest.parallel if d not in (*shared, tiling.lane_dim))
    return panels < FEW and volume(nest) > FEW * BLOCK_STEPS
