"""Rules of the GRU recurrence."""

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


@gradient_of("gru")
def _gru(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    _, w_hh, _, h0, lengths = op.operands
    h, gates = op.results
    dh = b.like(h, 0.0) if grads[0] is None else grads[0]
    dx_kept = drecurrent_kept = dh0_kept = None
    if grads[1] is not None:
        dx_kept, drecurrent_kept = _through_kept(b, gates, grads[1])
        dh0_kept, dh = to_states_before(b, drecurrent_kept, w_hh, dh)
    dx, drecurrent, dh0 = b.gru_gradient(gates, h, w_hh, h0, lengths, dh)
    drecurrent = b.add(drecurrent, drecurrent_kept) if drecurrent_kept is not None else drecurrent
    db = b.reduce_sum(drecurrent, axes=(0, 1), keep_dims=False)
    dw = w_hh_gradient(b, drecurrent, h, h0)
    return [summed(b, [dx, dx_kept]), dw, db, summed(b, [dh0, dh0_kept]), None]


def _through_kept(b: GradientBuilder, gates: SSAValue, d_gates: SSAValue) -> tuple[SSAValue, SSAValue]:
    """From the gradients of r, z, n, m as results to those of x_r, x_z, x_n, and of s, y, m."""
    r, z, n, m = gates_of(b, gates, 4)
    d_r, d_z, d_n, d_m = gates_of(b, d_gates, 4)
    to_n = b.mul(d_n, tanh_slope(b, n))
    to_r = b.mul(b.add(d_r, b.mul(to_n, m)), logistic_slope(b, r))
    to_z = b.mul(d_z, logistic_slope(b, z))
    to_m = b.add(d_m, b.mul(to_n, r))
    return b.concat(to_r, to_z, to_n, axis=2), b.concat(to_r, to_z, to_m, axis=2)


@expansion_of("gru")
def _gru_steps(b: GradientBuilder, op: NNOperation) -> list[SSAValue]:
    gates_x, w_hh, b_hh, h, lengths = op.operands
    hs, gates = [], []
    bias = b.broadcast_to(b_hh, shape=b.shape_of(gates_x)[1:], dimensions=(1,))
    for t in range(b.shape_of(gates_x)[0]):
        x_r, x_z, x_n = gates_of(b, step(b, gates_x, t), 3)
        product = b.matmul(h, w_hh, transpose_lhs=False, transpose_rhs=True)
        s, y, m = gates_of(b, b.add(product, bias), 3)
        r, z = b.sigmoid(b.add(x_r, s)), b.sigmoid(b.add(x_z, y))
        n = b.tanh(b.add(x_n, b.mul(r, m)))
        following = b.add(n, b.mul(z, b.sub(h, n)))
        h = b.select(is_active(b, lengths, t, b.shape_of(h)), following, h)
        hs.append(h)
        gates.append(b.concat(r, z, n, m, axis=1))
    return [stacked(b, steps, like) for steps, like in zip((hs, gates), op.results, strict=True)]


@expansion_of("gru_gradient")
def _gru_gradient_steps(b: GradientBuilder, op: NNOperation) -> list[SSAValue]:
    gates, hs, w_hh, h0, lengths, dh = op.operands
    carried = b.like(h0, 0.0)
    dx, drecurrent = list[SSAValue](), list[SSAValue]()
    for t in reversed(range(b.shape_of(gates)[0])):
        r, z, n, m = gates_of(b, step(b, gates, t), 4)
        total, before = b.add(step(b, dh, t), carried), step(b, hs, t - 1) if t else h0
        d_n = b.mul(b.mul(total, b.sub(b.like(z, 1.0), z)), tanh_slope(b, n))
        d_z = b.mul(b.mul(total, b.sub(before, n)), logistic_slope(b, z))
        d_r = b.mul(b.mul(d_n, m), logistic_slope(b, r))
        for made, parts in ((dx, (d_r, d_z, d_n)), (drecurrent, (d_r, d_z, b.mul(d_n, r)))):
            whole = b.concat(*parts, axis=1)
            running = is_active(b, lengths, t, b.shape_of(whole))
            made.insert(0, b.select(running, whole, b.like(whole, 0.0)))
        product = b.matmul(drecurrent[0], w_hh, transpose_lhs=False, transpose_rhs=False)
        following = b.add(product, b.mul(total, z))
        carried = b.select(is_active(b, lengths, t, b.shape_of(h0)), following, total)
    return [*(stacked(b, made, like) for made, like in zip((dx, drecurrent), op.results, strict=False)), carried]
