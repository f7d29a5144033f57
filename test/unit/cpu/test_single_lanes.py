"""One lane of a narrow type is stored without touching its neighbours, which a kernel in place has yet to read."""

import numpy as np
import pytest

import cellc
from cellc import Parameter, Tensor, nn, ops


class RunningSum(nn.Cell):
    """Adds the sum of each row to a parameter, narrowed to its dtype; one row after another."""

    def __init__(self, rows, dtype):
        super().__init__()
        self.total = Parameter(Tensor(np.zeros((rows, 1), dtype.numpy)), name="total")

    def construct(self, x):
        ops.assign(self.total, self.total + ops.reduce_sum(x, 1, True).astype(self.total.dtype))
        return self.total


@pytest.mark.parametrize("dtype", [cellc.int8, cellc.int16, cellc.float16, cellc.bfloat16], ids=str)
def test_neighbours_stay(dtype):
    x = np.arange(60, dtype=np.float32).reshape(6, 10) % 4
    cell = RunningSum(6, dtype)
    for step in range(1, 4):
        cell(Tensor(x))
        np.testing.assert_array_equal(cell.total.asnumpy().astype(np.float32), step * x.sum(1, keepdims=True))
