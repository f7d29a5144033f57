"""Operations that know one row, within a `map` whose other operations take all rows of a batch at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from cellc.dataset._random import of_row
from cellc.dataset._rows import Row

Key = tuple[int, ...]


class ByRow:
    """Operations one after another on each row of stacked columns; the results stacked.

    Args:
        operations: functions of one row's arrays.
    """

    def __init__(self, operations: Sequence[Callable[..., Any]]) -> None:
        self._operations = operations

    def __call__(self, columns: Row, keys: Iterable[Key]) -> Row:
        """The columns of the results; `keys` are those of the rows' random numbers.

        Raises:
            ValueError: results differ in number, shape or dtype, so that rows are to be made one by one.
        """
        rows = zip(*map(_of_column, columns), strict=True)
        results = []
        with of_row() as random:
            for key, row in zip(keys, rows, strict=True):
                random.begin(key)
                results.append(applied(self._operations, row))
        return tuple(_alike(values) for values in zip(*results, strict=True))


def _alike(values: Iterable[Any]) -> np.ndarray:
    """The values of a column, stacked where they have one shape and dtype."""
    arrays = [np.asarray(value) for value in values]
    kinds = {(array.shape, array.dtype) for array in arrays}
    if len(kinds) > 1 or arrays[0].dtype.hasobject:
        raise ValueError(f"rows of one batch differ: {kinds}")
    return stacked(arrays)


def stacked(arrays: list[np.ndarray]) -> np.ndarray:
    """`np.stack` of arrays of one shape, which takes several times as long as it takes `np.array`."""
    first = arrays[0].dtype
    if first.hasobject or not all(array.dtype == first for array in arrays):
        return np.stack(arrays)
    return np.array(arrays)


def applied(operations: Iterable[Callable[..., Any]], values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Each operation on what the one before returned."""
    for operation in operations:
        result = operation(*values)
        values = result if isinstance(result, tuple) else (result,)
    return values


def _of_column(column: np.ndarray) -> list[np.ndarray]:
    """Its rows, as arrays also where they have rank 0."""
    return list(column) if column.ndim > 1 else [column[at, ...] for at in range(len(column))]
