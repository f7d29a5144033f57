"""Ops that move elements: reads through affine maps, reshapes, and insertions."""

from __future__ import annotations

from collections.abc import Sequence

from cellc.dialects.linalg_ext import AfterOp
from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg.layout import fill_value, insert, pad, reshape
from cellc.passes.convert_nn_to_linalg.maps import dims, reversed_dim
from cellc.passes.convert_nn_to_linalg.rules import lowering_of
from cellc.passes.convert_nn_to_linalg.tensors import Tensor, TensorBuilder, ir_tensor_type


@lowering_of("reshape")
def _reshape(b: TensorBuilder, result: TensorType, x: Tensor, *, shape: Sequence[int]) -> Tensor:
    return reshape(b, x, shape)


@lowering_of("identity", "stop_gradient")
def _identity(b: TensorBuilder, result: TensorType, x: Tensor) -> Tensor:
    return x


@lowering_of("transpose")
def _transpose(b: TensorBuilder, result: TensorType, x: Tensor, *, permutation: Sequence[int]) -> Tensor:
    loops = dims(result.rank)
    return b.move(x, [loops[permutation.index(axis)] for axis in range(result.rank)], result.shape)


@lowering_of("broadcast_to")
def _broadcast_to(
    b: TensorBuilder, result: TensorType, x: Tensor, *, shape: Sequence[int], dimensions: Sequence[int]
) -> Tensor:
    if x.type == result:
        return x
    loops = dims(len(shape))
    spread = [extent == 1 != shape[dimension] for extent, dimension in zip(x.shape, dimensions, strict=True)]
    exprs = [0 if repeat else loops[dimension] for repeat, dimension in zip(spread, dimensions, strict=True)]
    return b.move(x, exprs, shape)


@lowering_of("slice")
def _slice(
    b: TensorBuilder, result: TensorType, x: Tensor, *,
    starts: Sequence[int], limits: Sequence[int], strides: Sequence[int],
) -> Tensor:  # fmt: skip
    return slice_axes(b, x, starts, result.shape, strides)


def slice_axes(
    b: TensorBuilder, x: Tensor, starts: Sequence[int], shape: Sequence[int], strides: Sequence[int]
) -> Tensor:
    """The elements `start + stride * i` of each axis.

    A map that reads an axis with a bare loop says that the loop runs over all of it, so the first
    part of an axis is read as `d0 + d1` with an extra loop d0 of one iteration.
    """
    shape = tuple(shape)
    if shape == x.shape:
        return x
    axes = range(len(shape))
    prefix = {a for a in axes if starts[a] == 0 and (strides[a] == 1 or shape[a] == 1) and shape[a] < x.shape[a]}
    loops = dims(len(shape) + bool(prefix))
    exprs = [loop * stride + start for loop, stride, start in zip(loops[bool(prefix) :], strides, starts, strict=True)]
    exprs = [expr + loops[0] if axis in prefix else expr for axis, expr in enumerate(exprs)]
    moved = b.move(x, exprs, (1, *shape) if prefix else shape)
    return reshape(b, moved, shape)


@lowering_of("reverse")
def _reverse(b: TensorBuilder, result: TensorType, x: Tensor, *, axes: Sequence[int]) -> Tensor:
    loops = dims(result.rank)
    return b.move(x, [reversed_dim(d, x.shape[a]) if a in axes else d for a, d in enumerate(loops)], result.shape)


@lowering_of("pad")
def _pad(
    b: TensorBuilder, result: TensorType, x: Tensor, value: Tensor, *,
    low: Sequence[int], high: Sequence[int], interior: Sequence[int],
) -> Tensor:  # fmt: skip
    strides = [between + 1 for between in interior]
    scalar = fill_value(value)
    if scalar is not None:
        return pad(b, x, scalar, low, result.shape, strides)
    return _pad_with_computed(b, result, x, value, low, strides)


def _pad_with_computed(
    b: TensorBuilder, result: TensorType, x: Tensor, value: Tensor, low: Sequence[int], strides: Sequence[int]
) -> Tensor:
    """A fill takes a constant, so a value known only at run time is selected where a padded mask is false."""
    padded = pad(b, x, 0, low, result.shape, strides)
    inside = pad(b, b.fill(1, TensorType(x.shape, "bool")), 0, low, result.shape, strides)
    spread = b.move(value, (), result.shape)
    return b.elementwise(lambda inside, x, value: inside.select(x, value), [inside, padded, spread], result, raw=True)


@lowering_of("concat")
def _concat(b: TensorBuilder, result: TensorType, *values: Tensor, axis: int) -> Tensor:
    if len(values) == 1:
        return values[0]
    joined, offsets = b.empty(result), [0] * result.rank
    for value in values:
        joined = insert(b, value, joined, offsets)
        offsets[axis] += value.shape[axis]
    return joined


@lowering_of("after")
def _after(b: TensorBuilder, result: TensorType, x: Tensor, token: Tensor) -> Tensor:
    op = b.emit(AfterOp, operands=(x.value, token.value), result_types=(ir_tensor_type(result),))
    return Tensor(op.results[0], result)
