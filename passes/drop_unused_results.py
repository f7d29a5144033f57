"""`drop-unused-results`: removes results of `linalg.generic` that nobody reads.

A max pooling computes pairs (maximum, position), and only its gradient reads the position: without this
pass, inference would compute, store and plan a buffer for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg.ops import GenericOp, YieldOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from cellc.passes.generic_rewrites import keep_results, simplify_body


@dataclass(frozen=True)
class DropUnusedResultsPass(ModulePass):
    """Rewrites each generic without the results that have no uses and that the others do not depend on."""

    name = "drop-unused-results"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for generic in [found for found in op.walk(reverse=True) if isinstance(found, GenericOp)]:
            unused = _unused_results(generic)
            if unused and len(unused) < len(generic.results):
                _without(generic, unused)


def _unused_results(op: GenericOp) -> set[int]:
    """Numbers of the results without uses whose accumulator no remaining result needs."""
    block = op.body.block
    accumulators = block.args[len(op.inputs) :]
    unused = {number for number, result in enumerate(op.results) if not result.uses}
    while True:
        needed = _needed_arguments(block, [n for n in range(len(op.results)) if n not in unused])
        kept = {number for number in unused if accumulators[number] in needed}
        if not kept:
            return unused
        unused -= kept


def _needed_arguments(block: Block, results: list[int]) -> set[SSAValue]:
    """Block arguments that the yielded values of these results depend on."""
    terminator = block.last_op
    assert isinstance(terminator, YieldOp)
    pending = [terminator.operands[number] for number in results]
    seen: set[SSAValue] = set()
    while pending:
        value = pending.pop()
        if value not in seen:
            seen.add(value)
            if isinstance(value.owner, Operation):
                pending.extend(value.owner.operands)
    return seen


def _without(op: GenericOp, unused: set[int]) -> None:
    kept = [number for number in range(len(op.results)) if number not in unused]
    terminator = op.body.block.last_op
    assert isinstance(terminator, YieldOp)
    # What only the unused results need goes first, so that nothing uses their accumulators.
    accumulators = op.body.block.args[len(op.inputs) :]
    terminator.operands = [
        accumulators[number] if number in unused else value for number, value in enumerate(terminator.operands)
    ]
    simplify_body(op)
    keep_results(op, kept)
