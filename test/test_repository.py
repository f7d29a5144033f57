"""The repository itself: what the package offers, what the wheel holds, and that sources name no machine."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

import cellc
from cellc import nn, ops
from cellc.dialects.nn import definitions
from cellc.nn._api import API
from cellc.passes.pass_registry import PASSES, get_pass

ROOT = Path(__file__).parents[1]
TOP_LEVEL = ("dialects", "frontend", "passes", "runtime", "targets", "test")
# Folders of users or of temporary files, as text that somebody's tool would leave behind.
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:home|Users|work|root|mnt|tmp|private)/\w[\w./-]*")


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def _installed() -> Path:
    """The folder of the installed package; skips where the sources are imported in place."""
    folder = Path(cellc.__file__).parent
    if not (folder / "runtime").is_dir():
        pytest.skip("cellc is imported from the sources, not from the wheel")
    return folder


@pytest.mark.parametrize("package", [cellc, nn, ops], ids=lambda package: package.__name__)
def test_every_public_name_resolves(package: ModuleType) -> None:
    names = [name for name in dir(package) if not name.startswith("_")]
    assert len(names) > 30
    for name in names:
        getattr(package, name)


def _layers_page() -> str:
    exist, missing = sorted(API & set(dir(nn))), sorted(API - set(dir(nn)))
    more = sorted(name for name in nn.__all__ if name[0].isupper() and name not in API)
    parts = [("Exist", exist), ("Do not exist yet", missing), ("From later versions of MindSpore", more)]
    lists = (f"{title} ({len(names)}): {', '.join(names) or 'none'}.\n" for title, names in parts)
    wrapped = "\n".join(textwrap.fill(text, 120, break_on_hyphens=False) + "\n" for text in lists)
    return f"# The {len(API)} names of `mindspore.nn` in MindSpore 1.7\n\n{wrapped}"


def test_page_of_layers_is_true() -> None:
    """After adding a layer: `CELLC_UPDATE_GOLDEN=1 pytest test/test_repository.py` writes the page."""
    page = ROOT / "docs/layers.md"
    if os.environ.get("CELLC_UPDATE_GOLDEN"):
        page.write_text(_layers_page())
    assert page.read_text() == _layers_page(), test_page_of_layers_is_true.__doc__


@pytest.mark.parametrize("name", PASSES)
def test_pass_is_registered_under_its_name_and_tested(name: str) -> None:
    assert get_pass(name).name == name
    assert (ROOT / "test/filecheck/passes" / f"{name}.mlir").is_file()


def test_every_module_says_what_it_is() -> None:
    def documented(path: Path) -> bool:
        text = path.read_text()
        return not text.strip() or ast.get_docstring(ast.parse(text)) is not None

    sources = [path for path in _tracked() if path.suffix == ".py" and "test" not in path.relative_to(ROOT).parts]
    assert [str(path.relative_to(ROOT)) for path in sources if not documented(path)] == []


def test_top_level_folders_have_a_readme_of_bounded_length() -> None:
    for folder in (*TOP_LEVEL, "targets/cpu", "targets/gpu"):
        lines = (ROOT / folder / "README.md").read_text().splitlines()
        assert 10 <= len(lines) <= 45, folder


def test_architecture_page_names_every_op_and_pass() -> None:
    words = set(re.findall(r"[\w-]+", (ROOT / "docs/architecture.md").read_text()))
    assert (set(definitions()) | set(PASSES)) - words == set()


def test_links_and_names_of_files_in_pages_exist() -> None:
    for page in [path for path in _tracked() if path.suffix == ".md"]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"
    for folder in ("passes", "targets/cpu", "targets/gpu", "runtime"):
        for name in re.findall(r"`(\w+\.py)`", (ROOT / folder / "README.md").read_text()):
            assert list((ROOT / folder).rglob(name)), f"{folder}/README.md: {name}"


def test_no_file_names_a_place_on_a_machine() -> None:
    found = {}
    for path in _tracked():
        if path.suffix in (".cellir", ".png", ".npy", ".safetensors") or path == Path(__file__):
            continue
        paths = MACHINE_PATH.findall(path.read_text(errors="replace"))
        if paths:
            found[str(path.relative_to(ROOT))] = sorted(set(paths))
    assert found == {}


def test_wheel_holds_what_programs_need() -> None:
    package = _installed()
    needed = [f"include/cellc/{name}.h" for name in ("runtime", "module", "module_abi", "driver", "array", "status")]
    needed += ["lib/libcellc_runtime.so", "lib/libcellc_runtime.a", "lib/libcellc_main.a"]
    assert [name for name in needed if not (package / "runtime" / name).is_file()] == []
    assert list(package.rglob("README.md")) == []
    assert list(package.rglob("CMakeLists.txt")) == []


def test_wheel_holds_the_licence() -> None:
    _installed()
    from importlib.metadata import files

    assert any(file.name == "LICENSE" for file in files("cellc") or [])


def test_layers_of_modules_are_all_named() -> None:
    """A new module of the front end is put into a layer of the import contracts."""
    contracts = (ROOT / "pyproject.toml").read_text()
    inside = [path.relative_to(ROOT).parts[2:] for path in _tracked() if path.is_relative_to(ROOT / "frontend/cellc")]
    modules = {parts[0].removesuffix(".py") for parts in inside} - {"__init__"}
    assert [name for name in sorted(modules) if not re.search(rf"cellc\.{name}\b", contracts)] == []
