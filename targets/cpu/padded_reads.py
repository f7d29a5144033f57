"""Arguments that a chain reads padded: it pads what belongs to one index of its outer loops, in scratch memory."""

from collections.abc import Mapping
from math import prod

from xdsl.dialects.tensor import InsertSliceOp
from xdsl.ir import BlockArgument

from cellc.targets.cpu.access import Access, Buffer, View, row_major
from cellc.targets.cpu.elementwise import write_parallel
from cellc.targets.cpu.kernel import KernelWriter, element_of
from cellc.targets.cpu.nest import copy_nest, shape_of
from cellc.targets.cpu.padded_results import border_runs
from cellc.targets.cpu.pairs import open_nest


class PaddedRead:
    """A padded argument; what its outer dimensions, which are not padded, select has one place in scratch memory."""

    def __init__(self, kernel: KernelWriter, op: InsertSliceOp, outer: int) -> None:
        self._kernel, self._op, self._outer = kernel, op, outer
        self._shape = shape_of(op.result)[outer:]
        self._sizes, self._low = shape_of(op.source)[outer:], op.static_offsets.get_values()[outer:]
        self._buffer: Buffer = kernel.scratch(element_of(op.result), prod(self._shape))
        strides = (*[0] * outer, *row_major(self._shape))
        kernel.views[op.result] = View(self._buffer, shape_of(op.result), strides)

    def fill_border(self) -> None:
        """Writes what is not the argument's, for all that follow."""
        value = self._kernel.filled(self._op.dest).identity()
        for start, extents, strides in border_runs(self._shape, self._sizes, self._low):
            source = Access(value.buffer, value.offset, (0,) * len(extents), value.terms)
            nest = copy_nest(extents, source, Access(self._buffer, start, strides))
            write_parallel(open_nest(self._kernel.writer, nest, self._kernel.lanes(nest)), {})

    def read(self, fixed: Mapping[int, str]) -> None:
        """Copies what belongs to the outer loops at `fixed`."""
        steps = row_major(self._shape)
        start = sum(offset * step for offset, step in zip(self._low, steps, strict=True))
        source, target = (
            self._kernel.view_of(self._op.source),
            Access(self._buffer, start, (*[0] * self._outer, *steps)),
        )
        nest = copy_nest(source.shape, source.identity(), target)
        write_parallel(open_nest(self._kernel.writer, nest, self._kernel.lanes(nest), fixed), {})


def padded_reads(kernel: KernelWriter, outer: int) -> list[PaddedRead]:
    """The arguments that the kernel reads padded (`fuse-padded-reads`)."""
    inserts = (op for op in kernel.ops if isinstance(op, InsertSliceOp) and isinstance(op.source, BlockArgument))
    return [PaddedRead(kernel, op, outer) for op in inserts]
