"""Operations over the processes of a group."""

from __future__ import annotations

from cellc import communication
from cellc.arithmetic import as_tensor
from cellc.ops import _validate
from cellc.ops._arithmetic import Operand
from cellc.ops._primitive import Primitive
from cellc.tensor import Tensor
from cellc.trace import apply


class ReduceOp:
    """How `AllReduce` joins values."""

    SUM = "sum"
    PROD = "prod"
    MIN = "min"
    MAX = "max"


def all_reduce(x: Operand, op: str = ReduceOp.SUM, group: str = communication.WORLD_GROUP) -> Tensor:
    """The sum (product, minimum, maximum) of x over the processes of a group, element by element.

    Every process of the group must run it, with the same shape and dtype. Gradients take the loss to be the sum of the
    processes' losses; that of a product is defined where x is not 0.

    Args:
        x: float32, float64, int32 or int64 Tensor.
        op: a ReduceOp.
        group: a group's name, see `cellc.communication`.

    Raises:
        TypeError: x has another dtype.
        ValueError: `op` is something else, or there is no such group.
    """
    _validate.one_of("op", op, (ReduceOp.SUM, ReduceOp.PROD, ReduceOp.MIN, ReduceOp.MAX), "AllReduce")
    return apply("all_reduce", as_tensor(x), reduction=op, group=communication.checked_group(group))


class AllReduce(Primitive):
    """`all_reduce` as a Primitive.

    Args:
        op, group: see `all_reduce`.
    """

    def __init__(self, op: str = ReduceOp.SUM, group: str = communication.WORLD_GROUP) -> None:
        self.op, self.group = op, group

    def __call__(self, x: Operand) -> Tensor:
        return all_reduce(x, self.op, self.group)
