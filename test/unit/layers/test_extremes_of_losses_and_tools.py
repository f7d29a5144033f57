"""Corners of the domains of activations, losses and tools: NaN, infinity, no elements, integers, bools."""

import numpy as np
import pytest

import cellc
from cellc import Tensor, nn, ops
from cellc.nn._sampled_softmax_loss import draw_classes

EXTREME = np.array([-np.inf, np.inf, np.nan, -200, 200], np.float32)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (nn.CELU(), [-1, np.inf, np.nan, -1, 200]),
        (nn.ELU(), [-1, np.inf, np.nan, -1, 200]),
        (nn.FastGelu(), [np.nan, np.inf, np.nan, 0, 200]),
        (nn.LogSigmoid(), [-np.inf, 0, np.nan, -200, 0]),
        (nn.HShrink(), [-np.inf, np.inf, np.nan, -200, 200]),
        (nn.SoftShrink(), [-np.inf, np.inf, np.nan, -199.5, 199.5]),
        (nn.HSigmoid(), [0, 1, np.nan, 0, 1]),
        (nn.HSwish(), [0, np.inf, np.nan, 0, 200]),
        (nn.LeakyReLU(), [-np.inf, np.inf, np.nan, -40, 200]),
        (nn.PReLU(), [-np.inf, np.inf, np.nan, -50, 200]),
    ],
    ids=lambda value: str(value)[:12],
)
def test_extreme_values(cell, expected):
    np.testing.assert_allclose(cell(Tensor(EXTREME)).asnumpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("cell", "at", "slopes"),
    [
        (nn.CELU(2.0), [0.0, -200.0, np.inf], [1, 0, 1]),
        (nn.LogSigmoid(), [0.0, -np.inf, np.inf], [0.5, 1, 0]),
        (nn.HShrink(), [0.5, -0.5, np.inf], [0, 0, 1]),
        (nn.SoftShrink(), [0.5, -0.5, -np.inf], [0, 0, 1]),
        (nn.HSigmoid(), [-3.0, 3.0, np.inf], [0, 0, 0]),
        (nn.HSwish(), [-3.0, 3.0, np.inf], [0, 1, 1]),
        (nn.LeakyReLU(), [0.0, -np.inf, np.inf], [1, 0.2, 1]),
    ],
    ids=lambda value: str(value)[:12],
)
def test_slopes_at_corners(cell, at, slopes):
    np.testing.assert_allclose(ops.grad(cell)(Tensor(at)).asnumpy(), slopes, rtol=1e-6)


def test_activations_of_integers():
    x = Tensor(np.array([-7, -1, 0, 2, 5], np.int32))
    np.testing.assert_array_equal(nn.LeakyReLU(2)(x).asnumpy(), [-14, -2, 0, 2, 5])
    np.testing.assert_array_equal(nn.LeakyReLU()(x).asnumpy(), [0, 0, 0, 2, 5])
    np.testing.assert_array_equal(nn.HSigmoid()(x).asnumpy(), [0, 0, 0, 0, 1])


@pytest.mark.parametrize(
    ("values", "expected"),
    [([-np.inf, -np.inf], -np.inf), ([np.inf, 1], np.inf), ([np.nan, 1], np.nan), ([1000, -1000], 1000), ([], -np.inf)],
)
def test_log_sum_exp_of_extremes(values, expected):
    np.testing.assert_array_equal(nn.ReduceLogSumExp(0)(Tensor(np.array(values, np.float32))).asnumpy(), expected)


def test_losses_of_extremes():
    """Logits that overflow an exponential, and probabilities of 0 and 1."""
    x, y = Tensor([1000.0, -1000.0]), Tensor([0.0, 1.0])
    np.testing.assert_array_equal(nn.BCEWithLogitsLoss("none")(x, y).asnumpy(), [1000, 1000])
    np.testing.assert_array_equal(nn.SoftMarginLoss("none")(x, Tensor([-1.0, 1.0])).asnumpy(), [1000, 1000])
    np.testing.assert_allclose(
        nn.BCELoss()(Tensor([0.0, 1.0]), Tensor([1.0, 1.0])).asnumpy(), [27.631021, 0], rtol=1e-6
    )
    slopes = ops.grad(nn.SmoothL1Loss())(Tensor([1e30, np.inf]), Tensor([0.0, 0.0]))
    np.testing.assert_array_equal(slopes.asnumpy(), [1, 1])
    slopes = ops.grad(nn.ClipByNorm())(Tensor([0.0, 0.0]), Tensor([1.0]))
    np.testing.assert_array_equal(slopes.asnumpy(), [1, 1])


def test_ignored_classes():
    """Places that are ignored do not count; a class that is out of range makes no loss."""
    logits = Tensor(np.zeros((3, 2), np.float32))
    loss = nn.CrossEntropyLoss(ignore_index=5)(logits, Tensor(np.array([1, 5, 7], np.int32)))
    np.testing.assert_allclose(loss.asnumpy(), np.log(2), rtol=1e-6)
    focal = nn.FocalLoss(reduction="none")(logits, Tensor(np.array([[0], [-1], [2]], np.int32)))
    np.testing.assert_allclose(focal.asnumpy(), [np.log(2) / 4, np.log(2) / 4, 0], rtol=1e-6)


