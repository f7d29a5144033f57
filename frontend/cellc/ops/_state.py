"""Ops with an effect beside their value, and ops that only steer gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from cellc import arithmetic, trace
from cellc.arithmetic import as_tensor
from cellc.errors import bad_argument
from cellc.ops._arithmetic import Operand, add, sub
from cellc.parameter import Parameter
from cellc.tensor import Tensor

_T = TypeVar("_T")

_conditions: ContextVar[tuple[Tensor, ...]] = ContextVar("conditions", default=())
"""What must hold for assignments to have an effect."""


def assign(variable: Parameter, value: Operand) -> Tensor:
    """Gives `variable` the value `value`, converted to its dtype; returns the new value.

    Raises:
        TypeError: `variable` is not a Parameter.
        ValueError: `value` does not broadcast to the shape of `variable`.
    """
    if not isinstance(variable, Parameter):
        raise bad_argument(
            TypeError, f"For 'assign', 'variable' must be a Parameter, but got {type(variable).__name__}."
        )
    variable = variable.storage
    new = arithmetic.cast(as_tensor(value), variable.dtype)
    if arithmetic.broadcast_shape(new.shape, variable.shape) != variable.shape:
        raise bad_argument(
            ValueError, f"For 'assign', 'value' of shape {new.shape} does not fit {variable.name}{variable.shape}."
        )
    new = arithmetic.broadcast_to(new, variable.shape)
    for condition in _conditions.get():
        new = arithmetic.where(condition, new, variable)
    trace.assign(variable, new)
    return new


@contextmanager
def assigning_where(condition: Tensor) -> Iterator[None]:
    """Inside the block parameters take new values where `condition`, a bool Tensor, is True only.

    The condition broadcasts to the shape of each parameter that is assigned. The new values are computed in any case:
    a program has no branches.
    """
    token = _conditions.set((*_conditions.get(), condition))
    try:
        yield
    finally:
        _conditions.reset(token)


def assign_add(variable: Parameter, value: Operand) -> Tensor:
    """Adds `value` to `variable` in place; returns the new value."""
    return assign(variable, add(variable, value))


def assign_sub(variable: Parameter, value: Operand) -> Tensor:
    """Subtracts `value` from `variable` in place; returns the new value."""
    return assign(variable, sub(variable, value))


def depend(value: Any, expr: Any) -> Any:
    """`value`. In a traced graph effects happen in program order anyway, so there is nothing to tie."""
    return value


def stop_gradient(value: Operand) -> Tensor:
    """`value`, through which no gradient flows."""
    return trace.apply("stop_gradient", as_tensor(value))


def identity(x: _T) -> _T:
    """x itself, whatever it is (what MindSpore calls a gradient reducer that reduces nothing)."""
    return x
