"""Recurrent kernels: a loop over time. Blocks own rows of the batch and run all steps for them.

Values that a step makes live in scratch; sequences are written in place, and the state that a step leaves
is copied to the memory that the next one reads.
"""

from collections.abc import Sequence
from dataclasses import replace

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Operation, SSAValue

from cellc.targets.cpu.access import Access, View
from cellc.targets.cpu.chain import write_nest
from cellc.targets.cpu.contraction import ProductWriter
from cellc.targets.cpu.copy import inserted_piece
from cellc.targets.cpu.elementwise import write_parallel
from cellc.targets.cpu.grid import Grid
from cellc.targets.cpu.kernel import BLOCK, KernelWriter, scalar_constant, single
from cellc.targets.cpu.nest import Nest, copy_nest, restrict, shape_of
from cellc.targets.cpu.pairs import open_nest
from cellc.targets.cpu.product import product_of
from cellc.targets.cpu.step_memory import StepMemory, sliced_view
from cellc.targets.cpu.step_weights import block_rows, pack_weights
from cellc.targets.cpu.tiling import choose_tiling
from cellc.targets.target import UnsupportedKernelError

_SKIPPED = (tensor.EmptyOp, linalg.FillOp, tensor.CollapseShapeOp, tensor.ExpandShapeOp)


def write_recurrent_kernel(kernel: KernelWriter) -> None:
    """Writes a kernel of kind `recurrent`."""
    loop = single(kernel.ops, scf.ForOp, kernel.name)
    assert isinstance(loop, scf.ForOp)
    RecurrentWriter(kernel, loop).write()


def batch_of(loop: scf.ForOp) -> int:
    """The first dimension of what the loop's generics make."""
    sizes = {shape_of(r)[0] for op in loop.body.block.ops if isinstance(op, linalg.GenericOp) for r in op.results}
    if len(sizes) != 1:
        raise UnsupportedKernelError(f"a recurrence over rows of different numbers: {sorted(sizes)}")
    return sizes.pop()


class RecurrentWriter:
    """Writes the rows of one block."""

    def __init__(self, kernel: KernelWriter, loop: scf.ForOp) -> None:
        self._kernel = kernel
        self._writer = kernel.writer
        self._loop = loop
        self._batch = batch_of(loop)
        self._grid = Grid((self._batch,), block_rows(self._batch, loop))
        self._rows = self._grid.chunk
        self._first = self._grid.ranges(self._writer, BLOCK)[0][0]
        self._memory = StepMemory(kernel, loop, self._first, self._rows)
        self._weights = pack_weights(kernel, loop, self._rows)

    def write(self) -> None:
        """Writes a block, the last of which may have fewer rows, and sets the kernel's number of blocks."""
        self._kernel.blocks = self._grid.blocks
        full, rest = divmod(self._batch, self._grid.chunk)
        if not rest:
            self._run()
            return
        for predicate, rows in (("slt", self._grid.chunk), ("sge", rest)):
            self._rows = rows
            condition = self._writer.pure(f"arith.cmpi {predicate}, {BLOCK}, {self._writer.index(full)} : index")
            self._writer.branch(condition, self._run)

    def _run(self) -> None:
        """All steps for the rows of a block."""
        block, kernel = self._loop.body.block, self._kernel
        for argument, initial in zip(block.args[1:], self._loop.iter_args, strict=True):
            if not isinstance(initial.owner, tensor.EmptyOp):
                self._copy_rows(kernel.view_of(initial), kernel.view_of(argument))
        bounds = [kernel.index_value(v) for v in (self._loop.lb, self._loop.ub)]
        step = scalar_constant(self._loop.step)
        assert isinstance(step, int)

        def body(index: str, _: list[str]) -> list[str]:
            for value in (value for op in block.ops for value in op.results):
                kernel.scalars.pop(value, None)  # from the block of another size
            kernel.scalars[block.args[0]] = index
            for op in block.ops:
                self._op(op)
            return []

        self._writer.loop((bounds[0], bounds[1], step), body)

    def _op(self, op: Operation) -> None:
        if isinstance(op, _SKIPPED):
            return
        if isinstance(op, linalg.GenericOp):
            self._generic(op)
        elif isinstance(op, tensor.ExtractSliceOp):
            self._kernel.views[op.result] = sliced_view(self._kernel, self._kernel.view_of(op.source), op)
        elif isinstance(op, tensor.InsertSliceOp):
            self._insert(op)
        elif isinstance(op, scf.YieldOp):
            self._yield(op.operands)
        elif op.name.startswith("arith."):
            self._scalar(op)
        else:
            raise UnsupportedKernelError(f"kernel {self._kernel.name}: {op.name} in a recurrence")

    def _scalar(self, op: Operation) -> None:
        if not isinstance(op, arith.ConstantOp):
            operands = ", ".join(self._kernel.index_value(v) for v in op.operands)
            self._kernel.scalars[op.results[0]] = self._writer.pure(f"{op.name} {operands} : {op.results[0].type}")
        elif str(op.result.type) == "index":
            self._kernel.scalars[op.result] = self._kernel.index_value(op.result)

    def _generic(self, op: linalg.GenericOp) -> None:
        for value in op.results:
            if value.first_use is not None:
                self._kernel.views[value] = self._memory.view(value)
        product = product_of(self._kernel, [op])
        if product is not None:
            product = replace(product, nest=self._rows_of(product.nest, 0))
            tiling, panels = self._weights.get(op) or (choose_tiling(product, self._kernel.level), None)
            if tiling is not None:
                ProductWriter(self._kernel, product, tiling, panels).write_all()
                return
        write_nest(self._kernel, op, self._rows_of(self._kernel.nest_of(op), 0), {})

    def _rows_of(self, nest: Nest, dim: int) -> Nest:
        """The block's rows of a nest whose loop `dim` runs over the batch."""
        if self._grid.blocks == 1:
            return nest
        if nest.extents[dim] != self._batch or nest.outputs[0].strides[dim] == 0:
            raise UnsupportedKernelError(f"kernel {self._kernel.name}: a loop that does not run over the batch first")
        return restrict(nest, dim, self._first, self._rows)

    def _insert(self, op: tensor.InsertSliceOp) -> None:
        target = self._kernel.views[op.result] = self._memory.target(op)
        if not self._memory.is_inserted(op.source):
            piece = inserted_piece(self._kernel, op, target)
            dim = _position_of_first(piece.extents, shape_of(op.source))
            self._copy(piece.extents, piece.sources[0], piece.target, dim)

    def _yield(self, values: Sequence[SSAValue]) -> None:
        arguments = self._loop.body.block.args[1:]
        for value, argument in zip(values, arguments, strict=True):
            target = self._kernel.views[argument]
            if value is argument or self._kernel.view_of(value) == target:
                continue
            if value in arguments:
                raise UnsupportedKernelError(f"kernel {self._kernel.name}: carried tensors that change places")
            self._copy_rows(self._kernel.view_of(value), target)

    def _copy_rows(self, source: View, target: View) -> None:
        self._copy(target.shape, source.identity(), target.identity(), 0)

    def _copy(self, extents: tuple[int, ...], source: Access, target: Access, dim: int) -> None:
        nest = self._rows_of(copy_nest(extents, source, target), dim)
        write_parallel(open_nest(self._writer, nest, self._kernel.lanes(nest)), {})


def _position_of_first(sizes: Sequence[int], shape: Sequence[int]) -> int:
    """The dimension of a slice of these sizes that is dimension 0 of a tensor without some of its ones."""
    position = 0
    while sizes[position] == 1 and len(sizes) - position > len(shape):
        position += 1
    return position
