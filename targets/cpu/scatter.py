"""Scatter kernels: rows added to rows, in the order of the indices. Blocks own rows of the result."""

from collections.abc import Callable
from math import ceil

from cellc.dialects.linalg_ext import ScatterAddOp
from cellc.targets.cpu.access import Access
from cellc.targets.cpu.grid import Grid
from cellc.targets.cpu.kernel import BLOCK, KernelWriter, element_of, filled_constant, single
from cellc.targets.cpu.nest import copy_nest, shape_of
from cellc.targets.cpu.nest_writer import NestWriter
from cellc.targets.target import UnsupportedKernelError

# Each block reads all indices, so there are few of them.
_BLOCKS = 16


def write_scatter_kernel(kernel: KernelWriter) -> None:
    """Writes a kernel of kind `scatter`."""
    op = single(kernel.ops, ScatterAddOp, kernel.name)
    assert isinstance(op, ScatterAddOp)
    writer, (rows, width) = kernel.writer, shape_of(op.result)
    grid = Grid((rows,), max(1, ceil(rows / _BLOCKS)))
    kernel.blocks = grid.blocks
    (lower, upper) = grid.ranges(writer, BLOCK)[0]
    target = kernel.view_of(op.result).buffer
    initial, element = filled_constant(op.init), element_of(op.result)
    if initial is None:
        raise UnsupportedKernelError(f"kernel {kernel.name}: scatter_add into a tensor that is not filled")

    def fill_row(row: str, _: list[str]) -> list[str]:
        line = _line(kernel, Access(target, 0, (1,), ((row, width),)), width)
        line.vector_loop(0, lambda: line.store([line.vectors.constant(initial, element)], 0))
        return []

    writer.loop((lower, upper, 1), fill_row)
    updates = kernel.view_of(op.updates)  # of one element with strides 0 when it is a fill

    def add(position: str, row: str) -> None:
        line = _line(kernel, Access(target, 0, (1,), ((row, width),)), width)
        source = Access(updates.buffer, updates.offset, updates.strides[1:], ((position, updates.strides[0]),))
        addition = "arith.addi" if element[0] == "i" else "arith.addf"

        def one_vector() -> None:
            terms = [line.vectors.load(line.located(a), a.strides[0]) for a in (*line.nest.outputs, source)]
            line.store([writer.value(f"{addition} {terms[0]}, {terms[1]} : {line.vectors.type(element)}")], 0)

        line.vector_loop(0, one_vector)

    _for_each_index(kernel, op, (lower, upper), add)


def _line(kernel: KernelWriter, access: Access, width: int) -> NestWriter:
    nest = copy_nest((width,), access, access)
    return NestWriter(kernel.writer, nest, kernel.lanes(nest))


def _for_each_index(
    kernel: KernelWriter, op: ScatterAddOp, rows: tuple[str, str], add: Callable[[str, str], None]
) -> None:
    """Calls `add(position, row)` for the indices whose row is one of the block's."""
    writer, indices = kernel.writer, kernel.view_of(op.indices).buffer

    def body(position: str, _: list[str]) -> list[str]:
        index = writer.value(f"memref.load {indices.name}[{position}] : {indices.type}")
        row = writer.value(f"arith.index_cast {index} : {indices.element} to index")
        after = writer.value(f"arith.cmpi sge, {row}, {rows[0]} : index")
        before = writer.value(f"arith.cmpi slt, {row}, {rows[1]} : index")
        writer.branch(writer.value(f"arith.andi {after}, {before} : i1"), lambda: add(position, row))
        return []

    writer.loop((writer.index(0), writer.index(indices.size), 1), body)
