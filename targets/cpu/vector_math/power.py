"""pow: |x|^y = exp(y log|x|), with the sign and the exceptions of C's pow.

In f32 this is computed in f64. In f64, y log|x| can be 745, so the logarithm is needed to 2^-63: it is carried
as a sum of two numbers (Dekker's double-double arithmetic, with fma).
"""

from __future__ import annotations

from fractions import Fraction

from cellc.targets.cpu.vector_math import coefficients as c
from cellc.targets.cpu.vector_math.builder import Builder, Value
from cellc.targets.cpu.vector_math.exponential import LN2, exp
from cellc.targets.cpu.vector_math.logarithm import edges, log, split

_INFINITY = float("inf")
# exp is 0 or infinite beyond, whatever is added.
_FAR = 800.0


def _two_sum(b: Builder, large: Value | float, small: Value) -> tuple[Value, Value]:
    """The sum and its rounding error, for |large| >= |small| or large = 0."""
    total = large + small
    return total, (large - total) + small


def _product(b: Builder, x: tuple[Value, Value], y: tuple[Value, Value]) -> tuple[Value, Value]:
    """The product of two double-doubles."""
    high = x[0] * y[0]
    low = b.fma(x[0], y[0], -high)
    return high, b.fma(x[1], y[0], b.fma(x[0], y[1], low))


def _quotient(b: Builder, f: Value) -> tuple[Value, Value]:
    """f / (2 + f)."""
    denominator, low = _two_sum(b, 2.0, f)
    high = f / denominator
    remainder = b.fma(-high, low, b.fma(-high, denominator, f))
    return high, remainder / denominator


def _log_double(b: Builder, x: Value) -> tuple[Value, Value]:
    """log(x) of positive x: 2s + s z (2/3 + z P(z)) + k ln 2, with s = f / (2 + f) and z = s^2."""
    m, k = split(b, x)
    s = _quotient(b, m - 1.0)
    z = _product(b, s, s)
    two_thirds = 2 / 3
    high, low = _two_sum(b, two_thirds, z[0] * b.polynomial(z[0], c.LOG_LOW_F64))
    tail = _product(b, z, (high, low + float(Fraction(2, 3) - Fraction(two_thirds))))
    high, low = _two_sum(b, 2.0, tail[0])
    high, low = _product(b, s, (high, low + tail[1]))
    exponent = b.to_float(k)
    ln2 = round(LN2 * 2**42) / 2**42  # short enough for k ln 2 to be exact
    total, lost = _two_sum(b, exponent * ln2, high)
    return total, lost + b.fma(exponent, float(Fraction(LN2) - Fraction(ln2)), low)


def _power_of_magnitude(b: Builder, magnitude: Value, y: Value) -> Value:
    high, low = _log_double(b, magnitude)
    high = edges(b, magnitude, high)
    product = y * high
    lost = b.fma(y, low, b.fma(y, high, -product))
    near = b.compare("olt", b.abs(product), _FAR)
    return exp(b, product, b.select(near, lost, 0.0))


def pow64(b: Builder, x: Value, y: Value) -> Value:
    """x^y in f64."""
    return _signed(b, x, y, _power_of_magnitude(b, b.abs(x), y))


def pow32(b: Builder, x: Value, y: Value) -> Value:
    """x^y of f32 numbers held in f64: the rounding to f32 hides the error of f64's exp and log."""
    return _signed(b, x, y, exp(b, y * log(b, b.abs(x))))


def has_short_power(exponent: float, dtype: str) -> bool:
    """Whether products and a square root are as accurate as exp(y log|x|), and shorter.

    Of f64 only where one operation rounds: 1/x and the square root.
    """
    if dtype == "f64":
        return exponent in (-1.0, 0.5)
    return exponent != 0 and abs(exponent) <= 64 and (2 * exponent).is_integer()


def short_power(b: Builder, x: Value, exponent: float) -> Value:
    """x^y for a whole y, or a whole number and a half; of f32 numbers in f64, where products do not round visibly.

    The root of -0 is +0 here and that of -inf is inf, as C's pow has it.
    """
    whole, half = divmod(abs(exponent), 1)
    if half:
        x = b.select(b.compare("oeq", x, -_INFINITY), _INFINITY, x + 0.0)
    factors = [b.sqrt(x)] if half else []
    square = x
    for bit in reversed(f"{int(whole):b}"):
        factors += [square] if bit == "1" else []
        square = square * square
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return 1.0 / result if exponent < 0 else result


def _signed(b: Builder, x: Value, y: Value, result: Value) -> Value:
    """|x|^y becomes x^y: C's rules for negative x, and for bases and exponents where exp(y log|x|) is NaN."""
    half = y * 0.5
    integral = b.compare("oeq", b.floor(y), y)
    odd = integral & b.compare("one", b.floor(half), half)
    negative = b.compare("slt", b.bits(x), 0)
    result = b.select(negative & odd, -result, result)
    finite_below_zero = b.compare("olt", x, 0.0) & b.compare("ogt", x, -_INFINITY)
    undefined = finite_below_zero & b.compare("one", b.floor(y), y)
    result = b.select(undefined, float("nan"), result)
    one = b.compare("oeq", b.abs(x), 1.0) & b.compare("oeq", b.abs(y), _INFINITY)
    one = one | b.compare("oeq", x, 1.0) | b.compare("oeq", y, 0.0)
    return b.select(one, 1.0, result)
