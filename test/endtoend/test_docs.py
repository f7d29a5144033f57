"""The pages that tell users what to type: every block of them is run, in order."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from endtoend.helpers import python
from endtoend.test_training import environment

PAGE = Path(__file__).parents[2] / "docs/binaries.md"


def blocks(page: str) -> list[tuple[str, str]]:
    return re.findall(r"^```(sh|python)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler: cc is not installed")
def test_the_page_on_binaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tools = tmp_path / "bin"
    work = tmp_path / "work"
    tools.mkdir()
    work.mkdir()
    (tools / "cellc").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cellc.tools.main "$@"\n')
    (tools / "cellc").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    monkeypatch.chdir(work)
    names: dict[str, object] = {}
    ran = []
    for language, code in blocks(PAGE.read_text()):
        if language == "python":
            exec(compile(code, str(PAGE), "exec"), names)
        else:
            done = subprocess.run(["sh", "-eu", "-c", code], capture_output=True, text=True)
            assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
            assert done.stderr == "", done.stderr
        ran.append(language)
    assert ran.count("sh") >= 6
    assert ran.count("python") >= 4
    assert {path.name for path in work.iterdir()} >= {"net", "net.h", "net.o", "net.ptx", "net.mlir", "net.s", "y2.npy"}


def test_the_demo(tmp_path: Path):
    """examples/digits.py trains, exports and ships; it ends with 0 only at 0.97 accuracy and three equal answers."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed (extra `demo`)")
    demo = PAGE.parents[1] / "examples/digits.py"
    command = [sys.executable, demo, "--directory", tmp_path / "demo"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=300)
    assert "GraphCell: largest difference from the trained cell 0" in done.stdout, done.stdout + done.stderr
    assert "binary: largest difference from the trained cell 0" in done.stdout
    assert done.returncode == 0, done.stderr


def test_importing_cellc_imports_no_compiler():
    code = "import sys, cellc, cellc.nn; print([m for m in ('xdsl', 'llvmlite', 'torch_mlir') if m in sys.modules])"
    done = python(code)
    assert done.stdout == "[]\n", done.stderr
