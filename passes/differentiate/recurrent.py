"""What the rules of recurrences share: a gradient is the steps backwards, then one matmul for W_hh.

Tangents, and what is asked of a gradient op, go through the steps themselves, written out (expansions).
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import SSAValue

from cellc.passes.differentiate.builder import GradientBuilder


def to_states_before(
    b: GradientBuilder, d_raw: SSAValue, w_hh: SSAValue, dh: SSAValue
) -> tuple[SSAValue | None, SSAValue]:
    """What a gradient of h W_hh^T, [T,N,gates H], adds to h0's and to those of the h before each step."""
    t, n, hidden = b.shape_of(dh)
    if not t:
        return None, dh
    rows = b.reshape(d_raw, shape=(t * n, b.shape_of(w_hh)[0]))
    product = b.matmul(rows, w_hh, transpose_lhs=False, transpose_rhs=False)
    states = b.reshape(product, shape=(t, n, hidden))
    later = b.slice(states, starts=(1, 0, 0), limits=(t, n, hidden), strides=(1, 1, 1))
    zero = b.full(shape=(1, n, hidden), dtype=b.type_of(dh).dtype, value=0.0)
    return step(b, states, 0), b.add(dh, b.concat(later, zero, axis=0))


def w_hh_gradient(b: GradientBuilder, d_raw: SSAValue, h: SSAValue, h0: SSAValue) -> SSAValue:
    """Sum over steps of d_raw[t]^T h[t-1], as one product over T * N rows."""
    t, n, hidden = b.shape_of(h)
    before = h
    if t:
        earlier = b.slice(h, starts=(0, 0, 0), limits=(t - 1, n, hidden), strides=(1, 1, 1))
        before = b.concat(b.reshape(h0, shape=(1, n, hidden)), earlier, axis=0)
    rows = b.reshape(before, shape=(t * n, hidden))
    gate_rows = b.reshape(d_raw, shape=(t * n, b.shape_of(d_raw)[2]))
    return b.matmul(gate_rows, rows, transpose_lhs=True, transpose_rhs=False)


def step(b: GradientBuilder, values: SSAValue, t: int) -> SSAValue:
    """values[t]."""
    _, *shape = b.shape_of(values)
    ones = (1,) * (len(shape) + 1)
    taken = b.slice(values, starts=(t, *[0] * len(shape)), limits=(t + 1, *shape), strides=ones)
    return b.reshape(taken, shape=tuple(shape))


def stacked(b: GradientBuilder, steps: Sequence[SSAValue], like: SSAValue) -> SSAValue:
    """The steps as one tensor of the type of `like`."""
    if not steps:
        return b.like(like, 0.0)
    return b.concat(*(b.reshape(value, shape=(1, *b.shape_of(value))) for value in steps), axis=0)


def gates_of(b: GradientBuilder, gates: SSAValue, count: int) -> list[SSAValue]:
    """The `count` gates of [..., count H]."""
    *outer, width = b.shape_of(gates)
    zeros, ones = (0,) * len(outer), (1,) * (len(outer) + 1)
    cuts = [(at * width // count, (at + 1) * width // count) for at in range(count)]
    return [b.slice(gates, starts=(*zeros, a), limits=(*outer, e), strides=ones) for a, e in cuts]


def is_active(b: GradientBuilder, lengths: SSAValue, t: int, shape: tuple[int, ...]) -> SSAValue:
    """Where the step t is below the length, [N, width]."""
    running = b.compare(lengths, b.like(lengths, t), predicate="gt")
    return b.broadcast_to(running, shape=shape, dimensions=(0,))


def logistic_slope(b: GradientBuilder, y: SSAValue) -> SSAValue:
    """y (1 - y): the sigmoid's slope where it is y."""
    return b.mul(y, b.sub(b.like(y, 1.0), y))


def tanh_slope(b: GradientBuilder, y: SSAValue) -> SSAValue:
    """1 - y^2: the slope of tanh where it is y."""
    return b.sub(b.like(y, 1.0), b.mul(y, y))
