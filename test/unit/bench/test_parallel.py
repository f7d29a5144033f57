"""The benchmark of data-parallel steps: what its sides do where an exchange begins and ends."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from endtoend.mpi import needs_mpi

sys.path.insert(0, str(Path(__file__).parents[3] / "bench"))
import parallel

from cellc.runtime.collectives import Collective

BUCKET = Collective("all_reduce", "f32", 1_000_000, "world", "sum")  # 32 million bits


def test_a_wire_carries_one_after_the_other() -> None:
    wire = parallel.Wire(gigabits=1.6)
    start = time.perf_counter()
    first, second = wire.begin(BUCKET, None, 0), wire.begin(BUCKET, None, 64)
    assert time.perf_counter() - start < 0.02
    second.request.Wait()
    assert time.perf_counter() - start >= 0.04
    before = time.perf_counter()
    first.request.Wait()
    assert time.perf_counter() - before < 0.02


def test_blocking_begins_when_it_is_waited_for() -> None:
    wire = parallel.Wire(gigabits=1.6)
    pending = parallel.beginnings(wire.begin)["blocking"](BUCKET, None, 0)
    time.sleep(0.03)
    start = time.perf_counter()
    pending.request.Wait()
    assert time.perf_counter() - start >= 0.02


@needs_mpi
@pytest.mark.parametrize("wire", [[], ["--wire", "100"]])
def test_two_processes_print_a_line(wire: list[str]) -> None:
    """Which also compares the sides' results."""
    command = [sys.executable, str(parallel.__file__), "LeNet", "--rounds", "1", *wire]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert [line[:7] for line in done.stdout.splitlines() if line.strip()][-1] == "LeNet-5"
