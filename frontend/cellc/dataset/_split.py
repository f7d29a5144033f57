"""`split`: parts of a dataset that have no row in common."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cellc.dataset import config
from cellc.dataset._random import fresh_seed
from cellc.dataset._rows import Gather, Pass, Row
from cellc.dataset.dataset import Dataset
from cellc.dataset.sources import Source
from cellc.errors import bad_argument
from cellc.ops import _validate


class Part(Dataset):
    """The rows that are at `places` of a time over `rows`, in that order."""

    def __init__(self, rows: Dataset, places: np.ndarray, seed: int) -> None:
        super().__init__(rows._columns, rows)
        self._places, self._seed = places.tolist(), seed

    def owns_rows(self) -> bool:
        return self._inputs[0].owns_rows()

    def get_dataset_size(self) -> int:
        return len(self._places)

    def rows(self, time: Pass) -> Iterator[Row]:
        if self.gather() is not None:
            return map(self.row, self.numbers(time))
        at = {place: number for number, place in enumerate(self._places)}
        found: list[Any] = [None] * len(at)
        for place, row in enumerate(self._inputs[0].rows(self._fixed(time))):
            if place in at:
                found[at[place]] = row
        return iter(found)

    def gather(self) -> Gather | None:
        return self._inputs[0].gather()

    def row(self, number: Any) -> Row:
        return self._inputs[0].row(number)

    def numbers(self, time: Pass) -> Iterator[Any]:
        numbers = list(itertools.islice(self._inputs[0].numbers(self._fixed(time)), 1 + max(self._places)))
        return (numbers[place] for place in self._places)

    def _fixed(self, time: Pass) -> Pass:
        """A source that shuffles gives the same order each time, or a part would have other rows each time."""
        return Pass(self._seed, 0, self._seed) if isinstance(self._inputs[0], Source) else time


def split(rows: Dataset, sizes: Any, randomize: Any) -> list[Dataset]:
    """The parts; see `Dataset.split`."""
    counts = _counts(sizes, rows.get_dataset_size())
    seed = fresh_seed(config.get_seed())
    order = np.arange(sum(counts))
    if _validate.boolean("randomize", randomize, "split"):
        order = np.random.default_rng(seed).permutation(len(order))
    return [Part(rows, places, seed) for places in np.split(order, np.cumsum(counts)[:-1])]


def _counts(sizes: Any, length: int) -> list[int]:
    """The rows of each part.

    Raises:
        TypeError, ValueError: `sizes` are no sizes of parts of so many rows.
    """
    if not isinstance(sizes, Sequence) or isinstance(sizes, str) or not sizes:
        raise bad_argument(TypeError, f"For 'split', 'sizes' must be a list of ints or of floats, but got {sizes!r}.")
    if all(type(size) is int for size in sizes):
        counts = [_validate.positive_int("sizes", size, "split") for size in sizes]
        if sum(counts) != length:
            message = (
                f"For 'split', the 'sizes' {counts} must add up to the dataset's {length} rows, not {sum(counts)}."
            )
            raise bad_argument(ValueError, message)
        return counts
    if not all(type(size) is float and 0 < size <= 1 for size in sizes) or abs(sum(sizes) - 1) > 1e-9:
        message = f"For 'split', 'sizes' that are no ints must be floats above 0 that add up to 1, but got {sizes!r}."
        raise bad_argument(ValueError, message)
    counts = [round(size * length) for size in sizes]
    difference = length - sum(counts)
    # As in MindSpore: what is left over goes to the first part, what is too much comes from the first large enough.
    at = 0 if difference > 0 else next((i for i, count in enumerate(counts) if count > -difference), 0)
    counts[at] += difference
    if min(counts) < 1:
        raise bad_argument(ValueError, f"For 'split', the 'sizes' {sizes!r} of {length} rows leave a part without any.")
    return counts
