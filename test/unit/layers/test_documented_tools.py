"""The worked examples of MindSpore 1.7.1's documentation of tools, matrix and math layers and Pad.

The numbers are those printed there.
"""

import numpy as np
import pytest

import cellc
from cellc import Tensor, nn, ops

F32, I32 = cellc.float32, cellc.int32
GRID = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [10, 11, 12, 13], [14, 15, 16, 17]])


def check(result, digits, tolerance=0.0):
    np.testing.assert_allclose(result.asnumpy(), digits, rtol=tolerance)


def test_l1_regularizer():
    check(nn.L1Regularizer(0.5)(Tensor(np.array([[1.0, -2.0], [-3.0, 4.0]], np.float32))), 5.0)


def test_clip_by_norm():
    x = Tensor(np.random.default_rng(1).integers(0, 10, [4, 16]), F32)
    output = nn.ClipByNorm()(x, Tensor(np.array([100]).astype(np.float32)))
    assert output.shape == (4, 16)
    check(output, x.asnumpy(), 1e-6)


def test_norm():
    x = Tensor(np.array([[4, 4, 9, 1], [2, 1, 3, 6]]), F32)
    columns = [4.472136, 4.1231055, 9.486833, 6.0827627]
    check(nn.Norm(axis=0)(x), columns, 2e-7)
    check(nn.Norm(axis=0, keep_dims=True)(x), [columns], 2e-7)
    check(nn.Norm(axis=1)(x), [10.677078, 7.071068], 2e-7)


def test_one_hot():
    indices = Tensor([[1, 3], [0, 2]], dtype=I32)
    check(nn.OneHot(depth=4, axis=1)(indices), [[[0, 0], [1, 0], [0, 0], [0, 1]], [[1, 0], [0, 0], [0, 1], [0, 0]]])
    first = nn.OneHot(depth=4, axis=0)(indices)
    check(first, [[[0, 0], [1, 0]], [[1, 0], [0, 0]], [[0, 0], [0, 1]], [[0, 1], [0, 0]]])
    last = nn.OneHot(depth=4, axis=-1)
    check(last(indices), [[[0, 1, 0, 0], [0, 0, 0, 1]], [[1, 0, 0, 0], [0, 0, 1, 0]]])
    check(last(Tensor([1, 3, 0, 2], dtype=I32)), [[0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 0, 1, 0]])


def test_range():
    output = nn.Range(1, 8, 2)()
    assert output.dtype is I32
    check(output, [1, 3, 5, 7])


def test_roll():
    check(nn.Roll(shift=2, axis=0)(Tensor(np.array([0, 1, 2, 3, 4]).astype(np.float32))), [3, 4, 0, 1, 2])
    x = Tensor(np.array([[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]).astype(np.float32))
    check(nn.Roll(shift=[1, -2], axis=[0, 1])(x), [[7, 8, 9, 5, 6], [2, 3, 4, 0, 1]])


@pytest.mark.parametrize("shape", [(3, 4, 37), (40, 2, 1), (1, 33, 70), (0, 5, 4)])
def test_roll_along_several_axes(shape):
    """An axis that comes twice moves twice; its gradient rolls back."""
    x, g = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    roll = nn.Roll((2, -5, 1, 3), (0, 2, 1, 0))
    check(roll(Tensor(x)), np.roll(x, (2, -5, 1, 3), (0, 2, 1, 0)))
    moved_back = ops.grad(lambda x, g: roll(x) * g)(Tensor(x), Tensor(g))
    check(moved_back, np.roll(g, (-2, 5, -1, -3), (0, 2, 1, 0)))


@pytest.mark.parametrize(
    ("k", "expected"),
    [
        (0, [[1, 0, 0, 0], [5, 6, 0, 0], [10, 11, 12, 0], [14, 15, 16, 17]]),
        (1, [[1, 2, 0, 0], [5, 6, 7, 0], [10, 11, 12, 13], [14, 15, 16, 17]]),
        (2, [[1, 2, 3, 0], [5, 6, 7, 8], [10, 11, 12, 13], [14, 15, 16, 17]]),
        (-1, [[0, 0, 0, 0], [5, 0, 0, 0], [10, 11, 0, 0], [14, 15, 16, 0]]),
    ],
)
def test_tril(k, expected):
    result = nn.Tril()(Tensor(GRID)) if k == 0 else nn.Tril()(Tensor(GRID), k)
    assert result.dtype is cellc.int64
    check(result, expected)


@pytest.mark.parametrize(
    ("k", "expected"),
    [
        (0, [[1, 2, 3, 4], [0, 6, 7, 8], [0, 0, 12, 13], [0, 0, 0, 17]]),
        (1, [[0, 2, 3, 4], [0, 0, 7, 8], [0, 0, 0, 13], [0, 0, 0, 0]]),
        (2, [[0, 0, 3, 4], [0, 0, 0, 8], [0, 0, 0, 0], [0, 0, 0, 0]]),
        (-1, [[1, 2, 3, 4], [5, 6, 7, 8], [0, 11, 12, 13], [0, 0, 16, 17]]),
    ],
)
def test_triu(k, expected):
    check(nn.Triu()(Tensor(GRID), k), expected)


def test_matrix_diag():
    check(nn.MatrixDiag()(Tensor(np.array([1, -1]), F32)), [[1, 0], [0, -1]])
    check(nn.MatrixDiag()(Tensor(np.array([[1, -1], [1, -1]]), F32)), [[[1, 0], [0, -1]]] * 2)
    output = nn.MatrixDiag()(Tensor(np.array([[1, -1, 1], [1, -1, 1]]), F32))
    check(output, [[[1, 0, 0], [0, -1, 0], [0, 0, 1]]] * 2)


def test_matrix_diag_part():
    check(nn.MatrixDiagPart()(Tensor([[[-1, 0], [0, 1]]] * 3, F32)), [[-1, 1]] * 3)
    check(nn.MatrixDiagPart()(Tensor([[-1, 0, 0, 1]] * 4, F32)), [-1, 0, 0, 1])


def test_matrix_set_diag():
    x, diagonal = Tensor([[[-1, 0], [0, 1]]] * 3, F32), Tensor([[-1.0, 2.0], [-1.0, 1.0], [-1.0, 1.0]], F32)
    check(nn.MatrixSetDiag()(x, diagonal), [[[-1, 0], [0, 2]], [[-1, 0], [0, 1]], [[-1, 0], [0, 1]]])


def test_moments():
    x = Tensor(np.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]), F32)
    for cell, mean, variance in (
        (nn.Moments(axis=0, keep_dims=True), [[[3, 4], [5, 6]]], [[[4, 4], [4, 4]]]),
        (nn.Moments(axis=1, keep_dims=True), [[[2, 3]], [[6, 7]]], [[[1, 1]], [[1, 1]]]),
        (nn.Moments(axis=2), [[1.5, 3.5], [5.5, 7.5]], [[0.25, 0.25], [0.25, 0.25]]),
        (nn.Moments(), 4.5, 5.25),
    ):
        result = cell(x)
        check(result[0], mean)
        check(result[1], variance)


