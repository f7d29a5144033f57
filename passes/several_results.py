"""Merging all-parallel generics over the same iterations into one with several results."""

from __future__ import annotations

from math import prod

from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Block, Operation
from xdsl.ir.affine import AffineMap

from cellc.passes.generic_fusion import merged_parts
from cellc.passes.generic_rewrites import erase
from cellc.passes.linalg_analysis import (
    bare_dims,
    captured_values,
    input_count,
    input_maps,
    inputs_of,
    is_all_parallel,
    loop_extents,
    size_of,
)
from cellc.passes.program_order import can_sink, depends_on, move_after

MAX_OPERANDS = 16
"""Inputs and outputs of one generic; beyond, registers and address streams run out."""


def merge_into_one(producer: GenericOp, users: list[Operation]) -> None:
    """Makes the producer's results extra results of the first user with the same iterations that can have them."""
    for user in users:
        if not isinstance(user, GenericOp) or not is_all_parallel(user) or not _same_iterations(producer, user):
            continue
        if _merge(producer, user) is not None:
            return


def _same_iterations(producer: GenericOp, user: GenericOp) -> bool:
    """Whether the user reads each result only at the index the producer writes in the same iteration."""
    if loop_extents(producer) != loop_extents(user) or not set(producer.results).isdisjoint(captured_values(user)):
        return False
    reads = [m for v, m in zip(inputs_of(user), input_maps(user), strict=False) if v in producer.results]
    return all(bare_dims(m) == list(range(m.num_dims)) for m in reads)


def _merge(first: GenericOp, second: GenericOp) -> GenericOp | None:
    """One generic in the place of `second`; None if too wide or if another op stands between them."""
    shared = len(set(inputs_of(first)) & set(inputs_of(second))) + len(set(first.results) & set(inputs_of(second)))
    if len(first.operands) + len(second.operands) - shared > MAX_OPERANDS:
        return None
    dependents = can_sink(first, second)
    if dependents is None:
        return None
    return in_place_of_second(first, second, dependents)


def in_place_of_second(first: GenericOp, second: GenericOp, dependents: list[Operation]) -> GenericOp:
    """One generic with the results of both where the second was; what needs the first comes behind it."""
    parts = merged_parts(first, second, AffineMap.identity(len(second.iterator_types)))
    merged = parts.build(first, second)
    assert second.parent is not None
    second.parent.insert_op_before(merged, second)
    for before, after in zip((*first.results, *second.results), merged.results, strict=True):
        before.replace_all_uses_with(after)
        after.name_hint = before.name_hint
    erase(second)
    erase(first)
    move_after(dependents, merged)
    return merged


def fuse_siblings(block: Block) -> None:
    """Merges independent generics over equal iterations that read one tensor at the same index."""
    for op in list(block.ops):
        if isinstance(op, GenericOp) and op.parent is block and is_all_parallel(op):
            current: GenericOp | None = op
            while current is not None:
                current = next(
                    (m for sibling in _siblings(current) if (m := _merge(current, sibling)) is not None), None
                )


def _siblings(op: GenericOp) -> list[GenericOp]:
    """Later all-parallel generics with an input of full size in common, and no path from this one."""
    extents = loop_extents(op)
    found: dict[GenericOp, None] = {}
    for value, map_ in zip(inputs_of(op), input_maps(op), strict=False):
        if size_of(value) < prod(extents) or size_of(value) < 2:
            continue
        for use in value.uses:
            user = use.operation
            if not isinstance(user, GenericOp) or user is op or not is_all_parallel(user):
                continue
            if use.index < input_count(user) and input_maps(user)[use.index] == map_ and loop_extents(user) == extents:
                found[user] = None
    return [sibling for sibling in found if op.is_before_in_block(sibling) and not depends_on(sibling, op)]
