"""Elementwise ops of one operand.

Each exists because a composition would lose accuracy (`log1p`, `expm1`, `erf`,
`sigmoid`, `rsqrt`) or because nothing else computes it. `relu` and `reciprocal`
are here for their cheap gradients and their single instruction.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from cellc.dialects.nn.arrays import wide
from cellc.dialects.nn.checks import require_dtype
from cellc.dialects.nn.definition import FLOATS, NUMBERS, OpDefinition, TensorType, nn_op


class UnaryDefinition(OpDefinition):
    """One operand of any shape; the result has its type."""

    operands = ("x",)
    allowed: ClassVar[tuple[str, ...]] = FLOATS
    compute: ClassVar[Any]  # a NumPy function

    @classmethod
    def infer(cls, x: TensorType) -> TensorType:
        require_dtype(cls.name, "x", x, cls.allowed)
        return x

    @classmethod
    def evaluate(cls, x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.asarray(cls.compute(wide(x))).astype(x.dtype)


class PredicateDefinition(UnaryDefinition):
    """One float operand; the result is bool."""

    @classmethod
    def infer(cls, x: TensorType) -> TensorType:
        require_dtype(cls.name, "x", x, cls.allowed)
        return TensorType(x.shape, "bool")

    @classmethod
    def evaluate(cls, x: np.ndarray) -> np.ndarray:
        return np.asarray(cls.compute(wide(x)))


@nn_op
class Neg(UnaryDefinition):
    """-x. `%r = nn.neg %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "neg"
    allowed = NUMBERS
    compute = staticmethod(np.negative)


@nn_op
class Abs(UnaryDefinition):
    """|x|. `%r = nn.abs %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "abs"
    allowed = NUMBERS
    compute = staticmethod(np.abs)


@nn_op
class Sign(UnaryDefinition):
    """-1, 0 or 1; NaN stays NaN. `%r = nn.sign %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "sign"
    allowed = NUMBERS
    compute = staticmethod(np.sign)


@nn_op
class Exp(UnaryDefinition):
    """e^x. `%r = nn.exp %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "exp"
    compute = staticmethod(np.exp)


@nn_op
class Log(UnaryDefinition):
    """ln x. `%r = nn.log %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "log"
    compute = staticmethod(np.log)


@nn_op
class Log1p(UnaryDefinition):
    """ln(1 + x), accurate near 0. `%r = nn.log1p %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "log1p"
    compute = staticmethod(np.log1p)


@nn_op
class Expm1(UnaryDefinition):
    """e^x - 1, accurate near 0. `%r = nn.expm1 %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "expm1"
    compute = staticmethod(np.expm1)


@nn_op
class Sqrt(UnaryDefinition):
    """Square root. `%r = nn.sqrt %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "sqrt"
    compute = staticmethod(np.sqrt)


@nn_op
class Rsqrt(UnaryDefinition):
    """1 / sqrt(x), one rounding less than the pair. `%r = nn.rsqrt %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "rsqrt"
    compute = staticmethod(lambda x: 1 / np.sqrt(x))


@nn_op
class Reciprocal(UnaryDefinition):
    """1 / x. `%r = nn.reciprocal %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "reciprocal"
    compute = staticmethod(lambda x: 1 / x)


@nn_op
class Sin(UnaryDefinition):
    """Sine of radians. `%r = nn.sin %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "sin"
    compute = staticmethod(np.sin)


@nn_op
class Cos(UnaryDefinition):
    """Cosine of radians. `%r = nn.cos %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "cos"
    compute = staticmethod(np.cos)


@nn_op
class Tanh(UnaryDefinition):
    """Hyperbolic tangent. `%r = nn.tanh %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "tanh"
    compute = staticmethod(np.tanh)


@nn_op
class Sigmoid(UnaryDefinition):
    """1 / (1 + e^-x) without overflow. `%r = nn.sigmoid %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "sigmoid"
    compute = staticmethod(lambda x: np.exp(-np.logaddexp(0, -x)))


@nn_op
class Erf(UnaryDefinition):
    """Error function, computed in f64. `%r = nn.erf %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "erf"
    compute = staticmethod(np.vectorize(math.erf, otypes=[np.float64]))


@nn_op
class Relu(UnaryDefinition):
    """max(x, 0); NaN stays NaN. `%r = nn.relu %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "relu"
    allowed = NUMBERS
    compute = staticmethod(lambda x: np.maximum(x, 0))


@nn_op
class Floor(UnaryDefinition):
    """Largest integer <= x. `%r = nn.floor %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "floor"
    compute = staticmethod(np.floor)


@nn_op
class Ceil(UnaryDefinition):
    """Smallest integer >= x. `%r = nn.ceil %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "ceil"
    compute = staticmethod(np.ceil)


@nn_op
class Round(UnaryDefinition):
    """Nearest integer, halves to even. `%r = nn.round %x : (tensor<2xf32>) -> tensor<2xf32>`"""

    name = "round"
    compute = staticmethod(np.rint)


@nn_op
class LogicalNot(UnaryDefinition):
    """not x. `%r = nn.logical_not %x : (tensor<2xi1>) -> tensor<2xi1>`"""

    name = "logical_not"
    allowed = ("bool",)
    compute = staticmethod(np.logical_not)


@nn_op
class Isnan(PredicateDefinition):
    """Is x not a number? `%r = nn.isnan %x : (tensor<2xf32>) -> tensor<2xi1>`"""

    name = "isnan"
    compute = staticmethod(np.isnan)


@nn_op
class Isfinite(PredicateDefinition):
    """Is x neither infinite nor NaN? `%r = nn.isfinite %x : (tensor<2xf32>) -> tensor<2xi1>`"""

    name = "isfinite"
    compute = staticmethod(np.isfinite)
