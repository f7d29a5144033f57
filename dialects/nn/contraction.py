"""Matrix products: the op whose speed decides, so it stays one op down to its kernel."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from cellc.dialects.nn.arrays import wide
from cellc.dialects.nn.checks import require_dtype, require_same_dtype
from cellc.dialects.nn.definition import NUMBERS, InferenceError, OpDefinition, TensorType, nn_op


@nn_op
class Matmul(OpDefinition):
    """Batched product of [..., M, K] and [..., K, N]; a transposed operand is [..., K, M] or [..., N, K].

    The flags exist because Dense stores its weight [out, in], and because both gradients of a
    product are products with one operand transposed: nothing is ever moved for them.
    `%r = nn.matmul %a, %b {transpose_lhs = false, transpose_rhs = true}
    : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x4xf32>`
    """

    name = "matmul"
    operands = ("lhs", "rhs")
    attributes: ClassVar = {"transpose_lhs": "bool", "transpose_rhs": "bool"}

    @staticmethod
    def infer(lhs: TensorType, rhs: TensorType, *, transpose_lhs: bool, transpose_rhs: bool) -> TensorType:
        require_dtype("matmul", "lhs", lhs, NUMBERS)
        require_same_dtype("matmul", ("lhs", "rhs"), lhs, rhs)
        for operand, type_ in (("lhs", lhs), ("rhs", rhs)):
            if type_.rank < 2:
                raise InferenceError(f"matmul: {operand} must have rank >= 2, got {type_}")
        if lhs.shape[:-2] != rhs.shape[:-2]:
            raise InferenceError(f"matmul: batch dimensions differ ({lhs} and {rhs})")
        m, k = reversed(lhs.shape[-2:]) if transpose_lhs else lhs.shape[-2:]
        k_rhs, n = reversed(rhs.shape[-2:]) if transpose_rhs else rhs.shape[-2:]
        if k != k_rhs:
            flags = "".join(
                f", {side} transposed" for side, on in (("lhs", transpose_lhs), ("rhs", transpose_rhs)) if on
            )
            raise InferenceError(f"matmul: inner dimensions {k} and {k_rhs} differ ({lhs} and {rhs}{flags})")
        return TensorType((*lhs.shape[:-2], m, n), lhs.dtype)

    @staticmethod
    def evaluate(lhs: np.ndarray, rhs: np.ndarray, *, transpose_lhs: bool, transpose_rhs: bool) -> np.ndarray:
        left = np.swapaxes(lhs, -1, -2) if transpose_lhs else lhs
        right = np.swapaxes(rhs, -1, -2) if transpose_rhs else rhs
        return np.matmul(wide(left), wide(right)).astype(lhs.dtype)
