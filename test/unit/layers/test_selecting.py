"""Tensor methods that pick, place and accumulate elements. NumPy is the truth."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cellc
from cellc import CSRTensor, Tensor

X = np.random.default_rng(3).standard_normal((3, 4, 5)).astype(np.float32)
MASK = X > 0
SORTED = np.array([1, 2, 2, 5, 9], np.int32)
VALUES = np.array([[0, 2], [3, 10]], np.int32)
CHOICES = np.arange(12, dtype=np.int32).reshape(4, 3)

CASES: list[tuple[Callable[[Any], Any], Any]] = [
    (lambda x: x.narrow(1, 1, 2), X[:, 1:3]),
    (lambda x: x.narrow(-1, 5, 0), X[:, :, 5:]),
    (lambda x: x.resize(2, 3), X.ravel()[:6].reshape(2, 3)),
    (lambda x: x.resize((7, 10)), np.pad(X.ravel(), (0, 10)).reshape(7, 10)),
    (lambda x: x.resize(), X),
    (lambda x: x.repeat(2), X.repeat(2)),
    (lambda x: x.repeat([1, 0, 3, 2], axis=1), X.repeat([1, 0, 3, 2], 1)),
    (lambda x: x.repeat(0, axis=0), X[:0]),
    (lambda x: x.trace(), X.trace()),
    (lambda x: x.trace(-1, 2, 0, cellc.float64), X.trace(-1, 2, 0)),
    (lambda x: x.fill(7), np.full_like(X, 7)),
    (lambda x: x.fill(None), np.full_like(X, np.nan)),
    (lambda x: x.masked_fill(Tensor(MASK), 2), np.where(MASK, np.float32(2), X)),
    (lambda x: x.masked_fill(Tensor(MASK[0, 0]), -1.5), np.where(MASK[0, 0], np.float32(-1.5), X)),
    (lambda x: x.itemset((1, -1, 2), 4)[1, 3, 2], np.float32(4)),
    (lambda x: x.itemset(59, 4).ravel()[59], np.float32(4)),
    (lambda x: x[0, 0, 0].itemset(3), np.float32(3)),
    (lambda x: x.cumsum(1), X.cumsum(1)),
    (lambda x: x.cumsum(), X.ravel().cumsum()),
    (lambda x: x.ptp(axis=(0, 2)), np.ptp(X, (0, 2))),
    (lambda x: x.max(axis=1, initial=0.5), X.max(1, initial=0.5)),
    (lambda x: x.min(initial=0.0, where=Tensor(MASK)), X.min(initial=0.0, where=MASK)),
]


@pytest.mark.parametrize(("method", "expected"), CASES)
def test_numbers(method: Callable[[Any], Any], expected: Any) -> None:
    result = method(Tensor(X)).asnumpy()
    assert result.shape == np.shape(expected)
    np.testing.assert_allclose(result, expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("axes", [(0, 1), (2, 0), (1, 2)])
@pytest.mark.parametrize("offset", [-9, -2, 0, 1, 4, 5])
def test_diagonal(offset: int, axes: tuple[int, int]) -> None:
    np.testing.assert_array_equal(Tensor(X).diagonal(offset, *axes).asnumpy(), X.diagonal(offset, *axes))


def test_choose() -> None:
    which = Tensor([2, -1, 7], cellc.int32)
    np.testing.assert_array_equal(which.choose(Tensor(CHOICES)).asnumpy(), [6, 1, 11])
    np.testing.assert_array_equal(which.choose(list(CHOICES), mode="wrap").asnumpy(), [6, 10, 11])


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(side: Any) -> None:
    found = Tensor(SORTED).searchsorted(Tensor(VALUES), side)
    assert found.dtype is cellc.int32
    np.testing.assert_array_equal(found.asnumpy(), SORTED.searchsorted(VALUES, side))
    assert Tensor(SORTED[::-1]).searchsorted(4, side, [4, 3, 2, 1, 0]).item() == 3


def test_cumsum_of_small_integers_does_not_overflow() -> None:
    total = Tensor(np.full(3, 100, np.int8)).cumsum()
    assert (total.dtype, total.tolist()) == (cellc.int32, [100, 200, 300])


def test_the_gradient_of_a_sum_so_far_counts_what_comes_after() -> None:
    x = Tensor(np.ones(5, np.float32))
    assert cellc.ops.grad(lambda x: x.cumsum(0))(x).tolist() == [5, 4, 3, 2, 1]


REFUSED: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (lambda x: x.narrow(0, 2, 2), ValueError, "'start' and 'length' must stay in the extent 3 of axis 0"),
    (lambda x: x.narrow(0, 1.0, 2), TypeError, "'start' must be an int, but got 1.0"),
    (lambda x: x.repeat(1.5), TypeError, "'repeats' must hold ints, but got 1.5"),
    (lambda x: x.repeat([1, 2], 0), ValueError, "one count or 3 counts of at least 0, but got"),
    (lambda x: x.ravel().diagonal(), ValueError, "at least two axes, but got shape (60,)"),
    (lambda x: x.diagonal(0, 1, -2), ValueError, "axis1 and axis2 of a diagonal must differ, but both are 1"),
    (lambda x: x.fill("a"), TypeError, "'value' must be a number"),
    (lambda x: x.astype("int32").fill(None), TypeError, "None only in a float tensor"),
    (lambda x: x.masked_fill(x, 0), TypeError, "'mask' must be a bool Tensor"),
    (lambda x: x.masked_fill(x > 0, "a"), TypeError, "'value' must be a number, but got 'a'"),
    (lambda x: x.itemset(1), IndexError, "itemset needs an index: the tensor has shape (3, 4, 5)"),
    (lambda x: x.itemset((1, 2), 1), IndexError, "must have 3 entries for shape (3, 4, 5), but got (1, 2)"),
    (lambda x: x.choose([x], mode="raise"), ValueError, "'mode' must be 'clip' or 'wrap', but got 'raise'"),
    (lambda x: x.choose([]), ValueError, "'choices' must not be empty"),
    (lambda x: x.searchsorted(1), ValueError, "must be vectors of one length, but got shape (3, 4, 5)"),
    (lambda x: x.ravel().searchsorted(1, "up"), ValueError, "'side' must be 'left' or 'right', got 'up'"),
    (lambda x: x.max(where=x > 0), ValueError, "'max' with 'where' needs 'initial'"),
]


@pytest.mark.parametrize(("method", "error", "message"), REFUSED)
def test_refused(method: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        method(Tensor(X))
    assert message in str(caught.value)


def _matrix() -> CSRTensor:
    rows, columns = Tensor([0, 2, 2, 3], cellc.int32), Tensor([0, 2, 1], cellc.int32)
    return CSRTensor(rows, columns, Tensor([1.0, -2.0, 5.0]), (3, 4))


def test_a_sparse_matrix_times_a_column_and_its_row_sums() -> None:
    column = Tensor(np.array([[1], [10], [100], [1000]], np.float32))
    assert _matrix().mv(column).tolist() == [[-199], [0], [50]]
    assert _matrix().sum(1).tolist() == [[-1], [0], [5]]
    assert cellc.ops.grad(lambda v: _matrix().mv(v))(column).tolist() == [[1], [5], [-2], [0]]


def test_sparse_values_are_converted_and_made_positive() -> None:
    found = _matrix().abs().astype(cellc.float64)
    assert (type(found), found.dtype, found.values.tolist()) == (CSRTensor, cellc.float64, [1, 2, 5])


@pytest.mark.parametrize(
    ("column", "error", "message"),
    [
        ([[1.0]], TypeError, "'dense_vector' must be a Tensor, but got list"),
        (Tensor([[1], [1], [1], [1]]), TypeError, "must have the dtype Float32 of the values, but got Int64"),
        (Tensor([[1.0], [1.0]]), ValueError, "must have shape (4, 1), but got (2, 1)"),
    ],
)
def test_columns_that_are_refused(column: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        _matrix().mv(column)
    assert message in str(caught.value)


def test_sums_of_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="'axis' must be 1 or -1, but got 0"):
        _matrix().sum(0)


@pytest.mark.parametrize(("shape", "axis"), [((16, 3), 0), ((17,), 0), ((3, 129, 2), 1), ((600, 2), 0), ((2, 0), 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_cumsum_of_blocks(shape: tuple[int, ...], axis: int, dtype: type) -> None:
    x = np.random.default_rng(2).integers(-9, 10, shape).astype(dtype)
    assert np.array_equal(Tensor(x).cumsum(axis).asnumpy(), x.cumsum(axis))
    if dtype is not np.int64:
        weights = np.arange(x.size).reshape(shape).astype(dtype)
        gradient = cellc.ops.grad(lambda x: (x.cumsum(axis) * Tensor(weights)).sum())(Tensor(x)).asnumpy()
        assert np.array_equal(gradient, np.flip(np.flip(weights, axis).cumsum(axis), axis))


def test_cumsum_passes_infinities_on_to_later_elements_alone() -> None:
    x = np.ones(100, np.float32)
    x[[30, 60]] = np.inf, np.nan
    total = Tensor(x).cumsum().asnumpy()
    assert np.array_equal(total[:30], np.arange(1, 31))
    assert np.isposinf(total[30:60]).all()
    assert np.isnan(total[60:]).all()


def test_cumsum_of_float16_is_rounded_once() -> None:
    x = np.full(3000, 0.1, np.float16)
    assert np.array_equal(Tensor(x).cumsum().asnumpy(), x.astype(np.float64).cumsum().astype(np.float16))


@pytest.mark.parametrize("shape", [(300_000,), (30_000, 40)])
def test_cumsum_errs_by_a_unit_however_many_terms_there_are(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(4).random(shape).astype(np.float32)
    exact = x.astype(np.float64).cumsum(0)
    assert np.all(np.abs(Tensor(x).cumsum(0).asnumpy() - exact) <= 2**-23 * exact)
