"""A tile whose last row stands alone: lanes along the other loop, stored with a stride."""

import re

import numpy as np
import pytest

import cellc
from cellc import nn, ops


class WeightGradient(nn.Cell):
    """x^T y and two running averages of it, as in an optimizer's step."""

    def construct(self, x, y, mean, variance):
        product = ops.matmul(x, y, transpose_a=True)
        mean = mean * 0.75 + product * 0.25
        variance = variance * 0.5 + product * product * 0.5
        return mean, variance, mean / (ops.sqrt(variance) + 1e-3)


@pytest.mark.parametrize(("columns", "dtype"), [(9, np.float64), (17, np.float32), (5, np.float64)])
def test_single_row(columns, dtype):
    rng = np.random.default_rng(0)
    x, y, mean = (rng.standard_normal(shape).astype(dtype) for shape in ((56, 17), (56, columns), (17, columns)))
    arguments = [cellc.Tensor(array) for array in (x, y, mean, mean * mean)]
    product = x.T.astype(np.float64) @ y
    means = mean * 0.75 + product * 0.25
    variances = mean * mean * 0.5 + product * product * 0.5
    expected = (means, variances, means / (np.sqrt(variances) + 1e-3))
    for result, wanted in zip(WeightGradient()(*arguments), expected, strict=True):
        np.testing.assert_allclose(result.asnumpy(), wanted, rtol=1e-4, atol=1e-4)


def test_no_vector_is_turned_with_itself():
    """LLVM's AVX-512 code once stored wrong lanes of a vector that was shuffled with itself and stored lane by lane."""
    shapes = ((56, 17), (56, 9), (17, 9), (17, 9))
    lowered = WeightGradient().lower(*(ops.ones(shape, cellc.float64) for shape in shapes))
    (kernel,) = lowered._lowered.kernels
    assert not re.search(r"vector\.shuffle (%[\w#]+), \1 ", kernel.text)
