"""The table of `CELLC_LOG=stages`."""

import os
import subprocess
import sys

import pytest

from cellc.passes import stage_times

SCRIPT = """
import numpy as np, cellc
from cellc import nn
nn.Dense(3, 2)(cellc.Tensor(np.ones((1, 3), np.float32)))
"""


def stderr(log: str) -> str:
    environment = os.environ | {"CELLC_LOG": log, "CELLC_CACHE": "0"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True)
    return done.stderr


def test_the_table_names_the_stages_of_both_sides():
    lines = stderr("recompile,stages").splitlines()
    assert lines[0].split() == ["stage", "times", "wall", "s", "cpu", "s"]
    stages = {line[:32].strip(): int(line[32:].split()[0]) for line in lines[1:]}
    for name in ("trace", "import of the compiler", "fuse-elementwise", "form-dispatches", "plan-buffers", "load"):
        assert stages[name] == 1
    assert stages["kernel text"] == stages["worker: machine code"] == stages["worker: LLVM passes"] > 0


def test_nothing_is_printed_unless_asked():
    assert stderr("") == ""


def test_stages_add_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CELLC_LOG", "stages")
    stage_times.take()
    for _ in range(3):
        with stage_times.stage("one"):
            pass
    stage_times.add({"two": (2, 1.0, 0.5)}, "worker: ")
    stage_times.add({"two": (1, 1.0, 0.25)}, "worker: ")
    taken = stage_times.take()
    assert taken["one"][0] == 3
    assert taken["worker: two"] == (3, 2.0, 0.75)
    assert stage_times.table(taken).splitlines()[-1].split() == ["worker:", "two", "3", "2.000", "0.750"]
    assert stage_times.take() == {}
