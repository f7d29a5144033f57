"""Element types, under the names users know them by (`cellc.float32`, `mstype.int32`).

A `DType` is what `Tensor.dtype` returns; inside the compiler the same type is the short string
`DType.code` (`"f32"`), the dtype of a `TensorType`.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np


class DType:
    """One element type; instances are singletons, compared by identity.

    Attributes:
        name: MindSpore's printed name, `Float32`.
        code: the compiler's name, `f32`.
        numpy: the NumPy dtype with the same bits.
        rank: position in promotion within the same kind.
    """

    __slots__ = ("code", "kind", "name", "numpy", "rank")

    def __init__(self, name: str, code: str, numpy: Any, kind: str, rank: int) -> None:
        self.name = name
        self.code = code
        self.numpy = np.dtype(numpy)
        self.kind = kind
        self.rank = rank

    @property
    def itemsize(self) -> int:
        return self.numpy.itemsize

    @property
    def is_float(self) -> bool:
        return self.kind == "float"

    @property
    def is_integer(self) -> bool:
        return self.kind == "int"

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return (dtype_of, (self.code,))


bool_ = DType("Bool", "bool", np.bool_, "bool", 0)
uint8 = DType("UInt8", "u8", np.uint8, "int", 1)
int8 = DType("Int8", "i8", np.int8, "int", 2)
int16 = DType("Int16", "i16", np.int16, "int", 3)
int32 = DType("Int32", "i32", np.int32, "int", 4)
int64 = DType("Int64", "i64", np.int64, "int", 5)
float16 = DType("Float16", "f16", np.float16, "float", 6)
bfloat16 = DType("BFloat16", "bf16", ml_dtypes.bfloat16, "float", 7)
float32 = DType("Float32", "f32", np.float32, "float", 8)
float64 = DType("Float64", "f64", np.float64, "float", 9)

ALL = (bool_, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64)
number_type = ALL[1:]
float_type = (float16, bfloat16, float32, float64)
int_type = (int8, int16, int32, int64)

# MindSpore's aliases.
half, single, double, float_ = float16, float32, float64, float64
byte, ubyte, short, intc, intp, int_ = int8, uint8, int16, int32, int64, int64

_BY_CODE = {dtype.code: dtype for dtype in ALL}
_BY_NUMPY = {dtype.numpy: dtype for dtype in ALL}
_BY_PYTHON = {bool: bool_, int: int64, float: float32}

by_code = _BY_CODE.__getitem__
"""The `DType` of a code, such as `"f32"`; asked for several times an operation, where `dtype_of` would look at more."""


def dtype_of(value: Any) -> DType:
    """The `DType` that a DType, a code, a NumPy dtype (of either byte order) or a Python type stands for.

    Raises:
        TypeError: cellc has no such element type.
    """
    if isinstance(value, DType):
        return value
    if isinstance(value, str) and value in _BY_CODE:
        return _BY_CODE[value]
    if isinstance(value, type) and value in _BY_PYTHON:
        return _BY_PYTHON[value]
    try:
        return _BY_NUMPY[np.dtype(value).newbyteorder("=")]
    except (KeyError, TypeError):
        supported = ", ".join(dtype.name for dtype in ALL)
        raise TypeError(f"no tensor holds elements of type {value!r}; supported: {supported}") from None


def promote(lhs: DType, rhs: DType) -> DType:
    """The type two tensors meet in: bool < u8 < i8 .. i64 < f16 < f32 < f64.

    Two pairs have no order, so they meet in the next wider type: u8 with i8 in i16, f16 with bf16 in f32.
    """
    pair = {lhs, rhs}
    if pair == {uint8, int8}:
        return int16
    if pair == {float16, bfloat16}:
        return float32
    return lhs if lhs.rank >= rhs.rank else rhs


def dtype_to_nptype(dtype: DType) -> Any:
    """The NumPy scalar type of `dtype` (MindSpore's helper of that name)."""
    return dtype.numpy.type


def pytype_to_dtype(python_type: type) -> DType:
    """The `DType` of a Python scalar type (MindSpore's helper of that name)."""
    return dtype_of(python_type)
