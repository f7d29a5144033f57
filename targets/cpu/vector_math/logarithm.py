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
    """m in [sqrt(1/2), sqrt(2)) and the integer k of a positive normal x = m 2^k."""
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


def _edges(b: Builder, x: Value, result: Value) -> Value:
    """log at 0, below 0, and at infinity and NaN."""
    result = b.select(b.compare("oeq", x, 0.0), -_INFINITY, result)
    result = b.select(b.compare("olt", x, 0.0), float("nan"), result)
    return b.select(b.compare("ult", x, _INFINITY), result, x)


def log(b: Builder, x: Value) -> Value:
    """Natural logarithm; denormals are scaled up first."""
    shift = b.mantissa + 2
    denormal = b.compare("olt", x, 2.0 ** (1 - b.bias))
    m, k = split(b, b.select(denormal, x * 2.0**shift, x))
    k = k - b.select(denormal, b.constant(shift, b.integer), 0)
    result = _log_of_parts(b, m - 1.0, k)
    return b.select(b.compare("uno", x, x), x, _edges(b, x, result))


def log1p(b: Builder, x: Value) -> Value:
    """log(1 + x): u = 1 + x rounded, and what the rounding lost is added to f = m - 1."""
    u = x + 1.0
    larger = b.compare("ogt", x, 1.0)
    lost = b.select(larger, 1.0 - (u - x), x - (u - 1.0))
    m, k = split(b, u)
    # Where k is larger, what was lost does not count, and 2^-k might be denormal.
    scale = b.power_of_two(b.select(b.compare("slt", k, 64), 0 - k, -64))
    result = _log_of_parts(b, b.fma(lost, scale, m - 1.0), k)
    result = b.select(b.compare("uno", u, u), x, _edges(b, u, result))
    return b.select(b.compare("olt", b.abs(x), 2.0 ** -(b.mantissa + 2)), x, result)
