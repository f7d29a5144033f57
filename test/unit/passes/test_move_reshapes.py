"""Reshapes that fusion moves: it comes to an end."""

import numpy as np

import cellc
from cellc import nn, ops


class BetweenTwoShapes(nn.Cell):
    """An elementwise op between two reductions, one of them reshaped: neither side can fuse all the way."""

    def construct(self, x, z):
        return ops.matmul(x, x.T).reshape((4,)) * ops.reduce_sum(z, 1)


def test_an_op_between_two_shapes_stays_in_one():
    x, z = np.arange(6, dtype=np.float32).reshape(2, 3), np.arange(20, dtype=np.float32).reshape(4, 5)
    result = BetweenTwoShapes()(cellc.Tensor(x), cellc.Tensor(z)).asnumpy()
    assert np.allclose(result, (x @ x.T).reshape(4) * z.sum(1))
