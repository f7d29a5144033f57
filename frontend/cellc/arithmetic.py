"""Promotion and broadcasting: what `a + b` means for tensors, Python numbers and arrays.

The binary `nn` ops take operands of one shape and dtype; this file brings them there. The rules are MindSpore's:

* a Python number takes the tensor's dtype; only a float beside an integer or bool tensor makes it `float32`, and an
  int beside a bool tensor makes it `int64`;
* two tensors meet in the higher of their dtypes (`cellc.dtype.promote`);
* shapes broadcast as in NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from cellc import dtype as dtypes
from cellc import errors
from cellc.dtype import DType, dtype_of
from cellc.tensor_base import TensorBase
from cellc.trace import apply

if TYPE_CHECKING:
    from cellc.tensor import Tensor

Number = (bool, int, float, np.bool_, np.integer, np.floating)


def is_tensor(value: Any) -> TypeGuard[Tensor]:
    """Whether `value` is a Tensor (`cellc.tensor` imports this module, so its class is not at hand here)."""
    return isinstance(value, TensorBase)


def as_tensor(value: Any, dtype: DType | None = None) -> Tensor:
    """`value` as a Tensor: tensors as they are, arrays and sequences as data, numbers as rank-0 constants.

    Raises:
        TypeError: `value` is not numeric.
    """
    if is_tensor(value):
        return value if dtype is None else cast(value, dtype)
    if isinstance(value, Number):
        return full((), value, dtype or dtype_of(type(_python(value))))
    if isinstance(value, np.ndarray | list | tuple):
        from cellc.tensor import Tensor

        return Tensor(value, dtype)
    raise errors.bad_argument(TypeError, f"expected a Tensor or a number, got {value!r} of type {type(value).__name__}")


def _python(value: Any) -> bool | int | float:
    return value.item() if isinstance(value, np.generic) else value


def full(shape: tuple[int, ...], value: Any, dtype: DType) -> Tensor:
    """A constant tensor; integers beyond 2**53 do not fit the op's float attribute and become data."""
    value = _python(value)
    if isinstance(value, int) and abs(value) > 2**53:
        scalar = apply("constant", value=np.asarray(value, dtype.numpy))
        return broadcast_to(scalar, shape)
    return apply("full", shape=tuple(shape), dtype=dtype.code, value=float(value))


def cast(tensor: Tensor, dtype: DType) -> Tensor:
    """`tensor` in another element type; itself when it has it already."""
    return tensor if tensor.dtype is dtype else apply("cast", tensor, dtype=dtype.code)


