"""Rows of recurrences that are not in `table.py`, and their oracles."""

import numpy as np
from conformance.row import Row, floats, of

from cellc import nn


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rnn_step(activation=np.tanh):
    return lambda given, recurrent, h: activation(given + recurrent)


def relu(x):
    return np.maximum(x, 0)


def gru_step(given, recurrent, h):
    (r, z, n), (s, y, m) = np.split(given, 3, axis=-1), np.split(recurrent, 3, axis=-1)
    z = _sigmoid(z + y)
    return (1 - z) * np.tanh(n + _sigmoid(r + s) * m) + z * h


def lstm_step(given, recurrent, state):
    i, f, g, o = np.split(given + recurrent, 4, axis=-1)
    c = _sigmoid(f) * state[1] + _sigmoid(i) * np.tanh(g)
    return _sigmoid(o) * np.tanh(c), c


def cell(step):
    """One step from h, or from (h, c)."""

    def oracle(p, x, state):
        h = state[0] if isinstance(state, tuple) else state
        given = x @ p["weight_ih"].T + p.get("bias_ih", 0.0)
        return step(given, h @ p["weight_hh"].T + p.get("bias_hh", 0.0), state)

    return oracle


def _direction(p, at, step, x, h, lengths, order):
    """Every sequence by itself, along the steps that `order` gives for its length."""
    y, h = np.zeros((*x.shape[:2], h.shape[1])), h.copy()
    for n, length in enumerate(lengths):
        for t in order(range(length)):
            given = x[t, n] @ p[f"weight_ih_{at}"].T + p.get(f"bias_ih_{at}", 0.0)
            h[n] = step(given, p[f"weight_hh_{at}"] @ h[n] + p.get(f"bias_hh_{at}", 0.0), h[n])
            y[t, n] = h[n]
    return y, h


def layers(step, count=1, bidirectional=False, batch_first=False):
    orders = {"": iter, "_reverse": reversed} if bidirectional else {"": iter}

    def oracle(p, x, h0=None, lengths=None):
        x = x.swapaxes(0, 1) if batch_first else x
        lengths = [x.shape[0]] * x.shape[1] if lengths is None else lengths
        zero, last = np.zeros((x.shape[1], p["weight_hh_l0"].shape[1])), []
        for layer in range(count):
            outputs = []
            for suffix, order in orders.items():
                first = zero if h0 is None else h0[len(last)]
                y, h = _direction(p, f"l{layer}{suffix}", step, x, first, lengths, order)
                outputs.append(y)
                last.append(h)
            x = np.concatenate(outputs, axis=2)
        return (x.swapaxes(0, 1) if batch_first else x), np.array(last)

    return oracle


def with_state_and_lengths(rng):
    x, h = (rng.standard_normal(shape).astype(np.float32) for shape in ((3, 3, 4), (2, 3, 2)))
    return x, h, np.array([3, 0, 2], np.int32)


def _lstm_cell_inputs(rng):
    x, h, c = (rng.standard_normal(shape).astype(np.float32) for shape in ((3, 4), (3, 5), (3, 5)))
    return x, (h, c)


ROWS = [
    Row("RNNCell", of(nn.RNNCell, 4, 5), floats((3, 4), (3, 5)), cell(rnn_step())),
    Row("RNNCell relu", of(nn.RNNCell, 4, 5, False, "relu"), floats((3, 4), (3, 5)), cell(rnn_step(relu))),
    Row("GRUCell", of(nn.GRUCell, 4, 5), floats((3, 4), (3, 5)), cell(gru_step)),
    Row("GRUCell wide", of(nn.GRUCell, 17, 33, False), floats((5, 17), (5, 33)), cell(gru_step), tolerance=4e-6),
    Row("LSTMCell", of(nn.LSTMCell, 4, 5), _lstm_cell_inputs, cell(lstm_step)),
    Row("LSTMCell without bias", of(nn.LSTMCell, 4, 5, False), _lstm_cell_inputs, cell(lstm_step)),
    Row("RNN", of(nn.RNN, 4, 3), floats((3, 2, 4)), layers(rnn_step())),
    Row("RNN relu batch first", of(nn.RNN, 3, 2, 2, batch_first=True, nonlinearity="relu"), floats((2, 2, 3)),
        layers(rnn_step(relu), 2, batch_first=True)),
    Row("RNN lengths", of(nn.RNN, 4, 2, bidirectional=True), with_state_and_lengths, layers(rnn_step(), 1, True)),
    Row("GRU", of(nn.GRU, 4, 3), floats((3, 2, 4)), layers(gru_step)),
    Row("GRU one step", of(nn.GRU, 1, 1, has_bias=False), floats((1, 1, 1)), layers(gru_step)),
    Row("GRU batch first", of(nn.GRU, 3, 2, 2, batch_first=True), floats((2, 2, 3)),
        layers(gru_step, 2, batch_first=True)),
    Row("GRU lengths", of(nn.GRU, 4, 2, bidirectional=True), with_state_and_lengths, layers(gru_step, 1, True)),
    Row("GRU wide", of(nn.GRU, 17, 19), floats((2, 5, 17)), layers(gru_step), tolerance=4e-6),
]  # fmt: skip
