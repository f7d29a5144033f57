"""Reshapes, slices at positions, insertions and padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import DYNAMIC_INDEX, ArrayAttr, DenseArrayBase, IndexType, IntegerAttr, i32, i64
from xdsl.dialects.linalg.ops import FillOp
from xdsl.dialects.tensor import CollapseShapeOp, ExpandShapeOp, ExtractSliceOp, InsertSliceOp
from xdsl.ir import Block, Region, SSAValue

from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg.tensors import Tensor, TensorBuilder, ir_tensor_type

Groups = list[list[int]]
Offset = int | SSAValue


def reshape(b: TensorBuilder, x: Tensor, shape: Sequence[int]) -> Tensor:
    """The same elements: nothing, a collapse, an expand, or a collapse to the common factors and an expand.

    xDSL's verifier refuses to expand rank 0, which MLIR allows; the element is spread instead.
    """
    shape = tuple(shape)
    if shape == x.shape:
        return x
    if not x.shape:
        return b.move(x, (), shape)
    common, collapsed, expanded = _common_factors(x.shape, shape)
    return _expand(b, _collapse(b, x, common, collapsed), shape, expanded)


def _common_factors(source: Sequence[int], target: Sequence[int]) -> tuple[tuple[int, ...], Groups, Groups]:
    """The finest shape that both shapes' axes split, and which axes of each make up each of its extents."""
    if prod(source) == 0:
        return (0,), [list(range(len(source)))], [list(range(len(target)))]
    common: list[int] = []
    groups: tuple[Groups, Groups] = ([], [])
    at = [0, 0]
    while at[0] < len(source) and at[1] < len(target):
        extents, taken = [1, 1], ([], [])
        while extents[0] != extents[1] or not all(taken):
            side = 0 if not taken[0] or (taken[1] and extents[0] < extents[1]) else 1
            extents[side] *= (source, target)[side][at[side]]
            taken[side].append(at[side])
            at[side] += 1
        common.append(extents[0])
        for side in (0, 1):
            groups[side].append(taken[side])
    _attach_ones(groups, at, (len(source), len(target)))
    return tuple(common), *groups


def _attach_ones(groups: tuple[Groups, Groups], at: Sequence[int], ranks: tuple[int, int]) -> None:
    """What is left of either shape are axes of extent 1; they join the last group."""
    for side in (0, 1):
        if groups[side]:
            groups[side][-1].extend(range(at[side], ranks[side]))


def _collapse(b: TensorBuilder, x: Tensor, shape: tuple[int, ...], groups: Groups) -> Tensor:
    if shape == x.shape:
        return x
    type_ = TensorType(shape, x.dtype)
    properties = {"reassociation": _reassociation(groups)}
    op = b.emit(CollapseShapeOp, operands=(x.value,), result_types=(ir_tensor_type(type_),), properties=properties)
    return Tensor(op.results[0], type_)


def _expand(b: TensorBuilder, x: Tensor, shape: tuple[int, ...], groups: Groups) -> Tensor:
    if shape == x.shape:
        return x
    type_ = TensorType(shape, x.dtype)
    properties = {
        "reassociation": _reassociation(groups),
        "static_output_shape": DenseArrayBase.from_list(i64, shape),
    }
    op = b.emit(ExpandShapeOp, operands=(x.value,), result_types=(ir_tensor_type(type_),), properties=properties)
    return Tensor(op.results[0], type_)


def _reassociation(groups: Groups) -> ArrayAttr:
    return ArrayAttr([ArrayAttr([IntegerAttr(axis, i64) for axis in group]) for group in groups])


def extract(
    b: TensorBuilder, x: Tensor, offsets: Sequence[Offset], sizes: Sequence[int], shape: Sequence[int]
) -> Tensor:
    """The slice of these sizes at the offsets; `shape` is `sizes` without some of its ones."""
    type_ = TensorType(tuple(shape), x.dtype)
    dynamic, properties = _slice_parts(offsets, sizes, [1] * len(sizes), 1)
    op = b.emit(
        ExtractSliceOp, operands=(x.value, *dynamic), result_types=(ir_tensor_type(type_),), properties=properties
    )
    return Tensor(op.results[0], type_)


