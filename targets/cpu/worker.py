"""One worker process that compiles kernels, seen from its parent."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from cellc.passes import stage_times
from cellc.targets.cpu.level import CpuLevel
from cellc.targets.cpu.worker_process import receive, send

if TYPE_CHECKING:
    from cellc.targets.target import KernelCode

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
        stage_times.add(answer[0].get("stages", {}), "worker: ")
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
