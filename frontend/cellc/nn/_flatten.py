"""The layer between convolutions and dense layers."""

from __future__ import annotations

from cellc import ops
from cellc.nn._cell import Cell
from cellc.tensor import Tensor


class Flatten(Cell):
    """Joins all axes but the first.

    Inputs:
        x: a Tensor of shape (N, ...) and rank at least 1.

    Outputs:
        A Tensor of shape (N, product of the other extents).

    Raises:
        ValueError: x has rank 0.

    Examples:
        >>> nn.Flatten()(ops.ones((2, 3, 4))).shape
        (2, 12)
    """

    def construct(self, x: Tensor) -> Tensor:
        return ops.flatten(x)
