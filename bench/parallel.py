"""A training step in two processes: what exchanging gradients costs, and what of it the backward pass hides.

`python bench/parallel.py [part of a name ...] [--rounds N]` starts two processes with `mpirun`, one thread and one core
each. Each has the workload's batch. Four sides take turns:

* alone: the step of one process, in both at the same time;
* silent: the data-parallel step, whose exchanges are left out (gradients are still joined into buckets and cut);
* overlapped: the data-parallel step, whose exchanges begin when a bucket is complete and are waited for in the end;
* blocking: the same program, where an exchange begins only when it is waited for, after the whole backward pass.

A round's time is that of the process that took longer. Printed are medians, of ratios those of each round.

Processes of one machine exchange data through memory, with the cores that compute. `--wire GBIT` puts in its place a
wire that carries one bucket after the other by itself, at so many gigabits a second in each direction, and gives no
data: it says how much time the order of commands leaves to a network.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from timing import seconds
from workloads import WORKLOADS, Workload, arrays, training_step

import cellc
from cellc import communication
from cellc.runtime import collectives
from cellc.runtime.collectives import Collective, Pending

PROCESSES = 2
SIDES = ("alone", "silent", "overlapped", "blocking")
SLICE = 0.1
"""Seconds of a side's turn, about."""


class Deferred:
    """A request that does nothing before it is waited for."""

    def __init__(self, begin: Callable[[], Pending]) -> None:
        self._begin = begin

    def Wait(self) -> None:
        self._begin().request.Wait()


class Sent:
    """The request of an exchange that is over at a time, without this process's doing."""

    def __init__(self, end: float) -> None:
        self._end = end

    def Wait(self) -> None:
        time.sleep(max(0.0, self._end - time.perf_counter()))


class Wire:
    """Carries what is reduced, one after the other; both ways at once, so two processes send each byte once.

    Args:
        gigabits: in a second.
    """

    def __init__(self, gigabits: float) -> None:
        self._rate = gigabits * 1e9 / 8
        self._free = 0.0

    def begin(self, what: Collective, group: Any, target: int) -> Pending:
        self._free = max(self._free, time.perf_counter()) + 4 * what.count / self._rate
        return Pending(Sent(self._free))


def silent(what: Collective, group: Any, target: int) -> Pending:
    return Pending(Sent(0.0))


Begin = Callable[[Collective, Any, int], Pending]


def beginnings(begin: Begin) -> dict[str, Begin]:
    """What each side does where the program begins an exchange."""

    def blocking(what: Collective, group: Any, target: int) -> Pending:
        return Pending(Deferred(lambda: begin(what, group, target)))

    return {"alone": begin, "silent": silent, "overlapped": begin, "blocking": blocking}


class Steps:
    """Both steps of a workload, and their turns of inputs.

    Args:
        workload: what is trained, in each process with inputs of its own.
        rank: the number of this process.
        begin: exchanges a bucket.
    """

    def __init__(self, workload: Workload, rank: int, begin: Begin) -> None:
        self._beginnings = beginnings(begin)
        cellc.set_seed(1)
        self._turns = [tuple(cellc.Tensor(np.roll(a, rank, axis=0)) for a in turn) for turn in arrays(workload)]
        self._single = training_step(workload, workload.cell())
        cellc.set_auto_parallel_context(parallel_mode="data_parallel", gradients_mean=True)
        self._parallel = training_step(workload, workload.cell())
        cellc.reset_auto_parallel_context()

    def run(self, side: str, calls: int) -> None:
        """Some steps of a side."""
        step = self._single if side == "alone" else self._parallel
        collectives.BEGIN["all_reduce"] = self._beginnings[side]
        for number in range(calls):
            step(*self._turns[number % len(self._turns)])

    def check(self) -> None:
        """Both ways of exchanging give the same bits, in both processes; not exchanging does not."""
        start = {parameter: parameter.asnumpy() for parameter in self._parallel.get_parameters()}
        found: dict[str, bytes] = {}
        for side in SIDES[1:]:
            self.run(side, 2)
            found[side] = b"".join(p.asnumpy().tobytes() for p in self._parallel.trainable_params())
            for parameter, value in start.items():
                parameter.set_data(cellc.Tensor(value))
        of_all = collectives.groups[collectives.WORLD].allgather(found["overlapped"])
        assert {found["overlapped"], found["blocking"]} == set(of_all), "the ways of exchanging differ"
        assert found["silent"] not in of_all, "nothing was exchanged"

    def gradient_bytes(self) -> int:
        """How much the processes exchange."""
        return sum(4 * parameter.size for parameter in self._parallel.weights)


def measure(steps: Steps, rounds: int) -> list[dict[str, float]]:
    """Seconds of a step of each side, in each round, of the slower process."""
    world = collectives.groups[collectives.WORLD]
    one = world.bcast(seconds(lambda: steps.run("alone", 3)) / 3, 0)
    calls = max(2, round(SLICE / one))
    found: list[dict[str, float]] = []
    for number in range(rounds):
        times = {}
        for side in SIDES[number % len(SIDES) :] + SIDES[: number % len(SIDES)]:
            world.Barrier()
            own = seconds(lambda side=side: steps.run(side, calls)) / calls
            times[side] = max(world.allgather(own))
        found.append(times)
    return found


def row(workload: Workload, steps: Steps, rounds: list[dict[str, float]]) -> str:
    """A line of the table."""

    def ratio(side: str, other: str) -> float:
        return statistics.median(times[side] / times[other] for times in rounds)

    alone = statistics.median(times["alone"] for times in rounds) * 1e3
    columns = " ".join(f"{ratio(side, 'alone'):10.3f}" for side in SIDES[1:])
    size = steps.gradient_bytes() / 2**20
    return f"{workload.name:40s} {size:6.1f} {alone:9.3f} {columns} {ratio('overlapped', 'blocking'):10.3f}"


def chosen(names: list[str]) -> list[Workload]:
    """The training steps whose names have one of the parts."""
    return [w for w in WORKLOADS if w.optimizer and (not names or any(part in w.name for part in names))]


def work(options: argparse.Namespace) -> None:
    """One of the processes."""
    communication.init()
    rank = communication.get_rank()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[rank % len(cores)]})
    begin = Wire(options.wire).begin if options.wire else collectives.BEGIN["all_reduce"]
    if rank == 0:
        print(f"{'':40s} {'MiB':>6s} {'alone ms':>9s} " + " ".join(f"{s:>10s}" for s in (*SIDES[1:], "over/block")))
    for workload in chosen(options.names):
        steps = Steps(workload, rank, begin)
        if not options.wire:
            steps.check()
        rounds = measure(steps, options.rounds)
        if rank == 0:
            print(row(workload, steps, rounds), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", help="parts of names; without any, all training steps")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--wire", type=float, metavar="GBIT", help="exchange nothing, over a wire of this rate")
    parser.add_argument("--process", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.process:
        work(options)
        return
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    mpirun = shutil.which("mpirun", path=os.pathsep.join(places))
    if mpirun is None:
        sys.exit("needs mpirun: pip install 'cellc[mpi]'")
    command = [mpirun, "-n", str(PROCESSES), sys.executable, __file__, "--process", *sys.argv[1:]]
    sys.exit(subprocess.run(command, env=os.environ | {"CELLC_NUM_THREADS": "1"}).returncode)


if __name__ == "__main__":
    main()