def test_no_elements():
    empty = Tensor(np.zeros((0, 3), np.float32))
    for cell in (nn.CELU(), nn.LogSigmoid(), nn.HSwish(), nn.PReLU(3), nn.Tril(), nn.Roll(1, 0), nn.HShrink()):
        assert cell(empty).shape == (0, 3)
    assert nn.MatrixDiagPart()(empty).shape == (0,)
    assert nn.MatrixDiag()(empty).shape == (0, 3, 3)
    assert nn.MatrixSetDiag()(empty, Tensor(np.zeros(0, np.float32))).shape == (0, 3)
    assert nn.OneHot(depth=0)(Tensor(np.ones((2, 3), np.int32))).shape == (2, 3, 0)
    assert nn.Range(3, 3)().shape == (0,)
    assert nn.BCELoss(reduction="sum")(empty, empty).asnumpy() == 0
    assert nn.DiceLoss()(empty, empty).asnumpy() == 1
    assert nn.Norm()(empty).asnumpy() == 0
    np.testing.assert_array_equal(nn.Pad(((1, 1), (0, 0)))(empty).asnumpy(), np.zeros((2, 3)))


def test_other_dtypes_of_tools():
    for dtype in (np.int8, np.uint8, np.int32, np.int64):
        x = Tensor(np.arange(6, dtype=dtype).reshape(2, 3))
        np.testing.assert_array_equal(nn.Triu()(x).asnumpy(), np.triu(x.asnumpy()))
        np.testing.assert_array_equal(nn.MatrixDiagPart()(x).asnumpy(), [0, 4])
        assert nn.MatrixDiag()(x).dtype is x.dtype
        np.testing.assert_array_equal(nn.Roll(1, 1)(x).asnumpy(), np.roll(x.asnumpy(), 1, 1))
        np.testing.assert_array_equal(nn.L1Regularizer(2)(x).asnumpy(), 30)
    flags = Tensor(np.array([True, False]))
    np.testing.assert_array_equal(nn.Pad(((1, 0),))(flags).asnumpy(), [False, True, False])
    assert nn.OneHot(depth=2, dtype=cellc.float16)(Tensor([0, 1])).dtype is cellc.float16
    assert nn.Range(0.5, 2)().dtype is cellc.float32


@pytest.mark.parametrize("classes", [7, 40, 1000])
@pytest.mark.parametrize("excluded", [None, [0, 3, 3]])
def test_drawn_classes(classes, excluded):
    """Different, in range, without the excluded ones, new at each call and the same again after the seed."""

    class Draw(nn.Cell):
        def construct(self, hits):
            return draw_classes(4, classes, None if excluded is None else hits)

    cell, hits = Draw(), Tensor(np.array(excluded or [0], np.int32))
    cellc.set_seed(3)
    draws = np.array([cell(hits).asnumpy() for _ in range(50)])
    assert all(len(set(draw)) == 4 for draw in draws.tolist())
    assert draws.min() >= 0
    assert draws.max() < classes
    assert len({tuple(draw) for draw in draws.tolist()}) > 10
    if excluded:
        assert not np.isin(draws, excluded).any()
    cellc.set_seed(3)
    np.testing.assert_array_equal(cell(hits).asnumpy(), draws[0])


def test_draws_are_even():
    class Draw(nn.Cell):
        def construct(self):
            return draw_classes(2, 5, None)

    cellc.set_seed(1)
    cell = Draw()
    counts = np.bincount(np.concatenate([cell().asnumpy() for _ in range(500)]), minlength=5)
    assert abs(counts - 200).max() < 60  # four standard deviations are 44


def test_excluded_classes_are_drawn_when_there_are_no_others():
    cellc.set_seed(1)
    drawn = draw_classes(3, 4, Tensor(np.array([0, 1], np.int32))).asnumpy()
    assert sorted(set(drawn.tolist()) | {2, 3}) == sorted(drawn.tolist())


def test_cross_entropy_keeps_no_tensor_of_places_and_classes() -> None:
    """A kernel for the losses and one for their mean: what counts is found without the mask of classes."""
    logits, labels = Tensor(np.zeros((500, 40), np.float32)), Tensor(np.zeros(500, np.int32))
    names = [row.name for row in cellc.profile(nn.CrossEntropyLoss(), logits, labels, runs=1).rows]
    assert len(names) == 2, names


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64])
def test_cross_entropy_counts_the_numbers_of_classes(dtype: type) -> None:
    numbers = np.array([0, 3, 4, 100], dtype)
    logits = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)
    each = np.log(np.exp(logits).sum(1)) - logits[np.arange(4), np.minimum(numbers, 3)]
    loss = nn.CrossEntropyLoss(ignore_index=3)(Tensor(logits), Tensor(numbers)).asnumpy()
    np.testing.assert_allclose(loss, each[0], rtol=1e-5)
