"""Whole networks beside other frameworks: same weights, results compared first, then timed in turn.

`python bench/peers.py [part of a name ...] [--sides cellc,torch] [--compare] [--rounds N] [--mindspore PYTHON]
[--threads N] [--output DIRECTORY]`

Each side is a process of its own that sleeps while others run: in one process, one library's threads would wait in
loops for their next work and take the cores from the other's. The sides take slices in turn; a time is the median of
its slices' medians, a ratio the median of the ratios of slices of the same round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import compare
import numpy as np
import weights
from processes import Child, Framework
from side import SkippedError
from workloads import WORKLOADS, Workload

import cellc
from cellc.cpu_backend import selected_level
from cellc.targets.cpu.peak import measure_peak

CELLC = "cellc"
EXACT = Framework("PyTorch in float64", "side_torch", "float64")
FRAMEWORKS = (
    Framework(CELLC, "side_cells"),
    Framework("torch", "side_torch", "eager"),
    Framework("torch.compile", "side_torch", "compile"),
    Framework("JAX", "side_jax"),
    Framework("ONNX Runtime", "side_onnxruntime"),
    Framework("MindSpore", "side_mindspore"),
)
SLOW = 1.0
"""Seconds of a step from which one slice is enough."""


@dataclass(frozen=True)
class Result:
    """One side of one workload.

    Attributes:
        error: the largest error as a share of its bound.
        ratio: its time over cellc's.
        of_peak: share of the multiply-adds that all threads could do, measured before the workload.
        mebibytes: the most memory its process has had.
        skipped: why there are no figures, else empty.
    """

    workload: str
    side: str
    error: float = np.nan
    seconds: float = np.nan
    ratio: float = np.nan
    of_peak: float = np.nan
    mebibytes: float = np.nan
    skipped: str = ""


@dataclass(frozen=True)
class Plan:
    """What is measured and how; `rounds` of 0 compare only."""

    frameworks: Sequence[Framework] = FRAMEWORKS
    rounds: int = 7
    seconds: float = 0.25
    threads: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """Of all sides; those that read none of these follow the cores that they may run on."""
        if not self.threads:
            return {}
        return dict.fromkeys(("CELLC_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(self.threads))


def measure(workloads: Sequence[Workload], plan: Plan) -> Iterator[Result]:
    """A result for each workload and side, cellc's first. AssertionError where cellc's error is above its bound."""
    with tempfile.TemporaryDirectory() as directory:
        for workload in workloads:
            path = Path(directory) / "weights.safetensors"
            weights.save(path, initial_weights(workload))
            yield from measure_one(workload, path, plan)


def initial_weights(workload: Workload) -> dict[str, np.ndarray]:
    """A cell's, by name and in its order."""
    cellc.set_seed(1)
    return {parameter.name: parameter.asnumpy() for parameter in workload.cell().get_parameters()}


def measure_one(workload: Workload, path: Path, plan: Plan) -> Iterator[Result]:
    """The sides of one workload."""
    peak = measure_peak(selected_level(), plan.threads).flops
    with Child(EXACT, workload.name, path, plan.environment) as child:
        exact = child.results()
    flops = int(exact.pop("flops"))
    with ExitStack() as stack:
        children: dict[str, Child] = {}
        found: dict[str, Result] = {}
        for framework in plan.frameworks:
            try:
                child = stack.enter_context(Child(framework, workload.name, path, plan.environment))
                error, name = compare.worst(child.results(), exact, flops)
            except SkippedError as reason:
                found[framework.name] = Result(workload.name, framework.name, skipped=str(reason))
                continue
            reason = "" if error <= 1 else f"{name}: the error is {error:.2f} of its bound"
            if reason and framework.name == CELLC:
                raise AssertionError(f"{workload.name}: {reason}")
            found[framework.name] = Result(workload.name, framework.name, error, skipped=reason)
            if not reason:
                children[framework.name] = child
        times = slices(children, plan)
        for name, result in found.items():
            yield with_times(result, times[name], times[CELLC], flops / peak) if times.get(name) else result


Slices = list[tuple[float, float]]


def slices(children: Mapping[str, Child], plan: Plan) -> dict[str, Slices]:
    """(seconds, MiB) of each slice; a slow side has one only."""
    found: dict[str, Slices] = {name: [] for name in children}
    for _ in range(plan.rounds):
        for name, child in children.items():
            if not found[name] or found[name][-1][0] < SLOW:
                found[name].append(child.slice(plan.seconds))
    return found


def with_times(result: Result, mine: Slices, cellc: Slices, shortest: float) -> Result:
    """The figures of one side; no step is shorter than `shortest` seconds."""
    seconds = statistics.median(time for time, _ in mine)
    ratio = statistics.median(time / other for (time, _), (other, _) in zip(mine, cellc, strict=False))
    memory = max(memory for _, memory in mine)
    return Result(result.workload, result.side, result.error, seconds, ratio, shortest / seconds, memory)


def shown(result: Result) -> str:
    """One line."""
    if result.skipped:
        return f"  {result.side:14s} skipped: {result.skipped}"
    line = f"  {result.side:14s} error {result.error:5.2f} of its bound"
    if np.isnan(result.seconds):
        return line
    return (
        f"{line} {result.seconds * 1e3:10.3f} ms   {result.ratio:6.2f} x cellc   {result.of_peak:4.0%} of peak"
        f"   {result.mebibytes:6.0f} MiB"
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `peers.py` and of `run.py`."""
    add = parser.add_argument
    add("names", nargs="*", help="parts of workloads' names; without any, all")
    add("--sides", help="names of sides, comma-separated; all without it")
    add("--compare", action="store_true", help="compare results only")
    add("--rounds", type=int, default=Plan.rounds)
    add("--threads", type=int, default=0, help="for every side; 0 is one per core that this process may run on")
    add("--mindspore", metavar="PYTHON", default=sys.executable, help="an interpreter that has MindSpore")
    add("--output", type=Path, metavar="DIRECTORY", help="write a table and a plot there")


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan that the options ask for; with fewer threads than cores, every side runs on as many cores."""
    if options.threads:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    wanted = options.sides.split(",") if options.sides else [framework.name for framework in FRAMEWORKS]
    frameworks = [
        Framework(f.name, f.module, f.variant, options.mindspore if f.name == "MindSpore" else f.python)
        for f in FRAMEWORKS
        if f.name in (CELLC, *wanted)
    ]
    return Plan(frameworks, 0 if options.compare else options.rounds, threads=options.threads)


def run(options: argparse.Namespace) -> list[Result]:
    """Measures and prints the chosen workloads, and writes what was asked for."""
    chosen = [w for w in WORKLOADS if not options.names or any(part in w.name for part in options.names)]
    results: list[Result] = []
    for result in measure(chosen, plan_of(options)):
        if not results or results[-1].workload != result.workload:
            print(result.workload)
        print(shown(result), flush=True)
        results.append(result)
    if options.output and not options.compare:
        import report

        report.write(options.output, results)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_options(parser)
    run(parser.parse_args())


if __name__ == "__main__":
    main()
