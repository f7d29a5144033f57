"""Results that are padded: their kernel stores them in the inner part of the padded tensor and fills its border."""

from collections.abc import Sequence
from math import ceil, prod

from xdsl.dialects.tensor import InsertSliceOp

from cellc.targets.cpu.access import Access, row_major
from cellc.targets.cpu.elementwise import write_parallel
from cellc.targets.cpu.kernel import BLOCK, KernelWriter
from cellc.targets.cpu.nest import copy_nest
from cellc.targets.cpu.nest_writer import Range
from cellc.targets.cpu.pairs import open_nest


def write_borders(kernel: KernelWriter) -> None:
    """Fills the borders of padded results, each block of the grid some planes of them."""
    for op in kernel.pads:
        _Border(kernel, op).write()


class _Border:
    """The elements of a padded tensor around an inserted one; the leading dimensions, not padded, count planes."""

    def __init__(self, kernel: KernelWriter, op: InsertSliceOp) -> None:
        self._kernel, self._writer = kernel, kernel.writer
        self._value = kernel.filled(op.dest).identity()
        target = kernel.view_of(op.result)
        sizes, offsets = op.static_sizes.get_values(), op.static_offsets.get_values()
        leading = 0
        while leading < len(sizes) and sizes[leading] == target.shape[leading]:
            leading += 1
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
