"""erf: near 0 an odd polynomial, elsewhere 1 - exp(Q(|x|)) with Q a fit of log(erfc)."""

from __future__ import annotations

from cellc.targets.cpu.vector_math import coefficients as c
from cellc.targets.cpu.vector_math.builder import Builder, Value
from cellc.targets.cpu.vector_math.exponential import exp

_NEAR = {"f32": c.ERF_F32, "f64": c.ERF_F64}
_LOG_ERFC = {"f32": c.LOG_ERFC_F32, "f64": c.LOG_ERFC_F64}
# Where erf rounds to 1.
_ONE = {"f32": 4.0, "f64": 5.95}


def erf(b: Builder, x: Value) -> Value:
    """2 / sqrt(pi) * integral of exp(-t^2) from 0 to x."""
    magnitude = b.abs(x)
    near = b.fma(magnitude, b.polynomial(x * x, _NEAR[b.dtype]), magnitude)
    far = 1.0 - exp(b, b.polynomial(b.clamp(magnitude, 0.0, _ONE[b.dtype]), _LOG_ERFC[b.dtype]))
    return b.copysign(b.select(b.compare("olt", magnitude, 1.0), near, far), x)