def test_reduce_log_sum_exp():
    x = np.random.default_rng(1).standard_normal((3, 4, 5, 6)).astype(np.float32)
    output = nn.ReduceLogSumExp(1, keep_dims=True)(Tensor(x))
    assert output.shape == (3, 1, 5, 6)
    check(output, np.log(np.exp(x).sum(1, keepdims=True)), 1e-5)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("CONSTANT", [[0] * 7, [0, 0, 1, 2, 3, 0, 0], [0, 0, 4, 5, 6, 0, 0], [0] * 7]),
        ("REFLECT", [[6, 5, 4, 5, 6, 5, 4], [3, 2, 1, 2, 3, 2, 1], [6, 5, 4, 5, 6, 5, 4], [3, 2, 1, 2, 3, 2, 1]]),
        ("SYMMETRIC", [[2, 1, 1, 2, 3, 3, 2], [2, 1, 1, 2, 3, 3, 2], [5, 4, 4, 5, 6, 6, 5], [5, 4, 4, 5, 6, 6, 5]]),
    ],
)
def test_pad(mode, expected):
    class Net(nn.Cell):
        def __init__(self):
            super().__init__()
            self.pad = nn.Pad(paddings=((1, 1), (2, 2)), mode=mode)

        def construct(self, x):
            return self.pad(x)

    x = Tensor(np.array([[1, 2, 3], [4, 5, 6]]), F32)
    check(Net()(x), expected)
    if mode == "CONSTANT":
        check(ops.Pad(paddings=((1, 1), (2, 2)))(x), expected)


@pytest.mark.parametrize("mode", ["REFLECT", "SYMMETRIC"])
@pytest.mark.parametrize("shape", [(3, 17, 40), (2, 4, 9), (4, 70, 5)])
def test_pad_mirrors_along_all_axes(mode, shape):
    paddings = ((1, 0), (3, 2), (0, 4))
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    check(nn.Pad(paddings, mode)(Tensor(x)), np.pad(x, paddings, mode.lower()))


@pytest.mark.parametrize("mode", ["REFLECT", "SYMMETRIC"])
def test_borders_of_one_element_are_written_with_the_rows(mode):
    """A column of a mirrored border is an element for each row: no kernel of its own, and no tensor."""
    paddings, x = ((0, 0), (1, 1), (1, 1)), np.random.default_rng(0).standard_normal((3, 17, 40)).astype(np.float32)
    net = nn.Pad(paddings, mode)
    check(net(Tensor(x)), np.pad(x, paddings, mode.lower()))
    kernels = str(net.lower(Tensor(x)).kernels)  # the text has this line beside the IR
    assert kernels.count("func.func private") == 1
