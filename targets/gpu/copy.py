"""`copy` kernels (pad, concat): each thread finds out which source its element of the result comes from."""

from __future__ import annotations

from math import prod

from xdsl.dialects import arith, func, tensor
from xdsl.dialects.builtin import TensorType
from xdsl.dialects.linalg.ops import FillOp
from xdsl.ir import SSAValue

from cellc.passes.linalg_analysis import shape_of
from cellc.targets.gpu.scalar_code import ThreadBuilder, block_count, global_thread, initial_value, zero


def is_copy(kernel: func.FuncOp) -> bool:
    """Whether a kernel consists of insertions into a filled or empty tensor."""
    allowed = (tensor.EmptyOp, arith.ConstantOp, FillOp, tensor.InsertSliceOp, func.ReturnOp)
    ops = list(kernel.body.block.ops)
    return all(isinstance(op, allowed) for op in ops) and any(isinstance(op, tensor.InsertSliceOp) for op in ops)


def map_copy(builder: ThreadBuilder, kernel: func.FuncOp, output: SSAValue) -> int:
    """Writes the thread's code; returns the number of blocks."""
    result = kernel.body.block.last_op.operands[0]  # pyright: ignore[reportOptionalMemberAccess]
    shape = shape_of(result)
    flat = global_thread(builder)

    def element() -> None:
        at = builder.delinearize(flat, shape)
        builder.store(_element(builder, result, at), output, at)

    builder.when(builder.less(flat, builder.index(prod(shape))), element)
    return block_count(prod(shape))


def _element(builder: ThreadBuilder, value: SSAValue, at: list[SSAValue]) -> SSAValue:
    """The element at `at` of a tensor made by insertions."""
    assert isinstance(value.type, TensorType)
    op = value.owner
    if isinstance(op, FillOp):
        return initial_value(builder, value)
    if not isinstance(op, tensor.InsertSliceOp):
        return zero(builder, value.type.element_type)
    before = _element(builder, op.dest, at)
    inside, indices = _position(builder, op, at)
    element = value.type.element_type
    return builder.choose(inside, lambda: builder.load(builder.memory[op.source], indices, element), before)


def _position(builder: ThreadBuilder, op: tensor.InsertSliceOp, at: list[SSAValue]) -> tuple[SSAValue, list[SSAValue]]:
    """Whether an element is in the inserted slice, and where in the source."""
    conditions, indices = [], []
    geometry = zip(
        at, op.static_offsets.get_values(), op.static_sizes.get_values(), op.static_strides.get_values(), strict=True
    )
    for index, offset, size, stride in geometry:
        # Below the offset this wraps around to a huge unsigned number, which is past the size as well.
        shifted = builder.insert(arith.SubiOp(index, builder.index(offset))).result
        step = builder.index(stride)
        quotient = builder.insert(arith.DivUIOp(shifted, step)).result
        remainder = builder.insert(arith.RemUIOp(shifted, step)).result
        conditions.append(builder.less(quotient, builder.index(size)))
        conditions.append(builder.insert(arith.CmpiOp(remainder, builder.index(0), "eq")).result)
        indices.append(quotient)
    inside = conditions[0]
    for condition in conditions[1:]:
        inside = builder.both(inside, condition)
    return inside, indices