def broadcast_shape(lhs: tuple[int, ...], rhs: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape both broadcast to, aligned at the last axis, or None when they do not."""
    if lhs == rhs:
        return lhs
    rank = max(len(lhs), len(rhs))
    shape = []
    for a, b in zip((1,) * (rank - len(lhs)) + lhs, (1,) * (rank - len(rhs)) + rhs, strict=True):
        if a != b and a != 1 and b != 1:
            return None
        shape.append(b if a == 1 else a)
    return tuple(shape)


def broadcast_to(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`tensor` repeated to `shape`, aligned at the last axis (the op checks that it fits)."""
    shape = tuple(shape)
    if tensor.shape == shape:
        return tensor
    offset = len(shape) - tensor.ndim
    return apply("broadcast_to", tensor, shape=shape, dimensions=tuple(range(offset, len(shape))))


def common_dtype(lhs: Any, rhs: Any) -> DType:
    """The dtype in which two operands meet; at least one is a Tensor."""
    if is_tensor(lhs) and is_tensor(rhs):
        return dtypes.promote(lhs.dtype, rhs.dtype)
    tensor, number = (lhs, rhs) if is_tensor(lhs) else (rhs, lhs)
    number = _python(number)
    if isinstance(number, float) and not tensor.dtype.is_float:
        return dtypes.float32
    if type(number) is int and tensor.dtype is dtypes.bool_:
        return dtypes.int64
    return tensor.dtype


def _operand(value: Any, dtype: DType, shape: tuple[int, ...]) -> Tensor:
    if isinstance(value, Number):
        return full(shape, value, dtype)
    return broadcast_to(cast(value, dtype), shape)


def align(op: str, lhs: Any, rhs: Any, dtype: DType | None = None) -> tuple[Tensor, Tensor]:
    """Both operands in one dtype and shape.

    Raises:
        ValueError: the shapes do not broadcast.
        TypeError: an operand is neither a Tensor nor a number.
    """
    __tracebackhide__ = True
    lhs = lhs if isinstance(lhs, Number) and is_tensor(rhs) else as_tensor(lhs)
    rhs = rhs if isinstance(rhs, Number) else as_tensor(rhs)
    dtype = dtype or common_dtype(lhs, rhs)
    left_shape = lhs.shape if is_tensor(lhs) else ()
    right_shape = rhs.shape if is_tensor(rhs) else ()
    shape = broadcast_shape(left_shape, right_shape)
    if shape is None:
        raise errors.shapes_do_not_broadcast(op, lhs, rhs)
    return _operand(lhs, dtype, shape), _operand(rhs, dtype, shape)


def binary(op: str, lhs: Any, rhs: Any) -> Tensor:
    """A binary `nn` op (`add`, `sub`, `mul`, `pow`, `maximum`, `minimum`, `mod`, `floor_div`) on anything."""
    __tracebackhide__ = True
    return apply(op, *align(op, lhs, rhs))


def power(base: Any, exponent: Any) -> Tensor:
    """`base ** exponent`; a small integer exponent multiplies, which is exact for integers and quicker."""
    __tracebackhide__ = True
    whole = type(exponent) is int or (isinstance(exponent, float) and exponent.is_integer())
    if is_tensor(base) and whole and (0 < exponent <= 4 or (base.dtype.is_integer and exponent > 0)):
        base = cast(base, common_dtype(base, exponent))
        return _repeated_product(base, int(exponent))
    base = base if isinstance(base, Number) and is_tensor(exponent) else as_tensor(base)
    exponent = exponent if isinstance(exponent, Number) else as_tensor(exponent)
    dtype = common_dtype(base, exponent)
    if dtype.is_float:
        return apply("pow", *align("pow", base, exponent))
    return cast(apply("round", apply("pow", *align("pow", base, exponent, dtypes.float64))), dtype)


def _repeated_product(base: Tensor, exponent: int) -> Tensor:
    """`base` to a positive integer power by squaring."""
    if exponent == 1:
        return base
    half = _repeated_product(base, exponent // 2)
    square = apply("mul", half, half)
    return apply("mul", square, base) if exponent % 2 else square


def divide(lhs: Any, rhs: Any) -> Tensor:
    """True division; integers and bools divide in `float32`."""
    __tracebackhide__ = True
    lhs = lhs if isinstance(lhs, Number) and is_tensor(rhs) else as_tensor(lhs)
    rhs = rhs if isinstance(rhs, Number) else as_tensor(rhs)
    dtype = common_dtype(lhs, rhs)
    return apply("div", *align("div", lhs, rhs, dtype if dtype.is_float else dtypes.float32))


def compare(predicate: str, lhs: Any, rhs: Any) -> Tensor:
    """`lhs <predicate> rhs` as a bool tensor; predicate is one of eq, ne, lt, le, gt, ge."""
    __tracebackhide__ = True
    return apply("compare", *align(predicate, lhs, rhs), predicate=predicate)


def logical(op: str, lhs: Any, rhs: Any) -> Tensor:
    """`logical_and` or `logical_or`; operands that are not bool are compared with zero."""
    __tracebackhide__ = True
    return apply(op, *align(op, lhs, rhs, dtypes.bool_))


def where(condition: Any, on_true: Any, on_false: Any) -> Tensor:
    """Element by element `on_true` where `condition`, else `on_false`; all three broadcast."""
    __tracebackhide__ = True
    on_true, on_false = align("select", on_true, on_false)
    condition = cast(as_tensor(condition), dtypes.bool_)
    shape = broadcast_shape(condition.shape, on_true.shape)
    if shape is None:
        raise errors.shapes_do_not_broadcast("select", condition, on_true)
    return apply("select", *(broadcast_to(tensor, shape) for tensor in (condition, on_true, on_false)))


def matmul(lhs: Any, rhs: Any, transpose_lhs: bool = False, transpose_rhs: bool = False) -> Tensor:
    """Matrix product over the last two axes; batch axes broadcast, rank 1 works as in `numpy.matmul`.

    `transpose_lhs` and `transpose_rhs` exchange the last two axes of an operand without moving its data.

    Raises:
        ValueError: the inner extents differ or the batch axes do not broadcast.
        TypeError: an operand is a number or not a tensor, or the dtypes differ.
    """
    __tracebackhide__ = True
    if isinstance(lhs, Number) or isinstance(rhs, Number):
        raise errors.bad_argument(TypeError, "matmul takes tensors of rank 1 or more, got a number")
    lhs, rhs = as_tensor(lhs), as_tensor(rhs)
    if lhs.dtype is not rhs.dtype:
        raise errors.matmul_dtypes_differ(lhs, rhs)
    if not lhs.ndim or not rhs.ndim:
        raise errors.matmul_does_not_fit(lhs, rhs, transpose_lhs, transpose_rhs)
    vectors = [at for at, tensor in ((-2, lhs), (-1, rhs)) if tensor.ndim == 1]
    left = lhs.reshape((1, -1)) if lhs.ndim == 1 else lhs
    right = rhs.reshape((-1, 1)) if rhs.ndim == 1 else rhs
    columns, rows = left.shape[-2 if transpose_lhs else -1], right.shape[-1 if transpose_rhs else -2]
    batch = broadcast_shape(left.shape[:-2], right.shape[:-2])
    if columns != rows or batch is None:
        raise errors.matmul_does_not_fit(lhs, rhs, transpose_lhs, transpose_rhs)
    left = broadcast_to(left, (*batch, *left.shape[-2:]))
    right = broadcast_to(right, (*batch, *right.shape[-2:]))
    result = apply("matmul", left, right, transpose_lhs=transpose_lhs, transpose_rhs=transpose_rhs)
    for axis in vectors:
        result = result.squeeze(axis)
    return result
