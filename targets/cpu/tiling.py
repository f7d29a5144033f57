"""How a product is cut: the loop for lanes, the register tile, the blocks. Shapes and the level decide alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from math import ceil, gcd, lcm, prod

from cellc.targets.cpu.access import Access
from cellc.targets.cpu.footprint import LINE, cache_lines
from cellc.targets.cpu.level import CpuLevel
from cellc.targets.cpu.nest import Nest, volume
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.vectors import ITEM_BYTES, WOVEN

# Reductions longer than KC_LIMIT run in pieces of about KC steps, whose panel stays in the L1 and L2 caches.
KC, KC_LIMIT = 512, 1024
# Bytes of the broadcast factor that a block reads again for each panel; rows that share the packing of a panel, and
# how few they may be for the sake of more blocks.
_ROWS_BYTES, _MANY_ROWS, _FEWEST_ROWS, _SOME_BLOCKS = 1 << 19, 512, 256, 8
_BLOCK_STEPS, _ENOUGH_BLOCKS, _MOST_PANELS = 1 << 18, 32, 8
# Cycles until a sum can be added to again, with one to spare.
_FMA_LATENCY, _FMAS_PER_CYCLE = 5, 2
_PANEL_BYTES_PER_CYCLE = 256
# Cycles to load a line of which the next ones are not known ahead; to copy a vector to where its neighbours went, from
# turned blocks, to where they did not go; how many times longer lines in pages of their own take.
_CYCLES_PER_LINE, _CYCLES_PER_COPY, _CYCLES_PER_TURN, _CYCLES_PER_FAR_COPY, _FAR = 1.6, 2, 7, 8, 5
_FEW = 4
# So many rows that copying a panel that they share pays, though it lies along lanes, and where each step is in a page;
# columns for which copied rows pay.
_MANY_USES, _MANY_USES_OF_PAGES, _MANY_COLUMNS = 100, 32, 64
# Elements of a page of memory, about; pages whose places are at hand, those of other factors aside.
_PAGE, _KNOWN_PAGES = 1024, 256
_SHORT = 4
# Lines of the L1 cache, 48 KiB; of so many reduction steps it holds a panel, and a line of the other factor for each.
_L1_LINES, _L1_STEPS = 768, 128


class CopiedRows(Enum):
    """How rows of the broadcast factor lie in scratch: [tile][reduction step][row], or [row][reduction step]."""

    BY_STEP = auto()
    BY_ROW = auto()


@dataclass(frozen=True)
class Tiling:
    """`lane_dim` runs along vectors of factor `vector_factor`; `tile` indices of `tile_dim` times `second` indices
    of `second_dim` times `vectors` vectors are summed in registers. `second` divides its loop's extent.
    With `dot_dim`, lanes run along that reduction loop instead."""

    lanes: int
    lane_dim: int
    tile_dim: int | None
    tile: int
    vectors: int
    vector_factor: int
    registers: int
    dot_dim: int | None = None
    second_dim: int | None = None
    second: int = 1

    @property
    def sums(self) -> int:
        """Vectors of sums."""
        return self.tile * self.second * self.vectors

    @property
    def width(self) -> int:
        """Columns of a panel."""
        return self.lanes * self.vectors


def choose_tiling(product: Product, level: CpuLevel, factors: Sequence[int] = (0, 1)) -> Tiling | None:
    """The register tile with the least estimated time, or None where no loop of `factors` suits lanes."""
    pairs = [(lane_dim, factor) for lane_dim in product.nest.parallel for factor in factors]
    choices = [tiling for lane_dim, factor in pairs for tiling in _choices(product, level, lane_dim, factor)]
    if not choices:
        return None
    best = max(choices, key=lambda tiling: _score(product, tiling))
    return _as_dot(product, best) or best


def choose_panel(product: Product, factor: int, columns: int, level: CpuLevel) -> tuple[int, float] | None:
    """The width of panels to store a factor in, along loop `columns`, and how much better its tiles are than those
    that `choose_tiling` finds; None where the columns do not fill any."""
    lanes, extent = level.lanes(max(4, ITEM_BYTES[product.element])), product.nest.extents[columns]
    before = choose_tiling(product, level)
    found: list[tuple[float, int]] = []
    for width in (lanes * vectors for vectors in (1, 2, 4) if extent % (lanes * vectors) == 0):
        stored = product.in_panels(factor, columns, width)
        found += [(_score(stored, tiling), width) for tiling in _choices(stored, level, columns, factor)]
    if before is None or not found:
        return None
    score, width = max(found)
    return width, score / _score(product, before)


def choose_resident_tiling(product: Product, factor: int, level: CpuLevel, width: int | None = None) -> Tiling | None:
    """The register tile with the least estimated time that reads lanes from panels of `factor` that are there.

    `width` is that of the panels, where they are packed already."""
    lanes, found = level.lanes(max(4, ITEM_BYTES[product.element])), list[tuple[float, Tiling]]()
    for columns in (d for d in product.nest.parallel if product.factors[factor].access.strides[d]):
        for columns_of_panel in [lanes * vectors for vectors in (1, 2, 4)] if width is None else [width]:
            stored = product.in_panels(factor, columns, columns_of_panel)
            found += [(_score(stored, tiling), tiling) for tiling in _choices(stored, level, columns, factor)]
    return max(found, key=lambda choice: choice[0])[1] if found else None


def _choices(product: Product, level: CpuLevel, lane_dim: int, factor: int) -> list[Tiling]:
    """Every register tile with lanes along `lane_dim`, read from `factor`."""
    nest, lanes = product.nest, level.lanes(max(4, ITEM_BYTES[product.element]))
    vector, scalar = (product.factors[i].access for i in (factor, 1 - factor))
    if vector.strides[lane_dim] == 0 or (scalar.strides[lane_dim] != 0 and factor == 0):
        return []
    panels = [product.factors[i].panel for i in (factor, 1 - factor)]
    if panels[1] is not None:
        return []
    others = [d for d in nest.parallel if d != lane_dim]
    found = []
    for tile_dim in [d for d in others if vector.strides[d] == 0] or others or [None]:
        for vectors in (1, 2, 4):
            if vectors > 1 and lanes * (vectors - 1) >= nest.extents[lane_dim]:
                continue
            if panels[0] not in (None, lanes * vectors):
                continue
            rows = nest.extents[tile_dim] if tile_dim is not None else 1
            most = max(1, min(rows, (_most_sums(nest, level.registers) - vectors) // vectors))
            one = Tiling(lanes, lane_dim, tile_dim, 1, vectors, factor, level.registers)
            found += [replace(one, tile=tile) for tile in range(1, most + 1)]
    return found + [wider for tiling in found for wider in _seconds(product, tiling)]


def _most_sums(nest: Nest, registers: int) -> int:
    """Registers for sums and vectors. A short inner loop is written out, and LLVM loads what it needs ahead."""
    return registers - (10 if _written_out(nest, registers) else 2)


def _written_out(nest: Nest, registers: int) -> bool:
    """Whether the inner loop is that over a row of a window, and short."""
    return registers >= 32 and bool(nest.reduced) and nest.extents[nest.reduced[-1]] <= _SHORT


def _seconds(product: Product, tiling: Tiling) -> list[Tiling]:
    """Tiles over a second loop too, where one loop is too short to fill the registers."""
    nest, dim = product.nest, tiling.tile_dim
    if dim is None or tiling.tile != nest.extents[dim] or tiling.sums >= _FMA_LATENCY * _FMAS_PER_CYCLE:
        return []
    found = []
    for second_dim in nest.parallel:
        if second_dim in (dim, tiling.lane_dim):
            continue
        extent = nest.extents[second_dim]
        for second in (s for s in range(2, extent + 1) if extent % s == 0):
            wider = replace(tiling, second_dim=second_dim, second=second)
            if _fits(product, wider):
                found.append(wider)
    return found


def _fits(product: Product, tiling: Tiling) -> bool:
    """Whether the registers hold the tile's sums and what it loads."""
    needed = tiling.sums + tiling.vectors
    if _share_taps(product, tiling) and needed > _most_sums(product.nest, tiling.registers):
        return False
    return needed + min(_loads(product, tiling)) + 1 <= tiling.registers


