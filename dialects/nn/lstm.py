"""The LSTM recurrence and its gradient."""

from __future__ import annotations

import numpy as np

from cellc.dialects.nn.arrays import wide
from cellc.dialects.nn.checks import require_type
from cellc.dialects.nn.definition import OpDefinition, TensorType, nn_op
from cellc.dialects.nn.recurrent import extents, logistic


@nn_op
class Lstm(OpDefinition):
    """T steps of  i, f, g, o = gates_x[t] + h W_hh^T;  c = s(f) c + s(i) tanh(g);  h = s(o) tanh(c).

    gates_x[T,N,4H] holds the gates in the order i, f, g, o, biases included. A step at
    t >= lengths[n] carries h and c over. Results: h and c after each step, and the activated gates
    (of a step carried over they mean nothing, but are still those of the formula).
    `%h, %c, %g = nn.lstm %x, %w, %h0, %c0, %l : (tensor<5x2x12xf32>, tensor<12x3xf32>, tensor<2x3xf32>,
    tensor<2x3xf32>, tensor<2xi32>) -> (tensor<5x2x3xf32>, tensor<5x2x3xf32>, tensor<5x2x12xf32>)`
    """

    name = "lstm"
    operands = ("gates_x", "w_hh", "h0", "c0", "lengths")
    results = ("h", "c", "gates")

    @staticmethod
    def infer(
        gates_x: TensorType, w_hh: TensorType, h0: TensorType, c0: TensorType, lengths: TensorType
    ) -> tuple[TensorType, TensorType, TensorType]:
        t, n, h = extents("lstm", "gates_x", gates_x, 4)
        dtype, because = gates_x.dtype, f"gates_x {gates_x}"
        require_type("lstm", "w_hh", w_hh, TensorType((4 * h, h), dtype), because)
        require_type("lstm", "h0", h0, TensorType((n, h), dtype), because)
        require_type("lstm", "c0", c0, TensorType((n, h), dtype), because)
        require_type("lstm", "lengths", lengths, TensorType((n,), "i32"), because)
        return TensorType((t, n, h), dtype), TensorType((t, n, h), dtype), gates_x

    @staticmethod
    def evaluate(
        gates_x: np.ndarray, w_hh: np.ndarray, h0: np.ndarray, c0: np.ndarray, lengths: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x, w, h, c = wide(gates_x), wide(w_hh), wide(h0), wide(c0)
        hs, cs, gates = np.empty((len(x), *h.shape), h.dtype), np.empty((len(x), *h.shape), h.dtype), np.empty_like(x)
        for t, step in enumerate(x):
            raw_i, raw_f, raw_g, raw_o = np.split(step + h @ w.T, 4, axis=1)
            i, f, g, o = logistic(raw_i), logistic(raw_f), np.tanh(raw_g), logistic(raw_o)
            active = (t < lengths)[:, None]
            c = np.where(active, f * c + i * g, c)
            h = np.where(active, o * np.tanh(c), h)
            hs[t], cs[t], gates[t] = h, c, np.concatenate([i, f, g, o], axis=1)
        return hs.astype(gates_x.dtype), cs.astype(gates_x.dtype), gates.astype(gates_x.dtype)


@nn_op
class LstmGradient(OpDefinition):
    """Back through the steps: from dh and dc of each step to those of gates_x, h0 and c0.

    W_hh's gradient is left to a matmul of dgates_x with the h before each step.
    `%dx, %dh0, %dc0 = nn.lstm_gradient %g, %c, %w, %c0, %l, %dh, %dc : (tensor<5x2x12xf32>, ...)
    -> (tensor<5x2x12xf32>, tensor<2x3xf32>, tensor<2x3xf32>)`
    """

    name = "lstm_gradient"
    operands = ("gates", "c", "w_hh", "c0", "lengths", "dh", "dc")
    results = ("dgates_x", "dh0", "dc0")

    @staticmethod
    def infer(
        gates: TensorType, c: TensorType, w_hh: TensorType, c0: TensorType, lengths: TensorType,
        dh: TensorType, dc: TensorType,
    ) -> tuple[TensorType, TensorType, TensorType]:  # fmt: skip
        op = "lstm_gradient"
        t, n, h = extents(op, "gates", gates, 4)
        dtype, because = gates.dtype, f"gates {gates}"
        states, state = TensorType((t, n, h), dtype), TensorType((n, h), dtype)
        require_type(op, "c", c, states, because)
        require_type(op, "w_hh", w_hh, TensorType((4 * h, h), dtype), because)
        require_type(op, "c0", c0, state, because)
        require_type(op, "lengths", lengths, TensorType((n,), "i32"), because)
        require_type(op, "dh", dh, states, because)
        require_type(op, "dc", dc, states, because)
        return gates, state, state

    @staticmethod
    def evaluate(
        gates: np.ndarray, c: np.ndarray, w_hh: np.ndarray, c0: np.ndarray, lengths: np.ndarray,
        dh: np.ndarray, dc: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
        activated, cs, w, first = wide(gates), wide(c), wide(w_hh), wide(c0)
        dgates = np.zeros_like(activated)
        carried_h, carried_c = np.zeros_like(first), np.zeros_like(first)
        for t in reversed(range(len(activated))):
            i, f, g, o = np.split(activated[t], 4, axis=1)
            active = (t < lengths)[:, None]
            tanh_c = np.tanh(cs[t])
            total_h, total_c = wide(dh[t]) + carried_h, wide(dc[t]) + carried_c
            through_c = total_c + total_h * o * (1 - tanh_c**2)
            previous = cs[t - 1] if t else first
            d_i, d_f = through_c * g * i * (1 - i), through_c * previous * f * (1 - f)
            d_g, d_o = through_c * i * (1 - g**2), total_h * tanh_c * o * (1 - o)
            dgates[t] = np.where(active, np.concatenate([d_i, d_f, d_g, d_o], axis=1), 0)
            carried_h = np.where(active, dgates[t] @ w, total_h)
            carried_c = np.where(active, through_c * f, total_c)
        return dgates.astype(gates.dtype), carried_h.astype(gates.dtype), carried_c.astype(gates.dtype)
