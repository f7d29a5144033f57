"""Reduction kernels: a single reduction, or a chain of nests that share their outer loops."""

from collections.abc import Mapping
from math import prod

from xdsl.dialects.linalg import ops as linalg

from cellc.targets.cpu.access import View, row_major
from cellc.targets.cpu.elementwise import write_parallel
from cellc.targets.cpu.grid import BLOCK_WORK, make_grid
from cellc.targets.cpu.kernel import BLOCK, KernelWriter, element_of, filled_constant
from cellc.targets.cpu.nest import Nest, loop_extents, shape_of
from cellc.targets.cpu.nest_writer import NestWriter, open_nest
from cellc.targets.cpu.reduction import Initial, ReductionWriter
from cellc.targets.target import UnsupportedKernelError


def write_reduction_kernel(kernel: KernelWriter) -> None:
    """Writes a kernel of kind `reduction`."""
    generics = [op for op in kernel.ops if isinstance(op, linalg.GenericOp)]
    if len(generics) == 1:
        _write_single(kernel, generics[0])
        return
    outer = kernel.attribute("outer") or 0
    assert isinstance(outer, int)
    extents = loop_extents(generics[0])[:outer]
    inner = sum(prod(loop_extents(op)[outer:]) for op in generics)
    grid = make_grid(extents, inner)
    kernel.blocks = grid.blocks
    _place(kernel, generics, outer)
    order = range(len(grid.extents))
    ranges = dict(zip(order, grid.ranges(kernel.writer, BLOCK), strict=True))
    shell = NestWriter(kernel.writer, Nest(extents, (False,) * outer, (), (), generics[0].body.block), 1)

    def one_index() -> None:
        fixed = {d: index for d, index in enumerate(shell.position) if index is not None}
        for op in generics:
            write_generic(kernel, op, fixed)

    shell.loops(list(range(outer)), ranges, one_index)


def _write_single(kernel: KernelWriter, op: linalg.GenericOp) -> None:
    nest = kernel.nest_of(op)
    nest_writer = open_nest(kernel.writer, nest, kernel.lanes(nest))
    if not nest.reduced:
        raise UnsupportedKernelError(f"kernel {kernel.name}: a reduction without reduction loops")
    grid = ReductionWriter(nest_writer, initial_of(kernel, op, nest_writer)).write_block(BLOCK, BLOCK_WORK)
    kernel.blocks = grid.blocks


def _place(kernel: KernelWriter, generics: list[linalg.GenericOp], outer: int) -> None:
    """Gives each intermediate tensor scratch memory for one outer index."""
    for op in generics:
        for value in op.results:
            if value not in kernel.views and value.first_use is not None:
                shape = shape_of(value)
                buffer = kernel.scratch(element_of(value), prod(shape[outer:]))
                kernel.views[value] = View(buffer, shape, (0,) * outer + row_major(shape[outer:]))


def write_generic(kernel: KernelWriter, op: linalg.GenericOp, fixed: Mapping[int, str]) -> None:
    """Writes all iterations of a generic with the loops in `fixed` at given indices."""
    nest = kernel.nest_of(op)
    nest_writer = open_nest(kernel.writer, nest, kernel.lanes(nest), fixed)
    if nest.reduced:
        ReductionWriter(nest_writer, initial_of(kernel, op, nest_writer)).write({})
    else:
        write_parallel(nest_writer, {})


def initial_of(kernel: KernelWriter, op: linalg.GenericOp, nest_writer: NestWriter) -> Initial:
    """The start values of a reduction: a filled constant, or the contents of a tensor."""
    nest = nest_writer.nest

    def write(dim: int | None) -> list[str]:
        vectors = nest_writer.vectors
        starts = []
        for value, access in zip(op.outputs, nest.outputs, strict=True):
            constant = filled_constant(value)
            if constant is not None:
                starts.append(vectors.constant(constant, access.buffer.element))
                continue
            source = kernel.view_of(value)
            if source.buffer.name == "":
                raise UnsupportedKernelError(f"kernel {kernel.name}: a reduction that starts from nothing")
            start = nest_writer.located(access)
            moved = View(source.buffer, (), (), start.offset, start.terms).identity()
            starts.append(vectors.load(moved, nest_writer.stride(access, dim)))
        return starts

    return write
