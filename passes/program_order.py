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


def can_sink(first: Operation, last: Operation) -> list[Operation] | None:
    """What must move behind `last` so that `first` can be computed there; None if `last` needs some of it."""
    return _dependents(first, last, direct=True)


def depends_on(last: Operation, first: Operation) -> bool:
    """Whether `last`, which comes later in the block, needs `first`, directly or through others."""
    return _dependents(first, last, direct=False) is None


def _dependents(first: Operation, last: Operation, *, direct: bool) -> list[Operation] | None:
    """Ops between that need `first`, in order; None if `last` needs one of them (or `first`, unless `direct`)."""
    between = ops_between(first, last)
    unseen, pending = set(map(id, between)), [first]
    while pending:
        op = pending.pop()
        users = users_of(op)
        if (op is not first or not direct) and any(user is last for user in users):
            return None
        new = [user for user in users if id(user) in unseen]
        unseen.difference_update(map(id, new))
        pending.extend(new)
    return [op for op in between if id(op) not in unseen]


def move_after(ops: list[Operation], point: Operation) -> None:
    """Moves the ops, in their order, to right after `point`."""
    block = point.parent
    assert block is not None
    for op in reversed(ops):
        op.detach()
        block.insert_op_after(op, point)
