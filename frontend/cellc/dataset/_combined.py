"""Steps that join several datasets: side by side, or one after another."""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from cellc.dataset._rows import Pass, Row
from cellc.dataset.dataset import Dataset
from cellc.errors import bad_argument
from cellc.ops import _validate


class Zipped(Dataset):
    def __init__(self, datasets: Sequence[Dataset]) -> None:
        columns = list(itertools.chain.from_iterable(_checked(one, "zip")._columns for one in datasets))
        if len(set(columns)) < len(columns):
            raise bad_argument(ValueError, f"For 'zip', columns must have different names, but got {columns}.")
        super().__init__(columns, *datasets)

    def get_dataset_size(self) -> int:
        return min(one.get_dataset_size() for one in self._inputs)

    def rows(self, time: Pass) -> Iterator[Row]:
        for parts in builtins.zip(*(one.rows(time) for one in self._inputs), strict=False):
            yield tuple(itertools.chain.from_iterable(parts))


class Concatenated(Dataset):
    def __init__(self, datasets: Sequence[Dataset]) -> None:
        columns = _checked(datasets[0], "concat")._columns
        for one in datasets:
            if _checked(one, "concat")._columns != columns:
                message = f"For 'concat', columns must be the same, but got {columns} and {one._columns}."
                raise bad_argument(ValueError, message)
        super().__init__(columns, *datasets)

    def get_dataset_size(self) -> int:
        return sum(one.get_dataset_size() for one in self._inputs)

    def rows(self, time: Pass) -> Iterator[Row]:
        return itertools.chain.from_iterable(one.rows(time) for one in self._inputs)


def zip(datasets: Sequence[Dataset]) -> Dataset:
    """Rows of several datasets side by side, see `Dataset.zip`.

    Raises:
        TypeError, ValueError: there is none, one is no Dataset, or two columns have one name.
    """
    if not isinstance(datasets, list | tuple) or not datasets:
        raise bad_argument(TypeError, f"For 'zip', 'datasets' must be a tuple of Datasets, but got {datasets!r}.")
    return Zipped(list(datasets))


def _checked(dataset: Any, owner: str) -> Dataset:
    return _validate.of_type("datasets", dataset, Dataset, owner)
