"""How attention is cut: rows whose scores stay in the cache, rows that share panels, blocks. Shapes alone decide."""

from dataclasses import dataclass
from math import ceil, prod

from cellc.passes.attention_form import AttentionParts
from cellc.passes.linalg_analysis import loop_extents, shape_of
from cellc.targets.cpu.footprint import LINE
from cellc.targets.cpu.grid import Grid, make_grid
from cellc.targets.cpu.kernel import element_of
from cellc.targets.cpu.vectors import ITEM_BYTES

# Bytes of scores at a time: a part of the L2 cache, which holds the panels of K and V too; and the fewest rows.
_SCORE_BYTES, _FEWEST_ROWS = 1 << 18, 16
# Rows that share the packing of K and V, fewer for the sake of this many blocks.
_MANY_ROWS, _SOME_BLOCKS, _FEW, _FEWEST_SHARING = 512, 8, 4, 64
_BLOCK_STEPS = 1 << 18


@dataclass(frozen=True)
class AttentionBlocks:
    """Each (batch, head) index has `rows` rows, cut into parts of `part` rows, which run in chunks of `chunk`.

    The `grid` runs over the batch loops and the parts, as many as `extents` says.
    """

    rows: int
    part: int
    chunk: int
    extents: tuple[int, ...]
    grid: Grid


def score_bytes(parts: AttentionParts) -> int:
    """Bytes of the scores and the weights of one row."""
    return sum(ITEM_BYTES[element_of(v)] for v in (parts.scores, parts.weights)) * shape_of(parts.scores)[-1]


def fits(parts: AttentionParts) -> bool:
    """Whether the fewest rows that a chunk may have leave their scores in the cache, and work is not in too few blocks.

    Few rows of many keys are cut along the keys by the kernels of each product, but not here.
    """
    rows = min(_FEWEST_ROWS, shape_of(parts.scores)[-2])
    blocks = attention_blocks(parts).grid.blocks
    return rows * score_bytes(parts) <= 4 * _SCORE_BYTES and blocks >= min(_FEW, _steps(parts) // (_FEW * _BLOCK_STEPS))


def _steps(parts: AttentionParts) -> int:
    """Multiply-adds of both products."""
    return sum(prod(loop_extents(op)) for op in (parts.first[0], parts.second[0]))


def attention_blocks(parts: AttentionParts) -> AttentionBlocks:
    """Blocks with enough work to pay for packing, of which there are enough for many threads."""
    *batch, rows, _ = shape_of(parts.scores)
    most = max(_FEWEST_ROWS, 2 * _SCORE_BYTES // max(1, score_bytes(parts)))
    chunk = _chunk(rows, most)
    sharing = max(1, _MANY_ROWS // chunk)
    while sharing > 1 and prod(batch) * ceil(rows / (chunk * sharing)) < _SOME_BLOCKS:
        sharing = ceil(sharing / 2)
    while chunk * sharing > _FEWEST_SHARING and prod(batch) * ceil(rows / (chunk * sharing)) < _FEW:
        chunk = _chunk(rows, chunk // 2)
    part = min(chunk * sharing, ceil(rows / chunk) * chunk)
    extents = (*batch, ceil(rows / part))
    grid = make_grid(extents, _steps(parts) // prod(extents), 1, _BLOCK_STEPS)
    return AttentionBlocks(rows, part, chunk, extents, grid)


def _chunk(rows: int, most: int) -> int:
    """At most `most` rows, if possible so that all chunks are equal."""
    if rows <= most:
        return rows
    equal = [size for size in range(most, most // 2, -1) if rows % size == 0]
    return equal[0] if equal else ceil(rows / ceil(rows / most))


def pitch_of(columns: int, element: str) -> int:
    """Elements from one row of scores to the next: an odd number of cache lines, so that rows lie in different sets."""
    line = LINE * 4 // ITEM_BYTES[element]
    lines = ceil(columns / line)
    return (lines + (lines + 1) % 2) * line
