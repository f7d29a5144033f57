"""Operations over the processes of a group.

Every process of the group must run the same ones in the same order, with operands of one shape and dtype. Before
`communication.init` a process is alone, and gets what it gives. Gradients take the loss to be the sum of the processes'
losses.
"""

from __future__ import annotations

from cellc import communication
from cellc.arithmetic import as_tensor
from cellc.ops import _validate
from cellc.ops._arithmetic import Operand
from cellc.ops._primitive import Primitive
from cellc.tensor import Tensor
from cellc.trace import apply


class ReduceOp:
    """How reductions join values."""

    SUM = "sum"
    PROD = "prod"
    MIN = "min"
    MAX = "max"


def all_reduce(x: Operand, op: str = ReduceOp.SUM, group: str = communication.WORLD_GROUP) -> Tensor:
    """The sum (product, minimum, maximum) of x over the processes of a group, element by element.

    The gradient of a product is defined where x is not 0.

    Args:
        x: float32, float64, int32 or int64 Tensor.
        op: a ReduceOp.
        group: a group's name, see `cellc.communication`.

    Raises:
        TypeError: x has another dtype.
        ValueError: `op` is something else, or there is no such group.
    """
    return apply("all_reduce", as_tensor(x), reduction=_reduction(op, "AllReduce"), group=_group(group))


def reduce(x: Operand, dest_rank: int = 0, op: str = ReduceOp.SUM, group: str = communication.WORLD_GROUP) -> Tensor:
    """As `all_reduce`, but the process `dest_rank` of the group alone gets the result; the others get zeros.

    Args:
        x, op, group: see `all_reduce`.
        dest_rank: a rank in the group.

    Raises:
        TypeError: x has another dtype, or `dest_rank` is no int.
        ValueError: `op` is something else, or there is no such group or rank.
    """
    root = _rank("dest_rank", dest_rank, group, "Reduce")
    return apply("reduce", as_tensor(x), reduction=_reduction(op, "Reduce"), root=root, group=_group(group))


def reduce_scatter(x: Operand, op: str = ReduceOp.SUM, group: str = communication.WORLD_GROUP) -> Tensor:
    """As `all_reduce`, but each process gets its share of the rows only: shape (x.shape[0] / processes, ...).

    Args:
        x: as for `all_reduce`; its first extent is a multiple of the number of processes.
        op, group: see `all_reduce`.

    Raises:
        TypeError: x has another dtype.
        ValueError: `op` is something else, there is no such group, or the rows cannot be shared evenly.
    """
    reduction, processes = _reduction(op, "ReduceScatter"), communication.size_of(group)
    return apply("reduce_scatter", as_tensor(x), reduction=reduction, processes=processes, group=_group(group))


def all_gather(x: Operand, group: str = communication.WORLD_GROUP) -> Tensor:
    """The x of all processes of a group along the first axis, by rank: shape (processes * x.shape[0], ...).

    Args:
        x: a Tensor of any dtype, of rank at least 1.
        group: a group's name, see `cellc.communication`.

    Raises:
        ValueError: x has rank 0, or there is no such group.
    """
    return apply("all_gather", as_tensor(x), processes=communication.size_of(group), group=_group(group))


def broadcast(x: Operand, root_rank: int = 0, group: str = communication.WORLD_GROUP) -> Tensor:
    """The x of the process `root_rank` of a group, for all of its processes.

    Args:
        x: a Tensor of any dtype, in each process of one shape.
        root_rank: a rank in the group.
        group: a group's name, see `cellc.communication`.

    Raises:
        TypeError: `root_rank` is no int.
        ValueError: there is no such group or rank.
    """
    root = _rank("root_rank", root_rank, group, "Broadcast")
    return apply("broadcast", as_tensor(x), root=root, group=_group(group))


class AllReduce(Primitive):
    """`all_reduce` as a Primitive.

    Args:
        op, group: see `all_reduce`.
    """

    def __init__(self, op: str = ReduceOp.SUM, group: str = communication.WORLD_GROUP) -> None:
        self.op, self.group = op, group

    def __call__(self, x: Operand) -> Tensor:
        return all_reduce(x, self.op, self.group)


class Reduce(Primitive):
    """`reduce` as a Primitive.

    Args:
        dest_rank, op, group: see `reduce`.
    """

    def __init__(self, dest_rank: int, op: str = ReduceOp.SUM, group: str = communication.WORLD_GROUP) -> None:
        self.dest_rank, self.op, self.group = dest_rank, op, group

    def __call__(self, x: Operand) -> Tensor:
        return reduce(x, self.dest_rank, self.op, self.group)


class ReduceScatter(Primitive):
    """`reduce_scatter` as a Primitive.

    Args:
        op, group: see `reduce_scatter`.
    """

    def __init__(self, op: str = ReduceOp.SUM, group: str = communication.WORLD_GROUP) -> None:
        self.op, self.group = op, group

    def __call__(self, x: Operand) -> Tensor:
        return reduce_scatter(x, self.op, self.group)


class AllGather(Primitive):
    """`all_gather` as a Primitive.

    Args:
        group: see `all_gather`.
    """

    def __init__(self, group: str = communication.WORLD_GROUP) -> None:
        self.group = group

    def __call__(self, x: Operand) -> Tensor:
        return all_gather(x, self.group)


class Broadcast(Primitive):
    """`broadcast` of each Tensor of a tuple, as a Primitive; the result is a tuple.

    Args:
        root_rank, group: see `broadcast`.
    """

    def __init__(self, root_rank: int, group: str = communication.WORLD_GROUP) -> None:
        self.root_rank, self.group = root_rank, group

    def __call__(self, input_x: tuple[Operand, ...]) -> tuple[Tensor, ...]:
        _validate.of_type("input_x", input_x, (tuple, list), self.name)
        return tuple(broadcast(x, self.root_rank, self.group) for x in input_x)


def _reduction(op: str, owner: str) -> str:
    return _validate.one_of("op", op, (ReduceOp.SUM, ReduceOp.PROD, ReduceOp.MIN, ReduceOp.MAX), owner)


def _group(group: str) -> str:
    return communication.checked_group(group)


def _rank(name: str, rank: int, group: str, owner: str) -> int:
    return _validate.int_in(name, rank, 0, communication.size_of(group) - 1, owner)
