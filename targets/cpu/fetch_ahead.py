"""Fetching the next rows of a chain's arguments while it computes.

The first op of a chain that reads a row waits for memory (the maximum of a softmax, the mean of a norm), the second
finds it in cache and is busy computing (the exponentials): it asks for the row that the first op will read next.
Results wait, too, for the lines that they are written to.
"""

from collections.abc import Collection, Sequence
from math import ceil, prod

from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import BlockArgument

from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.nest import Nest, loop_extents
from cellc.targets.cpu.vectors import ITEM_BYTES

# Bytes to be ahead at least: of short rows, several.
_AHEAD = 1 << 12
# Rows that are shorter hardly wait.
_SHORTEST = 1 << 8
# Longer ones, of all that is read for an index, would push each other out of the level 2 cache.
_LONGEST_ROWS = 1 << 18
# Longer pieces of results hardly wait either: a page.
_LONGEST = 1 << 12


def rows_ahead(
    kernel: KernelWriter, generics: Sequence[linalg.GenericOp], op: linalg.GenericOp, outer: int
) -> dict[str, int]:
    """The buffers of which `op` fetches elements ahead, and how many: arguments that it is the second op to read."""
    found: dict[str, int] = {}
    for value, indexing in zip(op.inputs, op.indexing_maps, strict=False):
        readers = [other for other in generics if value in other.inputs]
        if not outer or not isinstance(value, BlockArgument) or readers.index(op) != 1:
            continue
        view = kernel.views[value]
        strides = view.access(indexing.data).strides
        stride = strides[outer - 1]
        item, extents = ITEM_BYTES[view.buffer.storage], loop_extents(op)
        size = stride * item
        read = prod(extents[d] for d in range(outer, len(extents)) if strides[d]) * item
        if size >= _SHORTEST and read <= _LONGEST_ROWS:
            found[view.buffer.name] = stride * ceil(_AHEAD / size)
    return found


def pieces_ahead(nest: Nest, fixed: Collection[int]) -> dict[str, int]:
    """The buffers of which a nest writes short pieces that lie apart, and how far away the next piece is.

    Images of one channel are such. The processor asks by itself for what follows in long pieces.
    """
    loops = [d for d, extent in enumerate(nest.extents) if extent > 1 and d not in fixed]
    if len(loops) < 2:
        return {}
    size = prod(nest.extents[d] for d in loops[1:])
    written = [a for a in nest.outputs if size * ITEM_BYTES[a.buffer.storage] <= _LONGEST]
    return {a.buffer.name: a.strides[loops[0]] for a in written if a.strides[loops[0]] > 2 * size}
