"""Gradient rules of pooling: every op is linear once the index is known, its rule is its transpose."""

from __future__ import annotations

from typing import Any

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.rules import Gradients, gradient_of, tangent_of
from cellc.passes.differentiate.tangents import linear


def _without_shape(op: NNOperation) -> dict[str, Any]:
    return {name: value for name, value in op.attribute_values.items() if name != "input_shape"}


@gradient_of("max_pool2d")
def _max_pool2d(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    shape = b.shape_of(op.operands[0])
    return [b.max_pool2d_gradient(grads[0], op.results[1], input_shape=shape, **op.attribute_values)]


@gradient_of("max_pool2d_gradient")
def _max_pool2d_gradient(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    return [b.max_pool2d_gather(grads[0], op.operands[1], **_without_shape(op)), None]


@gradient_of("max_pool2d_gather")
def _max_pool2d_gather(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    x, index = op.operands
    return [b.max_pool2d_gradient(grads[0], index, input_shape=b.shape_of(x), **op.attribute_values), None]


@gradient_of("avg_pool2d")
def _avg_pool2d(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    return [b.avg_pool2d_gradient(grads[0], input_shape=b.shape_of(op.operands[0]), **op.attribute_values)]


@gradient_of("avg_pool2d_gradient")
def _avg_pool2d_gradient(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    return [b.avg_pool2d(grads[0], **_without_shape(op))]


linear("max_pool2d_gradient", "max_pool2d_gather", "avg_pool2d", "avg_pool2d_gradient")


@tangent_of("max_pool2d")
def _max_pool2d_tangent(b: GradientBuilder, op: NNOperation, tangents: Gradients) -> Gradients:
    """That of the element which is the maximum."""
    return [b.max_pool2d_gather(tangents[0], op.results[1], **op.attribute_values), None]
