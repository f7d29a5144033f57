"""Rows of the sparse layers and their oracles."""

import numpy as np
from conformance.row import Row

import cellc
from cellc import nn


class OfParts(nn.Cell):
    """SparseToDense of indices and values."""

    def __init__(self, shape):
        super().__init__()
        self.shape, self.dense = shape, nn.SparseToDense()

    def construct(self, indices, values):
        return self.dense(cellc.COOTensor(indices, values, self.shape))


class Product(nn.Cell):
    """SparseTensorDenseMatmul with a fixed shape."""

    def __init__(self, shape, *adjoint):
        super().__init__()
        self.shape, self.multiply = shape, nn.SparseTensorDenseMatmul(*adjoint)

    def construct(self, indices, values, dense):
        return self.multiply(indices, values, self.shape, dense)


def coordinates(shape, count, dtype=np.int32):
    """`count` rows of coordinates, each from one below the first to one above the last, so some name a place twice."""
    return lambda rng: np.stack([rng.integers(-1, extent + 1, count) for extent in shape], -1).astype(dtype)


def parts(shape, count, dtype=np.int32):
    return lambda rng: (coordinates(shape, count, dtype)(rng), rng.standard_normal(count).astype(np.float32))


def product_inputs(shape, count, dense, dtype=np.int32):
    return lambda rng: (*parts(shape, count, dtype)(rng), rng.standard_normal(dense).astype(np.float32))


def dense_of(shape):
    def oracle(p, indices, values):
        result = np.zeros(shape)
        for at, value in zip(indices, values, strict=True):
            if (at >= 0).all() and (at < shape).all():
                result[tuple(at)] += value
        return result

    return oracle


def product(shape, transposed=False, dense_transposed=False):
    def oracle(p, indices, values, dense):
        sparse = dense_of(shape)(p, indices, values)
        return (sparse.T if transposed else sparse) @ (dense.T if dense_transposed else dense)

    return oracle


ROWS = [
    Row("SparseToDense", lambda: OfParts((3, 4)), parts((3, 4), 5), dense_of((3, 4))),
    Row("SparseToDense wide", lambda: OfParts((17, 33)), parts((17, 33), 65, np.int64), dense_of((17, 33))),
    Row("SparseToDense rank 3", lambda: OfParts((2, 3, 4)), parts((2, 3, 4), 9), dense_of((2, 3, 4))),
    Row("SparseToDense of a vector", lambda: OfParts((5,)), parts((5,), 1), dense_of((5,))),
    Row("SparseTensorDenseMatmul", lambda: Product((3, 4)), product_inputs((3, 4), 6, (4, 2)), product((3, 4))),
    Row("SparseTensorDenseMatmul transposed", lambda: Product((3, 4), True),
        product_inputs((3, 4), 6, (3, 17), np.int64), product((3, 4), True)),
    Row("SparseTensorDenseMatmul of a transpose", lambda: Product((17, 5), False, True),
        product_inputs((17, 5), 31, (33, 5)), product((17, 5), False, True)),
    Row("SparseTensorDenseMatmul of two transposes", lambda: Product((3, 4), True, True),
        product_inputs((3, 4), 1, (1, 3)), product((3, 4), True, True)),
]  # fmt: skip
