"""Gradient rule of the LSTM recurrence: the steps backwards, then one matmul for W_hh."""

from __future__ import annotations

from xdsl.ir import SSAValue

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.rules import Gradients, NotDifferentiableError, gradient_of


@gradient_of("lstm")
def _lstm(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    _, w_hh, h0, c0, lengths = op.operands
    h, c, gates = op.results
    if grads[2] is not None:
        raise NotDifferentiableError(op, "its gates are kept for the backward pass and have no gradient")
    dh, dc = (b.like(state, 0.0) if grad is None else grad for state, grad in ((h, grads[0]), (c, grads[1])))
    dgates, dh0, dc0 = b.lstm_gradient(gates, c, w_hh, c0, lengths, dh, dc)
    return [dgates, _w_hh_gradient(b, dgates, h, h0), dh0, dc0, None]


def _w_hh_gradient(b: GradientBuilder, dgates: SSAValue, h: SSAValue, h0: SSAValue) -> SSAValue:
    """Sum over steps of dgates[t]^T h[t-1], as one product over T * N rows."""
    t, n, hidden = b.shape_of(h)
    before = h
    if t:
        earlier = b.slice(h, starts=(0, 0, 0), limits=(t - 1, n, hidden), strides=(1, 1, 1))
        before = b.concat(b.reshape(h0, shape=(1, n, hidden)), earlier, axis=0)
    rows = b.reshape(before, shape=(t * n, hidden))
    gate_rows = b.reshape(dgates, shape=(t * n, 4 * hidden))
    return b.matmul(gate_rows, rows, transpose_lhs=True, transpose_rhs=False)
