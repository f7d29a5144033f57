"""How attention is cut: scores that stay in the cache, rows that share panels, blocks. Shapes alone decide."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, prod

from cellc.passes.attention_form import AttentionParts, ScoreParts
from cellc.passes.attention_gradient_form import AttentionGradientParts
from cellc.passes.linalg_analysis import loop_extents, shape_of
from cellc.passes.wide_elements import is_half
from cellc.targets.cpu.footprint import LINE
from cellc.targets.cpu.grid import Grid, make_grid
from cellc.targets.cpu.kernel import BLOCK, KernelWriter, element_of
from cellc.targets.cpu.nest import Nest
from cellc.targets.cpu.nest_writer import NestWriter
from cellc.targets.cpu.vectors import ITEM_BYTES
from cellc.targets.cpu.writer import Writer

# Bytes of scores at a time: a part of the L2 cache, which holds the panels of K and V too; and the fewest rows.
_SCORE_BYTES, _FEWEST_ROWS = 1 << 18, 16
# Rows that share the packing of K and V, fewer for the sake of this many blocks.
_MANY_ROWS, _SOME_BLOCKS, _FEW, _FEWEST_SHARING = 512, 8, 4, 64
_BLOCK_STEPS = 1 << 18
# Of a softmax: keys at a time at most, and bytes of their scores, which stay in the L2 cache with panels and sums; and
# rows at a time, the fewest where a mask may hide keys from all of them.
_MANY_KEYS, _SOFTMAX_BYTES, _SOME_ROWS, _MORE_ROWS = 512, 1 << 17, 64, 128
# Of gradients: keys and rows at a time, which with panels of them and sums stay in the L2 cache; and rows where a mask
# may hide keys from all of them.
_GRADIENT_KEYS, _GRADIENT_ROWS, _MASKED_GRADIENT_ROWS = 256, 64, 32
# Weights for each row and key of a head: what is copied grows with these, what is saved with those. In f16 and bf16,
# whose weights take half as much memory, more of them if a mask hides none.
_FEWEST_WEIGHTS, _FEWEST_HALF_WEIGHTS = 56, 80
# Weights of few heads that a level 2 cache holds cost less than making them again, unless a mask hides some.
_FEW_HEADS_WEIGHTS = 1 << 20


@dataclass(frozen=True)
class AttentionBlocks:
    """Each (batch, head) index has `rows` rows, cut into parts of `part` rows, which run in chunks of `chunk`.

    The scores of a chunk are made for `keys` keys at a time. The `grid` runs over the batch loops and the parts, as
    many as `extents` says.
    """

    rows: int
    part: int
    chunk: int
    keys: int
    extents: tuple[int, ...]
    grid: Grid


def score_bytes(parts: AttentionParts) -> int:
    """Bytes of the scores and the weights of one row."""
    return sum(ITEM_BYTES[element_of(v)] for v in (parts.scores, parts.weights)) * shape_of(parts.scores)[-1]


def fits(parts: AttentionParts) -> bool:
    """Whether the scores of the fewest whole rows that a chunk may have stay in the cache."""
    return min(_FEWEST_ROWS, shape_of(parts.scores)[-2]) * score_bytes(parts) <= 4 * _SCORE_BYTES


def has_blocks(parts: AttentionParts, blocks: AttentionBlocks) -> bool:
    """Whether work is not in too few blocks.

    Few rows of many keys are cut along the keys by the kernels of each product, but not here.
    """
    return blocks.grid.blocks >= min(_FEW, _steps(parts) // (_FEW * _BLOCK_STEPS))


def _steps(parts: AttentionParts) -> int:
    """Multiply-adds of both products."""
    return sum(prod(loop_extents(op)) for op in (parts.first[0], parts.second[0]))


def attention_blocks(parts: AttentionParts) -> AttentionBlocks:
    """Blocks of whole rows, with enough work to pay for packing, of which there are enough for many threads."""
    most = max(_FEWEST_ROWS, 2 * _SCORE_BYTES // max(1, score_bytes(parts)))
    return _blocks(parts, most, shape_of(parts.scores)[-1])


def softmax_blocks(parts: AttentionParts, masked: bool) -> AttentionBlocks:
    """The same for a softmax, whose rows need not be whole."""
    keys = _chunk(shape_of(parts.scores)[-1], _MANY_KEYS)
    rows = _SOFTMAX_BYTES // max(1, ITEM_BYTES[element_of(parts.scores)] * keys)
    most = _SOME_ROWS if masked else min(_MORE_ROWS, max(_SOME_ROWS, rows))
    return _blocks(parts, most, keys)


def _blocks(parts: AttentionParts, most: int, keys: int) -> AttentionBlocks:
    *batch, rows, _ = shape_of(parts.scores)
    chunk = _chunk(rows, most)
    sharing = max(1, _MANY_ROWS // chunk)
    while sharing > 1 and prod(batch) * ceil(rows / (chunk * sharing)) < _SOME_BLOCKS:
        sharing = ceil(sharing / 2)
    while chunk * sharing > _FEWEST_SHARING and prod(batch) * ceil(rows / (chunk * sharing)) < _FEW:
        chunk = _chunk(rows, chunk // 2)
    part = min(chunk * sharing, ceil(rows / chunk) * chunk)
    extents = (*batch, ceil(rows / part))
    grid = make_grid(extents, _steps(parts) // prod(extents), 1, _BLOCK_STEPS)
    return AttentionBlocks(rows, part, chunk, keys, extents, grid)


def gradient_blocks(parts: AttentionGradientParts, masked: bool) -> AttentionBlocks:
    """Blocks of (batch, head) indices, as each has sums over all rows."""
    *batch, rows, columns = shape_of(parts.scores)
    keys = _chunk(columns, _GRADIENT_KEYS * 4 // ITEM_BYTES[element_of(parts.scores)])
    most = _MASKED_GRADIENT_ROWS if masked else _GRADIENT_ROWS if rows > _MORE_ROWS else rows
    chunk = _chunk(rows, most)
    grid = make_grid((*batch, 1), _gradient_steps(parts) // prod(batch), 1, _BLOCK_STEPS)
    return AttentionBlocks(rows, ceil(rows / chunk) * chunk, chunk, keys, (*batch, 1), grid)


def _gradient_steps(parts: AttentionGradientParts) -> int:
    """Multiply-adds of all products."""
    ops = (parts.first[0], parts.dweights[0], *(product.ops[0] for product in parts.products))
    return sum(prod(loop_extents(op)) for op in ops)


def has_enough_heads(parts: AttentionGradientParts, blocks: AttentionBlocks) -> bool:
    """Whether work is not in too few blocks: the kernels of each product are cut along rows too, but not this one."""
    return blocks.grid.blocks >= min(_FEW, _gradient_steps(parts) // (_FEW * _BLOCK_STEPS))


def parts_of_keys(parts: AttentionGradientParts, masked: bool) -> int | None:
    """In how many parts the keys of too few heads make enough blocks; None where heads are enough, or keys too few."""
    *batch, rows, keys = shape_of(parts.scores)
    if not masked and prod(batch) * rows * keys < _FEW_HEADS_WEIGHTS:
        return None
    if has_enough_heads(parts, gradient_blocks(parts, masked)):
        return None
    counts = range(2, keys // _FEWEST_SHARING + 1)
    return next((count for count in counts if keys % count == 0 and prod(batch) * count >= _FEW), None)


def gradient_pays(parts: AttentionGradientParts, masked: bool) -> bool:
    """Whether sequences are long enough for one kernel to be no slower than separate ones."""
    *_, rows, keys = shape_of(parts.scores)
    half = not masked and any(is_half(value.type) for value in parts.first[0].inputs)
    return rows * keys >= (_FEWEST_HALF_WEIGHTS if half else _FEWEST_WEIGHTS) * (rows + keys)


def write_parts(
    kernel: KernelWriter, blocks: AttentionBlocks, parts: ScoreParts, part: Callable[[Sequence[str], str], None]
) -> None:
    """Runs `part(batch indices, number of the part)` for the parts of a block; sets the kernel's number of blocks."""
    kernel.blocks = blocks.grid.blocks
    ranges, loops = dict(enumerate(blocks.grid.ranges(kernel.writer, BLOCK))), list(range(len(blocks.extents)))
    nest = Nest(blocks.extents, (False,) * len(loops), (), (), parts.first[0].body.block)
    shell = NestWriter(kernel.writer, nest, 1)

    def inner() -> None:
        *batch, number = (index for index in shell.position if index is not None)
        part(batch, number)

    shell.loops(loops, ranges, inner)


def write_chunks(writer: Writer, blocks: AttentionBlocks, part: str, chunk: Callable[[str, int], None]) -> None:
    """Runs `chunk(first row, rows)` for the chunks of part `part`."""
    rest = blocks.rows % blocks.chunk
    full = writer.index(blocks.rows - rest)
    lower, upper = (writer.linear(c, [(part, blocks.part)]) for c in (0, blocks.part))

    def body(row: str, _: list[str]) -> list[str]:
        chunk(row, blocks.chunk)
        return []

    if blocks.rows > rest:
        bound = upper if blocks.rows % blocks.part == 0 else writer.pure(f"arith.minsi {upper}, {full} : index")
        writer.loop((lower, bound, blocks.chunk), body)
    if rest:
        reached = writer.pure(f"arith.cmpi sgt, {upper}, {full} : index")
        writer.branch(reached, lambda: chunk(full, rest))


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
