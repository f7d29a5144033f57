"""Checks of constructor and operator arguments.

Each check returns the value it was given, so that a constructor reads `self.eps = positive_float("eps", eps, owner)`.
A wrong kind of value raises TypeError and a wrong value ValueError, as MindSpore does; the message names the
class, the argument and the value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cellc.dtype import DType, dtype_of
from cellc.errors import bad_argument


def of_type(name: str, value: Any, types: type | tuple[type, ...], owner: str) -> Any:
    """`value`, an instance of one of `types`; True and False are ints only where bool is named."""
    allowed = types if isinstance(types, tuple) else (types,)
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        names = " or ".join("None" if kind is type(None) else kind.__name__ for kind in allowed)
        raise bad_argument(
            TypeError, f"For '{owner}', '{name}' must be {names}, but got {value!r} of type {type(value).__name__}."
        )
    return value


def boolean(name: str, value: Any, owner: str) -> bool:
    """`value`, a bool."""
    return of_type(name, value, bool, owner)


def integer(name: str, value: Any, owner: str) -> int:
    """`value`, an int and not a bool."""
    return of_type(name, value, int, owner)


def positive_int(name: str, value: Any, owner: str) -> int:
    """`value`, an int of at least 1."""
    if integer(name, value, owner) < 1:
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must be at least 1, but got {value}.")
    return value


def non_negative_int(name: str, value: Any, owner: str) -> int:
    """`value`, an int of at least 0."""
    if integer(name, value, owner) < 0:
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must not be negative, but got {value}.")
    return value


def int_in(name: str, value: Any, low: int, high: int, owner: str) -> int:
    """`value`, an int with low <= value <= high."""
    if not low <= integer(name, value, owner) <= high:
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must be in [{low}, {high}], but got {value}.")
    return value


def positive_float(name: str, value: Any, owner: str) -> float:
    """`value`, a finite float above 0."""
    if not 0 < of_type(name, value, float, owner) < float("inf"):
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must be finite and greater than 0, but got {value}.")
    return value


def non_negative_float(name: str, value: Any, owner: str) -> float:
    """`value`, a float of at least 0."""
    if not of_type(name, value, float, owner) >= 0:
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must not be negative, but got {value}.")
    return value


def float_between(name: str, value: Any, low: float, high: float, owner: str) -> float:
    """`value`, a float with low < value < high."""
    if not low < of_type(name, value, float, owner) < high:
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must be in ({low}, {high}), but got {value}.")
    return value


def one_of(name: str, value: Any, choices: Iterable[str], owner: str) -> str:
    """`value`, one of the strings `choices`; everything else is a ValueError, as in MindSpore."""
    allowed = tuple(choices)
    if not isinstance(value, str) or value not in allowed:
        quoted = ", ".join(f"'{choice}'" for choice in allowed)
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must be one of {quoted}, but got {value!r}.")
    return value


def pair(name: str, value: Any, owner: str) -> tuple[int, int]:
    """`(height, width)` from a positive int, which stands for both, or a tuple of two."""
    of_type(name, value, (int, tuple), owner)
    both = (value, value) if isinstance(value, int) else value
    if len(both) != 2 or not all(isinstance(item, int) and not isinstance(item, bool) and item > 0 for item in both):
        raise bad_argument(
            ValueError,
            f"For '{owner}', '{name}' must be a positive int or a tuple of two positive ints, but got {value}.",
        )
    return both


def padding(name: str, value: Any, owner: str) -> tuple[int, int, int, int]:
    """`(top, bottom, left, right)` from a non-negative int, which stands for all, or a tuple of four."""
    of_type(name, value, (int, tuple), owner)
    sides = (value,) * 4 if isinstance(value, int) else value
    if len(sides) != 4:
        raise bad_argument(
            ValueError, f"For '{owner}', '{name}' must be an int or a tuple of four ints, but got {value}."
        )
    for side in sides:
        non_negative_int(name, side, owner)
    return sides


def axis_in(name: str, axis: Any, rank: int, owner: str) -> int:
    """`axis` counted from 0, for a tensor of that rank; negative axes count from the end."""
    if not -rank <= integer(name, axis, owner) < rank:
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must be in [{-rank}, {rank}), but got {axis}.")
    return axis % rank


def axes_in(name: str, axes: Any, rank: int, owner: str) -> tuple[int, ...]:
    """Sorted distinct axes from an int, a tuple or a list; `()` and None stand for all of them."""
    if axes is None or (isinstance(axes, tuple | list) and not axes):
        return tuple(range(rank))
    items = axes if isinstance(axes, tuple | list) else (axes,)
    found = sorted(axis_in(name, axis, rank, owner) for axis in items)
    if len(set(found)) != len(found):
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must not name an axis twice, but got {axes}.")
    return tuple(found)


def element_type(name: str, value: Any, owner: str) -> DType:
    """The `DType` that a DType, a NumPy dtype, its name or a Python type stands for."""
    try:
        return dtype_of(value)
    except TypeError as error:
        raise bad_argument(TypeError, f"For '{owner}', '{name}': {error}") from None


def float_tensor(name: str, tensor: Any, owner: str) -> Any:
    """`tensor`, of a float dtype."""
    if not tensor.dtype.is_float:
        raise bad_argument(
            TypeError,
            f"For '{owner}', '{name}' must be a float tensor, but got {tensor.dtype}.",
            f"convert it: {name}.astype(cellc.float32)",
        )
    return tensor


def one_dtype(owner: str, **tensors: Any) -> None:
    """Tensors that must have one dtype: weights and data are not converted behind the user's back."""
    if len({tensor.dtype for tensor in tensors.values()}) > 1:
        names = " and ".join(f"'{name}'" for name in tensors)
        raise bad_argument(
            TypeError,
            f"For '{owner}', {names} must have one dtype, but got "
            f"{' and '.join(str(tensor.dtype) for tensor in tensors.values())}.",
            "convert one of them with .astype",
        )
