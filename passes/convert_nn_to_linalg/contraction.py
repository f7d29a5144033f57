"""matmul: one generic over (batch..., m, n | k); a transposed operand is only read by another map."""

from __future__ import annotations

from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg.layout import reshape
from cellc.passes.convert_nn_to_linalg.maps import dims
from cellc.passes.convert_nn_to_linalg.rules import lowering_of
from cellc.passes.convert_nn_to_linalg.tensors import Read, Tensor, TensorBuilder


@lowering_of("matmul")
def _matmul(
    b: TensorBuilder, result: TensorType, lhs: Tensor, rhs: Tensor, *, transpose_lhs: bool, transpose_rhs: bool
) -> Tensor:
    k_extent = lhs.shape[-2 if transpose_lhs else -1]
    if k_extent == 1:
        return _outer_product(b, result, lhs, rhs)
    *batch, m, n, k = dims(result.rank + 1)
    left = (*batch, k, m) if transpose_lhs else (*batch, m, k)
    right = (*batch, n, k) if transpose_rhs else (*batch, k, n)
    return b.contraction(Read(lhs, left), Read(rhs, right), (*result.shape, k_extent), result.rank)


def _outer_product(b: TensorBuilder, result: TensorType, lhs: Tensor, rhs: Tensor) -> Tensor:
    """Sums of one term, as in weight gradients of a batch of one: elementwise, which fuses and has nothing to pack."""
    *batch, m, n = dims(result.rank)
    left = Read(reshape(b, lhs, result.shape[:-1]), (*batch, m))
    right = Read(reshape(b, rhs, (*result.shape[:-2], result.shape[-1])), (*batch, n))
    return b.elementwise(lambda x, y: x * y, [left, right], result)
