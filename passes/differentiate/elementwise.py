"""Gradient rules of elementwise ops of two and three operands, and of `cast`."""

from __future__ import annotations

from xdsl.ir import SSAValue

from cellc.dialects.nn import FLOATS
from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.rules import Gradients, gradient_of
from cellc.passes.differentiate.tangents import linear, symmetric


@gradient_of("add")
def _add(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    return [grads[0], grads[0]]


@gradient_of("sub")
def _sub(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    return [grads[0], b.neg(grads[0])]


@gradient_of("mul")
def _mul(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    lhs, rhs = op.operands
    return [b.mul(grads[0], rhs), b.mul(grads[0], lhs)]


@gradient_of("div")
def _div(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    dlhs = b.div(grads[0], op.operands[1])
    return [dlhs, b.neg(b.mul(dlhs, op.results[0]))]


@gradient_of("pow")
def _pow(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    """y x^(y-1) and x^y ln(x), finite at 0 where the derivative is.

    At x = y = 0 the first would be 0 * 0^-1, so that exponent is replaced before it is used
    (a select afterwards would give 0 * inf in the second derivative). For x <= 0 the
    derivative in y is taken as 0.
    """
    x, y = op.operands
    zero, one = b.like(x, 0.0), b.like(x, 1.0)
    dx = b.mul(grads[0], b.mul(y, b.pow(x, _one_less(b, x, y))))
    positive = b.select(b.compare(x, zero, predicate="gt"), x, one)
    return [dx, b.mul(grads[0], b.mul(op.results[0], b.log(positive)))]


def _one_less(b: GradientBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """y - 1, a constant where y is one, which makes a short power; 0 where x = y = 0."""
    full = y.owner if isinstance(y.owner, NNOperation) and y.owner.mnemonic == "full" else None
    if full is not None and full.attribute_values["value"] != 0:
        return b.like(y, full.attribute_values["value"] - 1)
    zero, one = b.like(x, 0.0), b.like(x, 1.0)
    both_zero = b.logical_and(b.compare(x, zero, predicate="eq"), b.compare(y, zero, predicate="eq"))
    return b.sub(b.select(both_zero, one, y), one)


def _pick(b: GradientBuilder, op: NNOperation, g: SSAValue, predicate: str) -> Gradients:
    """The gradient goes whole to one operand; ties to rhs, as in the kernels of MindSpore 1.7.1."""
    lhs, rhs = op.operands
    left, zero = b.compare(lhs, rhs, predicate=predicate), b.like(lhs, 0.0)
    return [b.select(left, g, zero), b.select(left, zero, g)]


@gradient_of("maximum")
def _maximum(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    return _pick(b, op, grads[0], "gt")


@gradient_of("minimum")
def _minimum(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    return _pick(b, op, grads[0], "lt")


@gradient_of("mod")
def _mod(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    """lhs - floor(lhs / rhs) rhs."""
    return [grads[0], b.neg(b.mul(grads[0], b.floor_div(*op.operands)))]


@gradient_of("floor_div")
def _floor_div(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    """Piecewise constant."""
    return [None, None]


@gradient_of("select")
def _select(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    condition, zero = op.operands[0], b.like(grads[0], 0.0)
    return [None, b.select(condition, grads[0], zero), b.select(condition, zero, grads[0])]


@gradient_of("cast")
def _cast(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    dtype = b.type_of(op.operands[0]).dtype
    return [b.cast(grads[0], dtype=dtype) if dtype in FLOATS else None]


symmetric("add", "sub", "mul", "div", "pow", "maximum", "minimum", "mod", "floor_div")
linear("select", "cast")
