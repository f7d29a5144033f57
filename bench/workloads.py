"""The workloads that are measured: networks, their inputs, and what a step is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import networks
import numpy as np

from cellc import nn

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
from lenet import LeNet

BATCHES = 4
"""Inputs that take turns, so that no side finds its data in cache because it is the same again."""


@dataclass(frozen=True)
class Workload:
    """A network, its input, and whether it is trained.

    Attributes:
        cell: makes the Cell; `torch_networks` and `jax_networks` have the same network as `torch_name`.
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
