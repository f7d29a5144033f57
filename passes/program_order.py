"""Moving ops within one block without breaking a dependency."""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue

from cellc.passes.linalg_analysis import values_read


def depends_on(op: Operation, values: set[SSAValue]) -> bool:
    return any(value in values for value in values_read(op))


def ops_between(first: Operation, last: Operation) -> list[Operation]:
    """The ops after `first` and before `last` in their block."""
    between: list[Operation] = []
    op = first.next_op
    while op is not None and op is not last:
        between.append(op)
        op = op.next_op
    return between


def dependents_between(first: Operation, last: Operation) -> list[Operation]:
    """Ops between the two that need `first`, directly or through others, in order."""
    reached = set(first.results)
    found: list[Operation] = []
    for op in ops_between(first, last):
        if depends_on(op, reached):
            reached.update(op.results)
            found.append(op)
    return found


def can_sink(first: Operation, last: Operation) -> list[Operation] | None:
    """What must move behind `last` so that `first` can be computed there; None if `last` needs some of it."""
    dependents = dependents_between(first, last)
    between = {result for op in dependents for result in op.results}
    return None if depends_on(last, between) else dependents


def move_after(ops: list[Operation], point: Operation) -> None:
    """Moves the ops, in their order, to right after `point`."""
    block = point.parent
    assert block is not None
    for op in reversed(ops):
        op.detach()
        block.insert_op_after(op, point)
