"""exp, exp2, expm1, tanh.

x = n ln 2 + r with |r| <= ln 2 / 2 (Cody and Waite: ln 2 in two parts, subtracted with fma), then
exp(x) = 2^n (1 + r (1 + r P(r))).
"""

from __future__ import annotations

import math
from decimal import Decimal

from cellc.targets.cpu.vector_math import coefficients as c
from cellc.targets.cpu.vector_math.builder import Builder, Value

LN2 = Decimal("0.693147180559945309417232121458176568075500134360255254120680009493393621969694715605863")
# Per dtype: beyond these exp is 0 or infinite, and expm1 is -1. The lowest are those of which both halves of 2^n are
# 0: a product that underflows takes some processors a hundred cycles, and softmax of a mask has many.
_LOWEST = {"f32": -176.0, "f64": -1418.0}
_HIGHEST = {"f32": 89.0, "f64": 710.0}
# A little more than ln 2 / 2.
_LARGEST_REMAINDER = 0.375
_MINUS_ONE = {"f32": -18.0, "f64": -38.0}
_EXP = {"f32": c.EXP_F32, "f64": c.EXPM1_F64}
_EXPM1 = {"f32": c.EXPM1_F32, "f64": c.EXPM1_F64}
_TANH = {"f32": c.TANH_F32, "f64": c.TANH_F64}
_TANH_BOUND = 0.55
# From where tanh rounds to 1 in f32.
_TANH_ONE = 10.0


def ln2_parts(b: Builder) -> tuple[float, float]:
    """ln 2 as a sum of two numbers of the dtype."""
    high = b.rounded(float(LN2))
    return high, b.rounded(float(LN2 - Decimal(high)))


def _reduce(b: Builder, x: Value) -> tuple[Value, Value]:
    """n (integer) and r of x = n ln 2 + r."""
    n, integer = b.round(x * (1 / math.log(2)))
    return integer, _remainder(b, x, n)


def _remainder(b: Builder, x: Value, n: Value) -> Value:
    """x - n ln 2."""
    high, low = ln2_parts(b)
    return b.fma(n, -low, b.fma(n, -high, x))


def exp(b: Builder, x: Value, low: Value | None = None) -> Value:
    """exp(x), or exp(x + low) where low is a rounding error of x.

    Where x is too large for n to be its multiple of ln 2, any r will do: n alone makes the result 0 or infinite. The
    instruction that scales by it does so for infinite n, too; otherwise x is clamped before.
    """
    if not b.has_avx512:
        x = b.clamp(x, _LOWEST[b.dtype], _HIGHEST[b.dtype])
    n, shifted = b.round_exponent(x, 1 / math.log(2))
    r = _remainder(b, x, n)
    if low is not None:
        r = r + low
    if b.has_avx512:
        r = b.bounded(r, _LARGEST_REMAINDER)
    return b.scale(b.polynomial(r, (1.0, 1.0, *_EXP[b.dtype])), n, shifted)


def exp2(b: Builder, x: Value) -> Value:
    """2^x in f32, for |x| below 2^21: what to do about others is the caller's business."""
    n, shifted = b.round_exponent(x, 1.0)
    return b.scale(b.polynomial(x - n, (1.0, *c.EXP2_F32)), n, shifted)


def expm1(b: Builder, x: Value) -> Value:
    """exp(x) - 1 = 2^n q + (2^n - 1) with q = expm1(r); all halved, so that 2^n cannot overflow.

    Near 0 it is x, half of which might be denormal.
    """
    n, r = _reduce(b, b.clamp(x, _MINUS_ONE[b.dtype], _HIGHEST[b.dtype]))
    q = b.fma(r * r, b.polynomial(r, _EXPM1[b.dtype]), r)
    half = b.power_of_two(n - 1)
    result = b.fma(half, q, half - 0.5) * 2.0
    return b.select(b.compare("olt", b.abs(x), 2.0 ** -(b.mantissa + 2)), x, result)


def _exp_of_twice(b: Builder, x: Value) -> Value:
    """exp(2 x) of x >= 0, where large results need not be exact: 1 / (exp(2 x) + 1) becomes 0."""
    if b.dtype == "f64":
        return exp(b, x + x)
    x = b.select(b.compare("ogt", x, _TANH_ONE), _TANH_ONE, x)
    n, shifted = b.round_exponent(x, 2 / math.log(2))
    r = b.fma(x, 2 / math.log(2), -n)
    return b.scale(b.polynomial(r, (1.0, *c.EXP2_F32)), n, shifted)


def tanh(b: Builder, x: Value) -> Value:
    """Near 0 an odd polynomial, elsewhere 1 - 2 / (exp(2|x|) + 1) with the sign of x."""
    magnitude = b.abs(x)
    z = x * x
    near = b.fma(z * magnitude, b.polynomial(z, _TANH[b.dtype]), magnitude)
    far = 1.0 - 2.0 / (_exp_of_twice(b, magnitude) + 1.0)
    return b.copysign(b.select(b.compare("olt", magnitude, _TANH_BOUND), near, far), x)
