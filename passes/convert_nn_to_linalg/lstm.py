"""lstm and its gradient."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import SSAValue

from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg import scalars
from cellc.passes.convert_nn_to_linalg.elementwise import sigmoid
from cellc.passes.convert_nn_to_linalg.layout import for_each, insert, previous, reshape, subtract
from cellc.passes.convert_nn_to_linalg.maps import dims
from cellc.passes.convert_nn_to_linalg.recurrent import (
    active_or,
    extract_step,
    gate_reads,
    insert_step,
    is_active,
    joined,
    times,
    times_transposed,
)
from cellc.passes.convert_nn_to_linalg.rules import lowering_of
from cellc.passes.convert_nn_to_linalg.scalars import Scalar, wide
from cellc.passes.convert_nn_to_linalg.tensors import Read, Tensor, TensorBuilder


@lowering_of("lstm")
def _lstm(
    b: TensorBuilder, results: Sequence[TensorType], gates_x: Tensor, w_hh: Tensor, h0: Tensor, c0: Tensor,
    lengths: Tensor,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Carries those of the sequences h, c and gates[T, N, 4, H] that are used, and the state h, c."""
    if results[0].size == 0:
        return tuple(b.empty(type_) for type_ in results)
    steps, n, hidden = results[0].shape
    by_gate = reshape(b, gates_x, (steps, n, 4, hidden))
    sequences = [b.empty(type_) for type_ in (results[0], results[1], by_gate.type)]
    kept = [number for number in range(3) if b.used[number]]
    names = "".join(("h", "c", "ifgo")[number] for number in kept)

    def step(b: TensorBuilder, t: SSAValue, *carried: Tensor) -> list[Tensor]:
        *into, h, c = carried
        given = extract_step(b, by_gate, t)
        recurrent = reshape(b, times_transposed(b, h, w_hh), (n, 4, hidden))
        made, h, c = _forward(b, t, (given, recurrent, h, c, lengths), names, gates_x.dtype)
        parts = [[made["h"]] if k == 0 else [made["c"]] if k == 1 else [made[gate] for gate in "ifgo"] for k in kept]
        into = [insert_step(b, values, sequence, t) for values, sequence in zip(parts, into, strict=True)]
        return [*into, h, c]

    *filled, _, _ = for_each(b, steps, [*(sequences[k] for k in kept), b.widen(h0), b.widen(c0)], step)
    for k, sequence in zip(kept, filled, strict=True):
        sequences[k] = sequence
    return sequences[0], sequences[1], reshape(b, sequences[2], results[2].shape)


def _forward(
    b: TensorBuilder, t: SSAValue, operands: Sequence[Tensor], names: str, dtype: str
) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """One generic that makes the named ones of i, f, g, o, h, c in the sequences' dtype, and the next state h, c.

    The state is made a second time, so that each result has one place to be written to.
    """
    given, recurrent, h, c, lengths = operands
    n, j = dims(2)

    def body(*elements: Scalar) -> tuple[Scalar, ...]:
        raw = [x + y for x, y in zip(elements[:4], elements[4:8], strict=True)]
        h, c, length = elements[8:]
        i, f, g, o = sigmoid(raw[0]), sigmoid(raw[1]), scalars.tanh(raw[2]), sigmoid(raw[3])
        active, new_c = is_active(t, length), f * c + i * g
        new_h = active.select(o * scalars.tanh(new_c), h)
        values = {"i": i, "f": f, "g": g, "o": o, "h": new_h, "c": active.select(new_c, c)}
        return tuple(values[name] for name in "hc" + names)

    reads = [*gate_reads(given), *gate_reads(recurrent), Read(h, (n, j)), Read(c, (n, j)), Read(lengths, (n,))]
    types = [h.type, c.type, *(TensorType(h.shape, dtype) for _ in names)]
    new_h, new_c, *made = b.elementwise_many(body, reads, types)
    return dict(zip(names, made, strict=True)), new_h, new_c


@lowering_of("lstm_gradient")
def _lstm_gradient(
    b: TensorBuilder, results: Sequence[TensorType], gates: Tensor, c: Tensor, w_hh: Tensor, c0: Tensor,
    lengths: Tensor, dh: Tensor, dc: Tensor,
) -> tuple[Tensor, ...]:  # fmt: skip
    """From the last step to the first; carries dgates[T, N, 4, H] if used, and the gradients of the state h and c."""
    steps, n, hidden = c.shape
    if c.type.size == 0:
        return tuple(b.fill(0, type_) for type_ in results)
    by_gate = reshape(b, gates, (steps, n, 4, hidden))
    state = TensorType((n, hidden), wide(c.dtype))

    def step(b: TensorBuilder, count: SSAValue, *carried: Tensor) -> list[Tensor]:
        *into, carried_h, carried_c = carried
        t = subtract(b, steps - 1, count)
        at_t = [extract_step(b, x, t) for x in (c, dh, dc)]
        before = extract_step(b, c, previous(b, t))
        activated = extract_step(b, by_gate, t)
        *raw, total_h, carried_c = _backward(b, t, activated, [*at_t, before, c0, carried_h, carried_c], lengths, state)
        whole = joined(b, raw)
        recurrent = times(b, reshape(b, whole, (n, 4 * hidden)), w_hh)
        carried_h = active_or(b, t, recurrent, total_h, lengths)
        rounded = b.narrow(whole, c.dtype) if into else whole
        into = [insert(b, rounded, dgates, (t, 0, 0, 0), sizes=(1, n, 4, hidden)) for dgates in into]
        return [*into, carried_h, carried_c]

    dgates = b.empty(by_gate.type)
    zeros = [b.fill(0, state), b.fill(0, state)]
    *filled, dh0, dc0 = for_each(b, steps, [dgates, *zeros] if b.used[0] else zeros, step)
    dgates = filled[0] if filled else dgates
    return reshape(b, dgates, results[0].shape), b.narrow(dh0, c.dtype), b.narrow(dc0, c.dtype)


def _backward(
    b: TensorBuilder, t: SSAValue, activated: Tensor, states: Sequence[Tensor], lengths: Tensor, state: TensorType
) -> tuple[Tensor, ...]:
    """The gates' gradients before activation (0 where the step carried over), that of h, and that of the c before."""
    n, j = dims(2)

    def body(*scalars_: Scalar) -> tuple[Scalar, ...]:
        i, f, g, o, c, dh, dc, before, c0, carried_h, carried_c, length = scalars_
        active, first = is_active(t, length), Scalar(c.body, t, "index").eq(0)
        tanh_c = scalars.tanh(c)
        total_h, total_c = dh + carried_h, dc + carried_c
        through_c = total_c + total_h * o * (1 - tanh_c * tanh_c)
        d_i = through_c * g * i * (1 - i)
        d_f = through_c * first.select(c0, before) * f * (1 - f)
        d_g = through_c * i * (1 - g * g)
        d_o = total_h * tanh_c * o * (1 - o)
        raw = [active.select(gradient, 0) for gradient in (d_i, d_f, d_g, d_o)]
        return (*raw, total_h, active.select(through_c * f, total_c))

    reads = [*gate_reads(activated), *(Read(x, (n, j)) for x in states), Read(lengths, (n,))]
    return b.elementwise_many(body, reads, [state] * 6)
