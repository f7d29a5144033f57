"""`merge-sums`: sums over the same elements, in one kernel, become one generic with several results.

    %s = generic(%dy)                : sum of dy
    %t = generic(%dy, %x, %mean)     : sum of dy (x - mean)

read dy twice where the rows of both do not stay in a cache; one generic reads it once. Gradients of normalizations are
such, whose factors come out of rules one by one. Each sum adds its terms in the order in which it would alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.linalg.ops import GenericOp, YieldOp
from xdsl.ir import BlockArgument, Operation
from xdsl.passes import ModulePass

from cellc.passes.generic_rewrites import simplify_body
from cellc.passes.kernel_form import kernels_of
from cellc.passes.linalg_analysis import (
    captured_values,
    input_count,
    input_maps,
    inputs_of,
    is_all_parallel,
    iterations,
    iterators,
    loop_extents,
    reduction_loops,
    size_of,
    values_read,
)
from cellc.passes.program_order import can_sink, depends_on, ops_between
from cellc.passes.several_results import in_place_of_second

MOST_RESULTS = 3
"""Sums of one generic: AVX2 has 16 registers for the four partial sums of each and what is read beside them."""


@dataclass(frozen=True)
class MergeSumsPass(ModulePass):
    """Merges the sums of each chain that read the same elements."""

    name = "merge-sums"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for kernel in kernels_of(op):
            if kernel.attributes["cellc.kind"] == StringAttr("reduction"):
                sums = [each for each in kernel.body.block.ops if isinstance(each, GenericOp) and _is_sum(each)]
                while sums:
                    _merge_with_others(sums)


def _merge_with_others(sums: list[GenericOp]) -> None:
    """Takes the first sum off the list, and the later ones that become part of it."""
    current = sums.pop(0)
    for other in list(sums):
        merged = _merged(current, other) if _read_alike(current, other) else None
        if merged is not None:
            sums.remove(other)
            current = merged


def _is_sum(op: GenericOp) -> bool:
    """Whether an op adds up floats, in each of its accumulators for itself."""
    if not reduction_loops(op) or captured_values(op):
        return False
    end, accumulators = op.body.block.last_op, op.body.block.args[input_count(op) :]
    assert isinstance(end, YieldOp)
    for value, accumulator in zip(end.operands, accumulators, strict=True):
        add, uses = value.owner, list(accumulator.uses)
        if not isinstance(add, arith.AddfOp) or len(list(value.uses)) != 1:
            return False
        if [use.operation for use in uses] != [add]:
            return False
    return True


def _read_alike(one: GenericOp, other: GenericOp) -> bool:
    """Whether sums have the same loops and types of results, and read a tensor of that size at the same index."""
    if loop_extents(one) != loop_extents(other) or iterators(one) != iterators(other):
        return False
    if len(one.results) + len(other.results) > MOST_RESULTS or one.result_types[0] != other.result_types[0]:
        return False
    reads = list(zip(inputs_of(one), input_maps(one), strict=True))
    return any(
        size_of(value) == iterations(other) and any(value is v and map_ == m for v, m in reads)
        for value, map_ in zip(inputs_of(other), input_maps(other), strict=True)
    )


def _overtakes(moved: list[Operation], point: Operation) -> bool:
    """Whether ops that move behind another one would read an argument after what may write its result there."""
    read = {value for op in moved for value in values_read(op) if isinstance(value, BlockArgument)}
    staying = [op for op in ops_between(moved[0], point) if is_all_parallel(op) and op not in moved]
    return any(value in read for op in staying for value in values_read(op))


def _merged(first: GenericOp, second: GenericOp) -> GenericOp | None:
    """One generic in the place of `second`; None if that needs `first`, or would move it too far."""
    dependents = None if depends_on(second, first) else can_sink(first, second)
    if dependents is None or _overtakes([first, *dependents], second):
        return None
    merged = in_place_of_second(first, second, dependents)
    simplify_body(merged)
    return merged
