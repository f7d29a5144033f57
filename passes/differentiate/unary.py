"""Gradient rules of elementwise ops of one operand; where the result is handy, it is used again."""

from __future__ import annotations

import math
from collections.abc import Callable

from xdsl.ir import SSAValue

from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.rules import gradient_of
from cellc.passes.differentiate.tangents import symmetric

Formula = Callable[[GradientBuilder, SSAValue, SSAValue, SSAValue], SSAValue | None]


def _unary(*names: str) -> Callable[[Formula], Formula]:
    """Registers `formula(b, x, result, g)`, the gradient of x; of a tangent in place of g it is the tangent."""

    def register(formula: Formula) -> Formula:
        gradient_of(*names)(lambda b, op, grads: [formula(b, op.operands[0], op.results[0], grads[0])])
        symmetric(*names)
        return formula

    return register


@_unary("neg")
def _neg(b: GradientBuilder, x: SSAValue, result: SSAValue, g: SSAValue) -> SSAValue | None:
    return b.neg(g)


@_unary("abs")
def _abs(b: GradientBuilder, x: SSAValue, result: SSAValue, g: SSAValue) -> SSAValue | None:
    """sign(0) = 0, so 0 at 0."""
    return b.mul(g, b.sign(x))


@_unary("sign", "floor", "ceil", "round")
def _piecewise_constant(b: GradientBuilder, x: SSAValue, result: SSAValue, g: SSAValue) -> SSAValue | None:
    """0 wherever it is defined."""
    return None


@_unary("exp")
def _exp(b: GradientBuilder, x: SSAValue, result: SSAValue, g: SSAValue) -> SSAValue | None:
    return b.mul(g, result)


@_unary("log")
def _log(b: GradientBuilder, x: SSAValue, result: SSAValue, g: SSAValue) -> SSAValue | None:
    return b.div(g, x)


@_unary("log1p")
def _log1p(b: GradientBuilder, x: SSAValue, result: SSAValue, g: SSAValue) -> SSAValue | None:
    return b.div(g, b.add(x, b.like(x, 1.0)))


@_unary("expm1")
def _expm1(b: GradientBuilder, x: SSAValue, result: SSAValue, g: SSAValue) -> SSAValue | None:
    return b.mul(g, b.add(result, b.like(x, 1.0)))


@_unary("sqrt")
def _sqrt(b: GradientBuilder, x: SSAValue, result: SSAValue, g: SSAValue) -> SSAValue | None:
    return b.div(b.scaled(g, 0.5), result)


@_unary("rsqrt")
def _rsqrt(b: GradientBuilder, x: SSAValue, result: SSAValue, g: SSAValue) -> SSAValue | None:
    """-1/2 x^(-3/2)."""
    return b.mul(b.scaled(g, -0.5), b.mul(result, b.mul(result, result)))


@_unary("reciprocal")
def _reciprocal(b: GradientBuilder, x: SSAValue, result: SSAValue, g: SSAValue) -> SSAValue | None:
    return b.neg(b.mul(g, b.mul(result, result)))


@_unary("sin")
def _sin(b: GradientBuilder, x: SSAValue, result: SSAValue, g: SSAValue) -> SSAValue | None:
    return b.mul(g, b.cos(x))


@_unary("cos")
def _cos(b: GradientBuilder, x: SSAValue, result: SSAValue, g: SSAValue) -> SSAValue | None:
    return b.neg(b.mul(g, b.sin(x)))


@_unary("tanh")
def _tanh(b: GradientBuilder, x: SSAValue, result: SSAValue, g: SSAValue) -> SSAValue | None:
    return b.mul(g, b.sub(b.like(x, 1.0), b.mul(result, result)))


@_unary("sigmoid")
def _sigmoid(b: GradientBuilder, x: SSAValue, result: SSAValue, g: SSAValue) -> SSAValue | None:
    return b.mul(g, b.mul(result, b.sub(b.like(x, 1.0), result)))


@_unary("erf")
def _erf(b: GradientBuilder, x: SSAValue, result: SSAValue, g: SSAValue) -> SSAValue | None:
    """2 / sqrt(pi) e^(-x^2)."""
    return b.mul(b.scaled(g, 2 / math.sqrt(math.pi)), b.exp(b.neg(b.mul(x, x))))


@_unary("relu")
def _relu(b: GradientBuilder, x: SSAValue, result: SSAValue, g: SSAValue) -> SSAValue | None:
    """0 at 0."""
    zero = b.like(x, 0.0)
    return b.select(b.compare(x, zero, predicate="gt"), g, zero)
