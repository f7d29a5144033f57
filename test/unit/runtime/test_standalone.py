"""Standalone binaries and embeddable objects, from kernels written in C."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cellc.runtime import Buffer, Copy, Kernel, Launch, LinkError, Program, Variant, link_executable, link_object

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler: cc is not installed")

KERNELS = """
#include <stdint.h>
void mul(void *const *b, const int64_t *dims, int64_t i, void *scratch) {
  ((float *)b[2])[i] = ((float *)b[0])[i] * ((float *)b[1])[i];
}
"""
EXAMPLE = Path(__file__).parents[3] / "examples/c/embed.c"
WEIGHTS = {"w": np.arange(6, dtype=np.float32).tobytes(), "v": np.full(6, 2, np.float32).tobytes()}
X = np.full((2, 3), 3, np.float32)


def sample(outputs: int = 1) -> Program:
    """t = x * w; the outputs are t and t * v; w becomes t."""
    matrix = (2, 3)
    buffers = [
        Buffer("input", "x", "f32", matrix),
        Buffer("parameter", "w", "f32", matrix),
        Buffer("parameter", "v", "f32", matrix),
        Buffer("arena", "", "f32", matrix, 64),
        *(Buffer("output", name, "f32", matrix) for name in ("", "second")[:outputs]),
    ]
    commands = [
        Launch(0, (0, 1, 3), label="net.py:7"),
        Copy(3, 4),
        Copy(3, 1),
        *([Launch(0, (3, 2, 5))] if outputs > 1 else []),
    ]
    return Program(buffers, [Kernel("mul", 6)], commands, arena_bytes=128)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "mul.c").write_text(KERNELS)
    subprocess.run(["cc", "-O2", "-fPIC", "-c", "mul.c"], cwd=folder, check=True)
    return [folder / "mul.o"]


@pytest.fixture(scope="module")
def folder(objects: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the binaries ``one`` and ``two`` (outputs) and the input ``x.npy``."""
    folder = tmp_path_factory.mktemp("binaries")
    link_executable([Variant("", sample(1), objects)], WEIGHTS, folder / "one")
    link_executable([Variant("", sample(2), objects)], WEIGHTS, folder / "two", name="a net")
    np.save(folder / "x.npy", X)
    return folder


