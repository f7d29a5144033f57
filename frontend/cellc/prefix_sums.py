"""Running sums along an axis, block by block: within blocks, then over their totals, and so on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellc import arithmetic
from cellc.trace import apply

if TYPE_CHECKING:
    from cellc.tensor import Tensor

_BLOCK = 8
_WHOLE = 16
"""Terms up to which an axis is one block."""


def prefix_sums(x: Tensor, axis: int) -> Tensor:
    """result[.., i, ..] = sum of x[.., k, ..] for k <= i, i and k along `axis`.

    Each element is read for the sums of its block alone, and the totals are an eighth as many, so that all of it takes
    little more than two passes (Blelloch, Prefix Sums and Their Applications, in other block sizes). Infinities and
    NaNs reach what comes after them and nothing else.
    """
    extent = x.shape[axis]
    if extent <= _WHOLE:
        return _within(x, axis)
    blocks = -(-extent // _BLOCK)
    padded = _pad(x, axis, 0, blocks * _BLOCK - extent)
    sums = _within(padded.reshape((*x.shape[:axis], blocks, _BLOCK, *x.shape[axis + 1 :])), axis + 1)
    totals = prefix_sums(sums[(*_all(axis + 1), _BLOCK - 1)], axis)
    before = _pad(totals[(*_all(axis), slice(None, -1))], axis, 1, 0)
    joined = sums + before.reshape((*before.shape[: axis + 1], 1, *before.shape[axis + 1 :]))
    return joined.reshape(padded.shape)[(*_all(axis), slice(None, extent))]


def _within(x: Tensor, axis: int) -> Tensor:
    """The sums of an axis of a few elements, in one reduction."""
    few = x.shape[axis]
    shape = (*x.shape[:axis], few, *x.shape[axis:])  # the new axis counts the sums, the one behind it their terms
    kept = [item for item in range(len(shape)) if item != axis]
    terms = apply("broadcast_to", x, shape=shape, dimensions=tuple(kept))
    sum_, term = (apply("iota", shape=shape, dtype="i32", axis=item) for item in (axis, axis + 1))
    zero = arithmetic.full(shape, 0, x.dtype)
    counted = apply("select", apply("compare", term, sum_, predicate="le"), terms, zero)
    return apply("reduce_sum", counted, axes=(axis + 1,), keep_dims=False)


def _pad(x: Tensor, axis: int, low: int, high: int) -> Tensor:
    """`x` with zeros before and behind it along an axis."""
    if not low and not high:
        return x
    none = (0,) * x.ndim
    before, behind = ((*none[:axis], width, *none[axis + 1 :]) for width in (low, high))
    return apply("pad", x, arithmetic.full((), 0, x.dtype), low=before, high=behind, interior=none)


def _all(axes: int) -> tuple[slice, ...]:
    return (slice(None),) * axes
