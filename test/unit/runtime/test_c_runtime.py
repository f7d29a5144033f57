"""The C tests under sanitizers, and what the built library must look like."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import cellc.runtime
from cellc.runtime.library import LibraryNotFoundError, find_library, include_folder

TESTS = Path(__file__).parents[2] / "c"
RUNTIME = Path(cellc.runtime.__file__).parent
FLAGS = ["-std=c11", "-D_POSIX_C_SOURCE=200809L", "-O1", "-g", "-Wall", "-Wextra", "-Werror"]
ADDRESS, THREAD = "address,undefined", "thread"
SUITES = [
    *((ADDRESS, name) for name in ("test_program", "test_module", "test_driver", "test_memory", "test_fork")),
    *((ADDRESS, name) for name in ("test_npy", "test_threads", "mutate_program")),
    *((THREAD, name) for name in ("test_threads", "test_module")),
]

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler: cc is not installed")


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder per sanitizer with the runtime's objects, filled by the first test that needs it."""
    return {sanitizer: tmp_path_factory.mktemp(sanitizer.split(",")[0]) for sanitizer in (ADDRESS, THREAD)}


def compile_c(sanitizer: str, folder: Path, arguments: list[object], output: str = "") -> None:
    includes = [f"-I{include_folder()}", f"-I{RUNTIME / 'main'}", f"-I{TESTS}"]
    sanitize = [f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
    target = ["-o", output] if output else ["-c"]
    command = ["cc", *FLAGS, *sanitize, *includes, *target, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def build_runtime(sanitizer: str, folder: Path) -> None:
    probe = ["cc", f"-fsanitize={sanitizer}", "-o", "probe", "-x", "c", "-"]
    if subprocess.run(probe, input=b"int main(void) { return 0; }", cwd=folder, capture_output=True).returncode:
        pytest.skip(f"the compiler has no library for -fsanitize={sanitizer}")
    sources = [*(RUNTIME / "src").glob("*.c"), *(RUNTIME / "main").glob("npy*.c")]
    compile_c(sanitizer, folder, [*sources, TESTS / "builder.c", TESTS / "sample.c"])


@pytest.mark.parametrize(("sanitizer", "name"), SUITES)
def test_c_suite(folders: dict[str, Path], sanitizer: str, name: str) -> None:
    folder = folders[sanitizer]
    if not (folder / "sample.o").exists():
        build_runtime(sanitizer, folder)
    wrap = ["-Wl,--wrap=pthread_create"] if name == "test_memory" else []
    compile_c(sanitizer, folder, [TESTS / f"{name}.c", *sorted(folder.glob("*.o")), *wrap, "-lpthread", "-lm"], name)
    environment = {key: value for key, value in os.environ.items() if key != "CELLC_NUM_THREADS"}
    done = subprocess.run([folder / name], cwd=folder, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("compiler", [("cc", "-std=c11", "c"), ("c++", "-std=c++17", "c++")], ids=["c11", "c++17"])
def test_each_header_stands_alone(compiler: tuple[str, str, str], tmp_path: Path) -> None:
    command, standard, language = compiler
    if shutil.which(command) is None:
        pytest.skip(f"{command} is not installed")
    headers = sorted(path.name for path in (include_folder() / "cellc").glob("*.h"))
    assert headers == ["array.h", "driver.h", "module.h", "module_abi.h", "runtime.h", "status.h"]
    for header in headers:
        flags = [standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", f"-I{include_folder()}"]
        text = f'#include "cellc/{header}"\n#include "cellc/{header}"\n'
        subprocess.run([command, *flags, "-x", language, "-"], input=text, text=True, cwd=tmp_path, check=True)


def test_module_abi_includes_only_the_c_library() -> None:
    text = (include_folder() / "cellc/module_abi.h").read_text()
    assert re.findall(r"#include (.*)", text) == ["<stdint.h>"]


@pytest.fixture
def library() -> Path:
    try:
        return find_library()
    except LibraryNotFoundError as error:
        pytest.skip(str(error))


def test_the_library_is_small(library: Path) -> None:
    assert library.stat().st_size < 200_000


def test_the_library_exports_its_headers_and_nothing_else(library: Path) -> None:
    nm = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True)
    exported = {line.split()[-1] for line in nm.stdout.splitlines()}
    text = "".join(path.read_text() for path in (include_folder() / "cellc").glob("*.h"))
    declared = set(re.findall(r"\b(cellc_\w+)\(", re.sub(r"//.*", "", text)))
    assert exported == declared
    assert len(exported) <= 25


def test_the_library_needs_only_the_c_library(library: Path) -> None:
    ldd = subprocess.run(["ldd", library], capture_output=True, text=True, check=True)
    names = {Path(line.split()[0]).name.split(".")[0] for line in ldd.stdout.splitlines()}
    assert names <= {"linux-vdso", "libc", "libm", "libpthread", "ld-linux-x86-64", "ld-linux-aarch64"}
