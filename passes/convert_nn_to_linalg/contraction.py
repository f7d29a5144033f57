"""matmul: one generic over (batch..., m, n | k); a transposed operand is only read by another map."""

from __future__ import annotations

from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg.maps import dims
from cellc.passes.convert_nn_to_linalg.rules import lowering_of
from cellc.passes.convert_nn_to_linalg.tensors import Read, Tensor, TensorBuilder


@lowering_of("matmul")
def _matmul(
    b: TensorBuilder, result: TensorType, lhs: Tensor, rhs: Tensor, *, transpose_lhs: bool, transpose_rhs: bool
) -> Tensor:
    k_extent = lhs.shape[-2 if transpose_lhs else -1]
    *batch, m, n, k = dims(result.rank + 1)
    left = (*batch, k, m) if transpose_lhs else (*batch, m, k)
    right = (*batch, n, k) if transpose_rhs else (*batch, k, n)
    return b.contraction(Read(lhs, left), Read(rhs, right), (*result.shape, k_extent), result.rank)
