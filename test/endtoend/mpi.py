"""Scripts that run in several processes, over MPI."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

MPIRUN = shutil.which("mpirun", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))

needs_mpi = pytest.mark.skipif(
    MPIRUN is None or importlib.util.find_spec("mpi4py") is None, reason="needs mpi4py and mpirun (the extra mpi)"
)

HEAD = """
    import sys
    import numpy as np
    import cellc
    from cellc import Model, Tensor, communication, nn, ops, train
    from cellc import dataset as ds
    communication.init()
    rank, size = communication.get_rank(), communication.get_group_size()
"""


def run(
    tmp_path: Path, processes: int, body: str, tool: bool = False, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Runs a script in some processes; its output."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(HEAD) + textwrap.dedent(body))
    python = [sys.executable, "-m", "cellc.tools.main", "run"] if tool else [sys.executable]
    command = [str(MPIRUN), "-n", str(processes), *python, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=tmp_path, stdin=subprocess.DEVNULL)
    assert not check or done.returncode == 0, done.stderr
    return done
