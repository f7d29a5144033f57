"""Functions of functions: maps over nested tuples, and functions chosen by the types of their arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from cellc.errors import bad_argument
from cellc.ops import _validate
from cellc.tensor import Tensor

partial = functools.partial

_KINDS: dict[str, Callable[[Any], bool]] = {
    "Tensor": lambda value: isinstance(value, Tensor),
    "Bool": lambda value: isinstance(value, bool),
    "Number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "String": lambda value: isinstance(value, str),
    "Tuple": lambda value: isinstance(value, tuple),
    "List": lambda value: isinstance(value, list),
    "None": lambda value: value is None,
    "Function": lambda value: callable(value) and not isinstance(value, Tensor),
}
"""What the names of types stand for that `register` takes."""


class HyperMap:
    """Applies a function to the elements of tuples or lists, and of those in them, side by side.

    Args:
        ops: the function; None where it is the first argument of the call.
        reverse: accepted for MindSpore's sake: the order of calls does not matter.

    Inputs:
        The function where `ops` is None, then tuples or lists of one structure, one for each argument of the function.

    Outputs:
        What the function returns, in tuples (or lists) of the structure of the first.

    Raises:
        TypeError: the function cannot be called, there is nothing to map over, or structures differ.
        ValueError: lengths differ.

    Examples:
        >>> ops.HyperMap()(lambda x, y: x + y, (1, (2, 3)), (10, (20, 30)))
        (11, (22, 33))
    """

    def __init__(self, ops: Callable[..., Any] | None = None, reverse: bool = False) -> None:
        if ops is not None and not callable(ops):
            raise bad_argument(TypeError, f"For 'HyperMap', 'ops' must be a function or None, but got {ops!r}.")
        _validate.boolean("reverse", reverse, "HyperMap")
        self._function = ops

    def __call__(self, *arguments: Any) -> Any:
        function, values = self._function, arguments
        if function is None and arguments:
            function, *values = arguments
        if not callable(function) or not values:
            raise bad_argument(TypeError, "For 'HyperMap', a function and something to map it over are taken.")
        return _mapped(function, tuple(values))


class Map(HyperMap):
    """HyperMap; see there."""


hyper_map = HyperMap()


class MultitypeFuncGraph:
    """A function that is chosen by the types of the arguments.

    Args:
        name: for messages.
        read_value: accepted for MindSpore's sake.

    Examples:
        >>> scale = ops.MultitypeFuncGraph("scale")
        >>> @scale.register("Number", "Tensor")
        ... def _(factor, x):
        ...     return x * factor
        >>> scale(2, Tensor([1.0, 3.0])).asnumpy().tolist()
        [2.0, 6.0]
    """

    def __init__(self, name: str, read_value: bool = False) -> None:
        self.name = _validate.of_type("name", name, str, "MultitypeFuncGraph")
        self._cases: list[tuple[tuple[str, ...], Callable[..., Any]]] = []

    def register(self, *type_names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """A decorator for the function of arguments of these types: "Tensor", "Number", "Bool", "String", "Tuple",
        "List", "Function" or "None". Where several fit, the first that was registered is called.

        Names of other types, such as "RowTensor", are accepted, and no argument has them.
        """
        for type_name in type_names:
            _validate.of_type("type_names", type_name, str, "MultitypeFuncGraph.register")

        def add(function: Callable[..., Any]) -> Callable[..., Any]:
            self._cases.append((type_names, function))
            return function

        return add

    def __call__(self, *arguments: Any) -> Any:
        """What the function for these arguments returns.

        Raises:
            TypeError: there is none.
        """
        for names, function in self._cases:
            if len(names) == len(arguments) and all(map(_is_a, names, arguments)):
                return function(*arguments)
        kinds = ", ".join(type(argument).__name__ for argument in arguments)
        raise bad_argument(TypeError, f"For '{self.name}', no function is registered for ({kinds}).")


def _is_a(name: str, value: Any) -> bool:
    return name in _KINDS and _KINDS[name](value)


def _mapped(function: Callable[..., Any], values: tuple[Any, ...]) -> Any:
    nested = [isinstance(value, tuple | list) for value in values]
    if not any(nested):
        return function(*values)
    if not all(nested):
        raise bad_argument(TypeError, "For 'HyperMap', all arguments must be tuples or lists of one structure.")
    lengths = {len(value) for value in values}
    if len(lengths) > 1:
        raise bad_argument(
            ValueError, f"For 'HyperMap', all arguments must have one length, but got {sorted(lengths)}."
        )
    found = [_mapped(function, parts) for parts in zip(*values, strict=True)]
    return found if isinstance(values[0], list) else tuple(found)
