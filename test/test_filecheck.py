"""Runs the lit tests, so that `pytest` alone runs everything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent / "filecheck"


def test_filecheck() -> None:
    # Not `-m lit.main`: that module has no entry point, so it would run nothing and exit with 0.
    command = [sys.executable, "-c", "from lit.main import main; main()", "--workers", "2", str(TESTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Total Discovered Tests: {len(list(TESTS.rglob('*.mlir')))}" in done.stdout


def test_every_pass_has_a_file() -> None:
    from cellc.passes.pass_registry import PASSES

    files = {path.stem for path in (TESTS / "passes").glob("*.mlir")}
    assert files >= set(PASSES), f"no lit file for {sorted(set(PASSES) - files)}"
