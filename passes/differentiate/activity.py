"""Which ops a derivative goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from xdsl.ir import Operation, SSAValue

from cellc.dialects.nn import FLOATS
from cellc.dialects.nn.ir import NNOperation, tensor_type
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.rules import expansion_named
from cellc.passes.rewriting import replace


def path_between(end: Operation, wrt: Sequence[SSAValue], ys: Sequence[SSAValue]) -> list[NNOperation]:
    """The ops before `end` that a wrt value reaches through float values and a y needs, in program order."""
    active = set(wrt)
    reached: list[NNOperation] = []
    for op in ops_before(end):
        if isinstance(op, NNOperation) and any(operand in active for operand in op.operands):
            floats = [result for result in op.results if tensor_type(result.type).dtype in FLOATS]
            active.update(floats)
            if floats:
                reached.append(op)
    return _needed(reached, ys)


def _needed(ops: list[NNOperation], ys: Sequence[SSAValue]) -> list[NNOperation]:
    needed = set(ys)
    path: list[NNOperation] = []
    for op in reversed(ops):
        if any(result in needed for result in op.results):
            needed.update(op.operands)
            path.append(op)
    return path[::-1]


def ops_before(end: Operation) -> Iterator[Operation]:
    """The ops of the block before one of them, in program order."""
    block = end.parent
    assert block is not None
    op = block.first_op
    while op is not None and op is not end:
        yield op
        op = op.next_op


def expand(ops: Iterable[NNOperation], has_rule: Callable[[str], bool]) -> bool:
    """Replaces the ops that have no rule by their expansions; true if there was one."""
    changed = False
    for op in ops:
        expansion = None if has_rule(op.mnemonic) else expansion_named(op.mnemonic)
        if expansion is not None:
            replace(op, expansion(GradientBuilder(op), op))
            changed = True
    return changed
