"""Gradient rules of ops that move or repeat elements: each one's transpose."""

from __future__ import annotations

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.rules import Gradients, gradient_of, tangent_of
from cellc.passes.differentiate.tangents import linear


@gradient_of("reshape")
def _reshape(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    return [b.reshape(grads[0], shape=b.shape_of(op.operands[0]))]


@gradient_of("transpose")
def _transpose(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    permutation = op.attribute_values["permutation"]
    inverse = tuple(permutation.index(axis) for axis in range(len(permutation)))
    return [b.transpose(grads[0], permutation=inverse)]


@gradient_of("broadcast_to")
def _broadcast_to(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    """The sum over the axes that were repeated."""
    shape, dimensions = op.attribute_values["shape"], op.attribute_values["dimensions"]
    x_shape = b.shape_of(op.operands[0])
    own = {dimension: x_shape[axis] for axis, dimension in enumerate(dimensions)}
    repeated = tuple(axis for axis, extent in enumerate(shape) if own.get(axis) != extent)
    total = b.reduce_sum(grads[0], axes=repeated, keep_dims=False) if repeated else grads[0]
    return [total if b.shape_of(total) == x_shape else b.reshape(total, shape=x_shape)]


@gradient_of("slice")
def _slice(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    values = op.attribute_values
    zero = b.full(shape=(), dtype=b.type_of(grads[0]).dtype, value=0.0)
    interior = tuple(stride - 1 for stride in values["strides"])
    spread = [n + max(n - 1, 0) * i for n, i in zip(b.shape_of(grads[0]), interior, strict=True)]
    extents = zip(b.shape_of(op.operands[0]), values["starts"], spread, strict=True)
    high = tuple(extent - start - covered for extent, start, covered in extents)
    return [b.pad(grads[0], zero, low=values["starts"], high=high, interior=interior)]


@gradient_of("pad")
def _pad(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    """The value's gradient is the sum of g where the value stands."""
    x, value = op.operands
    values, g = op.attribute_values, grads[0]
    strides = tuple(i + 1 for i in values["interior"])
    extents = zip(b.shape_of(x), values["low"], strides, strict=True)
    limits = tuple(low + (n - 1) * stride + 1 if n else low for n, low, stride in extents)
    dx = b.slice(g, starts=values["low"], limits=limits, strides=strides)
    outside = b.pad(b.like(x, 0.0), b.like(value, 1.0), **values)
    return [dx, b.reduce_sum(b.mul(g, outside), axes=tuple(range(len(b.shape_of(g)))), keep_dims=False)]


@gradient_of("concat")
def _concat(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    g, axis = grads[0], op.attribute_values["axis"]
    shape = b.shape_of(g)
    starts, limits, ones = [0] * len(shape), list(shape), (1,) * len(shape)
    gradients = []
    for value in op.operands:
        limits[axis] = starts[axis] + b.shape_of(value)[axis]
        gradients.append(b.slice(g, starts=tuple(starts), limits=tuple(limits), strides=ones))
        starts[axis] = limits[axis]
    return gradients


@gradient_of("reverse")
def _reverse(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    return [b.reverse(grads[0], **op.attribute_values)]


@gradient_of("identity")
def _identity(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    return [grads[0]]


@gradient_of("stop_gradient")
def _stop_gradient(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    return [None]


@gradient_of("after")
def _after(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    return [grads[0], None]


@tangent_of("after")
def _after_tangent(b: GradientBuilder, op: NNOperation, tangents: Gradients) -> Gradients:
    return [tangents[0]]


linear("reshape", "transpose", "broadcast_to", "slice", "pad", "concat", "reverse", "identity")


@tangent_of("stop_gradient")
def _stop_tangent(b: GradientBuilder, op: NNOperation, tangents: Gradients) -> Gradients:
    return [None]
