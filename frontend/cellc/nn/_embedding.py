"""Embedding."""

from __future__ import annotations

from typing import Any

import numpy as np

from cellc import ops
from cellc.dtype import DType, bool_, float32
from cellc.errors import bad_argument
from cellc.initializer import initializer
from cellc.nn._cell import Cell
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor


class Embedding(Cell):
    """One row of a table for each id.

    Args:
        vocab_size: rows of the table.
        embedding_size: columns of the table.
        use_one_hot: whether rows are found by a matrix product with one-hot rows instead of by index; the result is
            the same.
        embedding_table: initial table of shape (vocab_size, embedding_size): a Tensor, an Initializer, its name or a
            number.
        dtype: dtype of the one-hot rows.
        padding_idx: this row of the initial table is zero. As in MindSpore it is trained like every other.

    Inputs:
        ids: an integer Tensor of any shape. An id outside [0, vocab_size) gives zeros.

    Outputs:
        A Tensor of shape (*ids.shape, embedding_size) and the dtype of the table.

    Raises:
        TypeError: a size or `padding_idx` is not an int, `use_one_hot` is not a bool, ids are not integers.
        ValueError: a size is below 1, or `padding_idx` is not in [0, vocab_size).

    Examples:
        >>> nn.Embedding(20, 8)(ops.zeros((2, 5), cellc.int32)).shape
        (2, 5, 8)
    """

    embedding_table: Parameter

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int,
        use_one_hot: bool = False,
        embedding_table: Any = "normal",
        dtype: DType = float32,
        padding_idx: int | None = None,
    ) -> None:
        super().__init__()
        owner = self.cls_name
        self.vocab_size = _validate.positive_int("vocab_size", vocab_size, owner)
        self.embedding_size = _validate.positive_int("embedding_size", embedding_size, owner)
        self.use_one_hot = _validate.boolean("use_one_hot", use_one_hot, owner)
        self.dtype = _validate.element_type("dtype", dtype, owner)
        if self.dtype is bool_:
            raise bad_argument(TypeError, f"For '{owner}', 'dtype' must be a dtype of numbers, but got {dtype}.")
        self.padding_idx = padding_idx
        table = initializer(embedding_table, [vocab_size, embedding_size])
        if padding_idx is not None:
            _validate.int_in("padding_idx", padding_idx, 0, vocab_size - 1, owner)
            table = _with_zero_row(table, padding_idx)
        self.embedding_table = Parameter(table, name="embedding_table")

    def construct(self, ids: Tensor) -> Tensor:
        if not self.use_one_hot:
            return ops.gather(self.embedding_table, ids, 0)
        one, zero = ops.ones((), self.dtype), ops.zeros((), self.dtype)
        rows = ops.one_hot(ops.reshape(ids, (-1,)), self.vocab_size, one, zero)
        product = ops.matmul(rows.astype(self.embedding_table.dtype), self.embedding_table)
        return ops.reshape(product, (*ids.shape, self.embedding_size))

    def extend_repr(self) -> str:
        return (
            f"vocab_size={self.vocab_size}, embedding_size={self.embedding_size}, use_one_hot={self.use_one_hot}, "
            f"embedding_table={self.embedding_table}, dtype={self.dtype}, padding_idx={self.padding_idx}"
        )


def _with_zero_row(table: Tensor, row: int) -> Tensor:
    elements = np.array(table.asnumpy())
    elements[row] = 0
    return Tensor(elements, table.dtype)
