"""What users see when they make a mistake, to the letter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "errors"
NAMES = sorted(path.stem for path in SCRIPTS.glob("*.py"))


def _stderr_of(script: Path, **environment: str) -> str:
    finished = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=False, env=os.environ | environment
    )
    assert finished.returncode != 0
    return finished.stderr.replace(str(SCRIPTS) + os.sep, "")


@pytest.mark.parametrize("name", NAMES)
def test_message(name: str) -> None:
    expected = SCRIPTS / f"{name}.txt"
    printed = _stderr_of(SCRIPTS / f"{name}.py")
    if os.environ.get("CELLC_UPDATE_GOLDEN"):
        expected.write_text(printed)
    assert printed == expected.read_text()


def test_no_frame_of_ours_is_shown() -> None:
    assert "frontend" not in "".join((SCRIPTS / f"{name}.txt").read_text() for name in NAMES)


def test_full_traceback_shows_our_frames() -> None:
    assert "arithmetic.py" in _stderr_of(SCRIPTS / "broadcast.py", CELLC_TRACEBACK="full")
