"""Collectives of compiled programs: commands that exchange data with the other processes, over MPI.

A program launches a collective as it launches a kernel. What it calls is a function made here, of the kernels' ABI: it
copies the data to where the result will be, if it is not there, and begins a non-blocking operation there; a second one
waits for it.
mpi4py moves the data; it is imported when a process joins a group, and a process alone needs none.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

WORLD = "world"
_MARK = "collective "
WAIT = "wait"
_ITEM_SIZES = {"f16": 2, "bf16": 2, "f32": 4, "f64": 8, "i1": 1, "i8": 1, "i16": 2, "i32": 4, "i64": 8}
_MPI_TYPES = {"f32": "FLOAT", "f64": "DOUBLE", "i32": "INT32_T", "i64": "INT64_T"}

_KERNEL = ctypes.CFUNCTYPE(
    None, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_int64), ctypes.c_int64, ctypes.c_void_p
)
_functions: dict[Collective, Any] = {}
"""Compiled programs hold their addresses, so they live as long as the process."""

_PASS_ON = 0.3
"""Seconds that are enough to read a pipe."""

groups: dict[str, Any] = {}
"""The communicators of mpi4py by the names of groups; none for a process alone."""


class Pending(NamedTuple):
    """A request, and how many bytes of its data become zeros in the end, where another process has the result."""

    request: Any
    cleared: int = 0


_pending: dict[int, Pending] = {}
"""By the address of the data."""


class Collective(NamedTuple):
    """An operation that begins, or of kind "wait" one that is waited for.

    Attributes:
        kind: all_reduce, reduce, reduce_scatter, all_gather, broadcast or wait.
        dtype: of the elements.
        count: elements of the operand; of the result for a wait.
        group: the name of the group.
        reduction: sum, prod, min or max, where there is one.
        processes: how many the group must have, where the result's shape depends on it.
        root: the rank of the process that has what others get, or gets what they have.
    """

    kind: str
    dtype: str
    count: int
    group: str = ""
    reduction: str = ""
    processes: int = 0
    root: int = 0

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
            _functions[self] = _KERNEL(_guarded(_finished if self.kind == WAIT else _started, self))
        address = ctypes.cast(_functions[self], ctypes.c_void_p).value
        assert address is not None
        return address


def is_note(code: str | bytes) -> bool:
    """Whether a kernel's code is the note of a collective."""
    return code.startswith(_MARK) if isinstance(code, str) else code.startswith(_MARK.encode())


def _started(what: Collective, source: int, target: int) -> None:
    group = groups.get(what.group)
    if group is None and groups:
        raise RuntimeError(f"there is no group {what.group!r}; it must be made before the program runs")
    rank, size = (0, 1) if group is None else (group.rank, group.size)
    _check_size(what, size)
    own = rank * _bytes(what) if what.kind == "all_gather" else 0
    if source != target + own:
        ctypes.memmove(target + own, source, _bytes(what))
    if size > 1 and what.count:
        _pending[target] = BEGIN[what.kind](what, group, target)


def _check_size(what: Collective, size: int) -> None:
    if what.processes not in (0, size) or what.root >= size:
        needs = f"a process {what.root}" if what.processes in (0, size) else f"{what.processes} processes"
        raise RuntimeError(f"the program's {what.kind} needs {needs}, the group {what.group!r} has {size}")


def _all_reduce(what: Collective, group: Any, target: int) -> Pending:
    return Pending(group.Iallreduce(_mpi().IN_PLACE, _numbers(what, target, what.count), _reduction(what)))


def _reduce(what: Collective, group: Any, target: int) -> Pending:
    data = _numbers(what, target, what.count)
    if group.rank == what.root:
        return Pending(group.Ireduce(_mpi().IN_PLACE, data, _reduction(what), what.root))
    return Pending(group.Ireduce(data, None, _reduction(what), what.root), _bytes(what))


def _reduce_scatter(what: Collective, group: Any, target: int) -> Pending:
    share = _numbers(what, target, what.count // group.size)
    return Pending(group.Ireduce_scatter_block(_mpi().IN_PLACE, share, _reduction(what)))


def _all_gather(what: Collective, group: Any, target: int) -> Pending:
    return Pending(group.Iallgather(_mpi().IN_PLACE, _memory(target, _bytes(what) * group.size, "BYTE", _bytes(what))))


def _broadcast(what: Collective, group: Any, target: int) -> Pending:
    return Pending(group.Ibcast(_memory(target, _bytes(what), "BYTE", _bytes(what)), what.root))


BEGIN: dict[str, Callable[[Collective, Any, int], Pending]] = {
    "all_reduce": _all_reduce,
    "reduce": _reduce,
    "reduce_scatter": _reduce_scatter,
    "all_gather": _all_gather,
    "broadcast": _broadcast,
}
"""What begins each kind of operation. Looked up in every run: a measurement may leave something out."""


def _finished(what: Collective, source: int, target: int) -> None:
    pending = _pending.pop(source, None)
    if pending is not None:
        pending.request.Wait()
        ctypes.memset(source, 0, pending.cleared)
    if source != target:
        ctypes.memmove(target, source, _bytes(what))


def _mpi() -> Any:
    from mpi4py import MPI

    return MPI


def _reduction(what: Collective) -> Any:
    return getattr(_mpi(), what.reduction.upper())


def _memory(address: int, size: int, type_: str, count: int) -> list[Any]:
    """`size` bytes as MPI takes them, `count` numbers of a type for each process."""
    return [_mpi().memory.fromaddress(address, size), count, getattr(_mpi(), type_)]


def _numbers(what: Collective, address: int, count: int) -> list[Any]:
    """The operand's copy, to compute with."""
    return _memory(address, _bytes(what), _MPI_TYPES[what.dtype], count)


def _bytes(what: Collective) -> int:
    return what.count * _ITEM_SIZES[what.dtype]


def _guarded(function: Callable[[Collective, int, int], None], what: Collective) -> Callable[..., None]:
    """The function as a kernel. An error cannot pass through the program, and the others would wait: it ends them."""

    def kernel(buffers: Any, dims: Any, block: int, scratch: Any) -> None:
        try:
            function(what, buffers[0] or 0, buffers[1] or 0)
        except BaseException:
            traceback.print_exc()
            if not groups:
                sys.stderr.flush()
                os._exit(1)
            end_all()

    return kernel


def end_all(status: int = 1) -> None:
    """Ends the processes of the world, with an exit status; `mpirun` first gets time to pass on what is printed."""
    sys.stderr.flush()
    time.sleep(_PASS_ON)
    _mpi().COMM_WORLD.Abort(status)