def run(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([f"./{arguments[0]}", *arguments[1:]], cwd=folder, capture_output=True, text=True, env=env)


def test_a_binary_computes_without_an_environment(folder: Path) -> None:
    done = run(folder, "one", "x.npy", "-o", "y.npy", env={})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    np.testing.assert_array_equal(np.load(folder / "y.npy"), X * np.arange(6, dtype=np.float32).reshape(2, 3))


def test_several_outputs_are_numbered_or_named(folder: Path) -> None:
    expected = X * np.arange(6, dtype=np.float32).reshape(2, 3)
    assert run(folder, "two", "x.npy", "-o", "out.npy").returncode == 0
    assert run(folder, "two", "-o", "a.npy", "--output", "b.npy", "--", "x.npy").returncode == 0
    for first, second in (("out.0.npy", "out.1.npy"), ("a.npy", "b.npy")):
        np.testing.assert_array_equal(np.load(folder / first), expected)
        np.testing.assert_array_equal(np.load(folder / second), expected * 2)


def test_help_lists_inputs_and_outputs(folder: Path) -> None:
    done = run(folder, "two", "--help")
    assert done.returncode == 0
    assert "Runs a net, compiled by cellc." in done.stdout
    assert [line.split() for line in done.stdout.splitlines()[-6:]] == [
        ["inputs:"],
        ["0", "x", "f32[2,3]"],
        [],
        ["outputs:"],
        ["0", "-", "f32[2,3]"],
        ["1", "second", "f32[2,3]"],
    ]


def test_time_needs_no_output_file(folder: Path) -> None:
    done = run(folder, "one", "x.npy", "--time", "7", "--threads", "3")
    assert done.returncode == 0
    assert done.stdout.startswith("min ")
    assert "(7 runs, 3 threads)" in done.stdout
    assert "(100 runs" in run(folder, "one", "x.npy", "--time").stdout


def test_a_profile_lists_kernels_the_slowest_first(folder: Path) -> None:
    done = run(folder, "two", "x.npy", "--profile", "5")
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["us", "share", "kernel", "line"]
    assert sorted(line[2] for line in lines[1:-1]) == ["copy", "copy", "mul", "mul"]
    assert sorted(line[3:] for line in lines[1:-1] if line[2] == "mul") == [[], ["net.py:7"]]
    times = [float(line[0]) for line in lines[1:-1]]
    assert times == sorted(times, reverse=True)
    assert " ".join(lines[-1][1:]) == "us in 4 commands (medians of 5 runs)"


USAGE = [
    (["-o", "y.npy"], "0 input files given, 1 are needed"),
    (["x.npy"], "no output file given"),
    (["x.npy", "-o"], "a file name must follow -o"),
    (["x.npy", "--speed"], "unknown option --speed"),
    (["x.npy", "--threads", "0"], "a number from 1 to 1024 must follow --threads"),
    (["x.npy", "-o", "a.npy", "-o", "b.npy"], "2 output files given, there are 1 outputs"),
]
FILES = [
    (["absent.npy", "-o", "y.npy"], "absent.npy: cannot be opened: No such file"),
    (["wide.npy", "-o", "y.npy"], "wide.npy: has f32[3,2], input x needs f32[2,3]"),
    (["double.npy", "-o", "y.npy"], "double.npy: has f64[2,3], input x needs f32[2,3]"),
    (["fortran.npy", "-o", "y.npy"], "Fortran order"),
    (["cut.npy", "-o", "y.npy"], "cut.npy: is cut off"),
    (["x.npy", "-o", "absent/y.npy"], "absent/y.npy: cannot be written: No such file"),
    (["x.npy", "-o", "/dev/full"], "/dev/full: cannot be written: No space left"),
]


@pytest.mark.parametrize(
    ("arguments", "problem", "status"), [*((*case, 2) for case in USAGE), *((*case, 1) for case in FILES)]
)
def test_errors_are_one_line(folder: Path, arguments: list[str], problem: str, status: int) -> None:
    """Status 2 says that the command line is wrong, 1 that a file is."""
    np.save(folder / "wide.npy", X.reshape(3, 2))
    np.save(folder / "double.npy", X.astype(np.float64))
    np.save(folder / "fortran.npy", np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)))
    (folder / "cut.npy").write_bytes((folder / "x.npy").read_bytes()[:-1])
    done = run(folder, "one", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith("one: error: ")
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_binary_is_small_and_needs_only_the_c_library(folder: Path) -> None:
    assert (folder / "one").stat().st_size < 100_000
    ldd = subprocess.run(["ldd", folder / "one"], capture_output=True, text=True, check=True)
    names = {Path(line.split()[0]).name.split(".")[0] for line in ldd.stdout.splitlines()}
    assert names <= {"linux-vdso", "libc", "libm", "libpthread", "ld-linux-x86-64", "ld-linux-aarch64"}


def test_the_stack_is_not_executable(folder: Path) -> None:
    headers = subprocess.run(["readelf", "-lW", folder / "one"], capture_output=True, text=True, check=True).stdout
    (stack,) = (line for line in headers.splitlines() if "GNU_STACK" in line)
    assert "RWE" not in stack


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        ({"w": WEIGHTS["w"]}, "no weights for the parameters v"),
        ({**WEIGHTS, "u": b""}, "the program has no parameters u"),
        ({**WEIGHTS, "v": b"1234"}, "weight v has 4 bytes, the parameter 24"),
    ],
)
def test_weights_must_fit(weights: dict[str, bytes], problem: str, objects: list[Path], tmp_path: Path) -> None:
    with pytest.raises(LinkError, match=problem):
        link_executable([Variant("", sample(), objects)], weights, tmp_path / "net")


