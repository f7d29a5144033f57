"""Elementwise arithmetic. Two operands are broadcast and promoted before the op (`cellc.arithmetic`).

An operand is a Tensor or a number; a function of one operand also takes what `Tensor(...)` takes.
"""

from __future__ import annotations

from cellc import arithmetic
from cellc.arithmetic import as_tensor, binary
from cellc.dtype import DType
from cellc.errors import bad_argument
from cellc.ops import _validate
from cellc.tensor import Tensor
from cellc.trace import apply

Operand = Tensor | bool | int | float


def _unary(op: str, x: Operand) -> Tensor:
    return apply(op, as_tensor(x))


def add(x: Operand, y: Operand) -> Tensor:
    """x + y, elementwise."""
    return binary("add", x, y)


def sub(x: Operand, y: Operand) -> Tensor:
    """x - y, elementwise."""
    return binary("sub", x, y)


def mul(x: Operand, y: Operand) -> Tensor:
    """x * y, elementwise."""
    return binary("mul", x, y)


def div(x: Operand, y: Operand) -> Tensor:
    """x / y, elementwise; integers are divided as float32."""
    return arithmetic.divide(x, y)


def floor_div(x: Operand, y: Operand) -> Tensor:
    """The largest whole number not above x / y, elementwise."""
    return binary("floor_div", x, y)


def floor_mod(x: Operand, y: Operand) -> Tensor:
    """x - y * floor(x / y), elementwise: the remainder has the sign of y."""
    return binary("mod", x, y)


def pow(x: Operand, y: Operand) -> Tensor:
    """x to the power of y, elementwise."""
    return binary("pow", x, y)


def maximum(x: Operand, y: Operand) -> Tensor:
    """The greater of x and y, elementwise."""
    return binary("maximum", x, y)


def minimum(x: Operand, y: Operand) -> Tensor:
    """The smaller of x and y, elementwise."""
    return binary("minimum", x, y)


def neg(x: Operand) -> Tensor:
    """-x."""
    return _unary("neg", x)


def abs(x: Operand) -> Tensor:
    """The absolute value of x."""
    return _unary("abs", x)


def sign(x: Operand) -> Tensor:
    """-1, 0 or 1 with the sign of x."""
    return _unary("sign", x)


def square(x: Operand) -> Tensor:
    """x * x."""
    tensor = as_tensor(x)
    return mul(tensor, tensor)


def squared_difference(x: Operand, y: Operand) -> Tensor:
    """(x - y) squared, elementwise."""
    return square(sub(x, y))


def exp(x: Operand) -> Tensor:
    """e to the power of x."""
    return _unary("exp", x)


def expm1(x: Operand) -> Tensor:
    """exp(x) - 1, accurate near 0."""
    return _unary("expm1", x)


def log(x: Operand) -> Tensor:
    """The natural logarithm of x."""
    return _unary("log", x)


def log1p(x: Operand) -> Tensor:
    """log(1 + x), accurate near 0."""
    return _unary("log1p", x)


def sqrt(x: Operand) -> Tensor:
    """The square root of x."""
    return _unary("sqrt", x)


def rsqrt(x: Operand) -> Tensor:
    """1 / sqrt(x)."""
    return _unary("rsqrt", x)


def reciprocal(x: Operand) -> Tensor:
    """1 / x."""
    return _unary("reciprocal", x)


def sin(x: Operand) -> Tensor:
    """The sine of x in radians."""
    return _unary("sin", x)


def cos(x: Operand) -> Tensor:
    """The cosine of x in radians."""
    return _unary("cos", x)


def erf(x: Operand) -> Tensor:
    """The Gauss error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    return _unary("erf", x)


def floor(x: Operand) -> Tensor:
    """The largest whole number not above x."""
    return _unary("floor", x)


def ceil(x: Operand) -> Tensor:
    """The smallest whole number not below x."""
    return _unary("ceil", x)


def round(x: Operand) -> Tensor:
    """x rounded to the nearest whole number, ties to even."""
    return _unary("round", x)


def clip_by_value(x: Operand, clip_value_min: Operand, clip_value_max: Operand) -> Tensor:
    """min(max(x, clip_value_min), clip_value_max), elementwise."""
    return minimum(maximum(x, clip_value_min), clip_value_max)


def addn(x: tuple[Tensor, ...] | list[Tensor]) -> Tensor:
    """The sum of all tensors of `x`, which have one shape and dtype.

    Raises:
        TypeError: `x` is neither a tuple nor a list.
        ValueError: `x` is empty.
    """
    if not isinstance(x, tuple | list):
        raise bad_argument(
            TypeError, f"For 'AddN', 'x' must be a tuple or list of Tensors, but got {type(x).__name__}."
        )
    if not x:
        raise bad_argument(ValueError, "For 'AddN', 'x' must not be empty.")
    total = x[0]
    for term in x[1:]:
        total = add(total, term)
    return total


def cast(x: Operand, dtype: DType | type | str) -> Tensor:
    """x with its elements converted to `dtype`; from float to integer the fraction is dropped.

    Raises:
        TypeError: `dtype` is no element type.
    """
    return arithmetic.cast(as_tensor(x), _validate.element_type("dtype", dtype, "cast"))
