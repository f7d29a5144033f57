"""Gradient rules of conv2d and its gradients.

With C(x, w) = conv2d and its transposes X(g, w) and W(x, g):
sum(C(x, w) g) = sum(x X(g, w)) = sum(w W(x, g)), and so each rule is one of the other two.
"""

from __future__ import annotations

from typing import Any

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.rules import Gradients, gradient_of
from cellc.passes.differentiate.tangents import multilinear

_WINDOW = ("strides", "padding", "dilation", "groups")


def _window(op: NNOperation) -> dict[str, Any]:
    values = op.attribute_values
    return {name: values[name] for name in _WINDOW}


@gradient_of("conv2d")
def _conv2d(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    (x, weight), g, window = op.operands, grads[0], _window(op)
    return [
        b.conv2d_input_gradient(g, weight, input_shape=b.shape_of(x), **window),
        b.conv2d_weight_gradient(x, g, weight_shape=b.shape_of(weight), **window),
    ]


@gradient_of("conv2d_input_gradient")
def _conv2d_input_gradient(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    """The gradient s of its result stands where x does."""
    (gradient, weight), s, window = op.operands, grads[0], _window(op)
    return [
        b.conv2d(s, weight, **window),
        b.conv2d_weight_gradient(s, gradient, weight_shape=b.shape_of(weight), **window),
    ]


@gradient_of("conv2d_weight_gradient")
def _conv2d_weight_gradient(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    """The gradient s of its result stands where w does."""
    (x, gradient), s, window = op.operands, grads[0], _window(op)
    return [
        b.conv2d_input_gradient(gradient, s, input_shape=b.shape_of(x), **window),
        b.conv2d(x, s, **window),
    ]


multilinear("conv2d", "conv2d_input_gradient", "conv2d_weight_gradient")
