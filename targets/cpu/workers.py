"""Compiles kernels in worker processes.

MLIR and llvmlite each hold a lock while they work, so only processes run in parallel; and a crash in
either ends a worker, not the user's process. Workers are plain subprocesses that stay for the life of this
process: they never import the user's script.
"""

from __future__ import annotations

import atexit
import dataclasses
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from cellc.passes.mlir import bindings_version
from cellc.targets.cpu import cache as disk
from cellc.targets.cpu.level import CpuLevel
from cellc.targets.cpu.worker_process import receive, send

if TYPE_CHECKING:
    from cellc.targets.target import KernelCode

_MAX_WORKERS = 16
_STDERR_TAIL = 2000


class KernelError(Exception):
    """A kernel that could not be compiled; the message names it."""


class WorkerDiedError(Exception):
    """A worker ended before it answered; the message says how, and what it printed last."""


class Worker:
    """One worker process, used by one thread at a time."""

    def __init__(self, module: str = "cellc.targets.cpu.worker_process") -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  closed with the worker
        # -P: the user's working directory must not shadow modules. A session of its own: Ctrl-C is ours to handle.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout

    def compile(self, kernel: KernelCode, level: CpuLevel) -> bytes:
        """The kernel's object file. Raises KernelError, or WorkerDiedError when the process ended."""
        header = {"name": kernel.name, "level": dataclasses.asdict(level)}
        try:
            send(self._requests, header, kernel.text.encode())
            answer = receive(self._answers)
        except OSError as error:
            raise WorkerDiedError(self._obituary()) from error
        if answer is None:
            raise WorkerDiedError(self._obituary())
        if "error" in answer[0]:
            raise KernelError(f"kernel {kernel.name}: {answer[0]['error']}")
        return answer[1]

    def _obituary(self) -> str:
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._stderr.seek(0)
        printed = self._stderr.read()[-_STDERR_TAIL:].decode(errors="replace").strip()
        reason = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        return f"{reason}, having printed:\n{printed}" if printed else reason

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._stderr.closed

    def end_input(self) -> None:
        """Tells the process to end, without waiting for it."""
        try:
            self._requests.close()
        except OSError:
            return  # What it had not read is of no interest.

    def close(self) -> None:
        """Ends the process and waits for that, not longer than a second."""
        self.end_input()
        self._answers.close()
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stderr.close()


class Pool:
    """Idle workers, and the compilation of many kernels by as many workers as there are cores."""

    def __init__(self, start: Callable[[], Worker] = Worker) -> None:
        self._start = start
        self._idle: list[Worker] = []
        self._lock = threading.Lock()

    def prestart(self, count: int) -> None:
        """Starts workers until `count` are idle; they load the compiler while the caller goes on."""
        with self._lock:
            self._idle += [self._start() for _ in range(count - len(self._idle))]

    def compile(self, kernels: Sequence[KernelCode], level: CpuLevel) -> list[bytes]:
        """Object files in the kernels' order; the longest texts are compiled first. Raises KernelError."""
        jobs: queue.SimpleQueue[int] = queue.SimpleQueue()
        for index in sorted(range(len(kernels)), key=lambda i: -len(kernels[i].text)):
            jobs.put(index)
        results: dict[int, bytes] = {}
        failures: list[BaseException] = []

        def work() -> None:
            try:
                while not failures:
                    index = jobs.get_nowait()
                    results[index] = self._compile_one(kernels[index], level)
            except queue.Empty:
                return
            except BaseException as error:  # raised again in the caller's thread
                failures.append(error)

        _run_threads(work, min(_cores(), len(kernels)), failures)
        if failures:
            raise failures[0]
        return [results[i] for i in range(len(kernels))]

    def _compile_one(self, kernel: KernelCode, level: CpuLevel) -> bytes:
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


def _run_threads(work: Callable[[], None], count: int, failures: list[BaseException]) -> None:
    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException as error:  # Ctrl-C: the threads finish the kernel at hand, and no other
        failures.append(error)
        raise


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
    return f"llvmlite {version('llvmlite')}, {bindings_version()}, {disk.key(*(p.read_bytes() for p in bridge))}"


def compile_kernels(kernels: Sequence[KernelCode], level: CpuLevel) -> list[bytes]:
    """The object files of kernels, from the cache on disk or compiled by workers.

    Raises:
        KernelError: A kernel was refused, or crashed the compiler twice.
    """
    keys = [disk.key("object", repr(level), toolchain(), kernel.name, kernel.text) for kernel in kernels]
    found = [disk.get(key) for key in keys]
    missing = [i for i, content in enumerate(found) if content is None]
    for i, content in zip(missing, _pool.compile([kernels[i] for i in missing], level), strict=True):
        disk.put(keys[i], content)
        found[i] = content
    return [content for content in found if content is not None]
