"""What optimizers do with the gradient of a table of which a step looked up some rows (see `cellc.lookups`).

In MindSpore such a gradient is a RowTensor with one row for each index. Adam, LazyAdam, FTRL and ProximalAdagrad take
it; weight decay then belongs to the rows of the RowTensor, so that a row decays once for each time it was looked up.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from cellc import ops
from cellc.lookups import lookup_counts
from cellc.ops._state import assigning_where
from cellc.tensor import Tensor


def rows_alone(gradient: Tensor) -> AbstractContextManager[None]:
    """Inside the block the rows that were looked up are assigned; all, where the gradient is not one of rows."""
    counts = lookup_counts(gradient)
    return nullcontext() if counts is None else assigning_where(ops.greater(_of_rows(counts, gradient), 0))


def decay_of_rows(decay: Tensor, gradient: Tensor) -> Tensor:
    """`decay` times the number of times that a row was looked up; as it is, where the gradient is not one of rows."""
    counts = lookup_counts(gradient)
    return decay if counts is None else ops.mul(decay, ops.cast(_of_rows(counts, gradient), decay.dtype))


def _of_rows(counts: Tensor, like: Tensor) -> Tensor:
    return ops.reshape(counts, (like.shape[0],) + (1,) * (like.ndim - 1))
