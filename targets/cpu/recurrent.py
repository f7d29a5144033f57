"""Recurrent kernels: a loop over time. Blocks own rows of the batch and run all steps for them.

Values that a step makes live in scratch; sequences are written in place, and the state that a step leaves
is copied to the memory that the next one reads.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import prod

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Operation, SSAValue
from xdsl.ir.affine import AffineDimExpr

from cellc.targets.cpu.access import Access, View
from cellc.targets.cpu.chain import write_nest
from cellc.targets.cpu.contraction import ProductWriter
from cellc.targets.cpu.copy import inserted_piece, offset_view
from cellc.targets.cpu.elementwise import write_parallel
from cellc.targets.cpu.grid import Grid
from cellc.targets.cpu.kernel import BLOCK, KernelWriter, element_of, scalar_constant, single
from cellc.targets.cpu.nest import Nest, copy_nest, restrict, shape_of
from cellc.targets.cpu.pairs import open_nest
from cellc.targets.cpu.product import product_of
from cellc.targets.cpu.tiling import choose_tiling
from cellc.targets.target import UnsupportedKernelError

# Fewer rows would read the weights too often.
_FEWEST_ROWS = 8
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
        fewest = min(_FEWEST_ROWS, self._batch)
        self._rows = next(rows for rows in range(fewest, self._batch + 1) if self._batch % rows == 0)
        self._first = ""

    def write(self) -> None:
        """Writes the loop and sets the kernel's number of blocks."""
        grid = Grid((self._batch,), self._rows)
        self._kernel.blocks = grid.blocks
        self._first = grid.ranges(self._writer, BLOCK)[0][0]
        block, carried = self._loop.body.block, self._loop.iter_args
        self._turn_weights(block.ops)
        for result, argument, initial in zip(self._loop.results, block.args[1:], carried, strict=True):
            view = self._memory(result)
            self._kernel.views[argument] = view
            if not isinstance(initial.owner, tensor.EmptyOp):
                self._copy_rows(self._kernel.view_of(initial), view)
        bounds = [self._kernel.index_value(v) for v in (self._loop.lb, self._loop.ub)]
        step = scalar_constant(self._loop.step)
        assert isinstance(step, int)

        def body(index: str, _: list[str]) -> list[str]:
            self._kernel.scalars[block.args[0]] = index
            for op in block.ops:
                self._op(op)
            return []

        self._writer.loop((bounds[0], bounds[1], step), body)

    def _memory(self, value: SSAValue) -> View:
        """Where a tensor lies, scratch if nowhere yet."""
        if value not in self._kernel.views:
            shape = shape_of(value)
            self._kernel.views[value] = View.dense(self._kernel.scratch(element_of(value), prod(shape)), shape)
        return self._kernel.views[value]

    def _op(self, op: Operation) -> None:
        if isinstance(op, _SKIPPED):
            return
        if isinstance(op, linalg.GenericOp):
            self._generic(op)
        elif isinstance(op, tensor.ExtractSliceOp):
            self._kernel.views[op.result] = self._slice(op)
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
            self._memory(value)
        product = product_of(self._kernel, [op])
        if product is not None:
            product = replace(product, nest=self._rows_of(product.nest, 0))
            tiling = choose_tiling(product, self._kernel.level)
            if tiling is not None:
                ProductWriter(self._kernel, product, tiling).write_all()
                return
        nest = self._rows_of(self._kernel.nest_of(op), 0)
        write_nest(self._kernel, op, nest, {})

    def _rows_of(self, nest: Nest, dim: int) -> Nest:
        """The block's rows of a nest whose loop `dim` runs over the batch."""
        if self._batch == self._rows:
            return nest
        if nest.extents[dim] != self._batch or nest.outputs[0].strides[dim] == 0:
            raise UnsupportedKernelError(f"kernel {self._kernel.name}: a loop that does not run over the batch first")
        return restrict(nest, dim, self._first, self._rows)

    def _slice(self, op: tensor.ExtractSliceOp) -> View:
        source, offsets = self._kernel.view_of(op.source), op.static_offsets.get_values()
        view, _ = offset_view(self._kernel, source, offsets, list(op.offsets))
        sizes, steps = op.static_sizes.get_values(), op.static_strides.get_values()
        shape, strides = list(shape_of(op.result)), []
        for position, (size, stride, step) in enumerate(zip(sizes, view.strides, steps, strict=True)):
            if size == 1 and len(sizes) - position > len(shape) - len(strides):
                continue
            strides.append(stride * step)
        return replace(view, shape=tuple(shape), strides=tuple(strides))

    def _insert(self, op: tensor.InsertSliceOp) -> None:
        target = self._memory(op.dest)
        self._kernel.views[op.result] = target
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

    def _turn_weights(self, ops: Iterable[Operation]) -> None:
        """Copies weights[columns, steps] to [steps, columns] before the loop, so that no step turns them again."""
        for op in ops:
            for value in _weights_to_turn(op, self._kernel.views):
                source, (columns, steps) = self._kernel.views[value], shape_of(value)
                buffer = self._kernel.scratch(element_of(value), columns * steps)
                turned = View(buffer, (columns, steps), (1, columns))
                nest = copy_nest((steps, columns), source.identity().select((1, 0)), turned.identity().select((1, 0)))
                write_parallel(open_nest(self._writer, nest, self._kernel.lanes(nest)), {})
                self._kernel.views[value] = turned


def _weights_to_turn(op: Operation, views: Mapping[SSAValue, View]) -> list[SSAValue]:
    """The matrices from outside the loop that a product reads along its reduction loop."""
    if not isinstance(op, linalg.GenericOp):
        return []
    reductions = [d for d, kind in enumerate(op.iterator_types) if kind.data.value == "reduction"]
    found = []
    for value, indexing in zip(op.inputs, op.indexing_maps, strict=False):
        results = indexing.data.results
        along = len(results) == 2 and isinstance(results[1], AffineDimExpr) and [results[1].position] == reductions
        if along and value in views and views[value].strides[1] == 1:
            found.append(value)
    return found


def _position_of_first(sizes: Sequence[int], shape: Sequence[int]) -> int:
    """The dimension of a slice of these sizes that is dimension 0 of a tensor without some of its ones."""
    position = 0
    while sizes[position] == 1 and len(sizes) - position > len(shape):
        position += 1
    return position
