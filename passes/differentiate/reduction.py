"""Gradient rules of reductions."""

from __future__ import annotations

import math

from xdsl.ir import SSAValue

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.rules import Gradients, gradient_of, tangent_of
from cellc.passes.differentiate.tangents import linear


def _spread(b: GradientBuilder, op: NNOperation, value: SSAValue) -> SSAValue:
    """A tensor of the result's shape, repeated over the reduced axes to x's shape."""
    shape = b.shape_of(op.operands[0])
    axes, keep_dims = op.attribute_values["axes"], op.attribute_values["keep_dims"]
    dimensions = tuple(axis for axis in range(len(shape)) if keep_dims or axis not in axes)
    return b.broadcast_to(value, shape=shape, dimensions=dimensions)


@gradient_of("reduce_sum")
def _reduce_sum(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    return [_spread(b, op, grads[0])]


@gradient_of("cumsum")
def _cumsum(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    axis, reverse = op.attribute_values["axis"], op.attribute_values["reverse"]
    return [b.cumsum(grads[0], axis=axis, reverse=not reverse)]


linear("reduce_sum", "cumsum")


@gradient_of("reduce_max", "reduce_min")
def _reduce_extreme(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    """Elements equal to the extreme share the gradient evenly, as in MindSpore."""
    ones, count = _extremes(b, op)
    return [b.mul(ones, _spread(b, op, b.div(grads[0], count)))]


@tangent_of("reduce_max", "reduce_min")
def _reduce_extreme_tangent(b: GradientBuilder, op: NNOperation, tangents: Gradients) -> Gradients:
    """The mean over the elements equal to the extreme."""
    ones, count = _extremes(b, op)
    return [b.div(b.reduce_sum(b.mul(ones, tangents[0]), **op.attribute_values), count)]


def _extremes(b: GradientBuilder, op: NNOperation) -> tuple[SSAValue, SSAValue]:
    """1 where x is the extreme and 0 elsewhere, and how many those are."""
    x = op.operands[0]
    chosen = b.compare(x, _spread(b, op, op.results[0]), predicate="eq")
    ones = b.cast(chosen, dtype=b.type_of(x).dtype)
    return ones, b.reduce_sum(ones, **op.attribute_values)


@gradient_of("reduce_prod")
def _reduce_prod(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    """g times the product of all other elements."""
    return [b.mul(_spread(b, op, grads[0]), _products_of_others(b, op))]


@tangent_of("reduce_prod")
def _reduce_prod_tangent(b: GradientBuilder, op: NNOperation, tangents: Gradients) -> Gradients:
    return [b.reduce_sum(b.mul(tangents[0], _products_of_others(b, op)), **op.attribute_values)]


def _products_of_others(b: GradientBuilder, op: NNOperation) -> SSAValue:
    """For each element the product of those before and of those after, never a division by it.

    It holds at 0, and so does its own gradient.
    """
    x, axes = op.operands[0], op.attribute_values["axes"]
    shape = b.shape_of(x)
    order = tuple(axis for axis in range(len(shape)) if axis not in axes) + tuple(axes)
    ordered = b.transpose(x, permutation=order)
    extent = math.prod(shape[axis] for axis in axes)
    rows = b.reshape(ordered, shape=(math.prod(shape[axis] for axis in order[: len(shape) - len(axes)]), extent))
    before = _products_before(b, rows)
    after = b.reverse(_products_before(b, b.reverse(rows, axes=(1,))), axes=(1,))
    others = b.reshape(b.mul(before, after), shape=b.shape_of(ordered))
    back = tuple(order.index(axis) for axis in range(len(shape)))
    return b.transpose(others, permutation=back)


def _products_before(b: GradientBuilder, rows: SSAValue) -> SSAValue:
    """The product of the elements in front of each, by doubling the distance (Hillis and Steele's scan)."""
    extent = b.shape_of(rows)[1]
    scan, distance = _shifted(b, rows, min(1, extent)), 1
    while distance < extent:
        scan = b.mul(scan, _shifted(b, scan, distance))
        distance *= 2
    return scan


def _shifted(b: GradientBuilder, rows: SSAValue, distance: int) -> SSAValue:
    """Rows moved right, ones moved in."""
    n, extent = b.shape_of(rows)
    kept = b.slice(rows, starts=(0, 0), limits=(n, extent - distance), strides=(1, 1))
    one = b.full(shape=(), dtype=b.type_of(rows).dtype, value=1.0)
    return b.pad(kept, one, low=(0, distance), high=(0, 0), interior=(0, 0))
