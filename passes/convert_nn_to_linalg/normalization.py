"""softmax and log_softmax as a chain over rows: maximum, exponentials, their sum, result.

The chain's loops are the other axes and then the softmax axis, and what is passed
between its ops is laid out in that order, so that a target can run it row by row.
"""

from __future__ import annotations

from collections.abc import Callable

from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg import scalars
from cellc.passes.convert_nn_to_linalg.maps import dims
from cellc.passes.convert_nn_to_linalg.reduction import COMBINE, axes_last, reduce_axes
from cellc.passes.convert_nn_to_linalg.rules import lowering_of
from cellc.passes.convert_nn_to_linalg.scalars import Scalar, wide
from cellc.passes.convert_nn_to_linalg.tensors import Read, Tensor, TensorBuilder

_LONG = 64
"""From this extent on a row's terms are multiplied by the reciprocal of their sum: a division takes as long as ten."""


@lowering_of("softmax")
def _softmax(b: TensorBuilder, result: TensorType, x: Tensor, *, axis: int) -> Tensor:
    _, exponentials, total = _chain(b, x, axis, lambda value, greatest: scalars.exp(value - greatest))
    _, exprs = axes_last(result.rank, [axis])
    rows = dims(result.rank)
    if x.shape[axis] < _LONG:
        reads = [Read(exponentials, rows), Read(total, rows[:-1])]
        return b.permuted(lambda value, total: value / total, reads, result, exprs)
    # The sum is from 1, the term of the maximum, to the axis's extent: its reciprocal is a normal number.
    factor = b.elementwise(lambda total: 1 / total, [total], TensorType(total.shape, total.dtype))
    return b.permuted(
        lambda value, factor: value * factor, [Read(exponentials, rows), Read(factor, rows[:-1])], result, exprs
    )


@lowering_of("log_softmax")
def _log_softmax(b: TensorBuilder, result: TensorType, x: Tensor, *, axis: int) -> Tensor:
    greatest, _, total = _chain(b, x, axis, lambda value, greatest: scalars.exp(value - greatest))
    _, exprs = axes_last(result.rank, [axis])
    rows = dims(result.rank)[:-1]

    def body(value: Scalar, greatest: Scalar, total: Scalar) -> Scalar:
        return value - greatest - scalars.log(total)

    reads = [Read(x, exprs), Read(greatest, rows), Read(total, rows)]
    return b.permuted(body, reads, result, exprs)


def _chain(
    b: TensorBuilder, x: Tensor, axis: int, term: Callable[[Scalar, Scalar], Scalar]
) -> tuple[Tensor, Tensor, Tensor]:
    """The maxima over the axis, the terms laid out with the axis last, and the terms' sums."""
    order, exprs = axes_last(len(x.shape), [axis])
    rows = dims(len(order))
    greatest = reduce_axes(b, x, [axis], COMBINE["reduce_max"], float("-inf"))
    laid_out = TensorType(tuple(x.shape[a] for a in order), wide(x.dtype))
    terms = b.elementwise(term, [Read(x, exprs), Read(greatest, rows[:-1])], laid_out)
    total = reduce_axes(b, terms, [len(order) - 1], COMBINE["reduce_sum"], 0)
    return greatest, terms, total
