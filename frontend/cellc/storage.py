"""The memory that elements lie in: arrays in C order that start at a multiple of 64 bytes, and their addresses."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

ALIGNMENT = 64
_Char = ctypes.c_char


def aligned_empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An uninitialised C-ordered array whose data starts at a multiple of 64 bytes."""
    raw = np.empty(room(shape, dtype), np.uint8)
    return np.ndarray(shape, dtype, raw, -address_of(raw) % ALIGNMENT)


def room(shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Bytes that hold such an array wherever they begin, a multiple of 64."""
    size = dtype.itemsize
    for extent in shape:
        size *= extent
    return -(-size // ALIGNMENT) * ALIGNMENT + ALIGNMENT


def address_of(array: np.ndarray) -> int:
    """The address of the first element; several times quicker than `array.ctypes.data` where that is possible."""
    try:
        return ctypes.addressof(_Char.from_buffer(array))  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):  # read-only or empty, or a dtype that buffers do not know (bfloat16)
        return array.ctypes.data


def aligned_copy(data: Any, dtype: np.dtype) -> np.ndarray:
    """The elements of `data`, converted, in fresh aligned storage."""
    data = np.asarray(data)
    array = aligned_empty(data.shape, dtype)
    np.copyto(array, data, casting="unsafe")
    return array
