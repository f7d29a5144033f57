"""Elementwise ops of two and three operands, and `cast`.

Operands have equal types: the front end broadcasts and promotes, so neither the
lowering nor a gradient rule ever does. Their gradients follow from each op's
formula, which is why `maximum` is not a `compare` and a `select`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from cellc.dialects.nn.arrays import is_float, numpy_dtype, wide
from cellc.dialects.nn.checks import require_dtype, require_known_dtype, require_same_type
from cellc.dialects.nn.definition import FLOATS, NUMBERS, InferenceError, OpDefinition, TensorType, nn_op


class BinaryDefinition(OpDefinition):
    """Two operands of one type, which is the result's."""

    operands = ("lhs", "rhs")
    allowed: ClassVar[tuple[str, ...]] = NUMBERS
    compute: ClassVar[Any]  # a NumPy function

    @classmethod
    def infer(cls, lhs: TensorType, rhs: TensorType) -> TensorType:
        require_same_type(cls.name, ("lhs", "rhs"), lhs, rhs)
        require_dtype(cls.name, "lhs", lhs, cls.allowed)
        return lhs

    @classmethod
    def evaluate(cls, lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.asarray(cls.compute(wide(lhs), wide(rhs))).astype(lhs.dtype)


@nn_op
class Add(BinaryDefinition):
    """lhs + rhs. `%r = nn.add %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>`"""

    name = "add"
    compute = staticmethod(np.add)


@nn_op
class Sub(BinaryDefinition):
    """lhs - rhs. `%r = nn.sub %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>`"""

    name = "sub"
    compute = staticmethod(np.subtract)


@nn_op
class Mul(BinaryDefinition):
    """lhs * rhs. `%r = nn.mul %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>`"""

    name = "mul"
    compute = staticmethod(np.multiply)


@nn_op
class Div(BinaryDefinition):
    """lhs / rhs of floats. `%r = nn.div %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>`"""

    name = "div"
    allowed = FLOATS
    compute = staticmethod(np.divide)


@nn_op
class Pow(BinaryDefinition):
    """lhs ^ rhs of floats. `%r = nn.pow %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>`"""

    name = "pow"
    allowed = FLOATS
    compute = staticmethod(np.power)


@nn_op
class Maximum(BinaryDefinition):
    """The larger; NaN if either is. `%r = nn.maximum %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>`"""

    name = "maximum"
    compute = staticmethod(np.maximum)


@nn_op
class Minimum(BinaryDefinition):
    """The smaller; NaN if either is. `%r = nn.minimum %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>`"""

    name = "minimum"
    compute = staticmethod(np.minimum)


@nn_op
class Mod(BinaryDefinition):
    """The remainder with the sign of rhs: fmod, plus rhs where the signs differ.

    Of integers: 0 where rhs is 0. `%r = nn.mod %a, %b : (tensor<2xi32>, tensor<2xi32>) -> tensor<2xi32>`
    """

    name = "mod"
    compute = staticmethod(np.mod)


@nn_op
class FloorDiv(BinaryDefinition):
    """floor(lhs / rhs): of floats the rounded quotient's floor, of integers exact.

    Of integers: 0 where rhs is 0; the smallest integer over -1 wraps to itself.
    `%r = nn.floor_div %a, %b : (tensor<2xi32>, tensor<2xi32>) -> tensor<2xi32>`
    """

    name = "floor_div"
    compute = staticmethod(lambda lhs, rhs: np.floor(lhs / rhs) if is_float(lhs) else np.floor_divide(lhs, rhs))


@nn_op
class LogicalAnd(BinaryDefinition):
    """lhs and rhs. `%r = nn.logical_and %a, %b : (tensor<2xi1>, tensor<2xi1>) -> tensor<2xi1>`"""

    name = "logical_and"
    allowed = ("bool",)
    compute = staticmethod(np.logical_and)


@nn_op
class LogicalOr(BinaryDefinition):
    """lhs or rhs. `%r = nn.logical_or %a, %b : (tensor<2xi1>, tensor<2xi1>) -> tensor<2xi1>`"""

    name = "logical_or"
    allowed = ("bool",)
    compute = staticmethod(np.logical_or)


_COMPARISONS = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
}  # fmt: skip


@nn_op
class Compare(OpDefinition):
    """lhs <predicate> rhs; with a NaN only `ne` holds.

    `%r = nn.compare %a, %b {predicate = "lt"} : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>`
    """

    name = "compare"
    operands = ("lhs", "rhs")
    attributes: ClassVar = {"predicate": "str"}

    @staticmethod
    def infer(lhs: TensorType, rhs: TensorType, *, predicate: str) -> TensorType:
        require_same_type("compare", ("lhs", "rhs"), lhs, rhs)
        if predicate not in _COMPARISONS:
            raise InferenceError(f"compare: predicate must be one of {', '.join(_COMPARISONS)}, got {predicate!r}")
        return TensorType(lhs.shape, "bool")

    @staticmethod
    def evaluate(lhs: np.ndarray, rhs: np.ndarray, *, predicate: str) -> np.ndarray:
        return np.asarray(_COMPARISONS[predicate](wide(lhs), wide(rhs)))


@nn_op
class Select(OpDefinition):
    """on_true where the condition holds, else on_false; what is not chosen never matters (NaN * 0 would).

    `%r = nn.select %c, %a, %b : (tensor<2xi1>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>`
    """

    name = "select"
    operands = ("condition", "on_true", "on_false")

    @staticmethod
    def infer(condition: TensorType, on_true: TensorType, on_false: TensorType) -> TensorType:
        require_dtype("select", "condition", condition, ("bool",))
        require_same_type("select", ("on_true", "on_false"), on_true, on_false)
        if condition.shape != on_true.shape:
            raise InferenceError(f"select: shapes of condition and on_true differ ({condition} and {on_true})")
        return on_true

    @staticmethod
    def evaluate(condition: np.ndarray, on_true: np.ndarray, on_false: np.ndarray) -> np.ndarray:
        return np.where(condition, on_true, on_false)


@nn_op
class Cast(OpDefinition):
    """x in another dtype: float to float rounds to nearest even, float to integer truncates, integers wrap,
    to bool is `x != 0`. A float that the integer dtype cannot hold gives an unspecified value.

    `%r = nn.cast %x {dtype = f16} : (tensor<2xf32>) -> tensor<2xf16>`
    """

    name = "cast"
    operands = ("x",)
    attributes: ClassVar = {"dtype": "dtype"}

    @staticmethod
    def infer(x: TensorType, *, dtype: str) -> TensorType:
        require_known_dtype("cast", dtype)
        return TensorType(x.shape, dtype)

    @staticmethod
    def evaluate(x: np.ndarray, *, dtype: str) -> np.ndarray:
        with np.errstate(all="ignore"):
            return x.astype(numpy_dtype(dtype))
