"""rnn and its gradient."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import SSAValue

from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg import scalars
from cellc.passes.convert_nn_to_linalg.layout import for_each, subtract
from cellc.passes.convert_nn_to_linalg.maps import dims
from cellc.passes.convert_nn_to_linalg.recurrent import (
    active_or,
    extract_step,
    insert_step,
    is_active,
    times,
    times_transposed,
)
from cellc.passes.convert_nn_to_linalg.rules import lowering_of
from cellc.passes.convert_nn_to_linalg.scalars import Scalar, wide
from cellc.passes.convert_nn_to_linalg.tensors import Read, Tensor, TensorBuilder


@lowering_of("rnn")
def _rnn(
    b: TensorBuilder, result: TensorType, x: Tensor, w_hh: Tensor, h0: Tensor, lengths: Tensor, *, nonlinearity: str
) -> Tensor:
    """Carries the sequence h and the state h."""
    if result.size == 0:
        return b.empty(result)

    def step(b: TensorBuilder, t: SSAValue, hs: Tensor, h: Tensor) -> list[Tensor]:
        product = times_transposed(b, h, w_hh)

        def body(given: Scalar, recurrent: Scalar, h: Scalar, length: Scalar) -> tuple[Scalar, ...]:
            raw = given + recurrent
            made = scalars.tanh(raw) if nonlinearity == "tanh" else raw.maximum(0)
            following = is_active(t, length).select(made, h)
            return following, following

        reads = [extract_step(b, x, t), product, h, Read(lengths, (dims(2)[0],))]
        state, output = b.elementwise_many(body, reads, [h.type, TensorType(h.shape, result.dtype)])
        return [insert_step(b, [output], hs, t), state]

    return for_each(b, result.shape[0], [b.empty(result), b.widen(h0)], step)[0]


@lowering_of("rnn_gradient")
def _rnn_gradient(
    b: TensorBuilder, results: Sequence[TensorType], h: Tensor, w_hh: Tensor, lengths: Tensor, dh: Tensor,
    *, nonlinearity: str,
) -> tuple[Tensor, ...]:  # fmt: skip
    """From the last step to the first; carries dx if used, and the gradient of the state."""
    if h.type.size == 0:
        return tuple(b.fill(0, type_) for type_ in results)
    state = TensorType(results[1].shape, wide(h.dtype))

    def step(b: TensorBuilder, count: SSAValue, *carried: Tensor) -> list[Tensor]:
        *into, carried_h = carried
        t = subtract(b, h.shape[0] - 1, count)

        def body(h: Scalar, dh: Scalar, carried: Scalar, length: Scalar) -> tuple[Scalar, ...]:
            total = dh + carried
            through = total * (1 - h * h) if nonlinearity == "tanh" else (h > 0).select(total, 0)
            return is_active(t, length).select(through, 0), total

        reads = [extract_step(b, h, t), extract_step(b, dh, t), carried_h, Read(lengths, (dims(2)[0],))]
        d_raw, total = b.elementwise_many(body, reads, [state, state])
        carried_h = active_or(b, t, times(b, d_raw, w_hh), total, lengths)
        return [*(insert_step(b, [b.narrow(d_raw, h.dtype)], dx, t) for dx in into), carried_h]

    zero, dx = b.fill(0, state), b.empty(results[0])
    *filled, dh0 = for_each(b, h.shape[0], [dx, zero] if b.used[0] else [zero], step)
    return filled[0] if filled else dx, b.narrow(dh0, h.dtype)
