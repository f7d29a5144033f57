"""What a compiled call costs beyond its kernels: a cell whose one kernel adds two one-element tensors."""

import numpy as np
from timing import seconds

import cellc
from cellc import nn


class Add(nn.Cell):
    def construct(self, x, y):
        return x + y


def measure(calls: int = 2000, rounds: int = 21) -> float:
    """Median microseconds of a call of the smallest compiled cell."""
    cell = Add()
    x, y = cellc.Tensor(np.ones(1, np.float32)), cellc.Tensor(np.ones(1, np.float32))
    cell(x, y)

    def many():
        for _ in range(calls):
            cell(x, y)

    return sorted(seconds(many) for _ in range(rounds))[rounds // 2] / calls * 1e6


if __name__ == "__main__":
    print(f"smallest compiled call {measure():.1f} us")