def _share_taps(product: Product, tiling: Tiling) -> bool:
    """Whether neighbours in the tile read the same elements at other taps of the inner loop: LLVM keeps those."""
    nest, scalar = product.nest, product.factors[1 - tiling.vector_factor].access
    if not _written_out(nest, tiling.registers):
        return False
    reach = abs(scalar.strides[nest.reduced[-1]]) * (nest.extents[nest.reduced[-1]] - 1)
    return any(d is not None and 0 < abs(scalar.strides[d]) <= reach for d in (tiling.tile_dim, tiling.second_dim))


def _rows_of(tiling: Tiling) -> tuple[tuple[int | None, int], ...]:
    """The loops of a tile's rows, and how many of each."""
    return (tiling.tile_dim, tiling.tile), (tiling.second_dim, tiling.second)


def _loads(product: Product, tiling: Tiling) -> tuple[int, int]:
    """Loads of the broadcast factor and of the other one in a reduction step."""
    counts = []
    for number, each in ((1 - tiling.vector_factor, 1), (tiling.vector_factor, tiling.vectors)):
        strides = product.factors[number].access.strides
        for dim, size in _rows_of(tiling):
            each *= size if dim is not None and strides[dim] != 0 else 1
        counts.append(each)
    return counts[0], counts[1]


