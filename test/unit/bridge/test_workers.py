"""Compilation in worker processes: parallel, cached, and a crash is an error."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from cellc.targets.cpu import workers
from cellc.targets.cpu.jit import load
from cellc.targets.cpu.level import native_level
from cellc.targets.cpu.worker_process import receive, send
from cellc.targets.target import KernelCode
from support.kernel_calls import call

FAKE = """
import os, sys
from cellc.targets.cpu.worker_process import receive, send
out = os.fdopen(os.dup(1), "wb")
while (request := receive(sys.stdin.buffer)) is not None:
    header, text = request
    if text == b"crash" or (text == b"crash once" and not os.path.exists(header["name"])):
        open(header["name"], "w").close()
        print("assertion failed in the compiler", file=sys.stderr, flush=True)
        os.abort()
    send(out, {"error": "refused"} if text == b"refuse" else {}, str(os.getpid()).encode())
"""


def code(name: str, text: str) -> KernelCode:
    return KernelCode(name, 1, 0, text)


def store(name: str, value: float) -> KernelCode:
    """A kernel that writes one number."""
    text = f"""
func.func @{name}(%out: memref<1xf32>, %block: index, %scratch: memref<0xi8>) {{
  %c0 = arith.constant 0 : index
  %v = arith.constant {value} : f32
  memref.store %v, %out[%c0] : memref<1xf32>
  return
}}"""
    return code(name, text)


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CELLC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("CELLC_CACHE", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def fake_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Workers that do as the kernel's text says; they answer with their process id."""
    (tmp_path / "fake_worker.py").write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    pool = workers.Pool(lambda: workers.Worker("fake_worker"))
    yield pool
    pool.close()


def test_kernels_come_back_in_order(cached: Path):
    kernels = [store(f"k{i}", i + 0.1) for i in range(5)]
    objects = workers.compile_kernels(kernels, native_level())
    addresses = load({kernel.name: data for kernel, data in zip(kernels, objects, strict=True)})
    for i in range(5):
        out = np.zeros(1, np.float32)
        call(addresses[f"k{i}"], [out])
        assert out[0] == np.float32(i + 0.1)
    assert workers.compile_kernels([], native_level()) == []


def test_the_second_time_comes_from_the_cache(cached: Path, monkeypatch: pytest.MonkeyPatch):
    kernel = store("cached", 0.1)
    first = workers.compile_kernels([kernel], native_level())

    def refuse(*_: object) -> list[bytes]:
        raise AssertionError("compiled again")

    monkeypatch.setattr(workers._pool, "compile_one", refuse)
    assert workers.compile_kernels([kernel], native_level()) == first
    with pytest.raises(AssertionError):
        workers.compile_kernels([store("cached", 0.2)], native_level())


def test_a_refused_kernel_is_named_and_the_workers_go_on(cached: Path):
    with pytest.raises(workers.KernelError, match=r"kernel bad: not a valid module"):
        workers.compile_kernels([code("bad", "func.func @bad( {")], native_level())
    assert workers.compile_kernels([store("good", 1.0)], native_level())


def test_a_crash_is_an_error_that_names_the_kernel(fake_pool: workers.Pool):
    with pytest.raises(workers.KernelError, match=r"kernel boom: .*crashed twice: SIGABRT(.|\n)*assertion failed"):
        fake_pool.compile([code("boom", "crash")], native_level())
    assert fake_pool.compile([code("fine", "")], native_level())


def test_a_crash_is_tried_again_in_a_fresh_worker(fake_pool: workers.Pool):
    (first,) = fake_pool.compile([code("a", "")], native_level())
    (second,) = fake_pool.compile([code("b", "crash once")], native_level())
    assert first != second


def test_a_refusal_keeps_its_worker(fake_pool: workers.Pool):
    (first,) = fake_pool.compile([code("a", "")], native_level())
    with pytest.raises(workers.KernelError, match="kernel b: refused"):
        fake_pool.compile([code("b", "refuse")], native_level())
    assert fake_pool.compile([code("c", "")], native_level()) == [first]


