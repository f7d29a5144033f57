"""Operations that several processes compute together."""

from __future__ import annotations

import re
from typing import ClassVar

import numpy as np

from cellc.dialects.nn.checks import require_dtype
from cellc.dialects.nn.definition import InferenceError, OpDefinition, TensorType, nn_op

REDUCTIONS = ("sum", "prod", "min", "max")
DTYPES = ("f32", "f64", "i32", "i64")
"""What MPI computes with: 16-bit floats are converted before."""


@nn_op
class AllReduce(OpDefinition):
    """The sum (product, minimum, maximum) of x over the processes of a group, element by element; each of them gets it.

    They must run the same collectives in the same order. Alone, a process gets its own x: that is what `evaluate`
    computes. `%r = nn.all_reduce %x {reduction = "sum", group = "world"} : (tensor<4xf32>) -> tensor<4xf32>`
    """

    name = "all_reduce"
    operands = ("x",)
    attributes: ClassVar = {"reduction": "str", "group": "str"}

    @staticmethod
    def infer(x: TensorType, *, reduction: str, group: str) -> TensorType:
        require_dtype("all_reduce", "x", x, DTYPES)
        if reduction not in REDUCTIONS:
            raise InferenceError(f"all_reduce: reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
        if not re.fullmatch(r"\w+", group):
            raise InferenceError(f"all_reduce: group must be letters, digits and underscores, got {group!r}")
        return x

    @staticmethod
    def evaluate(x: np.ndarray, *, reduction: str, group: str) -> np.ndarray:
        return x
