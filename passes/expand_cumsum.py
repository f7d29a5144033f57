"""`expand-cumsum`: running sums as reductions block by block, for targets without kernels that carry sums along.

Sums within blocks of 8, then over their totals in the same way, and so on: each element is read for the sums of its
block alone, and the totals are an eighth as many, so that all of it takes little more than two passes (Blelloch, Prefix
Sums and Their Applications, in other block sizes). Infinities and NaNs reach what comes after them and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from cellc.dialects.nn.ir import NNOperation, tensor_type
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.rewriting import replace

_BLOCK = 8
_WHOLE = 16
"""Terms up to which an axis is one block."""


@dataclass(frozen=True)
class ExpandCumsumPass(ModulePass):
    """Replaces each `nn.cumsum` by sums of elements that are selected, and sums of totals added to them."""

    name = "expand-cumsum"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for each in list(op.walk()):
            if isinstance(each, NNOperation) and each.mnemonic == "cumsum":
                replace(each, [_expanded(each)])


def _expanded(op: NNOperation) -> SSAValue:
    """The sums, in f32 where elements have 16 bits."""
    b, x, dtype = GradientBuilder(op), op.operands[0], tensor_type(op.operands[0].type).dtype
    axis, reverse = op.attribute_values["axis"], op.attribute_values["reverse"]
    narrow = dtype in ("f16", "bf16")
    x = b.cast(x, dtype="f32") if narrow else x
    x = b.reverse(x, axes=(axis,)) if reverse else x
    sums = _prefix_sums(b, x, axis)
    sums = b.reverse(sums, axes=(axis,)) if reverse else sums
    return b.cast(sums, dtype=dtype) if narrow else sums


def _prefix_sums(b: GradientBuilder, x: SSAValue, axis: int) -> SSAValue:
    """result[.., i, ..] = sum of x[.., k, ..] for k <= i, i and k along `axis`."""
    shape = b.shape_of(x)
    extent = shape[axis]
    if extent <= _WHOLE:
        return _within(b, x, axis)
    blocks = -(-extent // _BLOCK)
    padded = _pad(b, x, axis, 0, blocks * _BLOCK - extent)
    cut = (*shape[:axis], blocks, _BLOCK, *shape[axis + 1 :])
    sums = _within(b, b.reshape(padded, shape=cut), axis + 1)
    last = _slice(b, sums, axis + 1, _BLOCK - 1, _BLOCK)
    totals = _prefix_sums(b, b.reshape(last, shape=(*cut[: axis + 1], *cut[axis + 2 :])), axis)
    before = _pad(b, _slice(b, totals, axis, 0, blocks - 1), axis, 1, 0)
    kept = tuple(item for item in range(len(cut)) if item != axis + 1)
    joined = b.add(sums, b.broadcast_to(before, shape=cut, dimensions=kept))
    return _slice(b, b.reshape(joined, shape=b.shape_of(padded)), axis, 0, extent)


def _within(b: GradientBuilder, x: SSAValue, axis: int) -> SSAValue:
    """The sums of an axis of a few elements, in one reduction."""
    given, dtype = b.shape_of(x), b.type_of(x).dtype
    shape = (*given[:axis], given[axis], *given[axis:])  # the new axis counts the sums, the one behind it their terms
    kept = tuple(item for item in range(len(shape)) if item != axis)
    terms = b.broadcast_to(x, shape=shape, dimensions=kept)
    sum_, term = (b.iota(shape=shape, dtype="i32", axis=item) for item in (axis, axis + 1))
    zero = b.full(shape=shape, dtype=dtype, value=0.0)
    counted = b.select(b.compare(term, sum_, predicate="le"), terms, zero)
    return b.reduce_sum(counted, axes=(axis + 1,), keep_dims=False)


def _pad(b: GradientBuilder, x: SSAValue, axis: int, low: int, high: int) -> SSAValue:
    """`x` with zeros before and behind it along an axis."""
    if not low and not high:
        return x
    none = (0,) * len(b.shape_of(x))
    before, behind = ((*none[:axis], width, *none[axis + 1 :]) for width in (low, high))
    zero = b.full(shape=(), dtype=b.type_of(x).dtype, value=0.0)
    return b.pad(x, zero, low=before, high=behind, interior=none)


def _slice(b: GradientBuilder, x: SSAValue, axis: int, start: int, limit: int) -> Any:
    """The elements start .. limit - 1 along an axis."""
    shape = b.shape_of(x)
    if (start, limit) == (0, shape[axis]):
        return x
    starts, limits = [0] * len(shape), list(shape)
    starts[axis], limits[axis] = start, limit
    return b.slice(x, starts=tuple(starts), limits=tuple(limits), strides=(1,) * len(shape))
