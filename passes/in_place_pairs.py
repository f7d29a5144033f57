"""`cellc.in_place` of kernels: the (result, argument) pairs that may lie in the same memory."""

from collections.abc import Container, Iterable

from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, i64
from xdsl.dialects.func import FuncOp

_NAME = "cellc.in_place"


def in_place_pairs(kernel: FuncOp) -> list[tuple[int, int]]:
    """The pairs; none where the kernel has no such attribute."""
    pairs = kernel.attributes.get(_NAME, ArrayAttr(()))
    assert isinstance(pairs, ArrayAttr)
    return [(pair.data[0].value.data, pair.data[1].value.data) for pair in pairs]  # pyright: ignore


def set_in_place_pairs(kernel: FuncOp, pairs: Iterable[tuple[int, int]]) -> None:
    """Lets the kernel have these pairs alone; without any, it has no such attribute."""
    kernel.attributes.pop(_NAME, None)
    if found := [ArrayAttr([IntegerAttr(i, i64) for i in pair]) for pair in pairs]:
        kernel.attributes[_NAME] = ArrayAttr(found)


def forget_arguments(kernel: FuncOp, numbers: Container[int]) -> None:
    """No result shares the memory of these arguments."""
    set_in_place_pairs(kernel, [pair for pair in in_place_pairs(kernel) if pair[1] not in numbers])
