"""Rows of the tools, matrix and math layers and of Pad, and their oracles."""

import numpy as np
from conformance.row import Row, floats

import cellc
from cellc import nn, ops


class SameDtype(nn.Cell):
    """A cell whose result is wider than its input in half precision, made to fit in with the others."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def construct(self, x, *others):
        return ops.cast(self.cell(x, *others), x.dtype)


class With(nn.Cell):
    """A cell called with Python arguments behind its inputs."""

    def __init__(self, cell, *arguments):
        super().__init__()
        self.cell, self.arguments = cell, arguments

    def construct(self, *inputs):
        return self.cell(*inputs, *self.arguments)


def integers(low, high, *shape):
    """One input of int32 in [low, high)."""
    return lambda rng: (rng.integers(low, high, shape, np.int32),)


def tensor_and_limit(shape, limit):
    return lambda rng: (rng.standard_normal(shape).astype(np.float32), rng.uniform(0.5, 3, limit).astype(np.float32))


def clip_by_norm(axis):
    def oracle(p, x, limit):
        norm = np.sqrt((x**2).sum(axis=axis, keepdims=True))
        return x * limit / np.maximum(norm, limit)

    return oracle


def norm(axis, keep=False):
    return lambda p, x: np.sqrt((x**2).sum(axis=axis, keepdims=keep))


def moments(axis, keep=False):
    return lambda p, x: (x.mean(axis=axis, keepdims=keep), x.var(axis=axis, keepdims=keep))


def log_sum_exp(axis, keep=False):
    return lambda p, x: np.log(np.exp(x).sum(axis=axis, keepdims=keep))


def one_hot(axis, depth, on=1.0, off=0.0):
    def oracle(p, indices):
        result = np.full((*indices.shape, depth), off)
        for at, index in np.ndenumerate(indices):
            if 0 <= index < depth:
                result[(*at, index)] = on
        return np.moveaxis(result, -1, axis)

    return oracle


def matrix_diag(p, x):
    return np.where(np.eye(x.shape[-1]), x[..., None], 0)


def matrix_diag_part(p, x):
    return np.diagonal(x, axis1=-2, axis2=-1)


def matrix_set_diag(p, x, diagonal):
    y = x.copy()
    for i in range(diagonal.shape[-1]):
        y[..., i, i] = diagonal[..., i]
    return y


def padded(paddings, mode):
    return lambda p, x: np.pad(x, paddings, mode)


ROWS = [
    Row("ClipByNorm", lambda: SameDtype(nn.ClipByNorm()), tensor_and_limit((4, 17), (1,)), clip_by_norm(None)),
    Row("ClipByNorm axis", lambda: SameDtype(nn.ClipByNorm(1)), tensor_and_limit((4, 17, 3), ()), clip_by_norm(1)),
    Row("ClipByNorm axes", lambda: SameDtype(nn.ClipByNorm((0, -1))), tensor_and_limit((4, 5, 3), (1, 5, 1)),
        clip_by_norm((0, 2))),
    Row("L1Regularizer", lambda: SameDtype(nn.L1Regularizer(0.5)), floats((3, 5)), lambda p, x: 0.5 * np.abs(x).sum()),
    Row("Norm", nn.Norm, floats((3, 5)), norm(None)),
    Row("Norm axis", lambda: nn.Norm(axis=0), floats((3, 17)), norm(0)),
    Row("Norm kept axes", lambda: nn.Norm((-1, 1), keep_dims=True), floats((2, 3, 5)), norm((1, 2), True)),
    Row("OneHot", lambda: nn.OneHot(depth=4), integers(-1, 5, 3, 2), one_hot(-1, 4), gradient=False),
    Row("OneHot axis 1", lambda: nn.OneHot(1, 4, 2.5, -1.0), integers(-1, 5, 3, 2), one_hot(1, 4, 2.5, -1.0),
        gradient=False),
    Row("OneHot axis 0", lambda: nn.OneHot(0, 3, 7, 2, cellc.int32), integers(0, 3), one_hot(0, 3, 7, 2),
        gradient=False),
    Row("Range", lambda: nn.Range(1, 8, 2), lambda rng: (), lambda p: np.arange(1, 8, 2), gradient=False),
    Row("Roll", lambda: nn.Roll(2, 0), floats((5,)), lambda p, x: np.roll(x, 2)),
    Row("Roll axes", lambda: nn.Roll([1, -9, 3], [0, -1, 0]), floats((3, 5)),
        lambda p, x: np.roll(x, [1, -9, 3], [0, 1, 0])),
    Row("Roll by nothing", lambda: nn.Roll((5,), (1,)), floats((3, 5)), lambda p, x: x),
    Row("Tril", nn.Tril, floats((5, 7)), lambda p, x: np.tril(x)),
    Row("Tril of matrices", lambda: With(nn.Tril(), -2), floats((2, 17, 9)), lambda p, x: np.tril(x, -2)),
    Row("Tril of a vector", nn.Tril, floats((4,)), lambda p, x: np.tril(x)),
    Row("Triu", nn.Triu, floats((5, 7)), lambda p, x: np.triu(x)),
    Row("Triu of matrices", lambda: With(nn.Triu(), 1), floats((2, 17, 9)), lambda p, x: np.triu(x, 1)),
    Row("MatMul", nn.MatMul, floats((3, 5), (5, 4)), lambda p, x, y: x @ y),
    Row("MatMul transposed", lambda: nn.MatMul(True, True), floats((2, 1, 5, 3), (6, 4, 5)),
        lambda p, x, y: x.swapaxes(-1, -2) @ y.swapaxes(-1, -2)),
    Row("MatMul of vectors", lambda: nn.MatMul(True), floats((5,), (5,)), lambda p, x, y: x @ y),
    Row("Moments", nn.Moments, floats((3, 5)), moments(None)),
    Row("Moments kept axes", lambda: nn.Moments((0, 2), True), floats((3, 4, 5)), moments((0, 2), True)),
    Row("Moments wide", lambda: nn.Moments(-1), floats((17, 65)), moments(1)),
    Row("ReduceLogSumExp", lambda: nn.ReduceLogSumExp(()), floats((3, 5)), log_sum_exp(None)),
    Row("ReduceLogSumExp axis", lambda: nn.ReduceLogSumExp(1, keep_dims=True), floats((3, 4, 5, 6)),
        log_sum_exp(1, True)),
    Row("ReduceLogSumExp axes", lambda: nn.ReduceLogSumExp([-1, 0]), floats((3, 2, 5)), log_sum_exp((0, 2))),
    Row("MatrixDiag", nn.MatrixDiag, floats((2, 3)), matrix_diag),
    Row("MatrixDiag of a vector", nn.MatrixDiag, floats((17,)), matrix_diag),
    Row("MatrixDiagPart", nn.MatrixDiagPart, floats((2, 3, 5)), matrix_diag_part),
    Row("MatrixDiagPart tall", nn.MatrixDiagPart, floats((17, 4)), matrix_diag_part),
    Row("MatrixDiagPart of one", nn.MatrixDiagPart, floats((2, 3, 1, 1)), matrix_diag_part),
    Row("MatrixSetDiag", nn.MatrixSetDiag, floats((2, 3, 5), (2, 3)), matrix_set_diag),
    Row("MatrixSetDiag tall", nn.MatrixSetDiag, floats((2, 17, 5), (2, 5)), matrix_set_diag),
    Row("Pad", lambda: nn.Pad(((1, 1), (2, 2))), floats((2, 3)), padded(((1, 1), (2, 2)), "constant")),
    Row("Pad reflect", lambda: nn.Pad(((1, 0), (2, 1)), "REFLECT"), floats((2, 3)),
        padded(((1, 0), (2, 1)), "reflect")),
    Row("Pad symmetric", lambda: nn.Pad(((0, 2), (3, 0), (0, 0), (1, 1)), "SYMMETRIC"), floats((2, 3, 1, 2)),
        padded(((0, 2), (3, 0), (0, 0), (1, 1)), "symmetric")),
]  # fmt: skip
