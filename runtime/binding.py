"""A thin ctypes binding of the C runtime: load a program with its kernels, run it.

``Module.run`` takes a ctypes array of pointers that the caller keeps and refills, so that a step
costs one foreign call. The library is found and opened at the first use, not on import.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Mapping

from cellc.runtime.library import find_library

ABI_VERSION = 2
"""Of ``cellc/module_abi.h``."""


class RuntimeCallError(RuntimeError):
    """The C runtime refused a call; ``status`` is the name of its status code."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(f"{message} ({status})")
        self.status = status


class _KernelEntry(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("function", ctypes.c_void_p))


class _KernelTable(ctypes.Structure):
    _fields_ = (
        ("abi_version", ctypes.c_uint32),
        ("entry_count", ctypes.c_uint32),
        ("entries", ctypes.POINTER(_KernelEntry)),
        ("image", ctypes.c_void_p),
        ("image_size", ctypes.c_uint64),
    )


class _RuntimeOptions(ctypes.Structure):
    _fields_ = (
        ("driver", ctypes.c_char_p),
        ("device", ctypes.c_uint32),
        ("threads", ctypes.c_uint32),
    )


@functools.cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(find_library()))
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    signatures = {
        "cellc_status_name": (ctypes.c_char_p, [ctypes.c_int]),
        "cellc_status_message": (ctypes.c_char_p, []),
        "cellc_runtime_create": (ctypes.c_int, [ctypes.POINTER(_RuntimeOptions), ctypes.POINTER(pointer)]),
        "cellc_runtime_thread_count": (ctypes.c_uint32, [pointer]),
        "cellc_module_create": (
            ctypes.c_int,
            [pointer, ctypes.c_char_p, size, ctypes.POINTER(_KernelTable), ctypes.POINTER(pointer)],
        ),
        "cellc_module_release": (None, [pointer]),
        "cellc_module_binding_count": (size, [pointer]),
        "cellc_module_command_count": (size, [pointer]),
        "cellc_module_profile": (
            ctypes.c_int,
            [pointer, pointer, size, ctypes.POINTER(ctypes.c_uint64), size],
        ),
        "cellc_allocation_count": (ctypes.c_uint64, []),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _check(status: int) -> None:
    if status:
        library = _library()
        raise RuntimeCallError(library.cellc_status_name(status).decode(), library.cellc_status_message().decode())


def allocation_count() -> int:
    """How many times the C runtime has allocated memory in this process."""
    return _library().cellc_allocation_count()


_runtime_lock = threading.Lock()
_runtimes: dict[int, int] = {}


def _runtime(threads: int) -> int:
    """The process's runtime for this thread count (0: the default). It lives until the process ends."""
    with _runtime_lock:
        if threads not in _runtimes:
            handle = ctypes.c_void_p()
            options = _RuntimeOptions(None, 0, threads)
            _check(_library().cellc_runtime_create(ctypes.byref(options), ctypes.byref(handle)))
            assert handle.value is not None
            _runtimes[threads] = handle.value
    return _runtimes[threads]


class Module:
    """A loaded program: its arena, its constants and its resolved kernels.

    ``kernels`` maps each kernel's name to the address of its machine code, which the caller keeps
    loaded as long as the module lives. ``threads`` is 0 for the default: ``CELLC_NUM_THREADS``, else
    the processors this process may use.
    """

    def __init__(self, program: bytes, kernels: Mapping[str, int], threads: int = 0) -> None:
        """Load it. Raises :class:`RuntimeCallError` if the program is damaged or a kernel is missing."""
        self._handle: int | None = None
        if threads < 0:
            raise ValueError(f"threads is {threads}, it must not be negative")
        library = _library()
        runtime = _runtime(threads)
        entries = (_KernelEntry * len(kernels))(*((name.encode(), address) for name, address in kernels.items()))
        table = _KernelTable(ABI_VERSION, len(kernels), entries, None, 0)
        handle = ctypes.c_void_p()
        _check(library.cellc_module_create(runtime, program, len(program), table, ctypes.byref(handle)))
        self._handle = handle.value
        # Kept here: when Python ends, this module's names may be gone before the last Module.
        self._release = library.cellc_module_release
        self.binding_count: int = library.cellc_module_binding_count(handle)
        """How many pointers ``run`` takes."""
        self.threads: int = library.cellc_runtime_thread_count(runtime)
        # Ready-made arguments and no argtypes: converting them would be half of a call's cost.
        self._run = library.cellc_module_run
        self._arguments = (handle, ctypes.c_size_t(self.binding_count))

    def pointer_array(self) -> ctypes.Array[ctypes.c_void_p]:
        """A new array for :meth:`run`, to be filled with addresses and kept."""
        return (ctypes.c_void_p * self.binding_count)()

    def run(self, pointers: ctypes.Array[ctypes.c_void_p]) -> None:
        """Run all commands on these addresses (``Program.bindings`` order); returns when they are done.

        Raises :class:`RuntimeCallError`. The GIL is free meanwhile; runs of one module wait for each other.
        """
        handle, count = self._arguments
        if status := self._run(handle, pointers, count):
            _check(status)

    def profile(self, pointers: ctypes.Array[ctypes.c_void_p]) -> list[int]:
        """As :meth:`run`; the nanoseconds that each command took, in the program's order."""
        library, (handle, bindings) = _library(), self._arguments
        times = (ctypes.c_uint64 * library.cellc_module_command_count(handle))()
        _check(library.cellc_module_profile(handle, pointers, bindings, times, len(times)))
        return list(times)

    def __del__(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            self._release(handle)
