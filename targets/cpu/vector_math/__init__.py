"""Elementary functions on vectors, as MLIR text: range reduction and polynomials, no C library.

So a kernel needs no libm, and its results are the same on every machine. Errors in units in the last place,
and the tests that measure them, are in test/unit/vector_math.
"""

from __future__ import annotations

from functools import cache

from cellc.targets.cpu.vector_math import error_function, exponential, logarithm, power, trigonometric
from cellc.targets.cpu.vector_math.builder import Builder

_UNARY = {
    "exp": exponential.exp,
    "expm1": exponential.expm1,
    "tanh": exponential.tanh,
    "log": logarithm.log,
    "log1p": logarithm.log1p,
    "erf": error_function.erf,
    "one_plus_erf": error_function.one_plus_erf,
    "sin": trigonometric.sin,
    "cos": trigonometric.cos,
}


@cache
def call(op: str, lanes: int, dtype: str) -> tuple[str, str]:
    """The name and the text of a private `func.func` that computes a math op on `vector<lanes x dtype>`.

    The text also holds what the function uses. For one op, lanes and dtype it is always the same, and
    belongs into a module once.

    Args:
        op: `math.exp` or `exp`, likewise expm1, log, log1p, tanh, erf, one_plus_erf, sin, cos, and powf of two
            operands.
        lanes: Elements of the vector.
        dtype: f32 or f64.

    Raises:
        ValueError: No such function, or another dtype.
    """
    short = op.removeprefix("math.")
    name = f"{short}_{lanes}x{dtype}"
    if dtype in ("f32", "f64") and short in _UNARY:
        builder = Builder(name, lanes, dtype)
        return name, builder.function(1, [_UNARY[short](builder, builder.argument(0))])
    if dtype in ("f32", "f64") and short == "powf":
        return name, _power(name, lanes, dtype)
    raise ValueError(f"no vector math for {op} of {dtype}")


@cache
def call_power(exponent: float, lanes: int, dtype: str) -> tuple[str, str] | None:
    """As `call`, of a function of one operand: its power of that exponent. None where `powf` is as quick."""
    if dtype not in ("f32", "f64") or not power.has_short_power(exponent, dtype):
        return None
    name = f"pow_{'m' if exponent < 0 else ''}{round(2 * abs(exponent))}_halves_{lanes}x{dtype}"
    if dtype == "f64" or exponent in (-1.0, 0.5):  # one rounding
        builder = Builder(name, lanes, dtype)
        return name, builder.function(1, [power.short_power(builder, builder.argument(0), exponent)])
    builder = Builder(name, lanes, "f64", registers=2)
    x = builder.convert("extf", builder.argument(0, "f32"), "f64")
    result = builder.convert("truncf", power.short_power(builder, x, exponent), "f32")
    return name, builder.function(1, [result], "f32")


def _power(name: str, lanes: int, dtype: str) -> str:
    builder = Builder(name, lanes, "f64", registers=2 if dtype == "f32" else 1)
    if dtype == "f64":
        return builder.function(2, [power.pow64(builder, builder.argument(0), builder.argument(1))])
    x, y = (builder.convert("extf", builder.argument(i, "f32"), "f64") for i in range(2))
    return builder.function(2, [builder.convert("truncf", power.pow32(builder, x, y), "f32")], "f32")
