"""Dropout of an attention's weights: which are kept follows from their places, so a kernel finds it again.

    keep[b.., m, n] = (a random number made of the element's row-major number and of a state) < keep_prob
    weights = keep ? w / keep_prob : 0

In a program numbers, comparison and choice are parts of larger bodies. `split_keep` makes a generic of the first two,
which a target computes for some rows and keys at a time; `scaled_of` reads the choice and what scales it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import FloatAttr, TensorType, i1
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import GenericOp, YieldOp
from xdsl.ir import Block, BlockArgument, Operation, SSAValue
from xdsl.ir.affine import AffineMap

from cellc.passes.element_places import place_number
from cellc.passes.generic_rewrites import Parts, erase, insert_before, keep_results, new_generic, simplify_body
from cellc.passes.linalg_analysis import (
    bare_dims,
    input_maps,
    is_all_parallel,
    is_identity,
    loop_extents,
    output_maps,
)
from cellc.passes.rewriting import location_of, set_location


@dataclass(frozen=True)
class Scaled:
    """`keep` ? `base` with `scales` applied, the first of them first : 0; without `keep` all are kept.

    A scale is the name of an op and its second operand: a constant, or a tensor with one number for each row.
    """

    base: SSAValue
    keep: SSAValue | None
    scales: tuple[tuple[str, float | SSAValue], ...]

    @property
    def rows(self) -> list[SSAValue]:
        """The tensors among the scales."""
        return [scale for _, scale in self.scales if isinstance(scale, SSAValue)]


def scaled_of(op: GenericOp, value: SSAValue, outer: int) -> Scaled | None:
    """What a value of an op's body makes of one of its inputs; None where it is made otherwise."""
    keep: SSAValue | None = None
    scales = list[tuple[str, float | SSAValue]]()
    while not isinstance(value, BlockArgument):
        inner = value.owner
        if isinstance(inner, arith.SelectOp) and keep is None and float_constant(inner.rhs) == 0:
            keep, value = _read_in_order(op, inner.cond), inner.lhs
            if keep is None:
                return None
        elif isinstance(inner, arith.MulfOp | arith.DivfOp):
            found = _scale_of(op, inner, outer)
            if found is None:
                return None
            value = found[0]
            scales.insert(0, (inner.name, found[1]))
        else:
            return None
    base = _read_in_order(op, value)
    return None if base is None else Scaled(base, keep, tuple(scales))


def whole_scaled(op: GenericOp, outer: int) -> Scaled | None:
    """What an op makes of one of its inputs, where that is its one result."""
    end = op.body.block.last_op
    if len(op.results) != 1 or end is None or not is_all_parallel(op) or not is_identity(output_maps(op)[0]):
        return None
    return scaled_of(op, end.operands[0], outer)


def _scale_of(
    op: GenericOp, inner: arith.MulfOp | arith.DivfOp, outer: int
) -> tuple[SSAValue, float | SSAValue] | None:
    """What is scaled, and by what."""
    for value, scale in ((inner.lhs, inner.rhs), (inner.rhs, inner.lhs)):
        known = float_constant(scale) if not isinstance(scale, BlockArgument) else _of_rows(op, scale, outer)
        if known is not None:
            return value, known
        if isinstance(inner, arith.DivfOp):
            break
    return None


def float_constant(value: SSAValue) -> float | None:
    """The number that a value of a body is; None where it is no constant."""
    constant = value.owner
    if not isinstance(constant, arith.ConstantOp) or not isinstance(constant.value, FloatAttr):
        return None
    return constant.value.value.data


def _of_rows(op: GenericOp, argument: BlockArgument, outer: int) -> SSAValue | None:
    inputs = list(op.inputs)
    if argument.index >= len(inputs) or bare_dims(input_maps(op)[argument.index]) != list(range(outer)):
        return None
    return inputs[argument.index]


