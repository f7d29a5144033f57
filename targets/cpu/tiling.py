"""How a product is cut: the loop for lanes and the register tile. Shapes and the level decide alone."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from cellc.targets.cpu.level import CpuLevel
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.register_tile import Tiling, loads_of, most_sums, written_out
from cellc.targets.cpu.tile_cost import FMA_LATENCY, FMAS_PER_CYCLE, tile_score
from cellc.targets.cpu.vectors import ITEM_BYTES, WOVEN


def choose_tiling(product: Product, level: CpuLevel, factors: Sequence[int] = (0, 1)) -> Tiling | None:
    """The register tile with the least estimated time, or None where no loop of `factors` suits lanes."""
    pairs = [(lane_dim, factor) for lane_dim in product.nest.parallel for factor in factors]
    choices = [tiling for lane_dim, factor in pairs for tiling in _choices(product, level, lane_dim, factor)]
    if not choices:
        return None
    best = max(choices, key=lambda tiling: tile_score(product, tiling))
    return _as_dot(product, best) or best


def choose_panel(product: Product, factor: int, columns: int, level: CpuLevel) -> tuple[int, float] | None:
    """The width of panels to store a factor in, along loop `columns`, and how much better its tiles are than those
    that `choose_tiling` finds; None where the columns do not fill any."""
    lanes, extent = level.lanes(max(4, ITEM_BYTES[product.element])), product.nest.extents[columns]
    before = choose_tiling(product, level)
    found: list[tuple[float, int]] = []
    for width in (lanes * vectors for vectors in (1, 2, 4) if extent % (lanes * vectors) == 0):
        stored = product.in_panels(factor, columns, width)
        found += [(tile_score(stored, tiling), width) for tiling in _choices(stored, level, columns, factor)]
    if before is None or not found:
        return None
    score, width = max(found)
    return width, score / tile_score(product, before)


def choose_resident_tiling(product: Product, factor: int, level: CpuLevel, width: int | None = None) -> Tiling | None:
    """The register tile with the least estimated time that reads lanes from panels of `factor` that are there.

    `width` is that of the panels, where they are packed already."""
    lanes, found = level.lanes(max(4, ITEM_BYTES[product.element])), list[tuple[float, Tiling]]()
    for columns in (d for d in product.nest.parallel if product.factors[factor].access.strides[d]):
        for columns_of_panel in [lanes * vectors for vectors in (1, 2, 4)] if width is None else [width]:
            stored = product.in_panels(factor, columns, columns_of_panel)
            found += [(tile_score(stored, tiling), tiling) for tiling in _choices(stored, level, columns, factor)]
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
            most = max(1, min(rows, (most_sums(nest, level.registers) - vectors) // vectors))
            one = Tiling(lanes, lane_dim, tile_dim, 1, vectors, factor, level.registers)
            found += [replace(one, tile=tile) for tile in range(1, most + 1)]
    return found + [wider for tiling in found for wider in _seconds(product, tiling)]


def _seconds(product: Product, tiling: Tiling) -> list[Tiling]:
    """Tiles over a second loop too, where one loop is too short to fill the registers, or where both factors are read
    along lanes: with some rows of each, tiles load less than with many rows of one."""
    nest, dim = product.nest, tiling.tile_dim
    both = all(factor.access.strides[tiling.lane_dim] for factor in product.factors)
    if dim is None or tiling.sums >= FMA_LATENCY * FMAS_PER_CYCLE or (tiling.tile != nest.extents[dim] and not both):
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
    if _share_taps(product, tiling) and needed > most_sums(product.nest, tiling.registers):
        return False
    return needed + min(loads_of(product, tiling)) + 1 <= tiling.registers


def _share_taps(product: Product, tiling: Tiling) -> bool:
    """Whether neighbours in the tile read the same elements at other taps of the inner loop: LLVM keeps those."""
    nest, scalar = product.nest, product.factors[1 - tiling.vector_factor].access
    if not written_out(nest, tiling.registers):
        return False
    reach = abs(scalar.strides[nest.reduced[-1]]) * (nest.extents[nest.reduced[-1]] - 1)
    return any(d is not None and 0 < abs(scalar.strides[d]) <= reach for d in (tiling.tile_dim, tiling.second_dim))


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
