"""The memory that elements lie in: arrays in C order that start at a multiple of 64 bytes, and their addresses."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np

ALIGNMENT = 64
_SMALL = 4096  # bytes
_Char = ctypes.c_char


def aligned_empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An uninitialised C-ordered array whose data starts at a multiple of 64 bytes."""
    raw = np.empty(_room(shape, dtype), np.uint8)
    return np.ndarray(shape, dtype, raw, -address_of(raw) % ALIGNMENT)


def _room(shape: tuple[int, ...], dtype: np.dtype) -> int:
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


@functools.cache
def _chars(size: int) -> type[ctypes.Array[ctypes.c_char]]:
    """A ctypes array of some bytes: making the type takes longer than anything that is done with it."""
    return _Char * size


class FreshArrays:
    """Makes array after array of one shape and dtype, each with its address: for the results of a program.

    Where NumPy's memory lies has to be asked for, which takes longer than getting it; that of ctypes is known, but
    comes cleared. So small arrays are made of the one, others of the other.

    Args:
        shape, dtype: of each array.
    """

    __slots__ = ("_dtype", "_shape", "_size", "_small")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self._shape = shape
        self._dtype = dtype
        self._size = _room(shape, dtype)
        self._small = _chars(self._size) if self._size <= _SMALL else None

    def make(self) -> tuple[np.ndarray, int]:
        """An array whose elements are not set, and their address."""
        if self._small is not None:
            raw: Any = self._small()
            address = ctypes.addressof(raw)
        else:
            raw = np.empty(self._size, np.uint8)
            address = address_of(raw)
        offset = -address % ALIGNMENT
        return np.ndarray(self._shape, self._dtype, raw, offset), address + offset
