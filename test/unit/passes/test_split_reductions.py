"""Long reductions to one element, in partial results."""

import numpy as np
import pytest

import cellc
from cellc import Tensor


def blocks(function, *arrays: np.ndarray) -> list[int]:
    return [command.blocks for command in cellc.profile(function, *map(Tensor, arrays), runs=1).commands]


@pytest.mark.parametrize("shape", [(1 << 18,), (512, 1024), (3, 100_000), (6, 11, 13, 400)])
def test_sums_in_parts(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    function = cellc.jit(lambda x: (x * x).mean())
    np.testing.assert_allclose(function(Tensor(x)).asnumpy(), np.mean(x.astype(np.float64) ** 2), rtol=1e-6)
    assert max(blocks(function, x)) > 1


def test_largest_of_parts() -> None:
    x = np.random.default_rng(0).standard_normal((4, 1 << 16)).astype(np.float32)
    function = cellc.jit(lambda x: (x.max(), x.min()))
    assert tuple(float(r.asnumpy()) for r in function(Tensor(x))) == (x.max(), x.min())
    x[2, 7] = np.nan
    assert all(np.isnan(r.asnumpy()) for r in function(Tensor(x)))


def test_operands_that_the_split_loop_does_not_index() -> None:
    rng = np.random.default_rng(0)
    x, rows, columns = (rng.standard_normal(s).astype(np.float32) for s in ((512, 600), (512, 1), (600,)))
    function = cellc.jit(lambda x, rows, columns: ((x + rows) * columns).sum())
    exact = ((x.astype(np.float64) + rows) * columns).sum()
    np.testing.assert_allclose(function(*map(Tensor, (x, rows, columns))).asnumpy(), exact, rtol=1e-4)
    assert max(blocks(function, x, rows, columns)) > 1


@pytest.mark.parametrize("shape", [(262_147,), (1 << 16,)], ids=["prime", "short"])
def test_what_stays_whole(shape: tuple[int, ...]) -> None:
    x = np.ones(shape, np.float32)
    function = cellc.jit(lambda x: x.sum())
    assert function(Tensor(x)).asnumpy() == x.size
    assert blocks(function, x) == [1]