def _score(product: Product, tiling: Tiling) -> float:
    """Useful multiply-adds per cycle, about; ties go to fewer loads, then to smaller tiles."""
    nest, work, (broadcast, vectors) = product.nest, tiling.sums, _loads(product, tiling)
    loads, scalar = broadcast + vectors, product.factors[1 - tiling.vector_factor].access
    cycles = max(work / _FMAS_PER_CYCLE, loads / _FMAS_PER_CYCLE, _FMA_LATENCY)
    if product.factors[1 - tiling.vector_factor].extension is not None and _copied_rows(product, tiling) is None:
        cycles += broadcast  # each element is widened where it is read
    if {tiling.tile_dim, tiling.second_dim} <= {None, *product.shared(tiling.vector_factor, tiling.lane_dim)}:
        cycles += _memory_cycles(product, tiling)
    score = _used(nest, tiling) * work / cycles
    output, vector = nest.outputs[0], product.factors[tiling.vector_factor].access
    turned = tiling.tile_dim is not None and output.strides[tiling.tile_dim] == 1
    if output.strides[tiling.lane_dim] != 1:
        # Tiles along the loop to store along read what their neighbours read too.
        score *= 0.97 if turned else 0.969 if _turnable(product, tiling) else 0.7
    if vector.strides[tiling.lane_dim] != 1:
        rows = prod(nest.extents[d] for d in product.shared(tiling.vector_factor, tiling.lane_dim))
        woven = 1 < vector.strides[tiling.lane_dim] <= WOVEN
        score *= 0.95 if rows > 16 else 0.5 if woven else 0.2
    if scalar.strides[tiling.lane_dim] not in (0, 1):
        score *= 0.2
    if not _rows_are_near(nest, scalar, tiling) or _read_again_from_l2(product, tiling):
        score *= 0.95
    if _few_blocks(product, tiling):
        score *= 0.9
    return score - 0.05 * loads / work - 1e-3 * work


