"""Collectives of compiled programs: commands that exchange data with the other processes, over MPI.

A program launches a collective as it launches a kernel. What it calls is a function made here, of the kernels' ABI: it
copies the data to where the result will be, begins a non-blocking operation there, and a second one waits for it.
mpi4py moves the data; it is imported when a process joins a group, and a process alone needs none.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

WORLD = "world"
_MARK = "collective "
_ITEM_SIZES = {"f32": 4, "f64": 8, "i32": 4, "i64": 8}
_MPI_TYPES = {"f32": "FLOAT", "f64": "DOUBLE", "i32": "INT32_T", "i64": "INT64_T"}

_KERNEL = ctypes.CFUNCTYPE(
    None, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_int64), ctypes.c_int64, ctypes.c_void_p
)
_functions: dict[Collective, Any] = {}
"""Compiled programs hold their addresses, so they live as long as the process."""

groups: dict[str, Any] = {}
"""The communicators of mpi4py by the names of groups; none for a process alone."""

_pending: dict[int, Any] = {}
"""Requests by the address of their data."""


class Collective(NamedTuple):
    """A reduction over a group that begins, or with reduction "" one that is waited for."""

    reduction: str
    group: str
    dtype: str
    count: int

    def to_text(self) -> str:
        """The note that stands for the kernel's code."""
        return _MARK + json.dumps(self)

    @staticmethod
    def from_text(text: str) -> Collective:
        """The inverse of `to_text`."""
        return Collective(*json.loads(text.removeprefix(_MARK)))

    def address(self) -> int:
        """The address of its function."""
        if self not in _functions:
            _functions[self] = _KERNEL(_guarded(_started if self.reduction else _finished, self))
        address = ctypes.cast(_functions[self], ctypes.c_void_p).value
        assert address is not None
        return address


def is_note(code: str | bytes) -> bool:
    """Whether a kernel's code is the note of a collective."""
    return code.startswith(_MARK) if isinstance(code, str) else code.startswith(_MARK.encode())


def _started(what: Collective, source: int, target: int) -> None:
    ctypes.memmove(target, source, _bytes(what))
    group = groups.get(what.group)
    if group is None and groups:
        raise RuntimeError(f"there is no group {what.group!r}; it must be made before the program runs")
    if group is None or group.size == 1 or what.count == 0:
        return
    from mpi4py import MPI

    data = [MPI.memory.fromaddress(target, _bytes(what)), what.count, getattr(MPI, _MPI_TYPES[what.dtype])]
    _pending[target] = group.Iallreduce(MPI.IN_PLACE, data, getattr(MPI, what.reduction.upper()))


def _finished(what: Collective, source: int, target: int) -> None:
    request = _pending.pop(source, None)
    if request is not None:
        request.Wait()
    if source != target:
        ctypes.memmove(target, source, _bytes(what))


def _bytes(what: Collective) -> int:
    return what.count * _ITEM_SIZES[what.dtype]


def _guarded(function: Callable[[Collective, int, int], None], what: Collective) -> Callable[..., None]:
    """The function as a kernel. An error cannot pass through the program, and the others would wait: it ends them."""

    def kernel(buffers: Any, dims: Any, block: int, scratch: Any) -> None:
        try:
            function(what, buffers[0] or 0, buffers[1] or 0)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            if not groups:
                os._exit(1)
            groups[WORLD].Abort(1)

    return kernel
