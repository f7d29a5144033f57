"""The formulas of one step of recurrences.

`given` is x W_ih^T + b_ih and `recurrent` h W_hh^T + b_hh, each with the gates one after another in its last axis.
"""

from __future__ import annotations

from cellc import ops
from cellc.tensor import Tensor


def rnn_step(given: Tensor, recurrent: Tensor, nonlinearity: str) -> Tensor:
    """h' = tanh(given + recurrent), or relu of it."""
    total = ops.add(given, recurrent)
    return ops.tanh(total) if nonlinearity == "tanh" else ops.relu(total)


def gru_step(given: Tensor, recurrent: Tensor, h: Tensor) -> Tensor:
    """Gates r, z, n: n = tanh(given + sigmoid(r) recurrent) and h' = n + sigmoid(z) (h - n)."""
    given_r, given_z, given_n = ops.split(given, 1, 3)
    recurrent_r, recurrent_z, recurrent_n = ops.split(recurrent, 1, 3)
    reset = ops.sigmoid(ops.add(given_r, recurrent_r))
    update = ops.sigmoid(ops.add(given_z, recurrent_z))
    new = ops.tanh(ops.add(given_n, ops.mul(reset, recurrent_n)))
    return ops.add(new, ops.mul(update, ops.sub(h, new)))


def lstm_step(given: Tensor, recurrent: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Gates i, f, g, o: c' = sigmoid(f) c + sigmoid(i) tanh(g) and h' = sigmoid(o) tanh(c')."""
    i, f, g, o = ops.split(ops.add(given, recurrent), 1, 4)
    new_c = ops.add(ops.mul(ops.sigmoid(f), c), ops.mul(ops.sigmoid(i), ops.tanh(g)))
    return ops.mul(ops.sigmoid(o), ops.tanh(new_c)), new_c