def _memory_cycles(product: Product, tiling: Tiling) -> float:
    """Cycles a reduction step of a tile waits for memory, about, with its part of copies that other tiles read too."""
    nest, factor = product.nest, product.factors[tiling.vector_factor]
    rows = prod(nest.extents[d] for d in product.shared(tiling.vector_factor, tiling.lane_dim))
    steps = max(1, prod(nest.extents[d] for d in nest.reduced))
    packed = _packed(product, tiling, rows)
    once = min(1, tiling.tile * tiling.second / max(1, rows))
    if packed or factor.panel:
        # Panels are read again and again from the L2 cache.
        cycles = tiling.width * ITEM_BYTES[product.element] / _PANEL_BYTES_PER_CYCLE
    else:
        cycles = tiling.vectors * _CYCLES_PER_LINE * (1 if steps * tiling.vectors > _L1_LINES // 2 else once)
    if packed and rows > _FEW:  # fewer become dot products
        copied = _CYCLES_PER_COPY if factor.access.strides[tiling.lane_dim] == 1 else _CYCLES_PER_TURN
        cycles += tiling.vectors * copied * once
    if nest.outputs[0].strides[tiling.lane_dim] != 1:
        cycles += _CYCLES_PER_TURN * tiling.sums / steps
    if _copied_rows(product, tiling) is CopiedRows.BY_STEP:
        columns = min(nest.extents[tiling.lane_dim], _MOST_PANELS * tiling.width)
        return cycles + _CYCLES_PER_FAR_COPY * tiling.width / columns
    if rows * steps <= _L1_LINES // 2 * LINE:
        return cycles  # all rows stay in the L1 cache
    return cycles + _rows_read(product, tiling) * _CYCLES_PER_LINE


def _rows_read(product: Product, tiling: Tiling) -> float:
    """Cache lines of the broadcast factor that a reduction step of the tile begins, about, where its rows lie apart."""
    nest, scalar = product.nest, product.factors[1 - tiling.vector_factor].access
    dims = [(dim, size) for dim, size in _rows_of(tiling) if dim is not None]
    apart = prod(size for dim, size in dims if abs(scalar.strides[dim]) >= LINE)
    begun = apart * prod(1 + size / LINE for dim, size in dims if 0 < abs(scalar.strides[dim]) < LINE)
    if _steps_are_apart(product, scalar):
        return _FAR * begun
    steps = min(abs(scalar.strides[d]) for d in nest.reduced) if nest.reduced else LINE
    if steps >= LINE and prod(nest.extents[d] for d in nest.reduced) > _L1_STEPS:
        return begun
    return apart * min(steps, LINE) / LINE if apart > 1 else 0.0


def _steps_are_apart(product: Product, scalar: Access) -> bool:
    """Whether each reduction step reads other cache lines, in more pages than the processor knows the places of."""
    nest = product.nest
    nearest = min((abs(scalar.strides[d]) for d in nest.reduced), default=0)
    return nearest >= LINE and nearest * prod(nest.extents[d] for d in nest.reduced) > _KNOWN_PAGES * _PAGE


def _copied_rows(product: Product, tiling: Tiling) -> CopiedRows | None:
    """How to copy the rows of a tile: where each reduction step is in other pages, or where they are widened."""
    factor, dim = product.factors[1 - tiling.vector_factor], tiling.tile_dim
    strides, reduced = factor.access.strides, product.nest.reduced
    if dim is None or tiling.second_dim is not None or tiling.dot_dim is not None or not reduced:
        return None
    if dim not in product.shared(tiling.vector_factor, tiling.lane_dim) or strides[tiling.lane_dim] != 0:
        return None
    far = _steps_are_apart(product, factor.access)
    if strides[dim] == 1 < tiling.tile <= tiling.lanes and (far or factor.extension is not None):
        return CopiedRows.BY_STEP if all(abs(strides[d]) >= LINE for d in reduced) else None
    if factor.extension is None or strides[reduced[-1]] != 1:
        return None
    length = product.nest.extents[reduced[-1]]
    overlap = any(0 < abs(strides[d]) < length for d in product.shared(tiling.vector_factor, tiling.lane_dim))
    return None if overlap or length < tiling.lanes else CopiedRows.BY_ROW


def _rows_are_near(nest: Nest, scalar: Access, tiling: Tiling) -> bool:
    """Whether the tile's rows lie in the same cache lines, or a reduction loop runs along lines."""
    if any(abs(scalar.strides[d]) < LINE for d in nest.reduced):
        return True
    return all(scalar.strides[d] < LINE for d in (tiling.tile_dim, tiling.second_dim) if d is not None)


def _read_again_from_l2(product: Product, tiling: Tiling) -> bool:
    """Whether a tile of windows reads more than the L1 cache holds, which the next tile reads again."""
    nest = product.nest
    if not _written_out(nest, tiling.registers):
        return False
    sizes = {d: nest.extents[d] for d in nest.reduced}
    pieces = _pieces(product, tiling, prod(sizes.values()))
    if pieces is not None:
        sizes[nest.reduced[0]] = pieces
    rows = ((tiling.tile_dim, tiling.tile), (tiling.second_dim, tiling.second))
    sizes |= {d: size for d, size in rows if d is not None}
    return cache_lines(product.factors[1 - tiling.vector_factor].access, sizes) > _L1_LINES


def _turnable(product: Product, tiling: Tiling) -> bool:
    """Whether results can be stored along their own loops, whatever loop the tile runs along."""
    nest = product.nest
    same = product.shared(tiling.vector_factor, tiling.lane_dim)
    shared = [d for d in nest.parallel if d in (*same, tiling.tile_dim, tiling.second_dim)]
    return prod(nest.extents[d] for d in contiguous_rows(product, shared)) >= tiling.lanes // _FEW


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
    panels = ceil(nest.extents[tiling.lane_dim] / tiling.width) * ceil(rows / _FEWEST_ROWS)
    panels *= prod(nest.extents[d] for d in nest.parallel if d not in (*shared, tiling.lane_dim))
    return panels < _FEW and volume(nest) > _FEW * _BLOCK_STEPS


def _as_dot(product: Product, tiling: Tiling) -> Tiling | None:
    """Lanes along the reduction, where panels would have to be turned for few uses, or columns are few."""
    nest, lane_dim = product.nest, tiling.lane_dim
    vector, scalar = (product.factors[i].access for i in (tiling.vector_factor, 1 - tiling.vector_factor))
    uses = prod(nest.extents[d] for d in product.shared(tiling.vector_factor, lane_dim))
    if scalar.strides[lane_dim] != 0 or product.factors[tiling.vector_factor].panel is not None:
        return None
    narrow = vector.strides[lane_dim] == 1 and 2 * nest.extents[lane_dim] <= tiling.lanes
    steps, length = (WOVEN, tiling.lanes) if narrow else (1, 2 * tiling.lanes)
    along = [d for d in nest.reduced if 1 <= vector.strides[d] <= steps and nest.extents[d] >= length]
    wide = vector.strides[lane_dim] == 1 and not narrow
    if wide or uses > 4 or not along or scalar.strides[along[-1]] not in (0, 1):
        return None
    return replace(tiling, tile=1, vectors=1, dot_dim=along[-1], second_dim=None, second=1)


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
    steps = prod(nest.extents[d] for d in nest.reduced)
    same = product.shared(tiling.vector_factor, lane)
    shared = [d for d in nest.parallel if d in (*same, tiling.tile_dim, tiling.second_dim)]
    chunks, rows = _row_chunks(product, tiling, shared, _MANY_ROWS)
    if _count(product, tiling, chunks) < _SOME_BLOCKS:
        chunks, rows = _row_chunks(product, tiling, shared, _FEWEST_ROWS)
    blocks = _count(product, tiling, chunks)
    if blocks < _FEW and shared and volume(nest) > _FEW * _BLOCK_STEPS:
        rows = _split_rows(product, tiling, chunks, shared, max(32, rows * blocks // _FEW))
        blocks = _count(product, tiling, chunks)
    per_block = rows * tiling.width * steps
    panels = ceil(nest.extents[lane] / tiling.width)
    fewest = ceil(_MANY_COLUMNS / tiling.width)
    wide = min(panels, _MOST_PANELS, max(fewest, blocks // _FEW))
    copied = _copied_rows(product, tiling)
    if copied is CopiedRows.BY_STEP and wide < fewest and product.factors[1 - tiling.vector_factor].extension is None:
        copied = None
    chunks[lane] = wide if copied is not None else max(1, min(panels, _MOST_PANELS, blocks // _ENOUGH_BLOCKS))
    if per_block * chunks[lane] < _BLOCK_STEPS:
        chunks[lane] = min(panels, ceil(_BLOCK_STEPS / max(1, per_block)))
    per_block *= chunks[lane]
    for d in reversed(nest.parallel):
        if d not in shared and d != lane and per_block < _BLOCK_STEPS:
            chunks[d] = min(nest.extents[d], ceil(_BLOCK_STEPS / max(1, per_block)))
            per_block *= chunks[d]
    packed = {tiling.tile_dim, tiling.second_dim} <= {None, *same} and _packed(product, tiling, rows)
    turned = _turned(product, tiling, shared, chunks)
    return Blocking(chunks, packed, _pieces(product, tiling, steps), turned, copied)


def _row_chunks(product: Product, tiling: Tiling, shared: list[int], fewest: int) -> tuple[dict[int, int], int]:
    """Chunks of at least about `fewest` rows, the loops `shared`, and the rows of one."""
    nest = product.nest
    steps = prod(nest.extents[d] for d in nest.reduced)
    chunks = {d: nest.extents[d] if d in shared else 1 for d in nest.parallel}
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
    if nest.extents[first] * inner < tiling.lanes // _FEW:
        return []
    if chunks[first] < nest.extents[first]:
        unit = {tiling.tile_dim: tiling.tile, tiling.second_dim: tiling.second}.get(first, 1)
        unit = lcm(unit, tiling.lanes // gcd(tiling.lanes, inner))
        chunks[first] = min(nest.extents[first], ceil(chunks[first] / unit) * unit)
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
    """Cuts the first loop whose inner loops are few enough, in whole tiles; returns the rows left."""
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


def _packed(product: Product, tiling: Tiling, rows: int) -> bool:
    """Whether copying panels pays."""
    factor = product.factors[tiling.vector_factor]
    if tiling.dot_dim is not None or factor.panel is not None:
        return False
    if factor.extension is not None:
        return rows > tiling.tile
    tiles = rows / (tiling.tile * tiling.second)
    if factor.access.strides[tiling.lane_dim] == 1:
        pages = all(abs(factor.access.strides[d]) >= _PAGE for d in product.nest.reduced)
        return rows >= (_MANY_USES_OF_PAGES if pages else _MANY_USES)
    # Blocks turned in registers cost less than gathers, even for one use.
    turned = any(abs(factor.access.strides[d]) == 1 for d in product.nest.reduced)
    return tiles >= 2 or (turned and rows > 1)


def _pieces(product: Product, tiling: Tiling, steps: int) -> int | None:
    nest = product.nest
    if tiling.dot_dim is not None or steps <= KC_LIMIT:
        return None
    inner = steps // nest.extents[nest.reduced[0]]
    pieces = max(1, KC // inner)
    return pieces if pieces < nest.extents[nest.reduced[0]] else None
