"""The package: lazy names, what importing it loads, and what a second process loads."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import cellc

COMPILER = ("xdsl", "torch_mlir", "llvmlite")


def _loaded_after(code: str, **environment: str) -> set[str]:
    """The compiler's packages that a process has imported after running `code`."""
    program = f"{code}\nimport sys\nprint(*[name for name in {COMPILER} if name in sys.modules])"
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    return set(finished.stdout.splitlines()[-1].split())


def test_every_name_resolves() -> None:
    for name in cellc._NAMES:
        assert not isinstance(getattr(cellc, name), ModuleType), name
    for name in cellc._MODULES:
        assert isinstance(getattr(cellc, name), ModuleType), name
    assert set(cellc._NAMES) <= set(dir(cellc))


def test_names_do_not_become_modules_when_everything_is_imported() -> None:
    folder = Path(cellc.__file__).parent
    clashes = {path.stem for path in folder.glob("*.py")} & set(cellc._NAMES)
    assert not clashes


def test_importing_loads_no_compiler() -> None:
    assert _loaded_after("import cellc, cellc.nn, cellc.ops; from cellc import Tensor; Tensor([1.0]) + 1") == set()


def test_a_second_process_needs_only_the_loader(tmp_path: Path) -> None:
    code = "from cellc import Tensor; assert (Tensor([1.0, 2.0]) * 3).sum().item() == 9"
    cache = {"CELLC_CACHE_DIR": str(tmp_path / "cache")}
    assert _loaded_after(code, **cache) >= {"xdsl", "llvmlite"}
    assert _loaded_after(code, **cache) == {"llvmlite"}


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="'cellc' has no attribute 'Tenser'"):
        _ = cellc.Tenser
