"""Kernels on one core beside other libraries, with the multiply-add peak measured around each."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from timing import seconds

from cellc.cpu_backend import selected_level
from cellc.targets.cpu.peak import measure_peak

ONE_THREAD = dict.fromkeys(("CELLC_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
OPERANDS = 4
"""Sets of operands that take turns, so that no side finds its data in cache because it is the same again."""

# Short kernels are measured for so long, or so many times: a median of a few microseconds is mostly noise.
_SECONDS, _MOST_ROUNDS = 0.1, 200

Sides = dict[str, Callable[[int], object]]
"""For each library, cellc first: a function that computes with operands `i` and waits for the result."""


class Case(Protocol):
    """A kernel that is measured."""

    @property
    def name(self) -> str:
        """What it is."""
        ...

    @property
    def extents(self) -> str:
        """Its shape, for a reader."""
        ...

    @property
    def flops(self) -> int:
        """A multiplication and an addition for each term."""
        ...

    @property
    def terms(self) -> int:
        """How many products of normal numbers are added for one element."""
        ...

    def operands(self, random: np.random.Generator) -> list[np.ndarray]:
        """Normal numbers, as they lie in memory."""
        ...

    def sides(self, operands: Sequence[Sequence[np.ndarray]]) -> Sides:
        """What is compared and timed."""
        ...

    def exact(self, operands: Sequence[np.ndarray]) -> np.ndarray:
        """The result in float64."""
        ...


def check(case: Case, sides: Sides, operands: Sequence[np.ndarray]) -> None:
    """Compares each side with float64. Raises AssertionError where the error is above what the roundings justify."""
    exact = case.exact(operands)
    bound = 8 * 2.0**-24 * case.terms  # a sum of k normal numbers is about sqrt(k), and so are k roundings of eps
    for side, run in sides.items():
        error = float(np.abs(np.asarray(run(0)) - exact).max())
        assert error <= bound, f"{case.name}: {side} is off by {error:.2e}, {bound:.2e} is justified"


def measure(case: Case, rounds: int) -> tuple[dict[str, float], float]:
    """Median seconds of each side, taken in turn, and the peak around them in operations a second."""
    random = np.random.default_rng(0)
    operands = [case.operands(random) for _ in range(OPERANDS)]
    sides = case.sides(operands)
    check(case, sides, operands[0])
    level = selected_level()
    before = measure_peak(level, threads=1).flops
    times: dict[str, list[float]] = {side: [] for side in sides}
    repeats = max(1, int(2e7 // case.flops))
    first = seconds(lambda: _repeat(sides["cellc"], 0, repeats))
    for turn in range(max(rounds, min(_MOST_ROUNDS, int(_SECONDS / first)))):
        for side, run in sides.items():
            times[side].append(seconds(lambda run=run, turn=turn: _repeat(run, turn, repeats)) / repeats)
    peak = max(before, measure_peak(level, threads=1).flops)
    return {side: statistics.median(found) for side, found in times.items()}, peak


def _repeat(run: Callable[[int], object], first: int, repeats: int) -> None:
    for i in range(first, first + repeats):
        run(i % OPERANDS)


def main(description: str | None, cases: Sequence[Case], others: Sequence[str]) -> None:
    """Measures the cases that the command line names and prints a table."""
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("names", nargs="*", help="parts of names; without any, all")
    parser.add_argument("--rounds", type=int, default=15, help="at least; short kernels are run more often")
    options = parser.parse_args()
    if not ONE_THREAD.items() <= os.environ.items():  # read when a library is loaded, so start again with them
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ONE_THREAD)
    table = Table("kernel", "shape", "us", "GFLOP/s", "of peak", *(f"{other}/cellc" for other in others))
    ratios: dict[str, list[float]] = {other: [] for other in others}
    for case in cases:
        if options.names and not any(part in case.name for part in options.names):
            continue
        times, peak = measure(case, options.rounds)
        mine = times["cellc"]
        for other in times.keys() & ratios.keys():
            ratios[other].append(times[other] / mine)
        shown = [f"{times[other] / mine:.2f}" if other in times else "" for other in others]
        rate = case.flops / mine
        table.add_row(
            case.name, case.extents, f"{mine * 1e6:.1f}", f"{rate * 1e-9:.1f}", f"{rate / peak:.0%}", *shown
        )  # fmt: skip
    Console(width=max(Console().width, 110)).print(table)
    for other, found in ratios.items():
        if found:
            print(f"{other}/cellc: geometric mean {statistics.geometric_mean(found):.2f}, worst {min(found):.2f}")
