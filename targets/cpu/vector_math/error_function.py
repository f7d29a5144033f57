"""erf: near 0 an odd polynomial, elsewhere 1 - erfc, where a polynomial Q fits the logarithm of erfc.

1 + erf(x), of which the exact GELU is made, needs no polynomial for arguments near 0: it is erfc(-x).
"""

from __future__ import annotations

from cellc.targets.cpu.vector_math import coefficients as c
from cellc.targets.cpu.vector_math.builder import Builder, Value
from cellc.targets.cpu.vector_math.exponential import exp, exp2

_NEAR = {"f32": c.ERF_F32, "f64": c.ERF_F64}
# Where erf rounds to 1.
_ONE = {"f32": 4.0, "f64": 5.95}


def erf(b: Builder, x: Value) -> Value:
    """2 / sqrt(pi) * integral of exp(-t^2) from 0 to x."""
    magnitude = b.abs(x)
    near = b.fma(magnitude, b.polynomial(x * x, _NEAR[b.dtype]), magnitude)
    far = 1.0 - _erfc(b, magnitude)
    return b.copysign(b.select(b.compare("olt", magnitude, 1.0), near, far), x)


def _erfc(b: Builder, x: Value) -> Value:
    """1 - erf(x) from 0.99 on, with an error that counts beside 1."""
    one = _ONE[b.dtype]
    x = b.select(b.compare("ogt", x, one), one, x)
    if b.dtype == "f32":
        return exp2(b, b.polynomial(x, c.LOG2_ERFC_F32))
    return exp(b, b.polynomial(x, c.LOG_ERFC_F64))


def one_plus_erf(b: Builder, x: Value) -> Value:
    """1 + erf(x), to the same absolute error as if it were written so, and far better for negative x."""
    if b.dtype == "f64":
        return 1.0 + erf(b, x)
    magnitude = b.abs(x)
    small = exp2(b, b.polynomial(magnitude, c.LOG2_ERFC_NEAR_F32))
    small = b.select(b.compare("ult", magnitude, _ONE["f32"]), small, 0.0)  # NaN where x is
    return b.select(b.compare("olt", x, 0.0), small, 2.0 - small)
