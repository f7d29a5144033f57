"""sin, cos: |x| = q pi/2 + r with |r| <= pi/4, then a polynomial in r chosen by q mod 4.

Up to a limit the reduction subtracts q pi/2 in three parts with fma (Cody and Waite). Larger arguments take
Payne and Hanek's way, in integers: of |x| 2/pi = M 2^E 2/pi only the product of M with those bits of 2/pi
counts that are not multiples of 4. That path is a branch, taken when any lane needs it.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import pairwise

from cellc.targets.cpu.vector_math import coefficients as c
from cellc.targets.cpu.vector_math.builder import Builder, Value

_SIN = {"f32": c.SIN_F32, "f64": c.SIN_F64}
_COS = {"f32": c.COS_F32, "f64": c.COS_F64}
# Cody and Waite's q must be exact in a float, and q times the third part's error negligible.
_LIMIT = {"f32": 2.0**17, "f64": 2.0**30}
_INFINITY = float("inf")
_TABLE_WORDS = 21
_BITS = 64 * _TABLE_WORDS + 64


@cache
def _pi() -> Fraction:
    """pi to _BITS bits, by Machin's formula 16 atan(1/5) - 4 atan(1/239)."""

    def atan_of_inverse(n: int) -> int:
        term, total, k = (1 << _BITS) // n, 0, 0
        while term:
            total += (-1) ** k * term // (2 * k + 1)
            term, k = term // (n * n), k + 1
        return total

    return Fraction(16 * atan_of_inverse(5) - 4 * atan_of_inverse(239), 1 << _BITS)


@cache
def two_over_pi_words() -> tuple[int, ...]:
    """A word of zeros, then the first binary digits of 2/pi, 64 in a word."""
    digits = int(2 / _pi() * 2 ** (64 * (_TABLE_WORDS - 1)))
    return tuple(digits >> 64 * i & (2**64 - 1) for i in reversed(range(_TABLE_WORDS)))


def _half_pi_parts(b: Builder) -> list[float]:
    parts: list[float] = []
    for _ in range(3):
        parts.append(b.rounded(float(_pi() / 2 - sum(map(Fraction, parts)))))
    return parts


def _reduce(b: Builder, magnitude: Value) -> tuple[Value, Value]:
    """q (integer, right modulo 4) and r."""
    n, q = b.round(magnitude * float(2 / _pi()))
    r = magnitude
    for part in _half_pi_parts(b):
        r = b.fma(n, -part, r)
    large = b.compare("oge", magnitude, _LIMIT[b.dtype]) & b.compare("olt", magnitude, _INFINITY)
    helper = Builder(f"{b.name}_large", b.lanes, b.dtype)
    q, r = b.call_where(large, helper, magnitude, _reduce_large(helper, helper.argument(0)), (q, r))
    return q, r


def _reduce_large(b: Builder, magnitude: Value) -> tuple[Value, Value]:
    bits = b.to_i64(b.bits(magnitude))
    mantissa = bits & (2**b.mantissa - 1) | 2**b.mantissa
    # E - 2 leading digits drop out; 64 zeros stand before the digits.
    start = (bits >> b.mantissa) - (b.bias + b.mantissa + 2 - 64)
    start = b.select(b.compare("sgt", start, 0), start, 0)
    window = _window(b, start, 2 if b.dtype == "f32" else 3)
    if b.dtype == "f32":
        high = mantissa * window[0] + (mantissa * window[1].logical_shift(32)).logical_shift(32)
        low = None
    else:
        low, carry = b.extended_product(mantissa, window[1])
        _, lowest = b.extended_product(mantissa, window[2])
        low = low + lowest
        high = mantissa * window[0] + carry + b.to_i64(b.compare("ult", low, lowest))
    quadrant = (high + (1 << 61)).logical_shift(62)
    return b.from_i64(quadrant), _angle(b, high - (quadrant << 62), low)


def _window(b: Builder, start: Value, words: int) -> list[Value]:
    """Words of 64 digits of 2/pi, beginning at digit `start` of the table."""
    word, shift = start >> 6, start & 63
    table = [b.gather(f"{b.name}_two_over_pi", two_over_pi_words(), word + i) for i in range(words + 1)]
    return [(high << shift) | low.logical_shift(1).logical_shift(63 - shift) for high, low in pairwise(table)]


def _angle(b: Builder, high: Value, low: Value | None) -> Value:
    """pi/2 * 2^-62 (high + low 2^-64), high signed and low unsigned."""
    total = b.i64_to_f64(high, signed=True)
    if low is not None:
        total = b.fma(b.i64_to_f64(low, signed=False), 2.0**-64, total)
    return b.from_f64(total * float(_pi() / 2 / 2**62))


def _of_quadrant(b: Builder, q: Value, r: Value, sign: Value | None) -> Value:
    """sin(r + q pi/2), times the sign of another value."""
    z = r * r
    sine = b.fma(z * r, b.polynomial(z, _SIN[b.dtype]), r)
    cosine = b.polynomial(z, (1.0, -0.5, *_COS[b.dtype]))
    value = b.bits(b.select(b.compare("eq", q & 1, 0), sine, cosine))
    top = b.mantissa + (7 if b.dtype == "f32" else 10)  # the sign bit's position, less 1
    flip = (q & 2) << top
    if sign is not None:
        flip = flip ^ (b.bits(sign) & (1 << (top + 1)))
    return b.from_bits(value ^ flip)


def sin(b: Builder, x: Value) -> Value:
    """sin(x), x in radians."""
    return _of_quadrant(b, *_reduce(b, b.abs(x)), sign=x)


def cos(b: Builder, x: Value) -> Value:
    """cos(x), x in radians."""
    q, r = _reduce(b, b.abs(x))
    return _of_quadrant(b, q + 1, r, sign=None)
