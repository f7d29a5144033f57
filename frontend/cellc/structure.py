"""Nested tuples, lists, dicts and None as flat lists of tensors, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import copysign, nan
from operator import itemgetter
from typing import Any

import numpy as np

from cellc.tensor_base import TensorBase


class _Leaf:
    """Stands for a tensor in a structure; equal to every other leaf, so structures can be keys."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "*"


LEAF = _Leaf()


class _DictKey(tuple):
    """A dict as a hashable structure: pairs in insertion order."""


class _ListKey(tuple):
    """A list as a hashable structure."""


def flatten(value: Any, leaves: list[TensorBase], kinds: list[Any] | None = None) -> Any:
    """Appends the tensors of `value` to `leaves`; returns its structure, with Python values in place.

    The structure is hashable where its Python values are. `kinds`, if given, gets what tells apart values whose
    structures are equal: 1, 1.0 and True, 0.0 and -0.0, a list and a tuple. Such structures are keys, no values.
    """
    if isinstance(value, TensorBase):
        leaves.append(value)
        return LEAF
    if kinds is not None:
        kinds.append(type(value))
    if isinstance(value, list):
        return _ListKey([flatten(item, leaves, kinds) for item in value])
    if isinstance(value, tuple):
        items = tuple([flatten(item, leaves, kinds) for item in value])
        return items if type(value) is tuple else _like(value, items)
    if isinstance(value, dict):
        if kinds is not None:
            for key in value:
                flatten(key, [], kinds)
        return _DictKey([(key, flatten(item, leaves, kinds)) for key, item in value.items()])
    return value if kinds is None else _constant(value, kinds)


def _constant(value: Any, kinds: list[Any]) -> Any:
    """A Python value in a key, with what tells it apart in `kinds`. NaN, which equals nothing, is one object."""
    if isinstance(value, complex | np.complexfloating):
        return tuple([_constant(part, kinds) for part in (value.real, value.imag)])
    if isinstance(value, float | np.floating):
        kinds.append(copysign(1.0, value))
        return value if value == value else nan
    return value


def _like(value: Any, items: tuple[Any, ...]) -> tuple[Any, ...]:
    """`items`, as a named tuple where `value` is one: not through its constructor, which may check its arguments."""
    return value._make(items) if hasattr(value, "_fields") else items


def unflatten(structure: Any, leaves: Iterator[Any]) -> Any:
    """The value with `leaves`, in order, where `structure` has leaves."""
    if structure is LEAF:
        return next(leaves)
    if isinstance(structure, _ListKey):
        return [unflatten(item, leaves) for item in structure]
    if isinstance(structure, _DictKey):
        return {key: unflatten(item, leaves) for key, item in structure}
    if isinstance(structure, tuple):
        items = tuple([unflatten(item, leaves) for item in structure])
        return _like(structure, items)
    return structure


def rebuilding(structure: Any) -> Callable[[list[Any]], Any]:
    """What makes the value of a list of leaves: `unflatten`, and quicker where there is one, or a tuple of some."""
    if structure is LEAF:
        return itemgetter(0)
    if type(structure) is tuple and all(item is LEAF for item in structure):
        return tuple
    return lambda leaves: unflatten(structure, iter(leaves))


def leaf_names(name: str, structure: Any) -> Iterator[str]:
    """A name for each leaf: `x`, or `x[0]`, `x['mask']` inside containers."""
    if structure is LEAF:
        yield name
    elif isinstance(structure, _DictKey):
        for key, item in structure:
            yield from leaf_names(f"{name}[{key!r}]", item)
    elif isinstance(structure, tuple):
        for index, item in enumerate(structure):
            yield from leaf_names(f"{name}[{index}]", item)