def test_an_idle_worker_that_died_is_replaced(fake_pool: workers.Pool):
    (first,) = fake_pool.compile([code("a", "")], native_level())
    os.kill(int(first), signal.SIGKILL)
    (second,) = fake_pool.compile([code("b", "")], native_level())
    assert first != second


def test_a_worker_that_cannot_start_says_why():
    pool = workers.Pool(lambda: workers.Worker("no_such_module"))
    with pytest.raises(workers.KernelError, match="No module named no_such_module"):
        pool.compile([code("k", "")], native_level())


def test_closing_ends_the_processes(fake_pool: workers.Pool):
    (pid,) = fake_pool.compile([code("a", "")], native_level())
    fake_pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def test_prestarted_workers_are_used(fake_pool: workers.Pool):
    fake_pool.prestart(2)
    pids = {worker._process.pid for worker in fake_pool._idle}
    assert len(pids) == 2
    (pid,) = fake_pool.compile([code("a", "")], native_level())
    assert int(pid) in pids


def test_threads_can_compile_at_the_same_time(fake_pool: workers.Pool):
    results: list[list[bytes]] = []
    kernels = [code(f"k{i}", "") for i in range(8)]
    threads = [
        threading.Thread(target=lambda: results.append(fake_pool.compile(kernels, native_level()))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(result) for result in results] == [8] * 4


def test_a_batch_compiles_before_it_is_asked(fake_pool: workers.Pool):
    with workers.Batch(fake_pool, native_level()) as batch:
        batch.add(code("a", ""))
        while not fake_pool._idle:
            pass  # the worker is among the idle once it has answered
        assert batch.results() == [str(fake_pool._idle[0]._process.pid).encode()]


def test_leaving_a_batch_ends_its_threads(fake_pool: workers.Pool):
    with workers.Batch(fake_pool, native_level()) as batch:
        for i in range(20):
            batch.add(code(f"k{i}", ""))
    for thread in batch._threads:
        thread.join()
    assert len(batch._results) < 20


def test_a_script_without_a_main_guard_is_not_run_again(tmp_path: Path):
    """And modules in its folder do not shadow those that a worker needs."""
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    script = tmp_path / "folder" / "script.py"
    script.parent.mkdir()
    script.write_text(
        textwrap.dedent("""
        print("started", flush=True)
        from cellc.targets.cpu import workers
        from cellc.targets.cpu.level import native_level
        from cellc.targets.target import KernelCode
        text = "func.func @k(%b: index, %s: memref<0xi8>) { return }"
        print(len(workers.compile_kernels([KernelCode("k", 1, 0, text)], native_level())))
        """)
    )
    environment = {**os.environ, "CELLC_CACHE": "0"}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "started\n1\n", "")


def test_messages_survive_the_pipe():
    reader, writer = (os.fdopen(fd, mode) for fd, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
    with reader, writer:
        send(writer, {"name": "käse"}, b"\x00\xff")
        header, data = receive(reader) or ({}, b"")
        assert (header["name"], data) == ("käse", b"\x00\xff")
        writer.write(b"\x10\x00\x00\x00{")
        writer.close()
        assert receive(reader) is None


IMPORTS = """
import io, sys
from cellc.targets.cpu.level import native_level
from cellc.targets.cpu.worker_process import receive, send, serve
import dataclasses
requests, answers = io.BytesIO(), io.BytesIO()
send(requests, {"name": "copy", "level": dataclasses.asdict(native_level())}, sys.argv[1].encode())
requests.seek(0)
serve(requests, answers)
answers.seek(0)
assert receive(answers)[1][:4] == b"\x7fELF"
print(*sorted(sys.modules))
"""


def test_a_worker_imports_neither_the_dialects_classes_nor_the_compiler():
    text = store("copy", 2.0).text
    done = subprocess.run([sys.executable, "-c", IMPORTS, text], capture_output=True, text=True, check=True)
    imported = done.stdout.split()
    assert not [name for name in imported if name.endswith("_ops_gen") and ".dialects._builtin" not in name]
    assert not {"xdsl", "importlib.metadata"} & set(imported)
