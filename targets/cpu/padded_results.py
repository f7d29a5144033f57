"""Results that are padded: their kernel stores them in the inner part of the padded tensor and fills its border."""

from collections.abc import Sequence
from math import ceil, prod

from xdsl.dialects.tensor import InsertSliceOp

from cellc.targets.cpu.access import Access, row_major
from cellc.targets.cpu.elementwise import write_parallel
from cellc.targets.cpu.kernel import BLOCK, KernelWriter
from cellc.targets.cpu.nest import Nest, copy_nest
from cellc.targets.cpu.nest_writer import Range
from cellc.targets.cpu.pairs import open_nest
from cellc.targets.cpu.vectors import ITEM_BYTES


def write_borders(kernel: KernelWriter) -> None:
    """Fills the borders of padded results, each block of the grid some planes of them."""
    for op in kernel.pads:
        _Border(kernel, op).write()


def border_nests(kernel: KernelWriter, op: InsertSliceOp, shared: Sequence[int]) -> list[Nest]:
    """Nests that fill what lies around what `op` inserts, or all of it where that takes fewer vectors.

    The dimensions `shared`, which come before all that are padded, are the first loops.
    """
    target, sizes, low = kernel.view_of(op.result), op.static_sizes.get_values(), op.static_offsets.get_values()
    leading = _not_padded(sizes, target.shape)
    first = [*shared, *(d for d in range(leading) if d not in shared)]
    inner = target.shape[leading:]
    runs = border_runs(inner, sizes[leading:], low[leading:])
    lanes = kernel.level.lanes(ITEM_BYTES[target.buffer.element])
    if sum(prod(extents[:-1]) * ceil(extents[-1] / lanes) for _, extents, _ in runs) > prod(inner) // lanes:
        runs = [(0, (prod(inner),), (1,))]
    value = kernel.filled(op.dest).identity()
    nests = []
    for start, extents, strides in runs:
        access = Access(target.buffer, start, (*(target.strides[d] for d in first), *strides))
        source = Access(value.buffer, value.offset, (0,) * len(access.strides), value.terms)
        nests.append(copy_nest((*(target.shape[d] for d in first), *extents), source, access))
    return nests


def _not_padded(sizes: Sequence[int], shape: Sequence[int]) -> int:
    """How many leading dimensions are not padded."""
    leading = 0
    while leading < len(sizes) and sizes[leading] == shape[leading]:
        leading += 1
    return leading


class _Border:
    """The elements of a padded tensor around an inserted one; the leading dimensions, not padded, count planes."""

    def __init__(self, kernel: KernelWriter, op: InsertSliceOp) -> None:
        self._kernel, self._writer = kernel, kernel.writer
        self._value = kernel.filled(op.dest).identity()
        target = kernel.view_of(op.result)
        sizes, offsets = op.static_sizes.get_values(), op.static_offsets.get_values()
        leading = _not_padded(sizes, target.shape)
        self._planes = prod(target.shape[:leading])
        self._shape, self._sizes, self._low = target.shape[leading:], sizes[leading:], offsets[leading:]
        self._buffer = target.buffer

    def write(self) -> None:
        """Writes the planes of this block."""
        chunk = ceil(self._planes / self._kernel.blocks)
        bound = self._writer.index(self._planes)
        first, last = (
            self._writer.pure(f"arith.minsi {self._writer.linear(more, [(BLOCK, chunk)])}, {bound} : index")
            for more in (0, chunk)
        )
        for start, extents, strides in border_runs(self._shape, self._sizes, self._low):
            self._fill(start, extents, strides, (first, last))

    def _fill(self, start: int, extents: Sequence[int], strides: Sequence[int], planes: Range) -> None:
        target = Access(self._buffer, start, (prod(self._shape), *strides))
        value = Access(self._value.buffer, self._value.offset, (0,) * len(target.strides), self._value.terms)
        nest = copy_nest((self._planes, *extents), value, target)

        def plane(index: str, _: list[str]) -> list[str]:
            write_parallel(open_nest(self._writer, nest, self._kernel.lanes(nest), {0: index}), {})
            return []

        self._writer.loop((*planes, 1), plane)


def border_runs(
    shape: Sequence[int], sizes: Sequence[int], low: Sequence[int]
) -> list[tuple[int, tuple[int, ...], tuple[int, ...]]]:
    """(start, extents, strides) of what lies around `sizes` at `low` in a row-major tensor.

    In one dimension what lies before and behind. In more, whole slices before and behind the inner ones, of which each
    has its own border; the end of one row's border and the start of the next one's are one run.
    """
    if not shape:
        return []
    steps = row_major(shape)
    if len(shape) == 1:
        runs = [(0, (low[0],), (1,)), (low[0] + sizes[0], (shape[0] - low[0] - sizes[0],), (1,))]
    elif len(shape) == 2:
        after = shape[1] - low[1] - sizes[1]
        before, inner = low[0] * steps[0] + low[1], low[0] * steps[0] + low[1] + sizes[1]
        end = (low[0] + sizes[0] - 1) * steps[0] + low[1] + sizes[1]
        runs = [
            (0, (before,), (1,)),
            (inner, (sizes[0] - 1, after + low[1]), (steps[0], 1)),
            (end, (prod(shape) - end,), (1,)),
        ]
    else:
        behind = (low[0] + sizes[0]) * steps[0]
        inner = border_runs(shape[1:], sizes[1:], low[1:])
        runs = [(0, (low[0] * steps[0],), (1,)), (behind, (prod(shape) - behind,), (1,))]
        runs += [(low[0] * steps[0] + at, (sizes[0], *e), (steps[0], *s)) for at, e, s in inner]
    return [run for run in runs if prod(run[1])]
