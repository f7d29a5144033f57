"""`Primitive`: an op as an object, configured once and called often (`ops.Softmax(axis=1)(x)`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Primitive:
    """Base of the class forms. The arguments of the constructor are its public attributes."""

    @property
    def name(self) -> str:
        """The name of the class."""
        return type(self).__name__

    def __call__(self, *inputs: Any) -> Any:
        """Applies the op to `inputs`."""
        raise NotImplementedError(f"{self.name} does not say how it is applied")

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value}" for key, value in vars(self).items())
        return f"{self.name}<{arguments}>"


def class_form(name: str, function: Callable[..., Any]) -> type[Primitive]:
    """The class form of a function that has no arguments beside its inputs: `name()(*inputs)`."""

    def call(self: Primitive, *inputs: Any) -> Any:
        __tracebackhide__ = True
        return function(*inputs)

    summary = f"Class form of `cellc.ops.{function.__name__}`, whose arguments are the inputs of the call."
    return type(name, (Primitive,), {"__call__": call, "__doc__": summary, "__module__": "cellc.ops"})


def constexpr(fn: Callable[..., Any] | None = None, get_instance: bool = True, name: str | None = None) -> Any:
    """Decorator: `fn`, which computes with Python values, as it is; tracing runs it where it is called.

    Args:
        fn: the function; without it, a decorator is returned.
        get_instance: False gives a class whose objects are called: `decorated()(*arguments)`.
        name: the class's name; that of the function by default.

    Raises:
        TypeError: `fn` is not callable.
    """
    if fn is None:
        return lambda function: constexpr(function, get_instance, name)
    if not callable(fn):
        raise TypeError(f"constexpr takes a function, got {fn!r}")
    if get_instance:
        return fn
    body = {
        "__call__": lambda self, *inputs, **named: fn(*inputs, **named),
        "__doc__": fn.__doc__,
        "__module__": fn.__module__,
    }
    return type(name or fn.__name__, (Primitive,), body)
