"""Common subexpression elimination on tensors: equal pure ops of one block become one."""

from __future__ import annotations

from collections.abc import Hashable

from xdsl.dialects import arith, tensor
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.ir import Block, Operation, SSAValue

from cellc.passes.generic_rewrites import erase
from cellc.passes.linalg_analysis import inputs_of, is_all_parallel
from cellc.passes.rewriting import location_of

_PURE = (tensor.EmptyOp, FillOp, arith.ConstantOp, tensor.CollapseShapeOp, tensor.ExpandShapeOp, tensor.InsertSliceOp)


def merge_equal_ops(block: Block) -> None:
    """Lets the users of an op use an earlier equal one. Outputs of all-parallel generics are not compared."""
    known: dict[Hashable, Operation] = {}
    merged: dict[Operation, list[Operation]] = {}
    for op in list(block.ops):
        if not isinstance(op, (*_PURE, GenericOp)):
            continue
        first = known.setdefault(_key(op), op)
        if first is op:
            continue
        merged.setdefault(first, []).append(op)
        for before, after in zip(op.results, first.results, strict=True):
            before.replace_all_uses_with(after)
        erase(op)
    for first, equal in merged.items():  # at the end: thousands may become one, and a location lists them all
        first.location = location_of(first, *equal)


def _key(op: Operation) -> Hashable:
    operands: tuple[SSAValue, ...] = tuple(op.operands)
    if isinstance(op, GenericOp) and is_all_parallel(op):
        operands = tuple(inputs_of(op))
    regionless = (op.name, tuple(map(id, operands)), _items(op), tuple(op.result_types))
    return (regionless, _body_key(op.body.block)) if isinstance(op, GenericOp) else regionless


def _items(op: Operation) -> Hashable:
    return tuple(sorted((*op.properties.items(), *op.attributes.items()), key=lambda item: item[0]))


def _body_key(block: Block) -> Hashable:
    """The body with its values numbered; captured values stand for themselves."""
    number: dict[SSAValue, int] = {argument: i for i, argument in enumerate(block.args)}
    key: list[Hashable] = [tuple(argument.type for argument in block.args)]
    for op in block.ops:
        operands = tuple(number.get(v, (id(v),)) for v in op.operands)
        key.append((op.name, operands, _items(op), tuple(op.result_types), id(op) if op.regions else 0))
        number.update((result, len(number)) for result in op.results)
    return tuple(key)
