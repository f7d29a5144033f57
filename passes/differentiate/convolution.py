"""Gradient rules of convolutions and their gradients.

With C(x, w) the convolution and its transposes X(g, w) and W(x, g):
sum(C(x, w) g) = sum(x X(g, w)) = sum(w W(x, g)), and so each rule is one of the other two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xdsl.ir import SSAValue

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.rules import Gradients, gradient_of
from cellc.passes.differentiate.tangents import multilinear

_WINDOW = ("strides", "padding", "dilation", "groups")


def _window(op: NNOperation) -> dict[str, Any]:
    values = op.attribute_values
    return {name: values[name] for name in _WINDOW}


def _gradient_rules(forward: str) -> None:
    """Registers the rules of a convolution and of its two gradients."""
    names = (forward, f"{forward}_input_gradient", f"{forward}_weight_gradient")

    def ops(b: GradientBuilder) -> tuple[Callable[..., SSAValue], ...]:
        return tuple(getattr(b, name) for name in names)

    @gradient_of(names[0])
    def of_forward(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
        _, input_gradient, weight_gradient = ops(b)
        (x, weight), g, window = op.operands, grads[0], _window(op)
        return [
            input_gradient(g, weight, input_shape=b.shape_of(x), **window),
            weight_gradient(x, g, weight_shape=b.shape_of(weight), **window),
        ]

    @gradient_of(names[1])
    def of_input_gradient(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
        """The gradient s of its result stands where x does."""
        convolve, _, weight_gradient = ops(b)
        (gradient, weight), s, window = op.operands, grads[0], _window(op)
        return [
            convolve(s, weight, **window),
            weight_gradient(s, gradient, weight_shape=b.shape_of(weight), **window),
        ]

    @gradient_of(names[2])
    def of_weight_gradient(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
        """The gradient s of its result stands where w does."""
        convolve, input_gradient, _ = ops(b)
        (x, gradient), s, window = op.operands, grads[0], _window(op)
        return [
            input_gradient(gradient, s, input_shape=b.shape_of(x), **window),
            convolve(x, s, **window),
        ]

    multilinear(*names)


_gradient_rules("conv2d")
_gradient_rules("conv3d")
