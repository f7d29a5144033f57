"""Moving ops within one block without breaking a dependency."""

from __future__ import annotations

from xdsl.ir import Operation


def users_of(op: Operation) -> list[Operation]:
    """Ops of the op's block that use it, themselves or in a region; distinct, in no order."""
    users: dict[int, Operation] = {}  # by `id`, as an op's own hash is the same, and slow
    block = op.parent
    for result in op.results:
        for use in result.uses:
            user: Operation | None = use.operation
            while user is not None and user.parent is not block:
                user = user.parent_op()
            if user is not None:
                users[id(user)] = user
    return list(users.values())


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
    between = ops_between(first, last)
    unseen, pending = set(map(id, between)), [first]
    while pending:
        new = [user for user in users_of(pending.pop()) if id(user) in unseen]
        unseen.difference_update(map(id, new))
        pending.extend(new)
    return [op for op in between if id(op) not in unseen]


def can_sink(first: Operation, last: Operation) -> list[Operation] | None:
    """What must move behind `last` so that `first` can be computed there; None if `last` needs some of it."""
    dependents = dependents_between(first, last)
    return None if any(last is user for op in dependents for user in users_of(op)) else dependents


def move_after(ops: list[Operation], point: Operation) -> None:
    """Moves the ops, in their order, to right after `point`."""
    block = point.parent
    assert block is not None
    for op in reversed(ops):
        op.detach()
        block.insert_op_after(op, point)
