"""What a dataset and each of its steps is: rows, made one by one or taken by their numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from cellc.errors import bad_argument
from cellc.storage import aligned_empty

Row = tuple[np.ndarray, ...]
Gather = Callable[[list[Any]], Row]


def taken(arrays: Sequence[np.ndarray], numbers: list[int]) -> Row:
    """`array[numbers]` of arrays of one length, in memory that a Tensor can keep.

    Raises:
        IndexError: there is no such row.
    """
    at = np.array(numbers, np.intp)
    there = at.size > 0 and at.min() >= 0 and at.max() < len(arrays[0])
    return tuple(_taken(array, at) if there else array[at] for array in arrays)


def _taken(array: np.ndarray, at: np.ndarray) -> np.ndarray:
    if array.dtype.hasobject:
        return array[at]
    rows = aligned_empty((len(at), *array.shape[1:]), array.dtype)
    return array.take(at, axis=0, out=rows, mode="clip")  # other modes write to memory of their own first


class Pass(NamedTuple):
    """One time over a dataset: the seed of all its random numbers, which time it is, and the seed of shards' orders.

    The last is the same in all processes, or two of them would read the same rows: also where no seed is set, and
    `seed` is one that nobody knows.
    """

    seed: int
    epoch: int
    shared_seed: int = 0


class Rows(ABC):
    """What every dataset has: rows of NumPy arrays, one for each column, from those of its inputs."""

    def __init__(self, columns: Sequence[str], *inputs: Rows) -> None:
        self._columns = list(columns)
        self._inputs = inputs
        self._number = 1 + max((step._number for step in inputs), default=0)

    @abstractmethod
    def rows(self, time: Pass) -> Iterator[Row]:
        """The rows of one time over the dataset."""

    def groups(self, time: Pass) -> Iterator[list[Row]]:
        """The same rows, in lists of those that are made together."""
        return ([row] for row in self.rows(time))

    @abstractmethod
    def get_dataset_size(self) -> int:
        """How many rows, or batches, one time over the dataset gives."""

    def gather(self) -> Gather | None:
        """What gives rows by their numbers, stacked; None where rows are made one by one.

        A dataset that has it also says which rows it gives: `batch` then takes all rows of a batch at once. An
        exception says that the rows must be made one by one, by `row`.
        """
        return None

    def row(self, number: Any) -> Row:
        """The row that `gather` gives for a number, made by itself."""
        raise NotImplementedError(f"{type(self).__name__} has no numbers of rows")

    def numbers(self, time: Pass) -> Iterator[Any]:
        """What `gather` knows the rows by that `rows` gives, in the same order: numbers, or more, each step's own."""
        raise NotImplementedError(f"{type(self).__name__} has no numbers of rows")

    def knows_one_row(self) -> bool:
        """Whether some step calls functions for one row after another, such as those of the user's."""
        return any(rows.knows_one_row() for rows in self._inputs)

    def owns_rows(self) -> bool:
        """Whether nobody else holds the arrays of a row, so that they may become Tensors as they are."""
        return False

    def get_col_names(self) -> list[str]:
        """The names of the columns."""
        return list(self._columns)

    def get_batch_size(self) -> int:
        """The rows of a batch; 1 before `batch`."""
        return self._inputs[0].get_batch_size() if self._inputs else 1

    def get_repeat_count(self) -> int:
        """How often `repeat` gives the rows."""
        return self._inputs[0].get_repeat_count() if self._inputs else 1

    def num_classes(self) -> int | None:
        """How many classes the labels name; None where the source does not say."""
        return self._inputs[0].num_classes() if self._inputs else None

    def get_class_indexing(self) -> dict[str, int]:
        """The labels of classes by their names; empty where the source has no names."""
        return self._inputs[0].get_class_indexing() if self._inputs else {}

    def output_shapes(self) -> list[list[int]]:
        """The shapes of the first row's columns."""
        return [list(value.shape) for value in self._first()]

    def output_types(self) -> list[np.dtype]:
        """The NumPy types of the first row's columns."""
        return [value.dtype for value in self._first()]

    def _first(self) -> Row:
        row = next(iter(self.rows(Pass(0, 0))), None)
        if row is None:
            raise bad_argument(ValueError, f"{type(self).__name__} is empty.")
        return row
