"""Gradient rule of `matmul`: two products with one operand transposed, by flag."""

from __future__ import annotations

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.rules import Gradients, gradient_of
from cellc.passes.differentiate.tangents import multilinear


@gradient_of("matmul")
def _matmul(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    """Of C = A B: dA = g B^T and dB = A^T g; of a transposed operand the transpose of that."""
    (lhs, rhs), g = op.operands, grads[0]
    t_lhs, t_rhs = op.attribute_values["transpose_lhs"], op.attribute_values["transpose_rhs"]
    if t_lhs:
        dlhs = b.matmul(rhs, g, transpose_lhs=t_rhs, transpose_rhs=True)
    else:
        dlhs = b.matmul(g, rhs, transpose_lhs=False, transpose_rhs=not t_rhs)
    if t_rhs:
        drhs = b.matmul(g, lhs, transpose_lhs=True, transpose_rhs=t_lhs)
    else:
        drhs = b.matmul(lhs, g, transpose_lhs=not t_lhs, transpose_rhs=False)
    return [dlhs, drhs]


multilinear("matmul")
