"""The Elman recurrence and its gradient."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from cellc.dialects.nn.arrays import wide
from cellc.dialects.nn.checks import require_type
from cellc.dialects.nn.definition import InferenceError, OpDefinition, TensorType, nn_op
from cellc.dialects.nn.recurrent import extents

NONLINEARITIES = ("tanh", "relu")


def _check(
    op: str, of: str, states: TensorType, w_hh: TensorType, lengths: TensorType, nonlinearity: str
) -> TensorType:
    """Checks what both ops take; returns the type of a state."""
    _, n, h = extents(op, of, states, 1)
    if nonlinearity not in NONLINEARITIES:
        raise InferenceError(f"{op}: nonlinearity must be one of {', '.join(NONLINEARITIES)}, got {nonlinearity!r}")
    require_type(op, "w_hh", w_hh, TensorType((h, h), states.dtype), f"{of} {states}")
    require_type(op, "lengths", lengths, TensorType((n,), "i32"), f"{of} {states}")
    return TensorType((n, h), states.dtype)


@nn_op
class Rnn(OpDefinition):
    """T steps of  h = nonlinearity(x[t] + h W_hh^T).

    x[T,N,H] is the input's part, biases included. A step at t >= lengths[n] carries h over. Result: h after each step.
    `%h = nn.rnn %x, %w, %h0, %l {nonlinearity = "tanh"} : (tensor<5x2x3xf32>, tensor<3x3xf32>, tensor<2x3xf32>,
    tensor<2xi32>) -> tensor<5x2x3xf32>`
    """

    name = "rnn"
    operands = ("x", "w_hh", "h0", "lengths")
    attributes: ClassVar = {"nonlinearity": "str"}

    @staticmethod
    def infer(x: TensorType, w_hh: TensorType, h0: TensorType, lengths: TensorType, *, nonlinearity: str) -> TensorType:
        state = _check("rnn", "x", x, w_hh, lengths, nonlinearity)
        require_type("rnn", "h0", h0, state, f"x {x}")
        return x

    @staticmethod
    def evaluate(
        x: np.ndarray, w_hh: np.ndarray, h0: np.ndarray, lengths: np.ndarray, *, nonlinearity: str
    ) -> np.ndarray:
        w, h, hs = wide(w_hh), wide(h0), np.empty_like(wide(x))
        for t, step in enumerate(wide(x)):
            raw = step + h @ w.T
            made = np.tanh(raw) if nonlinearity == "tanh" else np.maximum(raw, 0)
            h = hs[t] = np.where((t < lengths)[:, None], made, h)
        return hs.astype(x.dtype)


@nn_op
class RnnGradient(OpDefinition):
    """Back through the steps: from dh of each step to those of x and h0.

    W_hh's gradient is left to a matmul of dx with the h before each step.
    `%dx, %dh0 = nn.rnn_gradient %h, %w, %l, %dh {nonlinearity = "tanh"} : (tensor<5x2x3xf32>, tensor<3x3xf32>,
    tensor<2xi32>, tensor<5x2x3xf32>) -> (tensor<5x2x3xf32>, tensor<2x3xf32>)`
    """

    name = "rnn_gradient"
    operands = ("h", "w_hh", "lengths", "dh")
    results = ("dx", "dh0")
    attributes: ClassVar = {"nonlinearity": "str"}

    @staticmethod
    def infer(
        h: TensorType, w_hh: TensorType, lengths: TensorType, dh: TensorType, *, nonlinearity: str
    ) -> tuple[TensorType, TensorType]:
        state = _check("rnn_gradient", "h", h, w_hh, lengths, nonlinearity)
        require_type("rnn_gradient", "dh", dh, h, f"h {h}")
        return h, state

    @staticmethod
    def evaluate(
        h: np.ndarray, w_hh: np.ndarray, lengths: np.ndarray, dh: np.ndarray, *, nonlinearity: str
    ) -> tuple[np.ndarray, np.ndarray]:
        hs, w = wide(h), wide(w_hh)
        dx, carried = np.zeros_like(hs), np.zeros(hs.shape[1:], hs.dtype)
        for t in reversed(range(len(hs))):
            active = (t < lengths)[:, None]
            total = wide(dh[t]) + carried
            slope = 1 - hs[t] ** 2 if nonlinearity == "tanh" else hs[t] > 0
            dx[t] = np.where(active, total * slope, 0)
            carried = np.where(active, dx[t] @ w, total)
        return dx.astype(h.dtype), carried.astype(h.dtype)