def _read_in_order(op: GenericOp, value: SSAValue) -> SSAValue | None:
    """The tensor of which a body argument is the element of the iteration."""
    inputs = list(op.inputs)
    if not isinstance(value, BlockArgument) or value.owner is not op.body.block or value.index >= len(inputs):
        return None
    return inputs[value.index] if is_identity(input_maps(op)[value.index]) else None


def split_keep(op: GenericOp) -> GenericOp | None:
    """A generic in front of `op` for what its body chooses by, where that follows from places; None where none does.

    The op then reads its result, and so do the readers of what it was in the op's results.
    """
    if not is_all_parallel(op) or not all(map(is_identity, output_maps(op))):
        return None
    for inner in op.body.block.ops:
        if isinstance(inner, arith.SelectOp) and float_constant(inner.rhs) == 0:
            body = _slice(op, inner.cond)
            if body is not None:
                return _split(op, inner.cond, body)
    return None


def _slice(op: GenericOp, value: SSAValue) -> list[Operation] | None:
    """The ops that make a value of the body of row-major numbers and of what is the same for all iterations."""
    wanted, pending = set[Operation](), [value]
    while pending:
        found = pending.pop()
        if isinstance(found, BlockArgument):
            if found.index >= len(op.inputs) or input_maps(op)[found.index].used_dims():
                return None
        elif isinstance(found.owner, Operation) and found.owner not in wanted:
            if found.owner.regions or isinstance(found.owner, tensor.ExtractOp):
                return None
            wanted.add(found.owner)
            pending.extend(found.owner.operands)
    ops = [inner for inner in op.body.block.ops if inner in wanted]
    return ops if place_number(ops, loop_extents(op)) is not None else None


def _split(op: GenericOp, condition: SSAValue, ops: Sequence[Operation]) -> GenericOp:
    arguments = [a for a in op.body.block.args[: len(op.inputs)] if any(a in inner.operands for inner in ops)]
    body = Block(arg_types=[*(a.type for a in arguments), i1])
    mapping: dict[SSAValue, SSAValue] = dict(zip(arguments, body.args, strict=False))
    for inner in ops:
        body.add_op(inner.clone(mapping))
    body.add_op(YieldOp(mapping[condition]))
    shape, rank = loop_extents(op), len(op.iterator_types)
    empty = tensor.EmptyOp((), TensorType(i1, shape))
    inputs, maps = [list(op.inputs)[a.index] for a in arguments], [input_maps(op)[a.index] for a in arguments]
    loops = [IteratorType.PARALLEL] * rank
    keep = new_generic(inputs, [empty.tensor], body, [*maps, AffineMap.identity(rank)], loops)
    for made in (empty, keep):
        made.location = location_of(op)
        set_location(made, made.location)
        insert_before(made, op)
    _read(op, condition, keep.results[0])
    return keep


def _read(op: GenericOp, condition: SSAValue, keep: SSAValue) -> None:
    """Lets an op read `keep` instead of making it."""
    parts = Parts.taken(op)
    yielded = parts.block.last_op
    assert isinstance(yielded, YieldOp)
    given = [i for i, value in enumerate(yielded.operands) if value is condition]
    condition.replace_all_uses_with(parts.add_input(keep, AffineMap.identity(len(parts.iterators))))
    reading = parts.build(op)
    insert_before(reading, op)
    for number, (before, after) in enumerate(zip(op.results, reading.results, strict=True)):
        before.replace_all_uses_with(keep if number in given else after)
    erase(op)
    simplify_body(reading)
    keep_results(reading, [i for i in range(len(reading.results)) if i not in given])


def keep_problem_of(keep: GenericOp, shape: Sequence[int]) -> str | None:
    """The first rule that the generic of what is kept breaks, as the end of a sentence about its kernel; or None."""
    if not is_all_parallel(keep) or len(keep.results) != 1 or not is_identity(output_maps(keep)[0]):
        return "has weights that are kept in another order than that of scores"
    if any(m.used_dims() for m in input_maps(keep)) or place_number(list(keep.body.block.ops), shape) is None:
        return "has weights that are kept otherwise than by their places"
    return None
