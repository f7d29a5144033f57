"""Ops that make tensors from attributes, and ops whose positions are data.

No index is ever followed out of bounds: each op says what an index out of range
means, so that a hostile input cannot make compiled code read or write elsewhere.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from cellc.dialects.nn.arrays import dtype_name, numpy_dtype, wide
from cellc.dialects.nn.checks import (
    require_at_least,
    require_axis,
    require_dtype,
    require_known_dtype,
    require_rank,
    require_shape,
)
from cellc.dialects.nn.definition import INTEGERS, NUMBERS, InferenceError, NNTypeError, OpDefinition, TensorType, nn_op

Ints = tuple[int, ...]


@nn_op
class Constant(OpDefinition):
    """An array known when the graph is made.

    `%r = nn.constant {value = #nn.array<tensor<2xi32>, [1, 2]>} : () -> tensor<2xi32>`
    """

    name = "constant"
    operands = ()
    attributes: ClassVar = {"value": "array"}

    @staticmethod
    def infer(*, value: np.ndarray) -> TensorType:
        try:
            return TensorType(tuple(value.shape), dtype_name(value.dtype))
        except KeyError:
            raise NNTypeError(f"constant: no dtype of ours holds NumPy's {value.dtype}") from None

    @staticmethod
    def evaluate(*, value: np.ndarray) -> np.ndarray:
        return value


@nn_op
class Full(OpDefinition):
    """One value everywhere; unlike a `constant` it costs no memory and fuses into its users.

    `%r = nn.full {shape = [2], dtype = f32, value = 1.0} : () -> tensor<2xf32>`
    """

    name = "full"
    operands = ()
    attributes: ClassVar = {"shape": "ints", "dtype": "dtype", "value": "float"}

    @staticmethod
    def infer(*, shape: Ints, dtype: str, value: float) -> TensorType:
        require_shape("full", "shape", shape)
        require_known_dtype("full", dtype)
        if dtype in INTEGERS and not _fits(value, dtype):
            raise InferenceError(f"full: {dtype} cannot hold {value}")
        return TensorType(tuple(shape), dtype)

    @staticmethod
    def evaluate(*, shape: Ints, dtype: str, value: float) -> np.ndarray:
        return np.full(shape, value, numpy_dtype(dtype))


def _fits(value: float, dtype: str) -> bool:
    limits = np.iinfo(numpy_dtype(dtype))
    return float(value).is_integer() and limits.min <= int(value) <= limits.max


@nn_op
class Iota(OpDefinition):
    """0, 1, 2, ... along the axis. `%r = nn.iota {shape = [3], dtype = i32, axis = 0} : () -> tensor<3xi32>`"""

    name = "iota"
    operands = ()
    attributes: ClassVar = {"shape": "ints", "dtype": "dtype", "axis": "int"}

    @staticmethod
    def infer(*, shape: Ints, dtype: str, axis: int) -> TensorType:
        require_shape("iota", "shape", shape)
        require_known_dtype("iota", dtype, NUMBERS)
        require_axis("iota", "axis", axis, len(shape))
        return TensorType(tuple(shape), dtype)

    @staticmethod
    def evaluate(*, shape: Ints, dtype: str, axis: int) -> np.ndarray:
        column = [1] * len(shape)
        column[axis] = shape[axis]
        return np.broadcast_to(np.arange(shape[axis]).astype(numpy_dtype(dtype)).reshape(column), shape).copy()


@nn_op
class Take(OpDefinition):
    """Rows of the table: result[i..., :] = table[indices[i...], :]; a row of zeros where the index is out of range.

    `%r = nn.take %t, %i : (tensor<9x4xf32>, tensor<2x3xi32>) -> tensor<2x3x4xf32>`
    """

    name = "take"
    operands = ("table", "indices")

    @staticmethod
    def infer(table: TensorType, indices: TensorType) -> TensorType:
        require_dtype("take", "indices", indices, INTEGERS)
        if table.rank == 0:
            raise InferenceError(f"take: table must have rank >= 1, got {table}")
        return TensorType(indices.shape + table.shape[1:], table.dtype)

    @staticmethod
    def evaluate(table: np.ndarray, indices: np.ndarray) -> np.ndarray:
        result = np.zeros(indices.shape + table.shape[1:], table.dtype)
        inside = (indices >= 0) & (indices < table.shape[0])
        result[inside] = table[indices[inside]]
        return result


@nn_op
class ScatterAdd(OpDefinition):
    """Sums updates into rows of zeros, in index order: result[indices[i...], :] += updates[i..., :].

    The transpose of `take`; an index out of range adds to nothing.
    `%r = nn.scatter_add %i, %u {rows = 9} : (tensor<2x3xi32>, tensor<2x3x4xf32>) -> tensor<9x4xf32>`
    """

    name = "scatter_add"
    operands = ("indices", "updates")
    attributes: ClassVar = {"rows": "int"}

    @staticmethod
    def infer(indices: TensorType, updates: TensorType, *, rows: int) -> TensorType:
        require_dtype("scatter_add", "indices", indices, INTEGERS)
        require_dtype("scatter_add", "updates", updates, NUMBERS)
        require_at_least("scatter_add", "rows", (rows,), 0)
        if updates.shape[: indices.rank] != indices.shape:
            raise InferenceError(f"scatter_add: updates {updates} must begin with the shape of indices {indices}")
        return TensorType((rows, *updates.shape[indices.rank :]), updates.dtype)

    @staticmethod
    def evaluate(indices: np.ndarray, updates: np.ndarray, *, rows: int) -> np.ndarray:
        values = wide(updates)
        result = np.zeros((rows, *updates.shape[indices.ndim :]), values.dtype)
        inside = (indices >= 0) & (indices < rows)
        np.add.at(result, indices[inside], values[inside])
        return result.astype(updates.dtype)


@nn_op
class ReverseSequence(OpDefinition):
    """Per batch entry the first lengths[n] steps in reverse order, the rest in place; its own transpose.

    A length is taken as the nearest of 0 ... T.
    `%r = nn.reverse_sequence %x, %l {time_axis = 0, batch_axis = 1}
    : (tensor<5x2x4xf32>, tensor<2xi32>) -> tensor<5x2x4xf32>`
    """

    name = "reverse_sequence"
    operands = ("x", "lengths")
    attributes: ClassVar = {"time_axis": "int", "batch_axis": "int"}

    @staticmethod
    def infer(x: TensorType, lengths: TensorType, *, time_axis: int, batch_axis: int) -> TensorType:
        op = "reverse_sequence"
        require_dtype(op, "lengths", lengths, INTEGERS)
        require_rank(op, "lengths", lengths, 1)
        require_axis(op, "time_axis", time_axis, x.rank)
        require_axis(op, "batch_axis", batch_axis, x.rank)
        if time_axis == batch_axis:
            raise InferenceError(f"{op}: time_axis and batch_axis are both {time_axis}")
        if lengths.shape[0] != x.shape[batch_axis]:
            raise InferenceError(f"{op}: lengths {lengths} must have one entry for axis {batch_axis} of {x}")
        return x

    @staticmethod
    def evaluate(x: np.ndarray, lengths: np.ndarray, *, time_axis: int, batch_axis: int) -> np.ndarray:
        steps = np.moveaxis(x, (time_axis, batch_axis), (0, 1))
        result = steps.copy()
        for n, length in enumerate(np.clip(lengths, 0, steps.shape[0])):
            result[:length, n] = steps[:length, n][::-1]
        return np.moveaxis(result, (0, 1), (time_axis, batch_axis)).copy()
