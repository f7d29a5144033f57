"""Comparisons, logic and selection. Results of comparisons and logic are bool tensors."""

from __future__ import annotations

from cellc import arithmetic
from cellc.arithmetic import as_tensor
from cellc.dtype import bool_
from cellc.ops._arithmetic import Operand
from cellc.tensor import Tensor
from cellc.trace import apply


def equal(x: Operand, y: Operand) -> Tensor:
    """x == y, elementwise."""
    return arithmetic.compare("eq", x, y)


def not_equal(x: Operand, y: Operand) -> Tensor:
    """x != y, elementwise."""
    return arithmetic.compare("ne", x, y)


def less(x: Operand, y: Operand) -> Tensor:
    """x < y, elementwise."""
    return arithmetic.compare("lt", x, y)


def less_equal(x: Operand, y: Operand) -> Tensor:
    """x <= y, elementwise."""
    return arithmetic.compare("le", x, y)


def greater(x: Operand, y: Operand) -> Tensor:
    """x > y, elementwise."""
    return arithmetic.compare("gt", x, y)


def greater_equal(x: Operand, y: Operand) -> Tensor:
    """x >= y, elementwise."""
    return arithmetic.compare("ge", x, y)


def logical_and(x: Operand, y: Operand) -> Tensor:
    """x and y, elementwise; a number counts as whether it is not zero."""
    return arithmetic.logical("logical_and", x, y)


def logical_or(x: Operand, y: Operand) -> Tensor:
    """x or y, elementwise; a number counts as whether it is not zero."""
    return arithmetic.logical("logical_or", x, y)


def logical_not(x: Operand) -> Tensor:
    """not x, elementwise; a number counts as whether it is not zero."""
    return apply("logical_not", arithmetic.cast(as_tensor(x), bool_))


def isnan(x: Operand) -> Tensor:
    """Whether each element is not a number."""
    return apply("isnan", as_tensor(x))


def isfinite(x: Operand) -> Tensor:
    """Whether each element is neither infinite nor not a number."""
    return apply("isfinite", as_tensor(x))


def select(cond: Operand, x: Operand, y: Operand) -> Tensor:
    """x where `cond` holds, else y, elementwise; all three broadcast."""
    return arithmetic.where(cond, x, y)


def where(condition: Operand, x: Operand, y: Operand) -> Tensor:
    """x where `condition` holds, else y, elementwise; all three broadcast."""
    return arithmetic.where(condition, x, y)
