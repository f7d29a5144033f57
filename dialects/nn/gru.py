"""The GRU recurrence and its gradient."""

from __future__ import annotations

import numpy as np

from cellc.dialects.nn.arrays import wide
from cellc.dialects.nn.checks import require_type
from cellc.dialects.nn.definition import OpDefinition, TensorType, nn_op
from cellc.dialects.nn.recurrent import extents, logistic


@nn_op
class Gru(OpDefinition):
    """T steps of  s, y, m = h W_hh^T + b_hh;  r, z = sigmoid(x_r + s), sigmoid(x_z + y);
    n = tanh(x_n + r m);  h = n + z (h - n).

    gates_x[T,N,3H] holds x_r, x_z, x_n, their biases included. A step at t >= lengths[n] carries h over. Results: h
    after each step, and r, z, n, m of it (of a step carried over they mean nothing, but are those of the formula).
    `%h, %g = nn.gru %x, %w, %b, %h0, %l : (tensor<5x2x9xf32>, tensor<9x3xf32>, tensor<9xf32>, tensor<2x3xf32>,
    tensor<2xi32>) -> (tensor<5x2x3xf32>, tensor<5x2x12xf32>)`
    """

    name = "gru"
    operands = ("gates_x", "w_hh", "b_hh", "h0", "lengths")
    results = ("h", "gates")

    @staticmethod
    def infer(
        gates_x: TensorType, w_hh: TensorType, b_hh: TensorType, h0: TensorType, lengths: TensorType
    ) -> tuple[TensorType, TensorType]:
        t, n, h = extents("gru", "gates_x", gates_x, 3)
        dtype, because = gates_x.dtype, f"gates_x {gates_x}"
        require_type("gru", "w_hh", w_hh, TensorType((3 * h, h), dtype), because)
        require_type("gru", "b_hh", b_hh, TensorType((3 * h,), dtype), because)
        require_type("gru", "h0", h0, TensorType((n, h), dtype), because)
        require_type("gru", "lengths", lengths, TensorType((n,), "i32"), because)
        return TensorType((t, n, h), dtype), TensorType((t, n, 4 * h), dtype)

    @staticmethod
    def evaluate(
        gates_x: np.ndarray, w_hh: np.ndarray, b_hh: np.ndarray, h0: np.ndarray, lengths: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        x, w, b, h = wide(gates_x), wide(w_hh), wide(b_hh), wide(h0)
        hs, gates = np.empty((len(x), *h.shape), h.dtype), np.empty((len(x), len(h), 4 * h.shape[1]), h.dtype)
        for t, step in enumerate(x):
            (x_r, x_z, x_n), (s, y, m) = np.split(step, 3, axis=1), np.split(h @ w.T + b, 3, axis=1)
            r, z = logistic(x_r + s), logistic(x_z + y)
            n = np.tanh(x_n + r * m)
            h = hs[t] = np.where((t < lengths)[:, None], n + z * (h - n), h)
            gates[t] = np.concatenate([r, z, n, m], axis=1)
        return hs.astype(gates_x.dtype), gates.astype(gates_x.dtype)


@nn_op
class GruGradient(OpDefinition):
    """Back through the steps: from dh of each step to those of gates_x, of s, y, m and of h0.

    The gradients of W_hh and b_hh are left to a matmul of `drecurrent` with the h before each step, and to its sum.
    `%dx, %ds, %dh0 = nn.gru_gradient %g, %h, %w, %h0, %l, %dh : (tensor<5x2x12xf32>, ...)
    -> (tensor<5x2x9xf32>, tensor<5x2x9xf32>, tensor<2x3xf32>)`
    """

    name = "gru_gradient"
    operands = ("gates", "h", "w_hh", "h0", "lengths", "dh")
    results = ("dgates_x", "drecurrent", "dh0")

    @staticmethod
    def infer(
        gates: TensorType, h: TensorType, w_hh: TensorType, h0: TensorType, lengths: TensorType, dh: TensorType
    ) -> tuple[TensorType, TensorType, TensorType]:
        op = "gru_gradient"
        t, n, hidden = extents(op, "gates", gates, 4)
        dtype, because = gates.dtype, f"gates {gates}"
        states, state = TensorType((t, n, hidden), dtype), TensorType((n, hidden), dtype)
        require_type(op, "h", h, states, because)
        require_type(op, "w_hh", w_hh, TensorType((3 * hidden, hidden), dtype), because)
        require_type(op, "h0", h0, state, because)
        require_type(op, "lengths", lengths, TensorType((n,), "i32"), because)
        require_type(op, "dh", dh, states, because)
        before = TensorType((t, n, 3 * hidden), dtype)
        return before, before, state

    @staticmethod
    def evaluate(
        gates: np.ndarray, h: np.ndarray, w_hh: np.ndarray, h0: np.ndarray, lengths: np.ndarray, dh: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        kept, hs, w, first = wide(gates), wide(h), wide(w_hh), wide(h0)
        carried = np.zeros_like(first)
        dx = np.zeros((*hs.shape[:2], 3 * first.shape[1]), first.dtype)
        drecurrent = np.zeros_like(dx)
        for t in reversed(range(len(hs))):
            r, z, n, m = np.split(kept[t], 4, axis=1)
            active = (t < lengths)[:, None]
            total = wide(dh[t]) + carried
            d_n = total * (1 - z) * (1 - n**2)
            d_z = total * ((hs[t - 1] if t else first) - n) * z * (1 - z)
            d_r = d_n * m * r * (1 - r)
            dx[t] = np.where(active, np.concatenate([d_r, d_z, d_n], axis=1), 0)
            drecurrent[t] = np.where(active, np.concatenate([d_r, d_z, d_n * r], axis=1), 0)
            carried = np.where(active, drecurrent[t] @ w + total * z, total)
        return dx.astype(gates.dtype), drecurrent.astype(gates.dtype), carried.astype(gates.dtype)
