"""Layers about the diagonals of matrices. A matrix is the last two axes; masks are compared positions."""

from __future__ import annotations

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.nn._precision import number_input
from cellc.ops import _validate
from cellc.tensor import Tensor


def _offsets(rows: int, columns: int) -> Tensor:
    """Column minus row: the number of the diagonal of each position."""
    return ops.sub(ops.arange(columns), ops.reshape(ops.arange(rows), (rows, 1)))


def _offsets_of(x: Tensor, k: int, owner: str) -> Tensor:
    number_input("x", x, owner)
    _validate.integer("k", k, owner)
    if x.ndim < 1:
        raise bad_argument(ValueError, f"For '{owner}', 'x' must have rank at least 1, but got shape {x.shape}.")
    return _offsets(x.shape[-2] if x.ndim > 1 else x.shape[0], x.shape[-1])


class Tril(Cell):
    """x with the elements above the k-th diagonal replaced by 0; diagonal 1 is right of the main one.

    Inputs:
        x: a Tensor of numbers of rank at least 1; a vector (n,) stands for a matrix of n such rows.
        k: number of the diagonal, an int known when the cell is compiled.

    Outputs:
        A Tensor of the shape and dtype of x.

    Raises:
        TypeError: `k` is not an int, or x is not a Tensor of numbers.
        ValueError: x has rank 0.

    Examples:
        >>> nn.Tril()(ops.ones((2, 3))).asnumpy()
        array([[1., 0., 0.],
               [1., 1., 0.]], dtype=float32)
    """

    def construct(self, x: Tensor, k: int = 0) -> Tensor:
        return ops.select(ops.less_equal(_offsets_of(x, k, self.cls_name), k), x, 0)


class Triu(Cell):
    """x with the elements below the k-th diagonal replaced by 0. Inputs, outputs and errors are as for Tril.

    Examples:
        >>> nn.Triu()(ops.ones((2, 3))).asnumpy()
        array([[1., 1., 1.],
               [0., 1., 1.]], dtype=float32)
    """

    def construct(self, x: Tensor, k: int = 0) -> Tensor:
        return ops.select(ops.greater_equal(_offsets_of(x, k, self.cls_name), k), x, 0)


def _matrices(name: str, x: Tensor, owner: str) -> Tensor:
    if number_input(name, x, owner).ndim < 2:
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must have rank at least 2, but got shape {x.shape}.")
    return x


class MatrixDiag(Cell):
    """Matrices with the last axis of x as diagonals and 0 elsewhere.

    Inputs:
        x: a Tensor of numbers of shape (..., N).

    Outputs:
        A Tensor of shape (..., N, N) in the dtype of x.

    Raises:
        TypeError: x is not a Tensor of numbers.
        ValueError: x has rank 0.

    Examples:
        >>> nn.MatrixDiag()(Tensor([1.0, -1.0])).asnumpy()
        array([[ 1.,  0.],
               [ 0., -1.]], dtype=float32)
    """

    def construct(self, x: Tensor) -> Tensor:
        if number_input("x", x, self.cls_name).ndim < 1:
            message = f"For '{self.cls_name}', 'x' must have rank at least 1, but got shape {x.shape}."
            raise bad_argument(ValueError, message)
        extent = x.shape[-1]
        return ops.select(ops.equal(_offsets(extent, extent), 0), ops.expand_dims(x, -2), 0)


class MatrixDiagPart(Cell):
    """The diagonals of matrices.

    Inputs:
        x: a Tensor of numbers of shape (..., M, N).

    Outputs:
        A Tensor of shape (..., min(M, N)) in the dtype of x.

    Raises:
        TypeError: x is not a Tensor of numbers.
        ValueError: x has rank below 2.

    Examples:
        >>> nn.MatrixDiagPart()(Tensor([[1.0, 2.0], [3.0, 4.0]])).asnumpy()
        array([1., 4.], dtype=float32)
    """

    def construct(self, x: Tensor) -> Tensor:
        rows, columns = _matrices("x", x, self.cls_name).shape[-2:]
        extent = min(rows, columns)
        if extent == 0:
            return ops.zeros((*x.shape[:-2], 0), x.dtype)
        # In the rows laid end to end, the diagonal is every (columns + 1)-th element.
        flat = ops.reshape(x, (*x.shape[:-2], rows * columns))
        return flat[..., : (extent - 1) * (columns + 1) + 1 : columns + 1]


class MatrixSetDiag(Cell):
    """x with the diagonals of its matrices replaced by `diagonal`.

    Inputs:
        x: a Tensor of numbers of shape (..., M, N).
        diagonal: a Tensor of shape (..., min(M, N)) in the dtype of x.

    Outputs:
        A Tensor of the shape and dtype of x.

    Raises:
        TypeError: an input is not a Tensor of numbers, or the dtypes differ.
        ValueError: x has rank below 2, or `diagonal` has another shape.

    Examples:
        >>> nn.MatrixSetDiag()(ops.zeros((2, 2)), Tensor([1.0, 2.0])).asnumpy()
        array([[1., 0.],
               [0., 2.]], dtype=float32)
    """

    def construct(self, x: Tensor, diagonal: Tensor) -> Tensor:
        owner = self.cls_name
        rows, columns = _matrices("x", x, owner).shape[-2:]
        _validate.one_dtype(owner, x=x, diagonal=number_input("diagonal", diagonal, owner))
        expected = (*x.shape[:-2], min(rows, columns))
        if diagonal.shape != expected:
            message = f"For '{owner}', 'diagonal' must have shape {expected}, but got shape {diagonal.shape}."
            raise bad_argument(ValueError, message)
        spread = ops.expand_dims(diagonal, -1 if rows < columns else -2)
        return ops.select(ops.equal(_offsets(rows, columns), 0), spread, x)
