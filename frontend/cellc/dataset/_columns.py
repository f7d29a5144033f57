"""Columns of rows, by name and by position."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from cellc.dataset._rows import Rows
from cellc.errors import bad_argument


def names_of(name: str, value: Any) -> list[str]:
    """Names of columns, from one or several."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(column, str) for column in names) or not names:
        raise bad_argument(TypeError, f"'{name}' must be a str or a list of them, but got {value!r}.")
    return list(names)


def positions_of(dataset: Rows, names: Sequence[str], owner: str) -> list[int]:
    """Where the columns are."""
    columns = dataset._columns
    return [columns.index(name) if name in columns else no_column(name, columns, owner) for name in names]


def no_column(name: str, columns: Sequence[str], owner: str) -> int:
    """Raises ValueError: there is no such column."""
    raise bad_argument(ValueError, f"For '{owner}', there is no column {name!r}; there are {', '.join(columns)}.")


def replaced(values: Sequence[Any], taken: Sequence[int], given: Sequence[Any]) -> list[Any]:
    """`values` with those at `taken` replaced: one for one, or all of `given` where the first was."""
    if len(taken) == len(given):
        new = list(values)
        for at, value in zip(taken, given, strict=True):
            new[at] = value
        return new
    first = min(taken)
    kept = [[value] for value in values]
    for at in taken:
        kept[at] = list(given) if at == first else []
    return list(itertools.chain.from_iterable(kept))
