"""Floor division and modulo of scalars, defined for every pair of operands.

`arith.divsi` traps or is undefined for a zero divisor and for the smallest
integer over -1, so neither reaches it: anything over 0 is 0, and over -1 it is
the wrapping negation.
"""

from __future__ import annotations

from cellc.passes.convert_nn_to_linalg import scalars
from cellc.passes.convert_nn_to_linalg.casts import cast
from cellc.passes.convert_nn_to_linalg.scalars import Scalar, is_float, is_unsigned


def floor_divide(x: Scalar, y: Scalar) -> Scalar:
    """floor(x / y); of integers 0 where y is 0."""
    if is_float(x.dtype):
        return scalars.floor(x / y)
    if is_unsigned(x.dtype):
        return y.eq(0).select(0, x.divided_by(y.maximum(1)))
    quotient, _ = _signed_floor(x, y)
    return y.eq(-1).select(-x, y.eq(0).select(0, quotient))


def modulo(x: Scalar, y: Scalar) -> Scalar:
    """x - y * floor(x / y) in exact arithmetic; of integers 0 where y is 0."""
    if is_float(x.dtype):
        return _float_modulo(x, y)
    if is_unsigned(x.dtype):
        divisor = y.maximum(1)
        return y.eq(0).select(0, x - x.divided_by(divisor) * divisor)
    _, remainder = _signed_floor(x, y)
    return remainder


def _signed_floor(x: Scalar, y: Scalar) -> tuple[Scalar, Scalar]:
    """Quotient and remainder of the floor division; by 1 where y is 0 or -1, so that nothing traps."""
    divisor = (y.eq(0) | y.eq(-1)).select(1, y)
    truncated = x.divided_by(divisor)
    remainder = x - truncated * divisor
    inexact = remainder.ne(0) & ((remainder ^ divisor) < 0)
    return inexact.select(truncated - 1, truncated), inexact.select(remainder + divisor, remainder)


def _float_modulo(x: Scalar, y: Scalar) -> Scalar:
    """Computed in f64, where the quotient of two f32 is floored exactly and its product with y is exact below 2^29.

    Of f64 the remainder is off by up to an ulp of x, and so by y where it is that close to 0. A remainder
    with the wrong sign (the quotient was rounded up to an integer, or y is infinite) is corrected by y.
    """
    dtype = x.dtype
    x, y = cast(x, "f64"), cast(y, "f64")
    quotient = scalars.floor(x / y)
    remainder = x - quotient.eq(0).select(0, quotient * y)
    wrong = ((remainder < 0) & (y > 0)) | ((remainder > 0) & (y < 0))
    return cast(wrong.select(remainder + y, remainder), dtype)
