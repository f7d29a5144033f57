"""Whole networks beside PyTorch: same weights, outputs and gradients compared first, then timed in turn.

`python bench/workloads.py [part of a name ...] [--compare] [--rounds N] [--rss]`
"""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import networks
import numpy as np
from timing import paired_medians

import cellc
from cellc import nn

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
from lenet import LeNet

BATCHES = 4
"""Inputs that take turns, so that no side finds its data in cache because it is the same again."""


@dataclass(frozen=True)
class Workload:
    """A network, its input, and whether it is trained.

    Attributes:
        cell: makes the Cell; `torch_networks` has the same network as `torch_name`.
        shape: of the one input.
        classes: number of logits when it is trained on labels; 0 where the sum of squares is the loss.
        optimizer: "Adam", "Momentum" or "" for inference.
    """

    name: str
    cell: Callable[[], nn.Cell]
    torch_name: str
    shape: tuple[int, ...]
    arguments: tuple[int, ...] = ()
    classes: int = 0
    optimizer: str = ""

    @property
    def labels(self) -> int:
        """How many labels: the batch is the second axis of a sequence."""
        return self.shape[1] if self.torch_name == "LastStep" else self.shape[0]


WORKLOADS = (
    Workload("MLP 784-512-512-10, batch 64, step", networks.MLP, "MLP", (64, 784), (), 10, "Adam"),
    Workload("LeNet-5, batch 32, step", LeNet, "LeNet", (32, 1, 28, 28), (), 10, "Adam"),
    Workload("ResNet-18 224x224, batch 1, inference", networks.ResNet18, "ResNet18", (1, 3, 224, 224)),
    Workload("ResNet-18 64x64, batch 16, step", networks.ResNet18, "ResNet18", (16, 3, 64, 64), (), 1000, "Momentum"),
    Workload("BERT-base layer 4x128, inference", lambda: networks.Encoder(1), "Encoder", (4, 128, 768), (1,)),
    Workload("BERT-base layer 4x128, step", lambda: networks.Encoder(1), "Encoder", (4, 128, 768), (1,), 0, "Adam"),
    Workload("GPT-2 small layer 1x128, inference", networks.DecoderLayer, "DecoderLayer", (1, 128, 768)),
    Workload("LSTM 64->256, 32x64, step", networks.LastStep, "LastStep", (64, 32, 64), (), 10, "Adam"),
    Workload("MobileNetV2 blocks, inference", networks.MobileNetBlocks, "MobileNetBlocks", (1, 24, 56, 56)),
)

RATE = 1e-4


def loss_cell(workload: Workload, cell: nn.Cell) -> nn.Cell:
    """The cell with its loss: cross entropy with labels, or the mean squared error."""
    loss = nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean") if workload.classes else nn.MSELoss()
    return nn.WithLossCell(cell, loss)


def training_step(workload: Workload, cell: nn.Cell) -> nn.Cell:
    """One step with the workload's optimizer."""
    weights = cell.trainable_params()
    if workload.optimizer == "Adam":
        optimizer = nn.Adam(weights, learning_rate=RATE)
    else:
        optimizer = nn.Momentum(weights, learning_rate=RATE, momentum=0.9)
    return nn.TrainOneStepCell(loss_cell(workload, cell), optimizer).set_train()


def arrays(workload: Workload) -> list[tuple[np.ndarray, ...]]:
    """Inputs (and targets, for a step) of each turn."""
    random = np.random.default_rng(0)
    turns: list[tuple[np.ndarray, ...]] = []
    for _ in range(BATCHES):
        x = random.standard_normal(workload.shape, np.float32)
        if workload.classes:
            turns.append((x, random.integers(0, 10, workload.labels, np.int32)))
        else:
            turns.append((x, random.standard_normal(workload.shape, np.float32)) if workload.optimizer else (x,))
    return turns


def in_turn(call: Callable[..., object], turns: Sequence[tuple[object, ...]]) -> Callable[[], object]:
    """Calls with the next turn's arguments each time."""
    number = iter(range(1 << 60))
    return lambda: call(*turns[next(number) % len(turns)])


def prepare(workload: Workload) -> tuple[Callable[[], object], nn.Cell]:
    """cellc's side: what runs one step or one inference, and the network."""
    cellc.set_seed(1)
    cell = workload.cell()
    run = training_step(workload, cell) if workload.optimizer else cell.set_train(False)
    turns = [tuple(map(cellc.Tensor, turn)) for turn in arrays(workload)]
    return in_turn(lambda *inputs: run(*inputs).asnumpy(), turns), cell


def measure(
    chosen: Sequence[Workload], rounds: int = 31, compare_only: bool = False
) -> Iterator[tuple[str, float, float, float]]:
    """Rows of (workload, cellc seconds, torch seconds, torch/cellc); none where PyTorch is not installed."""
    try:
        import compare
        import torch_steps
    except ImportError:
        print("PyTorch is not installed: no networks are compared")
        return
    for workload in chosen:
        for line in compare.differences(workload):
            print(f"  {line}", flush=True)
        if compare_only:
            continue
        mine, cell = prepare(workload)
        other = torch_steps.prepare(workload, cell)
        yield (workload.name, *paired_medians(mine, other, rounds))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help="parts of workloads' names")
    parser.add_argument("--compare", action="store_true", help="compare outputs and gradients only")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--rss", action="store_true", help="run cellc's side alone and print the peak memory")
    options = parser.parse_args()
    chosen = [w for w in WORKLOADS if not options.names or any(part in w.name for part in options.names)]
    if options.rss:
        for workload in chosen:
            prepare(workload)[0]()
            print(f"{workload.name:42s} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:8.0f} MiB")
        return
    for name, mine, other, ratio in measure(chosen, options.rounds, options.compare):
        print(
            f"{name:42s} cellc {mine * 1e3:8.3f} ms   torch {other * 1e3:8.3f} ms   torch/cellc {ratio:6.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
