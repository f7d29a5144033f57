"""Running programs from Python; the kernels here are Python functions behind C callbacks."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cellc.runtime import (
    Buffer,
    Copy,
    Fill,
    Kernel,
    Launch,
    LibraryNotFoundError,
    Module,
    Program,
    RuntimeCallError,
    allocation_count,
    find_library,
)
from cellc.runtime.library import LIBRARY_VARIABLE

KERNEL = ctypes.CFUNCTYPE(
    None, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_int64), ctypes.c_int64, ctypes.c_void_p
)


def floats(address: int, count: int) -> np.ndarray:
    return np.ctypeslib.as_array((ctypes.c_float * count).from_address(address))


@KERNEL
def add_one(buffers: ctypes.Array, dims: ctypes.Array, block: int, scratch: int) -> None:
    source, target = floats(buffers[0], 8), floats(buffers[1], 8)
    target[block] = source[block] + dims[0]


def address(function: object) -> int:
    value = ctypes.cast(function, ctypes.c_void_p).value
    assert value is not None
    return value


def sample() -> Program:
    """t = x + 3 by blocks; y = t; w = 1.0."""
    buffers = [
        Buffer("input", "x", "f32", (8,)),
        Buffer("parameter", "w", "f32", (8,)),
        Buffer("arena", "", "f32", (8,), 64),
        Buffer("output", "y", "f32", (8,)),
    ]
    one = np.float32(1).tobytes()
    commands = [Launch(0, (0, 2), (3,)), Copy(2, 3), Fill(1, one)]
    return Program(buffers, [Kernel("add_one", 8, 64)], commands, arena_bytes=128)


def load(threads: int) -> tuple[Module, list[np.ndarray], ctypes.Array]:
    module = Module(sample().to_bytes(), {"add_one": address(add_one)}, threads=threads)
    arrays = [np.arange(8, dtype=np.float32), np.zeros(8, np.float32), np.zeros(8, np.float32)]
    pointers = module.pointer_array()
    for index, array in enumerate(arrays):
        pointers[index] = array.ctypes.data
    return module, arrays, pointers


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_run_computes(threads: int) -> None:
    module, (x, w, y), pointers = load(threads)
    assert module.threads == threads
    module.run(pointers)
    np.testing.assert_array_equal(y, x + 3)
    np.testing.assert_array_equal(w, np.ones(8))


def test_the_steady_state_allocates_nothing() -> None:
    module, _, pointers = load(2)
    before = allocation_count()
    for _ in range(50):
        module.run(pointers)
    assert allocation_count() == before > 0


def test_a_null_binding_is_named() -> None:
    module, _, pointers = load(1)
    pointers[1] = None
    with pytest.raises(RuntimeCallError, match=r"binding 1 \(w\) is NULL") as caught:
        module.run(pointers)
    assert caught.value.status == "INVALID_ARGUMENT"


def test_a_missing_kernel_is_named() -> None:
    with pytest.raises(RuntimeCallError, match="no kernel add_one") as caught:
        Module(sample().to_bytes(), {})
    assert caught.value.status == "NOT_FOUND"


def test_damaged_bytes_name_the_field() -> None:
    data = bytearray(sample().to_bytes())
    data[data.index(b"add_one")] ^= 1
    with pytest.raises(RuntimeCallError, match=r"program: strings\.checksum: .*damaged"):
        Module(bytes(data), {"add_one": address(add_one)})


def test_a_negative_thread_count_is_refused() -> None:
    with pytest.raises(ValueError, match="threads is -1"):
        Module(sample().to_bytes(), {"add_one": address(add_one)}, threads=-1)


def test_modules_give_their_memory_back() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1])

    program = Program((), (), (), arena_bytes=1 << 20, constants=bytes(1 << 20)).to_bytes()
    Module(program, {})
    before = resident()
    for _ in range(100):
        Module(program, {})
    assert resident() - before < 20 * 256  # pages: far below the 200 MiB of 100 modules


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:

    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment}
    )


def test_a_missing_library_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIBRARY_VARIABLE, str(tmp_path))
    with pytest.raises(LibraryNotFoundError, match=str(tmp_path)):
        find_library()


def test_the_variable_may_name_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    path = find_library()
    monkeypatch.setenv(LIBRARY_VARIABLE, str(path))
    assert find_library() == path
    monkeypatch.setenv(LIBRARY_VARIABLE, str(path.parent))
    assert find_library() == path


def test_importing_needs_only_the_standard_library() -> None:
    code = (
        "import sys, cellc.runtime as r; r.Program, r.Module, r.link_executable, r.Program((), (), ()).to_bytes();"
        "sys.exit(bool({'numpy', 'xdsl', 'llvmlite', 'torch_mlir'} & set(sys.modules)))"
    )
    done = run_python(code)
    assert done.returncode == 0, done.stderr


def test_the_thread_count_comes_from_the_environment() -> None:
    code = "import cellc.runtime as r; print(r.Module(r.Program((), (), ()).to_bytes(), {}).threads)"
    assert run_python(code, CELLC_NUM_THREADS="3").stdout.strip() == "3"
    assert "CELLC_NUM_THREADS" in run_python(code, CELLC_NUM_THREADS="three").stderr


def test_every_exported_name_is_there() -> None:
    import cellc.runtime

    for name in cellc.runtime.__all__:
        assert getattr(cellc.runtime, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        cellc.runtime.Nothing  # noqa: B018
