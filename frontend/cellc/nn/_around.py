"""What happens around a cell's `construct`: hooks, casts (`to_float`), `bprop` and recomputation."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NamedTuple

from cellc import boundaries, running
from cellc import trace as tracing
from cellc.arithmetic import cast
from cellc.dtype import DType
from cellc.structure import flatten, unflatten
from cellc.tensor_base import TensorBase

if TYPE_CHECKING:
    from cellc.nn._cell import Cell

Hooks = tuple[tuple[int, Callable[..., Any]], ...]


class Around(NamedTuple):
    """What a cell does beside `construct`. Immutable, so that compiled programs notice another one.

    Attributes:
        pre_hooks, forward_hooks, backward_hooks: functions under their keys, in the order they run.
        dtype: what inputs and parameters are cast to, or None.
        recompute: whether the backward pass computes the values inside again.
    """

    pre_hooks: Hooks = ()
    forward_hooks: Hooks = ()
    backward_hooks: Hooks = ()
    dtype: DType | None = None
    recompute: bool = False


PLAIN = Around()


class HookHandle:
    """What registers a hook returns; `remove` takes the hook away again, once."""

    def __init__(self, cell: Cell, kind: str, key: int) -> None:
        self._cell: Cell | None = cell
        self._kind = kind
        self._key = key

    def remove(self) -> None:
        """Removes the hook; does nothing when it has been removed."""
        if self._cell is not None:
            kept = tuple(entry for entry in getattr(self._cell._around, self._kind) if entry[0] != self._key)
            self._cell._surround(**{self._kind: kept})
            self._cell = None


def add_hook(cell: Cell, kind: str, hook_fn: Any, method: str) -> HookHandle:
    """Appends a hook of a kind (a field of `Around`); TypeError unless it is a Python function or method."""
    if not isinstance(hook_fn, FunctionType | MethodType):
        raise TypeError(f"{method} takes a Python function, got {hook_fn!r} of type {type(hook_fn).__name__}")
    hooks: Hooks = getattr(cell._around, kind)
    key = hooks[-1][0] + 1 if hooks else 0
    cell._surround(**{kind: (*hooks, (key, hook_fn))})
    return HookHandle(cell, kind, key)


def run(cell: Cell, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`construct` with all that is around it."""
    __tracebackhide__ = True
    if kwargs:
        bound = inspect.signature(cell.construct).bind(*args, **kwargs)
        bound.apply_defaults()
        args, kwargs = bound.args, bound.kwargs
    around = cell._around
    if around.dtype is not None:
        args, kwargs = cast_floats((args, kwargs), around.dtype)
    args = _after_pre_hooks(cell, args)
    with running.computing(cell), tracing.current().recomputed(around.recompute):
        output = _constructed(cell, args, kwargs)
    for _, hook in around.forward_hooks:
        replaced = hook(_identity_of(cell), args, output)
        output = output if replaced is None else replaced
    return output


def cast_floats(value: Any, dtype: DType) -> Any:
    """Nested tensors with those of floats in another dtype."""
    leaves: list[Any] = []
    structure = flatten(value, leaves)
    return unflatten(structure, iter([cast(leaf, dtype) if leaf.dtype.is_float else leaf for leaf in leaves]))


def _identity_of(cell: Cell) -> str:
    return f"{cell.cls_name}({id(cell)})"


def _after_pre_hooks(cell: Cell, args: tuple[Any, ...]) -> tuple[Any, ...]:
    for _, hook in cell._around.pre_hooks:
        replaced = hook(_identity_of(cell), args)
        if replaced is not None:
            args = replaced if isinstance(replaced, tuple) else (replaced,)
    return args


def _constructed(cell: Cell, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    __tracebackhide__ = True
    differentiable = running.recorded()
    if not differentiable or (cell.bprop is None and not cell._around.backward_hooks):
        return cell.construct(*args, **kwargs)
    return _Bounded(cell).run(args, kwargs)


class _Bounded:
    """One run of a cell between two boundaries: gradients come in at its outputs and leave at its inputs."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._outer: tuple[Any, ...] = ()  # the gradients of the outputs
        self._args: tuple[Any, ...] = ()
        self._output: Any = None

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        self._args = _marked(args, self._leave)
        self._output = _marked(self._cell.construct(*self._args, **kwargs), self._enter)
        return self._output

    def _enter(self, gradients: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """At the outputs. With a `bprop` nothing flows into `construct`."""
        self._outer = gradients
        return gradients if self._cell.bprop is None else None

    def _leave(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        """At the inputs."""
        if self._cell.bprop is not None:
            gradients = self._own_gradients()
        for _, hook in self._cell._around.backward_hooks:
            replaced = hook(_identity_of(self._cell), self._outer, gradients)
            gradients = gradients if replaced is None else self._checked(replaced, "a backward hook")
        return gradients

    def _own_gradients(self) -> tuple[Any, ...]:
        assert self._cell.bprop is not None
        outer = self._outer[0] if len(self._outer) == 1 else self._outer
        found = self._cell.bprop(*self._args, self._output, outer)
        listed = found if isinstance(found, tuple) else (found,)
        if len(listed) != len(self._args):
            message = f"must return a gradient for each of the {len(self._args)} input(s), but returned {len(listed)}"
            raise TypeError(f"{self._cell.cls_name}.bprop {message}")
        pairs = zip(self._args, listed, strict=True)
        return self._checked(tuple(g for x, g in pairs if _has_gradient(x)), "bprop")

    def _checked(self, gradients: Any, source: str) -> tuple[Any, ...]:
        """One gradient for each float input, of its shape and dtype."""
        listed = gradients if isinstance(gradients, tuple) else (gradients,)
        wanted = [x._type for x in self._args if _has_gradient(x)]
        found = [getattr(g, "_type", type(g).__name__) for g in listed]
        if found != wanted:
            expected, got = (", ".join(map(str, each)) for each in (wanted, found))
            raise TypeError(f"{source} of {self._cell.cls_name} must return gradients {expected}, but returned {got}")
        return listed


def _has_gradient(value: Any) -> bool:
    return isinstance(value, TensorBase) and value.dtype.is_float


def _marked(value: Any, backward: Callable[..., Any]) -> Any:
    """A value or tuple of values with a boundary through its float tensors."""
    items = value if isinstance(value, tuple) else (value,)
    passed = iter(boundaries.mark([item for item in items if _has_gradient(item)], backward))
    replaced = tuple(next(passed) if _has_gradient(item) else item for item in items)
    return replaced if isinstance(value, tuple) else replaced[0]
