"""How long a user waits: from `import cellc` to the result of a network's first training step.

Beside that, how long the second step takes: what of the first no preparation can save.

`python bench/startup.py [part of a name ...] [--rounds N]`. Figures are medians of fresh processes: cold ones have an
empty cache, warm ones the cache that a cold one left. Processor seconds are those of the process and of its workers.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent

# An expression for the workload of bench/workloads.py whose first step is timed.
STARTS = {
    "LeNet-5, batch 32": "named('LeNet-5, batch 32, step')",
    "ResNet-18 64x64, batch 16": "named('ResNet-18 64x64, batch 16, step')",
    "BERT-base, 12 layers, 4x128": "replace(named('BERT-base layer 4x128, step'), cell=lambda: networks.Encoder(12))",
}

FIRST_STEP = """
import sys, time
start = time.perf_counter()
import cellc
imported = time.perf_counter()
sys.path.insert(0, {bench!r})
import resource
from dataclasses import replace
import networks
import numpy as np
import workloads

def named(name):
    return next(workload for workload in workloads.WORKLOADS if workload.name == name)

workload = {workload}
cellc.set_seed(1)
step = workloads.training_step(workload, workload.cell())
x = np.zeros(workload.shape, np.float32)
target = np.zeros(workload.labels, np.int32) if workload.classes else x
step(cellc.Tensor(x), cellc.Tensor(target)).asnumpy()
end, spent = time.perf_counter(), time.process_time()
step(cellc.Tensor(x), cellc.Tensor(target)).asnumpy()
again, spent = time.perf_counter() - end, time.process_time() - spent
print(imported - start, end - start, again, spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


class Start(NamedTuple):
    """One process: seconds of the import, to the first result and of a second step, processor seconds, peak MiB."""

    imported: float
    total: float
    second_step: float
    processor: float
    memory: float


def in_fresh_process(workload: str, cache: str) -> Start:
    """The first step in a new process."""
    code = FIRST_STEP.format(bench=str(HERE), workload=workload)
    environment = os.environ | {"CELLC_CACHE_DIR": cache}
    child = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child.stdout as answers:
        printed = answers.read()
    _, status, usage = os.wait4(child.pid, 0)  # with that of the workers, which the child has waited for
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, "first step")
    imported, total, second_step, spent_on_it, memory = map(float, printed.split())
    return Start(imported, total, second_step, usage.ru_utime + usage.ru_stime - spent_on_it, memory)


def medians(starts: Sequence[Start]) -> Start:
    """Of each figure."""
    return Start(*map(statistics.median, zip(*starts, strict=True)))


def measure(chosen: Sequence[str] = tuple(STARTS), rounds: int = 3) -> Iterator[tuple[str, Start]]:
    """Rows of (network and kind of start, medians)."""
    for name in chosen:
        cold: list[Start] = []
        warm: list[Start] = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as cache:
                cold.append(in_fresh_process(STARTS[name], cache))
                warm.append(in_fresh_process(STARTS[name], cache))
        yield f"{name}, cold", medians(cold)
        yield f"{name}, warm", medians(warm)


def show(rows: Iterator[tuple[str, Start]]) -> None:
    """Prints the table, a row as soon as it is there."""
    print(f"{'first training step':36s} {'import s':>8s} {'total s':>8s} {'2nd step':>8s} {'cpu s':>8s} {'MiB':>9s}")
    for name, start in rows:
        figures = f"{start.imported:8.2f} {start.total:8.2f} {start.second_step:8.2f} {start.processor:8.2f}"
        print(f"{name:36s} {figures} {start.memory:9.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of networks' names")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    chosen = [name for name in STARTS if not options.names or any(part in name for part in options.names)]
    show(measure(chosen, options.rounds))


if __name__ == "__main__":
    main()
