"""softmax and log_softmax.

Composed from `exp` and sums they overflow or lose digits unless the maximum is
subtracted first, and their gradients are simple in their results: so they are ops.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from cellc.dialects.nn.arrays import wide
from cellc.dialects.nn.checks import require_axis, require_dtype
from cellc.dialects.nn.definition import FLOATS, OpDefinition, TensorType, nn_op


class SoftmaxDefinition(OpDefinition):
    """A float tensor normalised along one axis."""

    operands = ("x",)
    attributes: ClassVar = {"axis": "int"}

    @classmethod
    def infer(cls, x: TensorType, *, axis: int) -> TensorType:
        require_dtype(cls.name, "x", x, FLOATS)
        require_axis(cls.name, "axis", axis, x.rank)
        return x


def _shifted(x: np.ndarray, axis: int) -> np.ndarray:
    values = wide(x)
    with np.errstate(invalid="ignore"):
        return values - np.max(values, axis=axis, keepdims=True, initial=-np.inf)


@nn_op
class Softmax(SoftmaxDefinition):
    """e^x / sum(e^x) along the axis. `%r = nn.softmax %x {axis = 1} : (tensor<2x3xf32>) -> tensor<2x3xf32>`"""

    name = "softmax"

    @staticmethod
    def evaluate(x: np.ndarray, *, axis: int) -> np.ndarray:
        exponential = np.exp(_shifted(x, axis))
        return (exponential / np.sum(exponential, axis=axis, keepdims=True)).astype(x.dtype)


@nn_op
class LogSoftmax(SoftmaxDefinition):
    """x - ln(sum(e^x)) along the axis. `%r = nn.log_softmax %x {axis = 1} : (tensor<2x3xf32>) -> tensor<2x3xf32>`"""

    name = "log_softmax"

    @staticmethod
    def evaluate(x: np.ndarray, *, axis: int) -> np.ndarray:
        shifted = _shifted(x, axis)
        with np.errstate(divide="ignore"):
            total = np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
        return (shifted - total).astype(x.dtype)
