"""What the recurrences share.

Only what depends on the previous step is inside `rnn`, `gru` and `lstm`: the input's product with W_ih is a
matmul over all steps before them, and W_hh's gradient is a matmul over all steps after their gradients. Hence
they take the gates' part of the input, and those with gates keep them, activated, for the backward pass.
A step at t >= lengths[n] carries the state of row n over.
"""

from __future__ import annotations

import numpy as np

from cellc.dialects.nn.checks import require_dtype, require_rank
from cellc.dialects.nn.definition import FLOATS, InferenceError, TensorType


def extents(op: str, operand: str, gates: TensorType, count: int) -> tuple[int, int, int]:
    """Steps T, batch N and hidden size H of [T, N, count H]."""
    require_dtype(op, operand, gates, FLOATS)
    require_rank(op, operand, gates, 3)
    if gates.shape[2] % count:
        raise InferenceError(f"{op}: the last extent of {operand} must be {count} times the hidden size, got {gates}")
    return gates.shape[0], gates.shape[1], gates.shape[2] // count


def logistic(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x) without overflow."""
    return np.exp(-np.logaddexp(0, -x))
