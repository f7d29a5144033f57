"""Rules of the LSTM recurrence."""

from __future__ import annotations

from xdsl.ir import SSAValue

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.recurrent import (
    gates_of,
    is_active,
    logistic_slope,
    stacked,
    step,
    tanh_slope,
    to_states_before,
    w_hh_gradient,
)
from cellc.passes.differentiate.rules import Gradients, expansion_of, gradient_of
from cellc.passes.differentiate.tangents import summed


@gradient_of("lstm")
def _lstm(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    _, w_hh, h0, c0, lengths = op.operands
    h, c, gates = op.results
    through_gates = None if grads[2] is None else b.mul(grads[2], _slopes(b, gates))
    dh0_direct = None
    dh, dc = (b.like(state, 0.0) if grad is None else grad for state, grad in ((h, grads[0]), (c, grads[1])))
    if through_gates is not None:
        dh0_direct, dh = to_states_before(b, through_gates, w_hh, dh)
    dgates, dh0, dc0 = b.lstm_gradient(gates, c, w_hh, c0, lengths, dh, dc)
    if through_gates is not None:
        dgates = b.add(dgates, through_gates)
    return [dgates, w_hh_gradient(b, dgates, h, h0), summed(b, [dh0, dh0_direct]), dc0, None]


def _slopes(b: GradientBuilder, gates: SSAValue) -> SSAValue:
    """Of activated gates [..., 4H] their slopes."""
    i, f, g, o = gates_of(b, gates, 4)
    slopes = (logistic_slope(b, i), logistic_slope(b, f), tanh_slope(b, g), logistic_slope(b, o))
    return b.concat(*slopes, axis=len(b.shape_of(gates)) - 1)


@expansion_of("lstm")
def _lstm_steps(b: GradientBuilder, op: NNOperation) -> list[SSAValue]:
    gates_x, w_hh, h, c, lengths = op.operands
    hs, cs, gates = [], [], []
    for t in range(b.shape_of(gates_x)[0]):
        product = b.matmul(h, w_hh, transpose_lhs=False, transpose_rhs=True)
        raw_i, raw_f, raw_g, raw_o = gates_of(b, b.add(step(b, gates_x, t), product), 4)
        i, f, g, o = b.sigmoid(raw_i), b.sigmoid(raw_f), b.tanh(raw_g), b.sigmoid(raw_o)
        active = is_active(b, lengths, t, b.shape_of(h))
        c = b.select(active, b.add(b.mul(f, c), b.mul(i, g)), c)
        h = b.select(active, b.mul(o, b.tanh(c)), h)
        hs.append(h)
        cs.append(c)
        gates.append(b.concat(i, f, g, o, axis=1))
    return [stacked(b, steps, like) for steps, like in zip((hs, cs, gates), op.results, strict=True)]


@expansion_of("lstm_gradient")
def _lstm_gradient_steps(b: GradientBuilder, op: NNOperation) -> list[SSAValue]:
    gates, cs, w_hh, c0, lengths, dh, dc = op.operands
    slopes = _slopes(b, gates)
    carried_h, carried_c = b.like(c0, 0.0), b.like(c0, 0.0)
    dgates: list[SSAValue] = []
    for t in reversed(range(b.shape_of(gates)[0])):
        i, f, g, o = gates_of(b, step(b, gates, t), 4)
        tanh_c = b.tanh(step(b, cs, t))
        total_h, total_c = b.add(step(b, dh, t), carried_h), b.add(step(b, dc, t), carried_c)
        through_c = b.add(total_c, b.mul(b.mul(total_h, o), tanh_slope(b, tanh_c)))
        before = step(b, cs, t - 1) if t else c0
        parts = (b.mul(through_c, g), b.mul(through_c, before), b.mul(through_c, i), b.mul(total_h, tanh_c))
        d_raw = b.mul(b.concat(*parts, axis=1), step(b, slopes, t))
        running = is_active(b, lengths, t, b.shape_of(d_raw))
        dgates.insert(0, b.select(running, d_raw, b.like(d_raw, 0.0)))
        active = is_active(b, lengths, t, b.shape_of(c0))
        product = b.matmul(dgates[0], w_hh, transpose_lhs=False, transpose_rhs=False)
        carried_h = b.select(active, product, total_h)
        carried_c = b.select(active, b.mul(through_c, f), total_c)
    return [stacked(b, dgates, gates), carried_h, carried_c]
