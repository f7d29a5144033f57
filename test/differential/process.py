"""The process that runs MindSpore."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib import util
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from differential import exchange
from differential.draw import Configuration


def interpreter() -> str | None:
    """A Python that has MindSpore."""
    if "CELLC_MINDSPORE" in os.environ:
        return os.environ["CELLC_MINDSPORE"]
    return sys.executable if util.find_spec("mindspore") else None


class Peer:
    """Answers what configurations give in MindSpore; started again when a configuration ends it."""

    def __init__(self, python: str):
        self._python = python
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Peer:
        self._directory = tempfile.TemporaryDirectory()
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self._stop()
        self._directory.cleanup()

    def ask(
        self, configuration: Configuration, values: dict[str, np.ndarray], seeds: list[np.ndarray]
    ) -> dict[str, Any]:
        """`parameters` and `results`, or why it was `refused`."""
        arrays: dict[str, np.ndarray] = {}
        request = {
            "layer": configuration.layer, "arguments": configuration.arguments, "inputs": configuration.inputs,
            "training": configuration.training, "gradient": configuration.gradient, "values": values, "seeds": seeds,
        }  # fmt: skip
        packed = exchange.pack(request, arrays)
        path = Path(self._directory.name) / "arrays.safetensors"
        exchange.write(path, arrays)
        line = self._answer(json.dumps({"request": packed, "path": str(path)}))
        if not line:
            return {"refused": "the process ended"}
        return exchange.unpack(json.loads(line), exchange.read(path))

    def _answer(self, request: str) -> str:
        if self._process is None:
            self._start()
        assert self._process is not None
        assert self._process.stdout is not None
        print(request, file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            self._stop()
        return line

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [self._python, Path(__file__).with_name("peer.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            cwd=self._directory.name,
        )  # fmt: skip
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            self._stop()
            raise RuntimeError(f"{self._python} cannot import mindspore")

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
