"""`share-sums`: sums that follow from other sums, by a factor of all terms, and sums of differences from a mean.

The gradient of a batch normalization, as it comes out of the rules, sums images four times for each channel: dy,
dy (x - mean), dy scale, and (x - mean) times a number. The third is the first times the scale, and the last is 0 but
for rounding. So two of four passes over images go, and one over each row of a layer normalization.

    reduce_sum(neg(x * broadcast(s)))        is    neg(reduce_sum(x) * s)    where reduce_sum(x) is there already
    reduce_sum((x - mean(x)) * broadcast(s)) is    0
    reduce_sum(y + (x - mean(x)))            is    reduce_sum(y)    where that is one of these, or there already

Of two sums that are not 0, none is made: they may be far larger than what they add up to.

Sums round otherwise than before, by fewer operations. A factor that is not finite makes NaN where it made infinities,
and a factor makes no sum finite that is not. An x or s that is not finite gives 0 where it gave NaN: a gradient has it
from its other terms. Sums of differences without a factor, which no rule makes, stay: their users may look for NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, SSAValue
from xdsl.passes import ModulePass

from cellc.dialects.nn.ir import NNOperation, tensor_type
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.rewriting import location_of, replace

_DTYPES = ("f32", "f64")
"""A sum in 16 bits that has lost its factor may overflow."""

_MOST_TERMS = 5
"""Terms that are looked at: a gradient of a mean has one of dy and, twice, one of the squares, in two additions."""


@dataclass(frozen=True)
class ShareSumsPass(ModulePass):
    """Replaces sums that follow from others. What they were made of is left to `canonicalize-nn`."""

    name = "share-sums"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.walk():
            if isinstance(function, func.FuncOp):
                for block in function.body.blocks:
                    _share(block)


def _share(block: Block) -> None:
    for op in [each for each in block.ops if _is_sum(each)]:
        assert isinstance(op, NNOperation)
        shares = _shares(op)
        if shares == []:
            b = GradientBuilder(op)
            replace(op, [b.like(op.results[0], -0.0)])  # what is added to it stays as it is, bit for bit
        elif shares is not None and len(shares) == 1:
            (term, other) = shares[0]
            replace(op, [term.applied_to(other, op)])


def _shares(op: NNOperation) -> list[tuple[_Term, NNOperation]] | None:
    """The terms of a sum that are not 0 in the end, and the sums that theirs follow from; None if one does not."""
    found, open_ = list[tuple["_Term", NNOperation]](), [_Term.of(op.operands[0], op.attribute_values["axes"])]
    for _ in range(_MOST_TERMS):
        term = open_.pop()
        changed = bool(term.steps) or term.value is not op.operands[0]
        if not (changed and _is_centred(term.value, term.axes)):
            other = _sum_of(term.value, term.axes, op) if changed else None
            added = _made_by(term.value, "add")
            if other is not None:
                found.append((term, other))
            elif added is not None:
                open_ += [_Term.of(value, term.axes, term.steps) for value in added.operands]
            else:
                return None
        if not open_:
            return found
    return None


def _is_sum(op: object) -> bool:
    return (
        isinstance(op, NNOperation) and op.mnemonic == "reduce_sum" and tensor_type(op.results[0].type).dtype in _DTYPES
    )


def _made_by(value: SSAValue, name: str) -> NNOperation | None:
    """The op that gives the value, if it is of that name."""
    return value.owner if isinstance(value.owner, NNOperation) and value.owner.mnemonic == name else None


@dataclass
class _Term:
    """What a sum over `axes` adds up: `value`, after `steps` that could as well be done to the sum.

    A step is an op: a negation, an addition to itself, or a multiplication with the operand of the number that is the
    same along all of the axes.
    """

    value: SSAValue
    axes: tuple[int, ...]
    steps: list[tuple[NNOperation, int]] = field(default_factory=list)

    @classmethod
    def of(cls, value: SSAValue, axes: Sequence[int], steps: Sequence[tuple[NNOperation, int]] = ()) -> _Term:
        """The term of a value to whose sum `steps` are done, and the steps of its own, as many as there are."""
        term = cls(value, tuple(axes), list(steps))
        while (step := term._step()) is not None:
            term.steps.append(step)
            term.value = step[0].operands[1 - step[1]] if step[0].mnemonic == "mul" else step[0].operands[0]
        return term

    def _step(self) -> tuple[NNOperation, int] | None:
        """The op that makes the value, if the sum may do it instead."""
        op = self.value.owner
        if not isinstance(op, NNOperation):
            return None
        if op.mnemonic == "neg" or (op.mnemonic == "add" and _are_equal(*op.operands)):
            return op, 0
        if op.mnemonic != "mul":
            return None
        same = [number for number, operand in enumerate(op.operands) if _is_same_along(operand, self.axes)]
        return (op, same[0]) if same else None

    def applied_to(self, total: NNOperation, op: NNOperation) -> SSAValue:
        """The sum of the term, in the place and shape of `op`, from that of the value."""
        b = GradientBuilder(op)
        b.work_for(op)
        result = tensor_type(op.results[0].type)
        value: SSAValue = b.reshape(total.results[0], shape=result.shape)
        for step, factor in reversed(self.steps):
            if step.mnemonic == "mul":
                value = b.mul(value, _reduced(b, step.operands[factor], self.axes, result.shape))
            else:
                value = b.neg(value) if step.mnemonic == "neg" else b.add(value, value)
            value.owner.location = location_of(op, step)  # pyright: ignore[reportAttributeAccessIssue]
        return value


def _are_equal(one: SSAValue, other: SSAValue) -> bool:
    """Whether two values are one, or products of the same two, as the gradient of a square has them."""
    first, second = _made_by(one, "mul"), _made_by(other, "mul")
    if first is None or second is None:
        return one is other
    return all(a is b for a, b in zip(first.operands, second.operands, strict=True))


def _is_same_along(value: SSAValue, axes: Sequence[int]) -> bool:
    """Whether elements do not change along some axes: a number, or what was broadcast along all of them."""
    if _made_by(value, "full") is not None:
        return True
    op = _made_by(value, "broadcast_to")
    if op is None:
        return False
    extents = dict(zip(op.attribute_values["dimensions"], tensor_type(op.operands[0].type).shape, strict=True))
    return all(extents.get(axis, 1) == 1 for axis in axes)


def _reduced(b: GradientBuilder, factor: SSAValue, axes: Sequence[int], shape: tuple[int, ...]) -> SSAValue:
    """A factor that is the same along `axes`, in the shape of a sum over them."""
    full = _made_by(factor, "full")
    if full is not None:
        return b.full(shape=shape, dtype=tensor_type(factor.type).dtype, value=full.attribute_values["value"])
    op = _made_by(factor, "broadcast_to")
    assert op is not None
    extents = dict(zip(op.attribute_values["dimensions"], tensor_type(op.operands[0].type).shape, strict=True))
    wide = tensor_type(factor.type).shape
    kept = [axis for axis in range(len(wide)) if axis not in axes]
    short = tuple(extents.get(axis, 1) for axis in kept)
    narrow = b.broadcast_to(
        b.reshape(op.operands[0], shape=short),
        shape=tuple(wide[axis] for axis in kept),
        dimensions=tuple(range(len(kept))),
    )
    return b.reshape(narrow, shape=shape)


def _sum_of(value: SSAValue, axes: Sequence[int], before: NNOperation) -> NNOperation | None:
    """Another sum of the value over the same axes; it is moved in front of an op that follows the value."""
    for use in value.uses:
        op = use.operation
        if op is before or not _is_sum(op) or op.parent is not before.parent:
            continue
        assert isinstance(op, NNOperation)
        if set(op.attribute_values["axes"]) == set(axes):
            if not op.is_before_in_block(before):
                op.detach()
                assert before.parent is not None
                before.parent.insert_op_before(op, before)
            return op
    return None


def _is_centred(value: SSAValue, axes: Sequence[int]) -> bool:
    """Whether the value is x - mean(x), the mean over `axes`."""
    difference = _made_by(value, "sub")
    mean = None if difference is None else _made_by(difference.operands[1], "broadcast_to")
    if difference is None or mean is None or not _is_same_along(mean.results[0], axes):
        return False
    x, quotient = difference.operands[0], _made_by(_before_reshapes(mean.operands[0]), "div")
    total = None if quotient is None else _made_by(_before_reshapes(quotient.operands[0]), "reduce_sum")
    if quotient is None or total is None or total.operands[0] is not x:
        return False
    count, extents = _made_by(quotient.operands[1], "full"), tensor_type(x.type).shape
    over = set(total.attribute_values["axes"]) == set(axes)
    return over and count is not None and count.attribute_values["value"] == prod(extents[axis] for axis in axes)


def _before_reshapes(value: SSAValue) -> SSAValue:
    while (op := _made_by(value, "reshape")) is not None:
        value = op.operands[0]
    return value
