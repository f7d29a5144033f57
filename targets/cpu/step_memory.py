"""Where the tensors of a recurrence's step lie: at once where they end up, if nothing else is read from there."""

from collections.abc import Sequence
from dataclasses import replace

from xdsl.dialects import scf, tensor
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import BlockArgument, SSAValue

from cellc.targets.cpu.access import View, row_major
from cellc.targets.cpu.copy import offset_view
from cellc.targets.cpu.kernel import KernelWriter, element_of, scalar_constant
from cellc.targets.cpu.nest import shape_of


class StepMemory:
    """Gives each tensor made in the loop's body its view.

    The next value of a carried tensor lies where the present one does, if that is not read later; what is inserted
    into a carried tensor that no step reads lies there. Everything else is scratch for `rows` rows from `first` on.
    """

    def __init__(self, kernel: KernelWriter, loop: scf.ForOp, first: str, rows: int) -> None:
        self._kernel, self._loop = kernel, loop
        self._first, self._rows = first, rows
        self._order = {op: number for number, op in enumerate(loop.body.block.ops)}
        self._scratch: dict[SSAValue, View] = {}
        self._inserted: set[SSAValue] = set()
        for result, argument in zip(loop.results, loop.body.block.args[1:], strict=True):
            kernel.views[argument] = self._scratch_view(result) if result not in kernel.views else kernel.views[result]

    def view(self, value: SSAValue) -> View:
        """Where a tensor that an op of the body makes has its rows, as the loop's index is now."""
        for use in value.uses:
            if isinstance(use.operation, scf.YieldOp) and self._free(self._carried[use.index], value):
                return self._kernel.views[self._carried[use.index]]
        for use in value.uses:
            if isinstance(use.operation, tensor.InsertSliceOp) and use.index == 0 and self._open(use.operation):
                self._inserted.add(value)
                return sliced_view(self._kernel, self.target(use.operation), use.operation)
        return self._scratch_view(value)

    def target(self, op: tensor.InsertSliceOp) -> View:
        """Where the tensor lies that a slice is inserted into."""
        dest, end = op.dest, op.result
        while isinstance(dest.owner, tensor.InsertSliceOp):
            dest = dest.owner.dest
        if isinstance(dest, BlockArgument):
            return self._kernel.views[dest]
        while following := _insertion_into(end):
            end = following.result
        return self.view(end)

    def is_inserted(self, value: SSAValue) -> bool:
        """Whether a tensor lies in the one that it is inserted into."""
        return value in self._inserted

    @property
    def _carried(self) -> Sequence[SSAValue]:
        return self._loop.body.block.args[1:]

    def _scratch_view(self, value: SSAValue) -> View:
        if value not in self._scratch:
            shape = shape_of(value)
            strides = row_major(shape)
            buffer = self._kernel.scratch(element_of(value), self._rows * strides[0])
            self._scratch[value] = View(buffer, shape, strides, 0, ((self._first, -strides[0]),))
        return self._scratch[value]

    def _free(self, carried: SSAValue, value: SSAValue) -> bool:
        """Whether `value` may replace a carried tensor as it is made: no element of that is read after its own."""
        maker = value.owner
        if not isinstance(maker, linalg.GenericOp):
            return False
        for use in carried.uses:
            reader = use.operation
            if (
                not isinstance(reader, linalg.GenericOp)
                or self._order.get(reader, len(self._order)) > self._order[maker]
            ):
                return False
            if reader is maker and not _alike(maker, use.index, value):
                return False
        return not any(kind.data.value == "reduction" for kind in maker.iterator_types)

    def _open(self, op: tensor.InsertSliceOp) -> bool:
        """Whether the place of a slice is known, and no step reads what the tensor has there."""
        known = [o in self._kernel.scalars or scalar_constant(o) is not None for o in op.offsets]
        dest = op.dest
        while isinstance(dest.owner, tensor.InsertSliceOp):
            dest = dest.owner.dest
        if isinstance(dest, BlockArgument):
            return all(known) and all(isinstance(use.operation, tensor.InsertSliceOp) for use in dest.uses)
        return all(known) and isinstance(dest.owner, tensor.EmptyOp)


def _insertion_into(value: SSAValue) -> tensor.InsertSliceOp | None:
    """The op that inserts a slice into `value`."""
    found = [use.operation for use in value.uses if use.index == 1]
    return next((op for op in found if isinstance(op, tensor.InsertSliceOp)), None)


def _alike(op: linalg.GenericOp, operand: int, result: SSAValue) -> bool:
    """Whether an operand is read where a result is written."""
    maps = [m.data for m in op.indexing_maps]
    at = next(number for number, found in enumerate(op.results) if found is result)
    return maps[operand] == maps[len(op.inputs) + at]


def sliced_view(kernel: KernelWriter, view: View, op: tensor.ExtractSliceOp | tensor.InsertSliceOp) -> View:
    """The part of `view` that a slice is, without the dimensions of extent 1 that its tensor lacks."""
    small = op.result if isinstance(op, tensor.ExtractSliceOp) else op.source
    moved, _ = offset_view(kernel, view, op.static_offsets.get_values(), list(op.offsets))
    sizes, steps = op.static_sizes.get_values(), op.static_strides.get_values()
    shape, strides = shape_of(small), list[int]()
    for position, (size, stride, step) in enumerate(zip(sizes, moved.strides, steps, strict=True)):
        if size == 1 and len(sizes) - position > len(shape) - len(strides):
            continue
        strides.append(stride * step)
    return replace(moved, shape=shape, strides=tuple(strides))
