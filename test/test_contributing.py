"""CONTRIBUTING.md stays true: its worked example applies to the sources, passes its own tests and runs compiled."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cellc.runtime

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
FOLDERS = ("dialects", "passes", "runtime", "targets")
LAUNCH = """
import sys
from importlib.machinery import PathFinder
sys.meta_path.insert(0, PathFinder)  # before the finder of an editable installation
sys.path.insert(0, sys.argv[1])
import cellc.dialects
assert cellc.__file__.startswith(sys.argv[1]) and cellc.dialects.__file__.startswith(sys.argv[1])
"""


def _section(title: str) -> str:
    return PAGE.partition(f"\n## {title}")[2].partition("\n## ")[0]


def _block(section: str, language: str) -> str:
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", _section(section), re.DOTALL | re.MULTILINE)
    return block


@pytest.fixture(scope="module")
def patched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with the example's diff applied, and `package/cellc` laid out as the wheel has it."""
    copy = tmp_path_factory.mktemp("sources")
    ignored = shutil.ignore_patterns("__pycache__", "Output", "lib")
    for folder in ("frontend", *FOLDERS, "test"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", copy)
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(copy.parent)}
    diff = _block("Worked example", "diff")
    done = subprocess.run(
        ["git", "apply", "-C1", "-"], input=diff, text=True, capture_output=True, cwd=copy, env=environment, check=False
    )
    assert done.returncode == 0, f"the diff in CONTRIBUTING.md does not apply:\n{done.stderr}"
    assert "softplus" in (copy / "dialects/nn/unary.py").read_text()
    package = copy / "package" / "cellc"
    shutil.copytree(copy / "frontend" / "cellc", package)
    for folder in FOLDERS:
        (package / folder).symlink_to(copy / folder)
    installed = Path(cellc.runtime.__path__[0])
    (copy / "runtime" / "lib").symlink_to(installed / "lib")
    return copy


def _run(patched: Path, code: str, *arguments: str) -> str:
    environment = os.environ | {"CELLC_CACHE_DIR": str(patched / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", LAUNCH + code, str(patched / "package"), *arguments],
        capture_output=True, text=True, cwd=patched, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_example_passes_its_own_tests(patched: Path) -> None:
    files = re.findall(r"^\+\+\+ b/(test/.*)$", _block("Worked example", "diff"), re.MULTILINE)
    files = [name for name in files if "/test_" in name]
    files += ["test/unit/nn/test_gradients.py", "test/unit/convert_nn_to_linalg/test_numbers.py"]
    code = "import pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-k', 'softplus', *sys.argv[2:]]))"
    output = _run(patched, code, *files)
    passed = re.search(r"(\d+) passed", output)
    assert passed is not None, output
    assert int(passed[1]) >= 15, output


def test_the_example_runs_compiled(patched: Path) -> None:
    _run(patched, _block("Worked example", "python"))


def test_named_files_exist() -> None:
    for name in re.findall(r"`((?:[a-z_]+/)+[\w.-]+\.(?:py|md|mlir))`", PAGE):
        assert list(ROOT.glob(name)) or list(ROOT.glob(f"frontend/cellc/{name}")), name
    for name in re.findall(r"^\.venv/bin/\w+ (?:-v )?(test/\S+)", PAGE, re.MULTILINE):
        assert (ROOT / name).exists(), name
