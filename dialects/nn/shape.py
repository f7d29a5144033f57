"""Ops that move or repeat elements without computing any, and two that only mark a value."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from cellc.dialects.nn.checks import (
    require_at_least,
    require_axes,
    require_axis,
    require_length,
    require_rank,
    require_same_dtype,
    require_shape,
)
from cellc.dialects.nn.definition import InferenceError, OpDefinition, TensorType, nn_op

Ints = tuple[int, ...]


@nn_op
class Reshape(OpDefinition):
    """The same elements in row-major order. `%r = nn.reshape %x {shape = [6]} : (tensor<2x3xf32>) -> tensor<6xf32>`"""

    name = "reshape"
    operands = ("x",)
    attributes: ClassVar = {"shape": "ints"}

    @staticmethod
    def infer(x: TensorType, *, shape: Ints) -> TensorType:
        require_shape("reshape", "shape", shape)
        if math.prod(shape) != x.size:
            raise InferenceError(f"reshape: {x} has {x.size} elements, shape {list(shape)} has {math.prod(shape)}")
        return TensorType(tuple(shape), x.dtype)

    @staticmethod
    def evaluate(x: np.ndarray, *, shape: Ints) -> np.ndarray:
        return np.reshape(x, shape)


@nn_op
class Transpose(OpDefinition):
    """Result axis i is x's axis permutation[i].

    `%r = nn.transpose %x {permutation = [1, 0]} : (tensor<2x3xf32>) -> tensor<3x2xf32>`
    """

    name = "transpose"
    operands = ("x",)
    attributes: ClassVar = {"permutation": "ints"}

    @staticmethod
    def infer(x: TensorType, *, permutation: Ints) -> TensorType:
        if sorted(permutation) != list(range(x.rank)):
            raise InferenceError(f"transpose: {list(permutation)} does not permute the axes of {x}")
        return TensorType(tuple(x.shape[axis] for axis in permutation), x.dtype)

    @staticmethod
    def evaluate(x: np.ndarray, *, permutation: Ints) -> np.ndarray:
        return np.transpose(x, permutation)


@nn_op
class BroadcastTo(OpDefinition):
    """x's axis i becomes result axis dimensions[i]; its extent is the result's or 1. Other axes repeat x.

    `%r = nn.broadcast_to %x {shape = [2, 3], dimensions = [1]} : (tensor<3xf32>) -> tensor<2x3xf32>`
    """

    name = "broadcast_to"
    operands = ("x",)
    attributes: ClassVar = {"shape": "ints", "dimensions": "ints"}

    @staticmethod
    def infer(x: TensorType, *, shape: Ints, dimensions: Ints) -> TensorType:
        require_shape("broadcast_to", "shape", shape)
        require_length("broadcast_to", "dimensions", dimensions, x.rank)
        require_axes("broadcast_to", "dimension", dimensions, len(shape))
        if list(dimensions) != sorted(dimensions):
            raise InferenceError(f"broadcast_to: dimensions {list(dimensions)} must be increasing (transpose first)")
        for axis, dimension in enumerate(dimensions):
            if x.shape[axis] not in (1, shape[dimension]):
                raise InferenceError(
                    f"broadcast_to: axis {axis} of {x} cannot become {shape[dimension]} of {list(shape)}"
                )
        return TensorType(tuple(shape), x.dtype)

    @staticmethod
    def evaluate(x: np.ndarray, *, shape: Ints, dimensions: Ints) -> np.ndarray:
        aligned = [1] * len(shape)
        for axis, dimension in enumerate(dimensions):
            aligned[dimension] = x.shape[axis]
        return np.broadcast_to(np.reshape(x, aligned), shape).copy()


@nn_op
class Slice(OpDefinition):
    """Per axis the elements start, start + stride, ... below limit.

    `%r = nn.slice %x {starts = [1], limits = [4], strides = [2]}
    : (tensor<5xf32>) -> tensor<2xf32>`
    """

    name = "slice"
    operands = ("x",)
    attributes: ClassVar = {"starts": "ints", "limits": "ints", "strides": "ints"}

    @staticmethod
    def infer(x: TensorType, *, starts: Ints, limits: Ints, strides: Ints) -> TensorType:
        for name, values in (("starts", starts), ("limits", limits), ("strides", strides)):
            require_length("slice", name, values, x.rank)
        require_at_least("slice", "strides", strides, 1)
        for axis, (start, limit) in enumerate(zip(starts, limits, strict=True)):
            if not 0 <= start <= limit <= x.shape[axis]:
                raise InferenceError(f"slice: {start}:{limit} is out of range for axis {axis} of {x}")
        bounds = zip(starts, limits, strides, strict=True)
        return TensorType(tuple(len(range(*bound)) for bound in bounds), x.dtype)

    @staticmethod
    def evaluate(x: np.ndarray, *, starts: Ints, limits: Ints, strides: Ints) -> np.ndarray:
        return x[tuple(slice(*bound) for bound in zip(starts, limits, strides, strict=True))].copy()


@nn_op
class Pad(OpDefinition):
    """Per axis low values in front, high behind, interior between elements; none negative.

    `interior` makes it the transpose of a strided slice.
    `%r = nn.pad %x, %v {low = [1], high = [0], interior = [1]}
    : (tensor<3xf32>, tensor<f32>) -> tensor<6xf32>`
    """

    name = "pad"
    operands = ("x", "value")
    attributes: ClassVar = {"low": "ints", "high": "ints", "interior": "ints"}

    @staticmethod
    def infer(x: TensorType, value: TensorType, *, low: Ints, high: Ints, interior: Ints) -> TensorType:
        require_same_dtype("pad", ("x", "value"), x, value)
        require_rank("pad", "value", value, 0)
        for name, values in (("low", low), ("high", high), ("interior", interior)):
            require_length("pad", name, values, x.rank)
            require_at_least("pad", name, values, 0)
        extents = zip(x.shape, low, high, interior, strict=True)
        return TensorType(tuple(before + n + max(n - 1, 0) * i + after for n, before, after, i in extents), x.dtype)

    @staticmethod
    def evaluate(x: np.ndarray, value: np.ndarray, *, low: Ints, high: Ints, interior: Ints) -> np.ndarray:
        extents = zip(x.shape, low, high, interior, strict=True)
        shape = tuple(before + n + max(n - 1, 0) * i + after for n, before, after, i in extents)
        result = np.full(shape, value, x.dtype)
        at = [
            slice(b, b + (n - 1) * (i + 1) + 1 if n else b, i + 1)
            for b, n, i in zip(low, x.shape, interior, strict=True)
        ]
        result[tuple(at)] = x
        return result


@nn_op
class Concat(OpDefinition):
    """The values one after another along the axis.

    `%r = nn.concat %a, %b {axis = 0} : (tensor<2xf32>, tensor<3xf32>) -> tensor<5xf32>`
    """

    name = "concat"
    operands = ("*values",)
    attributes: ClassVar = {"axis": "int"}

    @staticmethod
    def infer(*values: TensorType, axis: int) -> TensorType:
        if not values:
            raise InferenceError("concat: needs at least one value")
        first = values[0]
        require_axis("concat", "axis", axis, first.rank)
        for index, value in enumerate(values):
            require_same_dtype("concat", ("values[0]", f"values[{index}]"), first, value)
            require_rank("concat", f"values[{index}]", value, first.rank)
            if value.shape[:axis] + value.shape[axis + 1 :] != first.shape[:axis] + first.shape[axis + 1 :]:
                raise InferenceError(
                    f"concat: values[0] and values[{index}] differ off axis {axis} ({first} and {value})"
                )
        total = sum(value.shape[axis] for value in values)
        return TensorType((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype)

    @staticmethod
    def evaluate(*values: np.ndarray, axis: int) -> np.ndarray:
        return np.concatenate(values, axis=axis)


@nn_op
class Reverse(OpDefinition):
    """Order turned round along the axes. `%r = nn.reverse %x {axes = [0]} : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "reverse"
    operands = ("x",)
    attributes: ClassVar = {"axes": "ints"}

    @staticmethod
    def infer(x: TensorType, *, axes: Ints) -> TensorType:
        require_axes("reverse", "axis", axes, x.rank)
        return x

    @staticmethod
    def evaluate(x: np.ndarray, *, axes: Ints) -> np.ndarray:
        return np.flip(x, axes).copy()


@nn_op
class Identity(OpDefinition):
    """x itself: a name for a value that must be a node of its own.

    `%r = nn.identity %x : (tensor<2xf32>) -> tensor<2xf32>`
    """

    name = "identity"
    operands = ("x",)

    @staticmethod
    def infer(x: TensorType) -> TensorType:
        return x

    @staticmethod
    def evaluate(x: np.ndarray) -> np.ndarray:
        return x


@nn_op
class StopGradient(OpDefinition):
    """x, through which no gradient flows. `%r = nn.stop_gradient %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "stop_gradient"
    operands = ("x",)

    @staticmethod
    def infer(x: TensorType) -> TensorType:
        return x

    @staticmethod
    def evaluate(x: np.ndarray) -> np.ndarray:
        return x


@nn_op
class After(OpDefinition):
    """x, which nothing that reads the result may use before the token is made.

    It is what keeps a value computed again in the backward pass from being the one of the forward pass, or from being
    computed as early: without it, equal ops are one op. It costs nothing.
    `%r = nn.after %x, %token : (tensor<2xf32>, tensor<3xf32>) -> tensor<2xf32>`
    """

    name = "after"
    operands = ("x", "token")

    @staticmethod
    def infer(x: TensorType, token: TensorType) -> TensorType:
        return x

    @staticmethod
    def evaluate(x: np.ndarray, token: np.ndarray) -> np.ndarray:
        return x
