"""What the recurrences share: `scf.for` over time, one contraction and a few elementwise results a step.

What a step makes or needs of the sequences is a slice at the step, whose first
axis is the batch; rows of the batch do not meet, so a target may run the whole
loop for a block of rows. State is carried in f32 where the sequences are f16. The
state that a step leaves is a result of its own beside the one that goes into the
sequence, so that each result has one place to be written to.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import SSAValue

from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg.casts import cast
from cellc.passes.convert_nn_to_linalg.layout import extract, insert
from cellc.passes.convert_nn_to_linalg.maps import dims
from cellc.passes.convert_nn_to_linalg.scalars import Scalar
from cellc.passes.convert_nn_to_linalg.tensors import Read, Tensor, TensorBuilder


def times_transposed(b: TensorBuilder, x: Tensor, weight: Tensor) -> Tensor:
    """x[N, K] weight[M, K]^T."""
    n, m, k = dims(3)
    return b.contraction(Read(x, (n, k)), Read(weight, (m, k)), (x.shape[0], *weight.shape), 2)


def times(b: TensorBuilder, x: Tensor, weight: Tensor) -> Tensor:
    """x[N, K] weight[K, M]."""
    n, m, k = dims(3)
    rows, columns = weight.shape
    return b.contraction(Read(x, (n, k)), Read(weight, (k, m)), (x.shape[0], columns, rows), 2)


def active_or(b: TensorBuilder, t: SSAValue, active: Tensor, otherwise: Tensor, lengths: Tensor) -> Tensor:
    """`active` in the rows that step t is part of, else `otherwise`."""
    return b.elementwise(
        lambda x, y, length: is_active(t, length).select(x, y),
        [active, otherwise, Read(lengths, (dims(2)[0],))],
        active.type,
    )


def is_active(t: SSAValue, length: Scalar) -> Scalar:
    """Whether step t is part of a row of this length."""
    return cast(Scalar(length.body, t, "index"), "i32") < length


def gate_reads(x: Tensor) -> list[Read]:
    """x[N, gates, H] once per gate, over the loops of [N, H]."""
    n, j = dims(2)
    return [Read(x, (n, gate, j)) for gate in range(x.shape[1])]


def extract_step(b: TensorBuilder, sequence: Tensor, t: SSAValue) -> Tensor:
    """sequence[t]."""
    _, *shape = sequence.shape
    return extract(b, sequence, (t, *[0] * len(shape)), (1, *shape), shape)


def insert_step(b: TensorBuilder, values: Sequence[Tensor], sequence: Tensor, t: SSAValue) -> Tensor:
    """A matrix at step t of [T, N, H], or one per gate at step t of [T, N, gates, H]."""
    n, hidden = values[0].shape
    if len(values) == 1:
        return insert(b, values[0], sequence, (t, 0, 0), sizes=(1, n, hidden))
    for gate, value in enumerate(values):
        sequence = insert(b, value, sequence, (t, 0, gate, 0), sizes=(1, n, 1, hidden))
    return sequence


def joined(b: TensorBuilder, values: Sequence[Tensor]) -> Tensor:
    """Matrices [N, H], one per gate, as [N, gates, H]."""
    n, hidden = values[0].shape
    whole = b.empty(TensorType((n, len(values), hidden), values[0].dtype))
    for gate, value in enumerate(values):
        whole = insert(b, value, whole, (0, gate, 0), sizes=(n, 1, hidden))
    return whole
