"""NumPy helpers of the ops' meanings (`evaluate`)."""

from __future__ import annotations

from typing import Any

import numpy as np

_NUMPY = {
    "f16": "float16", "f32": "float32", "f64": "float64", "i8": "int8", "i16": "int16",
    "i32": "int32", "i64": "int64", "u8": "uint8", "bool": "bool",
}  # fmt: skip
_NAMES = {name: dtype for dtype, name in _NUMPY.items()} | {"bfloat16": "bf16"}


def numpy_dtype(dtype: str) -> np.dtype[Any]:
    """The NumPy dtype of ours; NumPy has no bf16 of its own."""
    if dtype == "bf16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(_NUMPY[dtype])


def dtype_name(dtype: np.dtype[Any]) -> str:
    """Our name of a NumPy dtype; KeyError for one we do not have."""
    return _NAMES[dtype.name]


def wide(x: np.ndarray) -> np.ndarray:
    """f16 and bf16 are computed in f32; everything else in its own dtype."""
    return x.astype(np.float32) if x.dtype.name in ("float16", "bfloat16") else x


def is_float(x: np.ndarray) -> bool:
    return x.dtype.name in ("float16", "bfloat16", "float32", "float64")
