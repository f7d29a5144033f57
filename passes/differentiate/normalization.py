"""Gradient rules of softmax and log_softmax, from their results."""

from __future__ import annotations

from xdsl.ir import SSAValue

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.rules import Gradients, gradient_of, tangent_of
from cellc.passes.differentiate.tangents import symmetric


def _sum_along(b: GradientBuilder, x: SSAValue, axis: int) -> SSAValue:
    """The sum along the axis, repeated to x's shape."""
    shape = b.shape_of(x)
    total = b.reduce_sum(x, axes=(axis,), keep_dims=True)
    return b.broadcast_to(total, shape=shape, dimensions=tuple(range(len(shape))))


@gradient_of("softmax")
def _softmax(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    """y (g - sum(g y))."""
    y, axis = op.results[0], op.attribute_values["axis"]
    return [b.mul(y, b.sub(grads[0], _sum_along(b, b.mul(grads[0], y), axis)))]


@gradient_of("log_softmax")
def _log_softmax(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    """g - softmax(x) sum(g): the softmax shares the exponentials that y's sums are made of."""
    axis = op.attribute_values["axis"]
    return [b.sub(grads[0], b.mul(b.softmax(op.operands[0], axis=axis), _sum_along(b, grads[0], axis)))]


symmetric("softmax")


@tangent_of("log_softmax")
def _log_softmax_tangent(b: GradientBuilder, op: NNOperation, tangents: Gradients) -> Gradients:
    """t - sum(e^y t)."""
    (t,), y = tangents, op.results[0]
    return [b.sub(t, _sum_along(b, b.mul(b.exp(y), t), op.attribute_values["axis"]))]
