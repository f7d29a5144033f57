"""Products of a half-precision factor and a float32 one: the factor is widened where it is read, and nowhere stored."""

import ml_dtypes
import numpy as np
import pytest

import cellc
from cellc import nn, ops
from cellc.dtype import dtype_of


class Mixed(nn.Cell):
    """Both factors in float32, whatever they come in."""

    def construct(self, x, w):
        return ops.matmul(ops.cast(x, cellc.float32), ops.cast(w, cellc.float32))


@pytest.mark.parametrize("shape", [(5, 7, 9), (1, 768, 300), (33, 130, 70), (120, 300, 65)])
@pytest.mark.parametrize("narrow", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("side", [0, 1])
def test_products(shape: tuple[int, int, int], narrow: type, side: int) -> None:
    rows, steps, columns = shape
    rng = np.random.default_rng(0)
    factors = [rng.standard_normal(s).astype(np.float32) for s in ((rows, steps), (steps, columns))]
    factors[side] = factors[side].astype(narrow)
    tensors = [cellc.Tensor(factor, dtype_of(factor.dtype)) for factor in factors]
    x, w = (factor.astype(np.float64) for factor in factors)
    bound = (steps + 2) * np.finfo(np.float32).eps * (np.abs(x) @ np.abs(w))
    assert (np.abs(Mixed()(*tensors).asnumpy() - x @ w) <= bound).all()


@pytest.mark.parametrize("side", [0, 1])
def test_one_kernel(side: int) -> None:
    types = [cellc.float32, cellc.float32]
    types[side] = cellc.float16
    lowered = Mixed().lower(ops.ones((64, 96), types[0]), ops.ones((96, 80), types[1]))
    assert [kernel.name for kernel in lowered._lowered.kernels] == ["kernel_0_matmul"]


def test_gradients() -> None:
    """That of the narrow factor is narrow too."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((6, 8)).astype(np.float16), rng.standard_normal((8, 5)).astype(np.float32)
    gradients = ops.grad(lambda x, w: Mixed()(x, w).sum(), (0, 1))(cellc.Tensor(x), cellc.Tensor(w))
    expected = np.ones((6, 5)) @ w.T.astype(np.float64), x.T.astype(np.float64) @ np.ones((6, 5))
    assert gradients[0].dtype is cellc.float16
    np.testing.assert_allclose(gradients[0].asnumpy(), expected[0], rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(gradients[1].asnumpy(), expected[1], rtol=1e-5, atol=1e-5)
