"""Elementary functions on vectors, as MLIR text: range reduction and polynomials, no C library.

So a kernel needs no libm, and its results are the same on every machine. Errors in units in the last place,
and the tests that measure them, are in test/unit/vector_math.
"""

from __future__ import annotations

from functools import cache

from cellc.targets.cpu.vector_math import exponential, logarithm
from cellc.targets.cpu.vector_math.builder import Builder

_FUNCTIONS = {
    "exp": (exponential.exp, 1),
    "expm1": (exponential.expm1, 1),
    "tanh": (exponential.tanh, 1),
    "log": (logarithm.log, 1),
    "log1p": (logarithm.log1p, 1),
}


@cache
def call(op: str, lanes: int, dtype: str) -> tuple[str, str]:
    """The name and the text of a private `func.func` that computes a math op on `vector<lanes x dtype>`.

    Args:
        op: `math.exp` or `exp`, likewise expm1, log, log1p, tanh.
        lanes: Elements of the vector.
        dtype: f32 or f64.

    Raises:
        ValueError: No such function, or another dtype.
    """
    short = op.removeprefix("math.")
    if short not in _FUNCTIONS or dtype not in ("f32", "f64"):
        raise ValueError(f"no vector math for {op} of {dtype}")
    function, arity = _FUNCTIONS[short]
    builder = Builder(lanes, dtype)
    result = function(builder, *(builder.argument(i) for i in range(arity)))
    name = f"{short}_{lanes}x{dtype}"
    return name, builder.function(name, arity, result)
