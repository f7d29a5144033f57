"""Rules of the LSTM recurrence: its gradient is the steps backwards, then one matmul for W_hh.

Its tangent, and what is asked of its gradient, go through the steps themselves, written out.
"""

from __future__ import annotations

from xdsl.ir import SSAValue

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.builder import GradientBuilder
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
        dh0_direct, dh = _to_states_before(b, through_gates, w_hh, dh)
    dgates, dh0, dc0 = b.lstm_gradient(gates, c, w_hh, c0, lengths, dh, dc)
    dgates = summed(b, [dgates, through_gates])
    return [dgates, _w_hh_gradient(b, dgates, h, h0), summed(b, [dh0, dh0_direct]), dc0, None]


def _slopes(b: GradientBuilder, gates: SSAValue) -> SSAValue:
    """Of activated gates [..., 4H] their slopes: y (1 - y) of the sigmoids, 1 - y^2 of the tanh."""
    one = b.like(gates, 1.0)
    of_sigmoid = b.mul(gates, b.sub(one, gates))
    of_tanh = b.sub(one, b.mul(gates, gates))
    i, f, _, o = _quarters(b, of_sigmoid)
    return b.concat(i, f, _quarters(b, of_tanh)[2], o, axis=len(b.shape_of(gates)) - 1)


def _to_states_before(
    b: GradientBuilder, d_raw: SSAValue, w_hh: SSAValue, dh: SSAValue
) -> tuple[SSAValue | None, SSAValue]:
    """What a gradient of the gates before activation, [T,N,4H], adds to h0's and to those of the h before each step."""
    t, n, hidden = b.shape_of(dh)
    if not t:
        return None, dh
    rows = b.reshape(d_raw, shape=(t * n, 4 * hidden))
    product = b.matmul(rows, w_hh, transpose_lhs=False, transpose_rhs=False)
    states = b.reshape(product, shape=(t, n, hidden))
    later = b.slice(states, starts=(1, 0, 0), limits=(t, n, hidden), strides=(1, 1, 1))
    zero = b.full(shape=(1, n, hidden), dtype=b.type_of(dh).dtype, value=0.0)
    return _step(b, states, 0), b.add(dh, b.concat(later, zero, axis=0))


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


def _step(b: GradientBuilder, values: SSAValue, t: int) -> SSAValue:
    """values[t]."""
    _, *shape = b.shape_of(values)
    ones = (1,) * (len(shape) + 1)
    taken = b.slice(values, starts=(t, *[0] * len(shape)), limits=(t + 1, *shape), strides=ones)
    return b.reshape(taken, shape=tuple(shape))


def _stacked(b: GradientBuilder, steps: list[SSAValue], like: SSAValue) -> SSAValue:
    """The steps as one tensor of the type of `like`."""
    if not steps:
        return b.like(like, 0.0)
    return b.concat(*(b.reshape(step, shape=(1, *b.shape_of(step))) for step in steps), axis=0)


def _quarters(b: GradientBuilder, gates: SSAValue) -> list[SSAValue]:
    """The gates i, f, g, o of [..., 4H]."""
    *outer, width = b.shape_of(gates)
    zeros, ones = (0,) * len(outer), (1,) * (len(outer) + 1)
    cuts = [(at * width // 4, (at + 1) * width // 4) for at in range(4)]
    return [b.slice(gates, starts=(*zeros, a), limits=(*outer, e), strides=ones) for a, e in cuts]


def _active(b: GradientBuilder, lengths: SSAValue, t: int, shape: tuple[int, ...]) -> SSAValue:
    """Where the step t is below the length, [N, width]."""
    running = b.compare(lengths, b.like(lengths, t), predicate="gt")
    return b.broadcast_to(running, shape=shape, dimensions=(0,))


@expansion_of("lstm")
def _lstm_steps(b: GradientBuilder, op: NNOperation) -> list[SSAValue]:
    gates_x, w_hh, h, c, lengths = op.operands
    hs, cs, gates = [], [], []
    for t in range(b.shape_of(gates_x)[0]):
        product = b.matmul(h, w_hh, transpose_lhs=False, transpose_rhs=True)
        raw_i, raw_f, raw_g, raw_o = _quarters(b, b.add(_step(b, gates_x, t), product))
        i, f, g, o = b.sigmoid(raw_i), b.sigmoid(raw_f), b.tanh(raw_g), b.sigmoid(raw_o)
        active = _active(b, lengths, t, b.shape_of(h))
        c = b.select(active, b.add(b.mul(f, c), b.mul(i, g)), c)
        h = b.select(active, b.mul(o, b.tanh(c)), h)
        hs.append(h)
        cs.append(c)
        gates.append(b.concat(i, f, g, o, axis=1))
    return [_stacked(b, steps, like) for steps, like in zip((hs, cs, gates), op.results, strict=True)]


@expansion_of("lstm_gradient")
def _lstm_gradient_steps(b: GradientBuilder, op: NNOperation) -> list[SSAValue]:
    gates, cs, w_hh, c0, lengths, dh, dc = op.operands
    slopes = _slopes(b, gates)
    carried_h, carried_c = b.like(c0, 0.0), b.like(c0, 0.0)
    dgates: list[SSAValue] = []
    for t in reversed(range(b.shape_of(gates)[0])):
        i, f, g, o = _quarters(b, _step(b, gates, t))
        tanh_c = b.tanh(_step(b, cs, t))
        total_h, total_c = b.add(_step(b, dh, t), carried_h), b.add(_step(b, dc, t), carried_c)
        of_tanh = b.sub(b.like(tanh_c, 1.0), b.mul(tanh_c, tanh_c))
        through_c = b.add(total_c, b.mul(b.mul(total_h, o), of_tanh))
        before = _step(b, cs, t - 1) if t else c0
        parts = (b.mul(through_c, g), b.mul(through_c, before), b.mul(through_c, i), b.mul(total_h, tanh_c))
        d_raw = b.mul(b.concat(*parts, axis=1), _step(b, slopes, t))
        running = _active(b, lengths, t, b.shape_of(d_raw))
        dgates.insert(0, b.select(running, d_raw, b.like(d_raw, 0.0)))
        active = _active(b, lengths, t, b.shape_of(c0))
        product = b.matmul(dgates[0], w_hh, transpose_lhs=False, transpose_rhs=False)
        carried_h = b.select(active, product, total_h)
        carried_c = b.select(active, b.mul(through_c, f), total_c)
    return [_stacked(b, dgates, gates), carried_h, carried_c]
