"""Memory for the results of programs. Large blocks are used again: touching new pages costs more than many kernels."""

from __future__ import annotations

import ctypes
import functools
import weakref
from typing import Any

import numpy as np

from cellc.storage import ALIGNMENT, address_of, room

# Bytes: up to here memory that comes cleared is quickest; from here on the C library gives it back to the system when
# it is freed; so much of it waits in the pool at most.
_SMALL, _LARGE, _MOST_WAITING = 1 << 12, 1 << 17, 1 << 26
_Bytes = ctypes.Array[ctypes.c_char]


@functools.cache
def _chars(size: int) -> type[_Bytes]:
    """A ctypes array of some bytes: making the type takes longer than anything that is done with it."""
    return ctypes.c_char * size


class _Loan(weakref.ref[_Bytes]):
    """Tells the pool that no array refers to a buffer any more."""

    __slots__ = ("address",)
    address: int


class BufferPool:
    """Buffers that arrays are made of; one that no array refers to any more is lent again to who asks for its size.

    The C library gives large blocks back to the system when they are freed, which clears each page of the next one.
    Each change is one operation on a dict: buffers are freed by any thread, and by a collection of cycles in the
    middle of anything, where a lock would wait for itself. Dicts are read by what makes no object that is collected:
    Python 3.11 collects when one is made, and a dict that changes while it is read is an error.

    It has to outlive its buffers, which do not own their memory.

    Args:
        most: bytes that wait here at most. What has waited longest goes first.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._memory = dict[int, np.ndarray]()  # all that there is, by address
        self._loans = dict[int, _Loan]()
        self._waiting = dict[int, int]()  # bytes by address, what has waited longest first

    def lend(self, size: int) -> tuple[_Bytes, int]:
        """A buffer of `size` bytes that are not set, for arrays to refer to, and its address."""
        address = self._take(size) or self._allocate(size)
        buffer = _chars(size).from_address(address)
        loan = self._loans[address] = _Loan(buffer, self._give_back)
        loan.address = address
        return buffer, address

    def _take(self, size: int) -> int | None:
        for address in reversed(list(self._waiting)):  # what was freed last is in the caches
            if self._waiting.get(address) == size:
                found = self._waiting.pop(address, None)
                if found == size:
                    return address
                if found is not None:  # other threads lent it and freed it, and its place has other memory now
                    self._waiting[address] = found
        return None

    def _allocate(self, size: int) -> int:
        memory = np.empty(size, np.uint8)
        address = address_of(memory)
        self._memory[address] = memory
        return address

    def _give_back(self, loan: _Loan) -> None:
        address = loan.address
        del self._loans[address]
        self._waiting[address] = self._memory[address].size
        if sum(self._waiting.values()) > self._most:
            self._free_oldest()

    def _free_oldest(self) -> None:
        for address in list(self._waiting):
            if sum(self._waiting.values()) <= self._most:
                break
            if self._waiting.pop(address, None) is not None:
                del self._memory[address]


_POOL = BufferPool(_MOST_WAITING)
# For ever: when Python exits, threads may be writing results, and what is destroyed last may hold some.
ctypes.pythonapi.Py_IncRef(ctypes.py_object(_POOL))


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
        self._size = room(shape, dtype)
        self._small = _chars(self._size) if self._size <= _SMALL else None

    def make(self) -> tuple[np.ndarray, int]:
        """An array whose elements are not set, and their address."""
        raw: Any
        if self._small is not None:
            raw = self._small()
            address = ctypes.addressof(raw)
        elif _LARGE <= self._size <= _MOST_WAITING // 2:
            raw, address = _POOL.lend(self._size)
        else:
            raw = np.empty(self._size, np.uint8)
            address = address_of(raw)
        offset = -address % ALIGNMENT
        return np.ndarray(self._shape, self._dtype, raw, offset), address + offset
