"""Gradient and tangent rules of collectives.

The loss of the group is the sum of the processes' losses, so what one process does with x of another counts for that
one too: gradients go the way back, as the transpose of a sum is a broadcast and that of a join is a cut.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xdsl.ir import SSAValue

from cellc.dialects.nn.collective import DTYPES
from cellc.dialects.nn.ir import NNOperation, tensor_type
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.rules import Gradients, gradient_of, tangent_of
from cellc.passes.differentiate.tangents import linear

linear("all_gather", "broadcast")


@gradient_of("all_gather")
def _all_gather(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    return [_summed(b, "reduce_scatter", grads[0], op.attribute_values)]


@gradient_of("broadcast")
def _broadcast(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    return [_summed(b, "reduce", grads[0], op.attribute_values)]


def _summed(b: GradientBuilder, name: str, value: SSAValue, attributes: dict[str, Any]) -> SSAValue:
    """The sum over the processes; of 16-bit floats, which are moved but not computed with, in f32."""
    dtype = tensor_type(value.type).dtype
    wide = value if dtype in DTYPES else b.cast(value, dtype="f32")
    total = getattr(b, name)(wide, reduction="sum", **attributes)
    return total if wide is value else b.cast(total, dtype=dtype)


@gradient_of("all_reduce", "reduce", "reduce_scatter")
def _reduction(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    spread = _spread(b, op)
    return [_times_slope(b, op, spread(grads[0]), spread)]


@tangent_of("all_reduce", "reduce", "reduce_scatter")
def _reduction_tangent(b: GradientBuilder, op: NNOperation, tangents: Gradients) -> Gradients:
    attributes = {**op.attribute_values, "reduction": "sum"}
    return [getattr(b, op.mnemonic)(_times_slope(b, op, tangents[0], _spread(b, op)), **attributes)]


def _spread(b: GradientBuilder, op: NNOperation) -> Callable[[SSAValue], SSAValue]:
    """The transpose of the op where it is a sum: brings what each process has of the result to every x."""
    attributes = {name: value for name, value in op.attribute_values.items() if name != "reduction"}
    match op.mnemonic:
        case "reduce":
            return lambda value: b.broadcast(value, **attributes)
        case "reduce_scatter":
            return lambda value: b.all_gather(value, **attributes)
    return lambda value: b.all_reduce(value, reduction="sum", **attributes)


def _times_slope(
    b: GradientBuilder, op: NNOperation, value: SSAValue, spread: Callable[[SSAValue], SSAValue]
) -> SSAValue:
    """The value times d result / d x: 1 for a sum, and where x is the extreme; result / x for a product."""
    reduction = op.attribute_values["reduction"]
    if reduction == "sum":
        return value
    x, result = op.operands[0], op.results[0]
    result = result if op.mnemonic == "all_reduce" else spread(result)  # that of an all_reduce is everywhere
    if reduction == "prod":
        return b.mul(value, b.div(result, x))
    return b.select(b.compare(x, result, predicate="eq"), value, b.like(x, 0.0))
