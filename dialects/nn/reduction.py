"""Reductions over axes, running sums, and the position of the extreme along an axis.

A reduction over no elements gives its identity: 0, 1, the lowest or highest value,
false, true. Means and norms are composed from these.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from cellc.dialects.nn.arrays import wide
from cellc.dialects.nn.checks import require_axes, require_axis, require_dtype
from cellc.dialects.nn.definition import NUMBERS, InferenceError, OpDefinition, TensorType, nn_op

Ints = tuple[int, ...]


class ReductionDefinition(OpDefinition):
    """x reduced over distinct axes; `keep_dims` leaves extents of 1 in their place."""

    operands = ("x",)
    attributes: ClassVar = {"axes": "ints", "keep_dims": "bool"}
    allowed: ClassVar[tuple[str, ...]] = NUMBERS
    function: ClassVar[Any]

    @classmethod
    def infer(cls, x: TensorType, *, axes: Ints, keep_dims: bool) -> TensorType:
        require_dtype(cls.name, "x", x, cls.allowed)
        require_axes(cls.name, "axis", axes, x.rank)
        kept = [1 if axis in axes else extent for axis, extent in enumerate(x.shape) if keep_dims or axis not in axes]
        return TensorType(tuple(kept), x.dtype)

    @classmethod
    def identity(cls, dtype: np.dtype[Any]) -> Any:
        """What a reduction over nothing gives."""
        return cls.function.identity

    @classmethod
    def evaluate(cls, x: np.ndarray, *, axes: Ints, keep_dims: bool) -> np.ndarray:
        values = wide(x)
        initial = cls.identity(values.dtype)
        reduced = cls.function.reduce(values, axis=tuple(axes), dtype=values.dtype, keepdims=keep_dims, initial=initial)
        return np.asarray(reduced).astype(x.dtype)


@nn_op
class ReduceSum(ReductionDefinition):
    """The sum. `%r = nn.reduce_sum %x {axes = [1], keep_dims = false} : (tensor<2x3xf32>) -> tensor<2xf32>`"""

    name = "reduce_sum"
    function = np.add


@nn_op
class ReduceProd(ReductionDefinition):
    """The product. `%r = nn.reduce_prod %x {axes = [1], keep_dims = false}
    : (tensor<2x3xf32>) -> tensor<2xf32>`
    """

    name = "reduce_prod"
    function = np.multiply


@nn_op
class ReduceMax(ReductionDefinition):
    """The largest; NaN if one is. `%r = nn.reduce_max %x {axes = [1], keep_dims = false}
    : (tensor<2x3xf32>) -> tensor<2xf32>`
    """

    name = "reduce_max"
    function = np.maximum

    @classmethod
    def identity(cls, dtype: np.dtype[Any]) -> Any:
        return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


@nn_op
class ReduceMin(ReductionDefinition):
    """The smallest; NaN if one is. `%r = nn.reduce_min %x {axes = [1], keep_dims = false}
    : (tensor<2x3xf32>) -> tensor<2xf32>`
    """

    name = "reduce_min"
    function = np.minimum

    @classmethod
    def identity(cls, dtype: np.dtype[Any]) -> Any:
        return np.inf if dtype.kind == "f" else np.iinfo(dtype).max


@nn_op
class ReduceAny(ReductionDefinition):
    """Is any true? `%r = nn.reduce_any %x {axes = [1], keep_dims = false} : (tensor<2x3xi1>) -> tensor<2xi1>`"""

    name = "reduce_any"
    allowed = ("bool",)
    function = np.logical_or


@nn_op
class ReduceAll(ReductionDefinition):
    """Are all true? `%r = nn.reduce_all %x {axes = [1], keep_dims = false} : (tensor<2x3xi1>) -> tensor<2xi1>`"""

    name = "reduce_all"
    allowed = ("bool",)
    function = np.logical_and


@nn_op
class Cumsum(OpDefinition):
    """Sums of the elements up to each along an axis, or with `reverse` of those from each on; each other's transpose.

    `%r = nn.cumsum %x {axis = 1, reverse = false} : (tensor<2x3xf32>) -> tensor<2x3xf32>`
    """

    name = "cumsum"
    operands = ("x",)
    attributes: ClassVar = {"axis": "int", "reverse": "bool"}

    @staticmethod
    def infer(x: TensorType, *, axis: int, reverse: bool) -> TensorType:
        require_dtype("cumsum", "x", x, NUMBERS)
        require_axis("cumsum", "axis", axis, x.rank)
        return x

    @staticmethod
    def evaluate(x: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
        values = np.flip(wide(x), axis) if reverse else wide(x)
        sums = values.cumsum(axis, dtype=values.dtype)
        return (np.flip(sums, axis) if reverse else sums).astype(x.dtype)


class ArgDefinition(OpDefinition):
    """The position (i32) of the extreme along one axis, the first where several are equal; a NaN is the extreme."""

    operands = ("x",)
    attributes: ClassVar = {"axis": "int"}

    @classmethod
    def infer(cls, x: TensorType, *, axis: int) -> TensorType:
        require_dtype(cls.name, "x", x, NUMBERS)
        require_axis(cls.name, "axis", axis, x.rank)
        if x.shape[axis] == 0:
            raise InferenceError(f"{cls.name}: axis {axis} has no elements ({x})")
        return TensorType(x.shape[:axis] + x.shape[axis + 1 :], "i32")


@nn_op
class Argmax(ArgDefinition):
    """Where the largest is. `%r = nn.argmax %x {axis = 1} : (tensor<2x3xf32>) -> tensor<2xi32>`"""

    name = "argmax"

    @staticmethod
    def evaluate(x: np.ndarray, *, axis: int) -> np.ndarray:
        return np.asarray(np.argmax(wide(x), axis=axis)).astype(np.int32)


@nn_op
class Argmin(ArgDefinition):
    """Where the smallest is. `%r = nn.argmin %x {axis = 1} : (tensor<2x3xf32>) -> tensor<2xi32>`"""

    name = "argmin"

    @staticmethod
    def evaluate(x: np.ndarray, *, axis: int) -> np.ndarray:
        return np.asarray(np.argmin(wide(x), axis=axis)).astype(np.int32)