def insert(
    b: TensorBuilder,
    source: Tensor,
    target: Tensor,
    offsets: Sequence[Offset],
    *,
    sizes: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensor:
    """`target` with `source` written at the offsets; `sizes` puts ones back that source's shape lacks."""
    if source.type.size == 0:
        return target
    sizes = source.shape if sizes is None else sizes
    dynamic, properties = _slice_parts(offsets, sizes, strides or [1] * len(sizes), 2)
    op = b.emit(
        InsertSliceOp,
        operands=(source.value, target.value, *dynamic),
        result_types=(target.value.type,),
        properties=properties,
    )
    return Tensor(op.results[0], target.type)


def _slice_parts(
    offsets: Sequence[Offset], sizes: Sequence[int], strides: Sequence[int], tensors: int
) -> tuple[list[SSAValue], dict[str, DenseArrayBase]]:
    dynamic = [offset for offset in offsets if isinstance(offset, SSAValue)]
    static = [DYNAMIC_INDEX if isinstance(offset, SSAValue) else offset for offset in offsets]
    return dynamic, {
        "static_offsets": DenseArrayBase.from_list(i64, static),
        "static_sizes": DenseArrayBase.from_list(i64, list(sizes)),
        "static_strides": DenseArrayBase.from_list(i64, list(strides)),
        "operandSegmentSizes": DenseArrayBase.from_list(i32, [1] * tensors + [len(dynamic), 0, 0]),
    }


def pad(
    b: TensorBuilder, x: Tensor, value: float | SSAValue, low: Sequence[int], shape: Sequence[int],
    strides: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    """x from `low` on, `strides` apart, in a tensor of the shape that is filled with the value elsewhere."""
    type_ = TensorType(tuple(shape), x.dtype)
    if type_ == x.type:
        return x
    filled = b.fill_with(value, type_) if isinstance(value, SSAValue) else b.fill(value, type_)
    return insert(b, x, filled, low, strides=strides)


def fill_value(x: Tensor) -> SSAValue | None:
    """The scalar that a tensor made by `fill` holds, or None."""
    return x.value.owner.inputs[0] if isinstance(x.value.owner, FillOp) else None


def for_each(
    b: TensorBuilder, count: int, carried: Sequence[Tensor], body: Callable[..., Sequence[Tensor]]
) -> tuple[Tensor, ...]:
    """`scf.for` over 0 ... count - 1. `body(builder, step, *carried)` gives the tensors to carry on."""
    bounds = [b.scalar(bound, "index") for bound in (0, count, 1)]
    block = Block(arg_types=(IndexType(), *(x.value.type for x in carried)))
    step, *arguments = block.args
    inner = TensorBuilder(block, b.location)
    carried_in = [Tensor(argument, x.type) for argument, x in zip(arguments, carried, strict=True)]
    results = body(inner, step, *carried_in)
    inner.emit(scf.YieldOp, operands=[x.value for x in results])
    op = b.emit(
        scf.ForOp,
        operands=(*bounds, *(x.value for x in carried)),
        result_types=[x.value.type for x in carried],
        regions=(Region(block),),
    )
    return tuple(Tensor(value, x.type) for value, x in zip(op.results, carried, strict=True))


def subtract(b: TensorBuilder, minuend: int, subtrahend: SSAValue) -> SSAValue:
    """A difference of positions."""
    return _index_op(b, arith.SubiOp, b.scalar(minuend, "index"), subtrahend)


def previous(b: TensorBuilder, position: SSAValue) -> SSAValue:
    """The position before, 0 before 0."""
    before = _index_op(b, arith.SubiOp, position, b.scalar(1, "index"))
    return _index_op(b, arith.MaxSIOp, before, b.scalar(0, "index"))


def _index_op(b: TensorBuilder, op_class: type[arith.SubiOp | arith.MaxSIOp], lhs: SSAValue, rhs: SSAValue) -> SSAValue:
    flags = {"overflowFlags": arith.IntegerOverflowAttr("none")} if op_class is arith.SubiOp else {}
    return b.emit(op_class, operands=(lhs, rhs), result_types=(IndexType(),), properties=flags).results[0]
