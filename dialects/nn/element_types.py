"""Dtypes as IR element types: `u8` is `ui8`, `bool` is `i1`."""

from __future__ import annotations

from typing import Any

from xdsl.dialects.builtin import (
    BFloat16Type,
    Float16Type,
    Float32Type,
    Float64Type,
    IntegerType,
    Signedness,
)
from xdsl.ir import Attribute
from xdsl.utils.exceptions import VerifyException

_ELEMENTS: dict[str, Attribute] = {
    "f16": Float16Type(), "bf16": BFloat16Type(), "f32": Float32Type(), "f64": Float64Type(),
    "i8": IntegerType(8), "i16": IntegerType(16), "i32": IntegerType(32), "i64": IntegerType(64),
    "u8": IntegerType(8, Signedness.UNSIGNED), "bool": IntegerType(1),
}  # fmt: skip
_DTYPES = {element: dtype for dtype, element in _ELEMENTS.items()}


def element_type(dtype: str) -> Any:
    """The IR type of a dtype."""
    return _ELEMENTS[dtype]


def dtype_of(element: Attribute) -> str:
    """The dtype of an IR element type; VerifyException for one that the dialect does not have."""
    if element not in _DTYPES:
        raise VerifyException(f"{element} is not an element type of the nn dialect")
    return _DTYPES[element]
