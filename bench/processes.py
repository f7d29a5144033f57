"""The parent's end of a child process (`child.py`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import weights
from side import SkippedError

CHILD = Path(__file__).with_name("child.py")


@dataclass(frozen=True)
class Framework:
    """What takes part: the module of its side, the variant, and the interpreter that has it."""

    name: str
    module: str
    variant: str = "default"
    python: str = sys.executable


class Child:
    """One framework's side of one workload, in a process that sleeps unless it is asked for something."""

    def __init__(self, framework: Framework, workload: str, weights: Path, environment: Mapping[str, str]):
        """Starts it and waits until it is ready.

        Raises:
            SkippedError: the framework is not there, does not do this, or the process ended; the error says which.
        """
        # A directory of its own: some frameworks write files where they run.
        self._directory = tempfile.TemporaryDirectory()
        self._log = open(Path(self._directory.name) / "log", "w+", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [framework.python, CHILD, framework.module, framework.variant, workload, weights],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True,
            cwd=self._directory.name, env=os.environ | environment,
        )  # fmt: skip
        try:
            self._answer()
        except SkippedError:
            self.close()
            raise

    def __enter__(self) -> Child:
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()
        self._log.close()
        self._directory.cleanup()

    def results(self) -> dict[str, np.ndarray]:
        """What is compared."""
        path = Path(self._directory.name) / "results.safetensors"
        self._ask(f"results {path}")
        return weights.load(path)

    def slice(self, seconds: float) -> tuple[float, float]:
        """Median seconds of a step in a slice of so many seconds, and the process's largest memory in MiB."""
        answer = self._ask(f"slice {seconds}")
        return answer["seconds"], answer["mebibytes"]

    def _ask(self, request: str) -> dict:
        try:
            print(request, file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise SkippedError(self._last_words()) from None
        return self._answer()

    def _answer(self) -> dict:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SkippedError(self._last_words())
        answer = json.loads(line)
        if "skipped" in answer:
            raise SkippedError(answer["skipped"])
        return answer

    def _last_words(self) -> str:
        """The status and the last line that the process printed."""
        status = self._process.wait()
        self._log.seek(0)
        lines = [line.strip() for line in self._log if line.strip()]
        return f"the process ended with status {status}: {lines[-1][:200] if lines else 'it printed nothing'}"
