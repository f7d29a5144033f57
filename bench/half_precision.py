"""Training steps with `amp_level` O2 and O3 beside the same steps in float32, as ratios of their times.

`python bench/half_precision.py [part of a name ...] [--rounds N]`. The steps take turns in one process.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

from timing import seconds
from workloads import RATE, WORKLOADS, Workload, arrays

import cellc
from cellc import nn
from cellc.train import amp

LEVELS = ("O0", "O2", "O3")
CALLS = 5
"""Of a step, in its turn."""


def step_at(workload: Workload, level: str) -> nn.Cell:
    """The compiled step of a network of its own."""
    cell = workload.cell().set_train(True)
    loss = nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean") if workload.classes else nn.MSELoss()
    weights = cell.trainable_params()
    adam = workload.optimizer == "Adam"
    optimizer = nn.Adam(weights, learning_rate=RATE) if adam else nn.Momentum(weights, RATE, 0.9)
    return amp.build_train_network(cell, optimizer, loss, level=level)


def measure(workload: Workload, rounds: int) -> dict[str, list[float]]:
    """Seconds of a step at each level, one after the other in each round."""
    steps = {level: step_at(workload, level) for level in LEVELS}
    turns = [tuple(map(cellc.Tensor, turn)) for turn in arrays(workload)]

    def turn(step: nn.Cell, first: int) -> Callable[[], object]:
        return lambda: [step(*turns[(first + i) % len(turns)]) for i in range(CALLS)]

    for step in steps.values():
        step(*turns[0])
    times: dict[str, list[float]] = {level: [] for level in LEVELS}
    for number in range(rounds):
        for level, step in steps.items():
            times[level].append(seconds(turn(step, number)) / CALLS)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", help="parts of names; without any, all steps")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    print(f"{'':40} {'f32 ms':>8} {'O2 / f32':>8} {'O3 / f32':>8}")
    for workload in WORKLOADS:
        if not workload.optimizer or (options.names and not any(part in workload.name for part in options.names)):
            continue
        times = measure(workload, options.rounds)
        ratios = [
            statistics.median(half / full for half, full in zip(times[level], times["O0"], strict=True))
            for level in LEVELS[1:]
        ]
        full = statistics.median(times["O0"]) * 1e3
        print(f"{workload.name:40} {full:8.3f} {ratios[0]:8.2f} {ratios[1]:8.2f}", flush=True)


if __name__ == "__main__":
    main()
