"""Gradient and tangent rules of collectives.

The loss of the group is the sum of the processes' losses: each process's x reaches all of them.
"""

from __future__ import annotations

from xdsl.ir import SSAValue

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.rules import Gradients, gradient_of, tangent_of


@gradient_of("all_reduce")
def _all_reduce(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    return [_times_slope(b, op, _summed(b, op, grads[0]))]


@tangent_of("all_reduce")
def _all_reduce_tangent(b: GradientBuilder, op: NNOperation, tangents: Gradients) -> Gradients:
    return [_summed(b, op, _times_slope(b, op, tangents[0]))]


def _summed(b: GradientBuilder, op: NNOperation, value: SSAValue | None) -> SSAValue:
    return b.all_reduce(value, reduction="sum", group=op.attribute_values["group"])


def _times_slope(b: GradientBuilder, op: NNOperation, value: SSAValue | None) -> SSAValue:
    """The value times d result / d x: 1 for a sum, and where x is the extreme; result / x for a product."""
    x, result = op.operands[0], op.results[0]
    match op.attribute_values["reduction"]:
        case "sum":
            assert value is not None
            return value
        case "prod":
            return b.mul(value, b.div(result, x))
    return b.select(b.compare(x, result, predicate="eq"), value, b.like(x, 0.0))
