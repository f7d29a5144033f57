"""log, log1p.

m 2^k with m in [sqrt(1/2), sqrt(2)), f = m - 1 and s = f / (2 + f): log(m) = 2s + s^3 P(s^2) is written as
f - (f^2/2 - s (f^2/2 + s^2 P)), since f is exact and 2s = f - s f.
"""

from __future__ import annotations

from cellc.targets.cpu.vector_math import coefficients as c
from cellc.targets.cpu.vector_math.builder import Builder, Value
from cellc.targets.cpu.vector_math.exponential import ln2_parts

_LOG = {"f32": c.LOG_F32, "f64": c.LOG_F64}
_INFINITY = float("inf")


def split(b: Builder, x: Value) -> tuple[Value, Value]:
    """m in [sqrt(1/2), sqrt(2)) and the integer k of a positive x = m 2^k; denormals are scaled up first."""
    shift = b.mantissa + 2
    denormal = b.compare("olt", x, 2.0 ** (1 - b.bias))
    m, k = _split_normal(b, b.select(denormal, x * 2.0**shift, x))
    return m, k - b.select(denormal, b.constant(shift, b.integer), 0)


def _split_normal(b: Builder, x: Value) -> tuple[Value, Value]:
    bits = b.bits(x)
    k = (bits - b.bits(b.constant(0.5**0.5))) >> b.mantissa
    return b.from_bits(bits - (k << b.mantissa)), k


def _log_of_parts(b: Builder, f: Value, k: Value) -> Value:
    """log(1 + f) + k ln 2."""
    high, low = ln2_parts(b)
    s = f / (f + 2.0)
    z = s * s
    half_square = f * f * 0.5
    tail = half_square - s * b.fma(z, b.polynomial(z, _LOG[b.dtype]), half_square)
    exponent = b.to_float(k)
    return b.fma(exponent, high, f - (tail - exponent * low))


def edges(b: Builder, x: Value, result: Value) -> Value:
    """The logarithm at and below 0, at infinity and NaN; the result elsewhere."""
    result = b.select(b.compare("oeq", x, 0.0), -_INFINITY, result)
    result = b.select(b.compare("olt", x, 0.0), float("nan"), result)
    return b.select(b.compare("olt", x, _INFINITY), result, x)


def log(b: Builder, x: Value) -> Value:
    """Natural logarithm."""
    m, k = split(b, x)
    return edges(b, x, _log_of_parts(b, m - 1.0, k))


def log1p(b: Builder, x: Value) -> Value:
    """log(1 + x): u = 1 + x rounded, and what the rounding lost is added to f = m - 1."""
    u = x + 1.0
    lost = b.select(b.compare("ogt", x, 1.0), 1.0 - (u - x), x - (u - 1.0))
    m, k = _split_normal(b, u)
    # Where k is larger, what was lost does not count, and 2^-k might be denormal.
    scale = b.power_of_two(b.select(b.compare("slt", k, 64), 0 - k, -64))
    result = edges(b, u, _log_of_parts(b, b.fma(lost, scale, m - 1.0), k))
    return b.select(b.compare("olt", b.abs(x), 2.0 ** -(b.mantissa + 2)), x, result)