def test_a_missing_compiler_is_explained(objects: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler -O9")
    with pytest.raises(LinkError, match="'no-such-compiler' was not found"):
        link_executable([Variant("", sample(), objects)], WEIGHTS, tmp_path / "net")


def test_an_unwritable_output_is_explained(objects: list[Path], tmp_path: Path) -> None:
    with pytest.raises(LinkError, match=r"cannot write .*absent/net: No such file"):
        link_executable([Variant("", sample(), objects)], WEIGHTS, tmp_path / "absent" / "net")
    (tmp_path / "folder").mkdir()
    with pytest.raises(LinkError, match=r"cannot write .*folder: Is a directory"):
        link_executable([Variant("", sample(), objects)], WEIGHTS, tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_missing_kernel_is_the_linkers_message(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="undefined reference to `cellc_0_mul'"):
        link_executable([Variant("", sample(), [])], WEIGHTS, tmp_path / "net")


def build_c(folder: Path, source: object, *objects: str) -> None:
    """Compile ``source`` to ``main`` with the printed flags, warnings as errors."""
    command = [sys.executable, "-m", "cellc.runtime.library"]
    flags = shlex.split(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    warnings = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    subprocess.run(["cc", *warnings, "-I.", "-o", "main", str(source), *objects, *flags], cwd=folder, check=True)


def test_the_c_example_runs(tmp_path: Path) -> None:
    """With a stand-in for LeNet: one kernel that counts the image's pixels of each value modulo 10."""
    (tmp_path / "count.c").write_text("""
#include <stdint.h>
void count(void *const *b, const int64_t *dims, int64_t block, void *scratch) {
  const float *image = b[0];
  float *scores = b[1];
  for (int i = 0; i < 10; i++) scores[i] = 0;
  for (int64_t i = 0; i < dims[0]; i++) scores[(int)image[i] + 6] += image[i];
}
""")
    subprocess.run(["cc", "-O2", "-fPIC", "-c", "count.c"], cwd=tmp_path, check=True)
    buffers = [Buffer("input", "x", "f32", (1, 1, 28, 28)), Buffer("output", "", "f32", (1, 10))]
    program = Program(buffers, [Kernel("count", 1)], [Launch(0, (0, 1), (784,))])
    link_object([Variant("", program, [tmp_path / "count.o"])], {}, tmp_path / "lenet.o")
    build_c(tmp_path, EXAMPLE, "lenet.o")
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "this looks like a 7\n", "")


def test_two_embedded_models_in_one_program(objects: list[Path], tmp_path: Path) -> None:
    assert link_object([Variant("", sample(1), objects)], WEIGHTS, tmp_path / "libfirst.a") == tmp_path / "first.h"
    link_object([Variant("", sample(2), objects)], WEIGHTS, tmp_path / "second.o")
    (tmp_path / "main.c").write_text("""
#include <stdio.h>
#include "first.h"
#include "second.h"
int main(void) {
  cellc_runtime_t *runtime;
  cellc_module_t *first, *second;
  const float x[6] = {3, 3, 3, 3, 3, 3};
  float y[6], z[6], u[6];
  if (cellc_runtime_create(NULL, &runtime) || cellc_module_create_embedded(runtime, &first_module, &first) ||
      cellc_module_create_embedded(runtime, &second_module, &second) || first_run(first, x, y) ||
      second_run(second, x, z, u)) {
    puts(cellc_status_message());
    return 1;
  }
  printf("%g %g %g", y[5], z[5], u[5]);
  cellc_module_release(second);
  cellc_module_release(first);
  cellc_runtime_release(runtime);
  return 0;
}
""")
    build_c(tmp_path, "main.c", "libfirst.a", "second.o")
    assert subprocess.run([tmp_path / "main"], capture_output=True, text=True).stdout == "15 15 30"
