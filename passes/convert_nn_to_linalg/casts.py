"""Conversion of a scalar between any two dtypes, with a defined result for every input.

`arith.fptosi` of a NaN or of a value that does not fit is poison, so such
inputs are replaced first: NaN becomes 0 and the rest saturates.
"""

from __future__ import annotations

import math

from xdsl.dialects import arith

from cellc.passes.convert_nn_to_linalg.scalars import WIDTH, Scalar, is_float, is_unsigned, limits

_MANTISSA = {"f32": 24, "f64": 53}


def cast(x: Scalar, dtype: str) -> Scalar:
    """x as `dtype`. Floats round to nearest even, integers wrap, floats saturate to integers, bool is `x != 0`."""
    if x.dtype == dtype:
        return x
    if dtype == "bool":
        return x.ne(0)
    if is_float(x.dtype):
        return _float_to_float(x, dtype) if is_float(dtype) else _float_to_integer(x, dtype)
    return _integer_to_float(x, dtype) if is_float(dtype) else _integer_to_integer(x, dtype)


def _float_to_float(x: Scalar, dtype: str) -> Scalar:
    x = x.widened()
    if x.dtype == dtype:
        return x
    return x.converted(arith.ExtFOp if WIDTH[dtype] > WIDTH[x.dtype] else arith.TruncFOp, dtype)


def _integer_to_float(x: Scalar, dtype: str) -> Scalar:
    """Through f32 for f16 and bf16: every integer that f16 can round to is exact in f32."""
    if x.dtype == "index":
        x = _through_index(x, "i64")
    convert = arith.UIToFPOp if is_unsigned(x.dtype) else arith.SIToFPOp
    if dtype in ("f16", "bf16"):
        return _float_to_float(x.converted(convert, "f32"), dtype)
    return x.converted(convert, dtype)


def _integer_to_integer(x: Scalar, dtype: str) -> Scalar:
    if "index" in (x.dtype, dtype):
        return _through_index(x, dtype)
    if WIDTH[dtype] == WIDTH[x.dtype]:
        return x.converted(None, dtype)
    if WIDTH[dtype] < WIDTH[x.dtype]:
        return x.converted(arith.TruncIOp, dtype)
    return x.converted(arith.ExtUIOp if is_unsigned(x.dtype) else arith.ExtSIOp, dtype)


def _through_index(x: Scalar, dtype: str) -> Scalar:
    """`arith.index_cast` sign-extends, so a narrow unsigned value is extended before it."""
    if x.dtype in ("u8", "bool"):
        x = x.converted(arith.ExtUIOp, "i32")
    return x.converted(arith.IndexCastOp, dtype)


def _float_to_integer(x: Scalar, dtype: str) -> Scalar:
    """NaN is 0; the rest is clamped to the range, through i32 for narrower dtypes."""
    x = x.widened()
    least, greatest = limits(dtype)
    target = dtype if WIDTH[dtype] >= 32 else "i32"
    fits = _greatest_float_up_to(int(greatest), x.dtype)
    number = x.is_nan().select(0.0, x)
    clamped = number.maximum(float(least)).minimum(float(fits))
    result = clamped.converted(arith.FPToSIOp, target)
    if fits != greatest:
        result = (number > float(fits)).select(int(greatest), result)
    return _integer_to_integer(result, dtype) if target != dtype else result


def _greatest_float_up_to(bound: int, dtype: str) -> int:
    """The greatest float of the dtype that is an integer and at most `bound`."""
    excess = max(0, math.ceil(math.log2(bound + 1)) - _MANTISSA[dtype])
    return bound >> excess << excess
