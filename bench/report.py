"""A table in Markdown and a plot of what `peers.py` measured."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import util
from pathlib import Path

import numpy as np
from peers import CELLC, Result

TABLE = "speed.md"
PLOT = "speed.png"
HEAD = """\
# Whole networks beside other frameworks

Measured by `bench/peers.py` on {cores} cores, f32: cellc's milliseconds, its share of the multiply-adds that all cores
can do, and the time of each other framework over cellc's (above 1 cellc is faster). Medians of slices taken in turn,
by processes of their own; the results were compared first.

![The ratios of the table]({plot})

""".replace("{plot}", PLOT)


def write(directory: Path, results: Sequence[Result]) -> None:
    """Makes the directory's two files; no plot, and a line that says so, where matplotlib is not installed."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / TABLE).write_text(HEAD.format(cores=len(os.sched_getaffinity(0))) + table(results), "utf-8")
    if util.find_spec("matplotlib") is None:
        print("matplotlib is not installed: no plot")
        return
    plot(results, directory / PLOT)


def sides(results: Sequence[Result]) -> list[str]:
    """Names of the sides, cellc's first."""
    return list(dict.fromkeys(result.side for result in results))


def table(results: Sequence[Result]) -> str:
    """A row for each workload, then why sides are missing."""
    names = sides(results)
    others = [name for name in names if name != CELLC]
    found = {(result.workload, result.side): result for result in results}
    lines = [
        f"| workload | cellc ms | of peak | {' | '.join(f'{name} / cellc' for name in others)} |",
        f"|---|---|---|{'---|' * len(others)}",
    ]
    for workload in dict.fromkeys(result.workload for result in results):
        mine = found[workload, CELLC]
        ratios = [cell(found[workload, name]) for name in others]
        lines.append(f"| {workload} | {mine.seconds * 1e3:.2f} | {mine.of_peak:.0%} | {' | '.join(ratios)} |")
    reasons = dict.fromkeys(f"{result.side}: {result.skipped}" for result in results if result.skipped)
    return "\n".join([*lines, "", *(f"* {reason}" for reason in reasons)]).rstrip() + "\n"


def cell(result: Result) -> str:
    """A ratio, or nothing."""
    return "" if result.skipped else f"{result.ratio:.2f}"


def plot(results: Sequence[Result], path: Path) -> None:
    """Bars of each side's time over cellc's, on a logarithmic axis: above the line cellc is faster."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    workloads = list(dict.fromkeys(result.workload for result in results))
    others = [
        name for name in sides(results) if name != CELLC and any(r.side == name and not r.skipped for r in results)
    ]
    ratios = {(result.workload, result.side): result.ratio for result in results}
    figure, axes = pyplot.subplots(figsize=(12, 5), layout="constrained")
    width = 0.8 / max(len(others), 1)
    for i, name in enumerate(others):
        heights = np.array([ratios[workload, name] for workload in workloads])
        axes.bar(np.arange(len(workloads)) + (i - (len(others) - 1) / 2) * width, heights - 1, width, 1, label=name)
    axes.axhline(1, color="black", linewidth=1, label=CELLC)
    axes.set_yscale("log")
    axes.set_xticks(range(len(workloads)), workloads, rotation=20, ha="right")
    axes.set_ylabel("time / cellc's")
    axes.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
