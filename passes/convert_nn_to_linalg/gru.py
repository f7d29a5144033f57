"""gru and its gradient."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import SSAValue

from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg import scalars
from cellc.passes.convert_nn_to_linalg.elementwise import sigmoid
from cellc.passes.convert_nn_to_linalg.layout import for_each, insert, previous, reshape, subtract
from cellc.passes.convert_nn_to_linalg.maps import dims
from cellc.passes.convert_nn_to_linalg.recurrent import (
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


@lowering_of("gru")
def _gru(
    b: TensorBuilder, results: Sequence[TensorType], gates_x: Tensor, w_hh: Tensor, b_hh: Tensor, h0: Tensor,
    lengths: Tensor,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Carries those of the sequences h and gates[T, N, 4, H] that are used, and the state h."""
    if results[0].size == 0:
        return tuple(b.empty(type_) for type_ in results)
    steps, n, hidden = results[0].shape
    by_gate, bias = reshape(b, gates_x, (steps, n, 3, hidden)), reshape(b, b_hh, (3, hidden))
    sequences = [b.empty(results[0]), b.empty(TensorType((steps, n, 4, hidden), gates_x.dtype))]
    kept = [number for number in range(2) if b.used[number]]

    def step(b: TensorBuilder, t: SSAValue, *carried: Tensor) -> list[Tensor]:
        *into, h = carried
        recurrent = reshape(b, times_transposed(b, h, w_hh), (n, 3, hidden))
        operands = (extract_step(b, by_gate, t), recurrent, bias, h, lengths)
        h, parts = _forward(b, t, operands, [("h", "rznm")[k] for k in kept], gates_x.dtype)
        return [*(insert_step(b, values, whole, t) for values, whole in zip(parts, into, strict=True)), h]

    *filled, _ = for_each(b, steps, [*(sequences[k] for k in kept), b.widen(h0)], step)
    for k, sequence in zip(kept, filled, strict=True):
        sequences[k] = sequence
    return sequences[0], reshape(b, sequences[1], results[1].shape)


def _forward(
    b: TensorBuilder, t: SSAValue, operands: Sequence[Tensor], wanted: Sequence[str], dtype: str
) -> tuple[Tensor, list[Sequence[Tensor]]]:
    """One generic that makes the next state h, and for each of `wanted` its letters of h, r, z, n, m in `dtype`."""
    given, recurrent, bias, h, lengths = operands
    i, j = dims(2)
    names = "".join(wanted)

    def body(*elements: Scalar) -> tuple[Scalar, ...]:
        x_r, x_z, x_n = elements[:3]
        s, y, m = (x + c for x, c in zip(elements[3:6], elements[6:9], strict=True))
        h, length = elements[9:]
        r, z = sigmoid(x_r + s), sigmoid(x_z + y)
        n = scalars.tanh(x_n + r * m)
        following = is_active(t, length).select(n + z * (h - n), h)
        values = {"h": following, "r": r, "z": z, "n": n, "m": m}
        return (following, *(values[name] for name in names))

    biases = [Read(bias, (gate, j)) for gate in range(3)]
    reads = [*gate_reads(given), *gate_reads(recurrent), *biases, Read(h, (i, j)), Read(lengths, (i,))]
    state, *made = b.elementwise_many(body, reads, [h.type, *(TensorType(h.shape, dtype) for _ in names)])
    found = dict(zip(names, made, strict=True))
    return state, [[found[name] for name in part] for part in wanted]


@lowering_of("gru_gradient")
def _gru_gradient(
    b: TensorBuilder, results: Sequence[TensorType], gates: Tensor, h: Tensor, w_hh: Tensor, h0: Tensor,
    lengths: Tensor, dh: Tensor,
) -> tuple[Tensor, ...]:  # fmt: skip
    """From the last step to the first; carries those of dgates_x and drecurrent[T, N, 3, H] that are used, and dh."""
    steps, n, hidden = h.shape
    if h.type.size == 0:
        return tuple(b.fill(0, type_) for type_ in results)
    by_gate = reshape(b, gates, (steps, n, 4, hidden))
    state = TensorType((n, hidden), wide(h.dtype))
    sequences = [b.empty(TensorType((steps, n, 3, hidden), h.dtype)) for _ in range(2)]
    kept = [number for number in range(2) if b.used[number]]

    def step(b: TensorBuilder, count: SSAValue, *carried: Tensor) -> list[Tensor]:
        into, carried_h = dict(zip(kept, carried, strict=False)), carried[-1]
        t = subtract(b, steps - 1, count)
        before = extract_step(b, h, previous(b, t))
        states = [before, h0, extract_step(b, dh, t), carried_h]
        through, *d_raw = _backward(b, t, extract_step(b, by_gate, t), states, lengths, (state, h.dtype, 0 in into))
        if 0 in into:
            into[0] = insert_step(b, d_raw[3:], into[0], t)
        recurrent = joined(b, d_raw[:3])
        if 1 in into:
            into[1] = insert(b, b.narrow(recurrent, h.dtype), into[1], (t, 0, 0, 0), sizes=(1, n, 3, hidden))
        product = times(b, reshape(b, recurrent, (n, 3 * hidden)), w_hh)
        return [*into.values(), _carried(b, t, product, through, lengths)]

    *filled, dh0 = for_each(b, steps, [*(sequences[k] for k in kept), b.fill(0, state)], step)
    for k, sequence in zip(kept, filled, strict=True):
        sequences[k] = sequence
    dx, drecurrent = (reshape(b, sequence, results[0].shape) for sequence in sequences)
    return dx, drecurrent, b.narrow(dh0, h.dtype)


def _backward(
    b: TensorBuilder, t: SSAValue, gates: Tensor, states: Sequence[Tensor], lengths: Tensor,
    made: tuple[TensorType, str, bool],
) -> tuple[Tensor, ...]:  # fmt: skip
    """The gradient of h that goes past the gates, those of s, y, m, and if wanted those of x_r, x_z, x_n."""
    state, dtype, wants_input = made
    i, j = dims(2)

    def body(*elements: Scalar) -> tuple[Scalar, ...]:
        r, z, n, m, before, h0, dh, carried, length = elements
        active, first = is_active(t, length), Scalar(before.body, t, "index").eq(0)
        total = dh + carried
        d_n = total * (1 - z) * (1 - n * n)
        d_z = total * (first.select(h0, before) - n) * z * (1 - z)
        d_r = d_n * m * r * (1 - r)
        wanted = (d_r, d_z, d_n * r, *((d_r, d_z, d_n) if wants_input else ()))
        return active.select(total * z, total), *(active.select(gradient, 0) for gradient in wanted)

    reads = [*gate_reads(gates), *(Read(x, (i, j)) for x in states), Read(lengths, (i,))]
    inputs = [TensorType(state.shape, dtype)] * 3 if wants_input else []
    return b.elementwise_many(body, reads, [*[state] * 4, *inputs])


def _carried(b: TensorBuilder, t: SSAValue, product: Tensor, through: Tensor, lengths: Tensor) -> Tensor:
    """The gradient of the h before: a step that was carried over adds no product."""
    return b.elementwise(
        lambda x, y, length: is_active(t, length).select(x + y, y),
        [product, through, Read(lengths, (dims(2)[0],))],
        through.type,
    )
