"""`ms_function` (`jit`): compiles a Python function of tensors as a Cell's `construct` is compiled."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

from cellc.function import Function
from cellc.running import recorded


class CompiledFunction:
    """A function whose calls run compiled; inside another compiled function it is traced with it."""

    def __init__(self, python: Callable[..., Any]) -> None:
        functools.update_wrapper(self, python)
        self.__wrapped__ = python
        name = getattr(python, "__name__", type(python).__name__)
        self._function = Function(python, lambda: name, "function")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if recorded():
            return self.__wrapped__(*args, **kwargs)
        return self._function.run(args, kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)


def ms_function(
    fn: Callable[..., Any] | None = None,
    obj: Any = None,
    input_signature: Any = None,
    hash_args: Any = None,
    jit_config: Any = None,
) -> Any:
    """Decorator: compiles `fn` once for each kind of arguments.

    Args:
        fn: the function; without it, a decorator is returned.
        obj, input_signature, hash_args, jit_config: accepted as in MindSpore; shapes are taken from each call.

    Raises:
        TypeError: `fn` is not callable.
    """
    if fn is None:
        return ms_function
    if not callable(fn):
        raise TypeError(f"ms_function takes a function, got {fn!r}")
    return CompiledFunction(fn)


jit = ms_function


def ms_class(cls: type) -> type:
    """Decorator: the class as it is. MindSpore asks for it where `construct` uses objects; tracing runs any Python.

    Raises:
        TypeError: `cls` is not a class.
    """
    if not isinstance(cls, type):
        raise TypeError(f"ms_class takes a class, got {cls!r}")
    return cls
