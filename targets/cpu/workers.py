"""Compiles kernels in worker processes.

MLIR and llvmlite each hold a lock while they work, so only processes run in parallel; and a crash in
either ends a worker, not the user's process. Workers are plain subprocesses that stay for the life of this
process: they never import the user's script.
"""

from __future__ import annotations

import atexit
import heapq
import os
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cellc.passes.installed import records
from cellc.passes.mlir import bindings_version
from cellc.passes.stage_times import stage
from cellc.runtime.collectives import is_note
from cellc.targets.cpu import cache as disk
from cellc.targets.cpu.level import CpuLevel
from cellc.targets.cpu.worker import KernelError, Worker, WorkerDiedError

if TYPE_CHECKING:
    from cellc.targets.target import KernelCode

_MAX_WORKERS = 16


class Pool:
    """Worker processes, as many at work as there are cores; those that are idle wait here."""

    def __init__(self, start: Callable[[], Worker] = Worker) -> None:
        self._start = start
        self._idle: list[Worker] = []
        self._lock = threading.Lock()

    def prestart(self, count: int) -> None:
        """Starts workers until `count` are idle; they load the compiler while the caller goes on."""
        with self._lock:
            self._idle += [self._start() for _ in range(count - len(self._idle))]

    def compile(self, kernels: Sequence[KernelCode], level: CpuLevel) -> list[bytes]:
        """Object files in the kernels' order. Raises KernelError."""
        with Batch(self, level) as batch:
            for kernel in kernels:
                batch.add(kernel)
            return batch.results()

    def compile_one(self, kernel: KernelCode, level: CpuLevel) -> bytes:
        """Tries a second, fresh worker when the first one dies."""
        try:
            return self._use(self._take(), kernel, level)
        except WorkerDiedError:
            pass
        try:
            return self._use(self._start(), kernel, level)
        except WorkerDiedError as error:
            raise KernelError(f"kernel {kernel.name}: the compiler crashed twice: {error}") from error

    def _use(self, worker: Worker, kernel: KernelCode, level: CpuLevel) -> bytes:
        """Compiles; a worker that lived goes back among the idle."""
        try:
            return worker.compile(kernel, level)
        except WorkerDiedError:
            worker.close()
            raise
        finally:
            if not worker.closed:
                with self._lock:
                    self._idle.append(worker)

    def _take(self) -> Worker:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._start()

    def close(self) -> None:
        """Ends the idle workers."""
        with self._lock:
            workers, self._idle = self._idle, []
        for worker in workers:
            worker.end_input()
        for worker in workers:
            worker.close()


class Batch:
    """Kernels that a pool compiles while the caller goes on and adds more; of those that wait, the longest first.

    Leaving the `with` block early drops what has not begun.
    """

    def __init__(self, pool: Pool, level: CpuLevel) -> None:
        self._pool, self._level = pool, level
        self._waiting: list[tuple[int, int, KernelCode]] = []
        self._results: dict[int, bytes] = {}
        self._failures: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._added = 0
        self._complete = False

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._waiting.clear()
            self._complete = True
            self._changed.notify_all()

    def add(self, kernel: KernelCode) -> None:
        """Lets the next free worker compile the kernel."""
        with self._changed:
            heapq.heappush(self._waiting, (-len(kernel.text), self._added, kernel))
            self._added += 1
            self._changed.notify()
            if len(self._threads) < _cores():
                self._threads.append(threading.Thread(target=self._work, daemon=True))
                self._threads[-1].start()

    def results(self) -> list[bytes]:
        """Waits; the object files in the order in which kernels were added. Raises KernelError."""
        with self._changed:
            self._complete = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]
        return [self._results[i] for i in range(self._added)]

    def _work(self) -> None:
        try:
            while (job := self._next()) is not None:
                index, kernel = job
                self._results[index] = self._pool.compile_one(kernel, self._level)
        except BaseException as error:  # raised again in the caller's thread
            with self._changed:
                self._failures.append(error)
                self._changed.notify_all()

    def _next(self) -> tuple[int, KernelCode] | None:
        """The number and the text of the next kernel; None when there will be none, or one failed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._complete or self._failures)
            return heapq.heappop(self._waiting)[1:] if self._waiting and not self._failures else None


_pool = Pool()


def _forget_workers() -> None:
    """In a forked child: the pipes belong to the parent."""
    global _pool
    _pool = Pool()


atexit.register(lambda: _pool.close())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)


def _cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _MAX_WORKERS)


def prestart(count: int | None = None) -> None:
    """Starts workers in advance, by default one for each core."""
    _pool.prestart(_cores() if count is None else count)


@cache
def toolchain() -> str:
    """What code depends on beside the kernel's text: tool versions, and the sources that drive the tools."""
    here = Path(__file__).parent
    bridge = here / "emit_object.py", *sorted((here.parent.parent / "passes").glob("mlir*.py"))
    return f"llvmlite {records('llvmlite')}, {bindings_version()}, {disk.key(*(p.read_bytes() for p in bridge))}"


class KernelCompiler:
    """Object files of kernels: from the cache on disk, or compiled by workers while the caller adds more."""

    def __init__(self, level: CpuLevel) -> None:
        self._level = level
        self._batch = Batch(_pool, level)
        self._keys: list[str] = []
        self._found: dict[int, bytes] = {}

    def __enter__(self) -> KernelCompiler:
        return self

    def __exit__(self, *_: object) -> None:
        self._batch.__exit__()

    def add(self, kernel: KernelCode) -> None:
        """Looks the kernel up, or has it compiled; a collective is its note."""
        if is_note(kernel.text):
            self._found[len(self._keys)] = kernel.text.encode()
            self._keys.append("")
            return
        key = disk.key("object", repr(self._level), toolchain(), kernel.name, kernel.text)
        content = disk.get(key)
        if content is None:
            self._batch.add(kernel)
        else:
            self._found[len(self._keys)] = content
        self._keys.append(key)

    def objects(self) -> list[bytes]:
        """The object files in the order in which kernels were added.

        Raises:
            KernelError: A kernel was refused, or crashed the compiler twice.
        """
        missing = [i for i in range(len(self._keys)) if i not in self._found]
        with stage("wait for kernels"):
            compiled = self._batch.results()
        for i, content in zip(missing, compiled, strict=True):
            disk.put(self._keys[i], content)
            self._found[i] = content
        return [self._found[i] for i in range(len(self._keys))]


def compile_kernels(kernels: Sequence[KernelCode], level: CpuLevel) -> list[bytes]:
    """The object files of kernels, in their order. Raises KernelError."""
    with KernelCompiler(level) as compiler:
        for kernel in kernels:
            compiler.add(kernel)
        return compiler.objects()
