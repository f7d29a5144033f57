"""Whole steps beside PyTorch (eager), in one run, in turn, with the same shapes and random data."""

import sys
from pathlib import Path

import numpy as np
from timing import paired_medians

import cellc
from cellc import nn

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
from lenet import LeNet

BATCHES = 8


class MLP(nn.Cell):
    def __init__(self):
        super().__init__()
        self.layers = nn.SequentialCell(nn.Dense(784, 512), nn.ReLU(), nn.Dense(512, 512), nn.ReLU(), nn.Dense(512, 10))

    def construct(self, x):
        return self.layers(x)


def torch_lenet(torch):
    t = torch.nn
    return t.Sequential(
        t.Conv2d(1, 6, 5, padding=2), t.ReLU(), t.MaxPool2d(2), t.Conv2d(6, 16, 5), t.ReLU(), t.MaxPool2d(2),
        t.Flatten(), t.Linear(400, 120), t.ReLU(), t.Linear(120, 84), t.ReLU(), t.Linear(84, 10),
    )  # fmt: skip


def torch_mlp(torch):
    t = torch.nn
    return t.Sequential(t.Linear(784, 512), t.ReLU(), t.Linear(512, 512), t.ReLU(), t.Linear(512, 10))


def cellc_step(net, batches):
    loss = nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean")
    step = nn.TrainOneStepCell(nn.WithLossCell(net, loss), nn.Adam(net.trainable_params(), learning_rate=1e-3))
    step.set_train()
    batches = [(cellc.Tensor(x), cellc.Tensor(y.astype(np.int32))) for x, y in batches]
    turn = iter(range(1 << 60))
    return lambda: step(*batches[next(turn) % BATCHES]).asnumpy()


def torch_step(torch, net, batches):
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    batches = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in batches]
    turn = iter(range(1 << 60))

    def step():
        x, y = batches[next(turn) % BATCHES]
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def measure():
    """Rows of (workload, cellc seconds, torch seconds, torch/cellc)."""
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed: no steps are compared")
        return []
    random = np.random.default_rng(0)
    rows = []
    for name, ours, theirs, shape in (
        ("MLP 784-512-512-10, batch 64, step", MLP, torch_mlp, (64, 784)),
        ("LeNet-5, batch 32, step", LeNet, torch_lenet, (32, 1, 28, 28)),
    ):
        batches = [
            (random.standard_normal(shape, np.float32), random.integers(0, 10, shape[0])) for _ in range(BATCHES)
        ]
        mine, other = cellc_step(ours(), batches), torch_step(torch, theirs(torch), batches)
        rows.append((name, *paired_medians(mine, other)))
    return rows


if __name__ == "__main__":
    for name, mine, other, ratio in measure():
        print(f"{name:42s} cellc {mine * 1e3:8.3f} ms   torch {other * 1e3:8.3f} ms   torch/cellc {ratio:6.2f}")
