"""Constants, and ops whose positions are data. No element is read before its position is known to be in range."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from cellc.dialects.linalg_ext import ScatterAddOp
from cellc.dialects.nn.arrays import numpy_dtype
from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg.casts import cast
from cellc.passes.convert_nn_to_linalg.layout import reshape
from cellc.passes.convert_nn_to_linalg.maps import dims
from cellc.passes.convert_nn_to_linalg.rules import lowering_of
from cellc.passes.convert_nn_to_linalg.scalars import Scalar, wide
from cellc.passes.convert_nn_to_linalg.tensors import Read, Tensor, TensorBuilder


@lowering_of("constant")
def _constant(b: TensorBuilder, result: TensorType, *, value: np.ndarray) -> Tensor:
    """An array of one repeated value is filled: its bytes need not be kept, and it fuses."""
    bits = np.ascontiguousarray(value).reshape(-1).view(f"V{value.dtype.itemsize}")
    if value.size and (bits == bits[0]).all():
        return b.fill(value.reshape(-1)[0].item(), result)
    return b.constant(value, result.dtype)


@lowering_of("full")
def _full(b: TensorBuilder, result: TensorType, *, shape: Sequence[int], dtype: str, value: float) -> Tensor:
    with np.errstate(over="ignore"):
        rounded = np.asarray(value).astype(numpy_dtype(dtype)).item()
    return b.fill(rounded, result)


@lowering_of("iota")
def _iota(b: TensorBuilder, result: TensorType, *, shape: Sequence[int], dtype: str, axis: int) -> Tensor:
    return b.elementwise(lambda body: cast(cast(body.index(axis), "i32"), dtype), [], result)


@lowering_of("take")
def _take(b: TensorBuilder, result: TensorType, table: Tensor, indices: Tensor) -> Tensor:
    rows, rank = table.shape[0], len(indices.shape)
    if rows == 0:
        return b.fill(0, result)

    def body(index: Scalar) -> Scalar:
        row = cast(index, "index")
        inside = (row >= 0) & (row < rows)
        rest = [index.body.index(loop) for loop in range(rank, result.rank)]
        element = index.body.extract(table.value, table.dtype, (inside.select(row, 0), *rest))
        return inside.select(element, 0)

    return b.elementwise(body, [Read(indices, dims(result.rank)[:rank])], result, raw=True)


@lowering_of("scatter_add")
def _scatter_add(b: TensorBuilder, result: TensorType, indices: Tensor, updates: Tensor, *, rows: int) -> Tensor:
    """On one axis of indices and one of row elements, which is all that `linalg_ext.scatter_add` knows."""
    count, width = indices.type.size, prod(result.shape[1:])
    init = b.fill(0, TensorType((rows, width), wide(result.dtype)))
    if count * width * rows == 0:
        return reshape(b, b.narrow(init, result.dtype), result.shape)
    if indices.dtype not in ("i32", "i64"):
        indices = b.elementwise(lambda index: cast(index, "i32"), [indices], TensorType(indices.shape, "i32"))
    updates = b.widen(updates)
    operands = (reshape(b, indices, (count,)).value, reshape(b, updates, (count, width)).value, init.value)
    op = b.emit(ScatterAddOp, operands=operands, result_types=(init.value.type,))
    return reshape(b, b.narrow(Tensor(op.results[0], init.type), result.dtype), result.shape)


@lowering_of("reverse_sequence")
def _reverse_sequence(
    b: TensorBuilder, result: TensorType, x: Tensor, lengths: Tensor, *, time_axis: int, batch_axis: int
) -> Tensor:
    steps = x.shape[time_axis]

    def body(length: Scalar) -> Scalar:
        positions = [length.body.index(loop) for loop in range(result.rank)]
        end, time = cast(length, "index").minimum(steps), positions[time_axis]
        positions[time_axis] = (time < end).select(end - 1 - time, time)
        return length.body.extract(x.value, x.dtype, tuple(positions))

    return b.elementwise(body, [Read(lengths, [dims(result.rank)[batch_axis]])], result, raw=True)
