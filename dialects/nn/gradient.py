"""Differentiation as ops: what a traced `grad` or `jvp` becomes, until the pass `differentiate` has done it."""

from __future__ import annotations

from typing import Any, ClassVar

from cellc.dialects.nn.checks import require_dtype, require_same_type
from cellc.dialects.nn.definition import FLOATS, InferenceError, OpDefinition, TensorType, nn_op

DERIVATIVES = ("gradient", "tangent")
"""The ops that the pass `differentiate` replaces."""


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


@nn_op
class Tangent(OpDefinition):
    """How each y moves when the wrt values move along their directions: sum of d(y) / d(w) * v, forward mode.

    The values are `outputs` y's, then the wrt values, then a direction of the type of each; like those of
    `gradient`, the wrt values are independent of each other.
    `%dy = nn.tangent %y, %x, %w, %vx, %vw {outputs = 1} : (tensor<f32>, tensor<3xf32>, tensor<2xf32>, tensor<3xf32>,
    tensor<2xf32>) -> tensor<f32>`
    """

    name = "tangent"
    operands = ("*values",)
    attributes: ClassVar = {"outputs": "int"}
    results = ("*tangents",)

    @staticmethod
    def infer(*values: TensorType, outputs: int) -> tuple[TensorType, ...]:
        if outputs < 1 or len(values) <= outputs or (len(values) - outputs) % 2:
            raise InferenceError(
                f"tangent: the values must be {outputs} output(s), then as many wrt values as directions, "
                f"got {len(values)} in all"
            )
        half = outputs + (len(values) - outputs) // 2
        for index, value in enumerate(values[:half]):
            name = f"y[{index}]" if index < outputs else f"wrt[{index - outputs}]"
            require_dtype("tangent", name, value, FLOATS)
        for index, (wrt, direction) in enumerate(zip(values[outputs:half], values[half:], strict=True)):
            require_same_type("tangent", (f"wrt[{index}]", f"direction[{index}]"), wrt, direction)
        return values[:outputs]

    @staticmethod
    def evaluate(*arrays: Any, outputs: int) -> Any:
        raise NotImplementedError("nn.tangent has no meaning by itself: run the pass `differentiate` first")
