"""What a call of a compiled program costs beyond its kernels, which have next to nothing to do here.

Printed: the median microseconds of a call, over slices of all kinds of calls in turn; processor time of the calling
thread, so that others on its core matter less.
"""

import time
from collections.abc import Callable
from statistics import median

import numpy as np

import cellc
from cellc import nn


class Add(nn.Cell):
    """One kernel that adds two numbers."""

    def construct(self, x, y):
        return x + y


def training_step() -> nn.Cell:
    """A step that updates 40 parameters of one element each."""
    net = nn.SequentialCell(*(nn.Dense(1, 1) for _ in range(20)))
    optimizer = nn.SGD(net.trainable_params(), 0.0)
    return nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), optimizer).set_train()


def calls() -> dict[str, Callable[[], object]]:
    """The calls by their names."""
    add, step = Add(), training_step()
    two = cellc.jit(lambda x, y: x + y)
    eight = cellc.jit(lambda a, b, c, d, e, f, g, h: a + b + c + d + e + f + g + h)
    pair = cellc.jit(lambda x, y: (x + y, x * y))
    ones = [cellc.Tensor(np.ones(1, np.float32)) for _ in range(8)]
    square = cellc.Tensor(np.ones((1, 1), np.float32))
    return {
        "smallest cell": lambda: add(ones[0], ones[1]),
        "function of two tensors": lambda: two(ones[0], ones[1]),
        "function of eight tensors": lambda: eight(*ones),
        "function with two results": lambda: pair(ones[0], ones[1]),
        "step with 40 parameters": lambda: step(square, square),
    }


def microseconds(call: Callable[[], object], count: int) -> float:
    """The time of one of so many calls."""
    start = time.thread_time()
    for _ in range(count):
        call()
    return (time.thread_time() - start) / count * 1e6


def measure(count: int = 500, rounds: int = 61) -> dict[str, float]:
    """Median microseconds of each call."""
    found = calls()
    for call in found.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds):
        for name, call in found.items():
            times[name].append(microseconds(call, count))
    return {name: median(values) for name, values in times.items()}


def show() -> None:
    """Prints the table."""
    for name, time_of_one in measure().items():
        print(f"{name:42s} {time_of_one:8.1f} us", flush=True)


if __name__ == "__main__":
    show()
