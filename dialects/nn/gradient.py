"""Differentiation as an op: what a traced `grad` becomes, until the pass `differentiate` has done it."""

from __future__ import annotations

from typing import Any

from cellc.dialects.nn.checks import require_dtype, require_same_type
from cellc.dialects.nn.definition import FLOATS, OpDefinition, TensorType, nn_op


@nn_op
class Gradient(OpDefinition):
    """d(sum(y * seed)) / d(w) for each w, the wrt values taken as independent of each other.

    It is an op because a gradient needs the whole graph between y and w, which only the pass
    `differentiate` sees; being an op it nests, and so gives gradients of gradients.
    `%dw, %db = nn.gradient %y, %seed, %w, %b : (tensor<f32>, tensor<f32>, tensor<4x3xf32>, tensor<4xf32>)
    -> (tensor<4x3xf32>, tensor<4xf32>)`
    """

    name = "gradient"
    operands = ("y", "seed", "*wrt")
    results = ("*gradients",)

    @staticmethod
    def infer(y: TensorType, seed: TensorType, *wrt: TensorType) -> tuple[TensorType, ...]:
        require_dtype("gradient", "y", y, FLOATS)
        require_same_type("gradient", ("y", "seed"), y, seed)
        for index, value in enumerate(wrt):
            require_dtype("gradient", f"wrt[{index}]", value, FLOATS)
        return wrt

    @staticmethod
    def evaluate(*arrays: Any) -> Any:
        raise NotImplementedError("nn.gradient has no meaning by itself: run the pass `differentiate` first")
