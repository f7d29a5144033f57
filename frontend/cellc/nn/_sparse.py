"""Layers that take sparse tensors. A value whose coordinates are out of range counts as absent."""

from __future__ import annotations

import math

from cellc import ops
from cellc.dtype import int32, int64
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.nn._precision import number_input, tensor_input
from cellc.ops import _validate
from cellc.sparse_tensor import COOTensor
from cellc.tensor import Tensor
from cellc.trace import apply


class SparseToDense(Cell):
    """The dense tensor that a COOTensor stands for; values at one place are added.

    Inputs:
        coo_tensor: a COOTensor whose values are numbers.

    Outputs:
        A Tensor of the shape of `coo_tensor` in the dtype of its values.

    Raises:
        TypeError: `coo_tensor` is not a COOTensor, or its values are not numbers.

    Examples:
        >>> x = cellc.COOTensor(Tensor([[0, 1], [1, 2]]), Tensor([1, 2]), (2, 3))
        >>> nn.SparseToDense()(x).asnumpy()
        array([[0, 1, 0],
               [0, 0, 2]])
    """

    def construct(self, coo_tensor: COOTensor) -> Tensor:
        indices, values, shape = _validate.of_type("coo_tensor", coo_tensor, COOTensor, self.cls_name)
        number_input("values", values, self.cls_name)
        flat = apply(
            "scatter_add", _row_major(indices, shape), ops.reshape(values, (values.size, 1)), rows=math.prod(shape)
        )
        return ops.reshape(flat, shape)


def _row_major(indices: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The row-major position of each row of coordinates, -1 where one of them is out of range."""
    position, inside = ops.zeros(indices.shape[:1], int64), ops.ones(indices.shape[:1], "bool")
    for axis, extent in enumerate(shape):
        at = ops.cast(indices[:, axis], int64)
        inside = ops.logical_and(inside, ops.logical_and(ops.greater_equal(at, 0), ops.less(at, extent)))
        position = ops.add(ops.mul(position, extent), at)
    return ops.select(inside, position, -1)


class SparseTensorDenseMatmul(Cell):
    """The product of a sparse and a dense matrix. Sums of float16 and bfloat16 run in float32.

    Args:
        adjoint_st: whether the sparse matrix is transposed.
        adjoint_dt: whether the dense matrix is transposed.

    Inputs:
        indices: a Tensor (n, 2) of int32 or int64, row and column of each value.
        values: a Tensor (n,) of numbers.
        sparse_shape: (N, C), a tuple of two positive ints.
        dense: a Tensor (C, M) in the dtype of `values`; (N, M) with `adjoint_st`; its axes the other way round
            with `adjoint_dt`.

    Outputs:
        A Tensor (N, M), with `adjoint_st` (C, M), in the dtype of `values`.

    Raises:
        TypeError: an argument is of another type or dtype.
        ValueError: the shapes do not fit together.

    Examples:
        >>> indices, values = Tensor([[0, 1], [1, 2]]), Tensor([1.0, 2.0])
        >>> nn.SparseTensorDenseMatmul()(indices, values, (2, 3), Tensor([[1.0], [2.0], [3.0]])).asnumpy()
        array([[2.],
               [6.]], dtype=float32)
    """

    def __init__(self, adjoint_st: bool = False, adjoint_dt: bool = False) -> None:
        super().__init__()
        self.adj_st = _validate.boolean("adjoint_st", adjoint_st, self.cls_name)
        self.adj_dt = _validate.boolean("adjoint_dt", adjoint_dt, self.cls_name)

    def construct(self, indices: Tensor, values: Tensor, sparse_shape: tuple[int, int], dense: Tensor) -> Tensor:
        self._check(indices, values, sparse_shape, dense)
        of_result, of_dense = (1, 0) if self.adj_st else (0, 1)
        table = ops.transpose(dense, (1, 0)) if self.adj_dt else dense
        if table.shape[0] != sparse_shape[of_dense]:
            raise bad_argument(
                ValueError,
                f"For '{self.cls_name}', 'dense' of shape {dense.shape} does not fit 'sparse_shape' {sparse_shape} "
                f"with adjoint_st={self.adj_st} and adjoint_dt={self.adj_dt}.",
            )
        if values.dtype.is_float and values.dtype.itemsize < 4:
            values, table = ops.cast(values, "float32"), ops.cast(table, "float32")
        rows = ops.gather(table, indices[:, of_dense])
        products = ops.mul(rows, ops.reshape(values, (values.size, 1)))
        result = apply("scatter_add", indices[:, of_result], products, rows=sparse_shape[of_result])
        return ops.cast(result, dense.dtype)

    def _check(self, indices: Tensor, values: Tensor, sparse_shape: tuple[int, int], dense: Tensor) -> None:
        owner = self.cls_name
        if tensor_input("indices", indices, owner).dtype not in (int32, int64):
            message = f"For '{owner}', 'indices' must be Int32 or Int64, but got {indices.dtype}."
            raise bad_argument(TypeError, message)
        _validate.one_dtype(
            owner, values=number_input("values", values, owner), dense=number_input("dense", dense, owner)
        )
        if len(_validate.of_type("sparse_shape", sparse_shape, tuple, owner)) != 2:
            message = f"For '{owner}', 'sparse_shape' must have two elements, but got {sparse_shape}."
            raise bad_argument(ValueError, message)
        for extent in sparse_shape:
            _validate.positive_int("sparse_shape", extent, owner)
        if values.ndim != 1 or indices.shape != (values.size, 2) or dense.ndim != 2:
            message = f"For '{owner}', 'indices', 'values' and 'dense' must have shapes (n, 2), (n,) and rank 2, "
            raise bad_argument(
                ValueError, f"{message}but got shapes {indices.shape}, {values.shape} and {dense.shape}."
            )
