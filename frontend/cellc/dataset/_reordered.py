"""Steps that give rows of one dataset as they are: in another order, some of them, or some of their columns."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np

from cellc.dataset._columns import names_of, positions_of
from cellc.dataset._rows import Gather, Pass, Row
from cellc.dataset.dataset import Dataset
from cellc.errors import bad_argument
from cellc.ops import _validate

_Item = TypeVar("_Item")


class Shuffled(Dataset):
    def __init__(self, rows: Dataset, buffer_size: int) -> None:
        super().__init__(rows._columns, rows)
        self._size = _validate.positive_int("buffer_size", buffer_size, "shuffle")
        if buffer_size < 2:
            raise bad_argument(ValueError, f"For 'shuffle', 'buffer_size' must be at least 2, but got {buffer_size}.")

    def owns_rows(self) -> bool:
        return self._inputs[0].owns_rows()

    def get_dataset_size(self) -> int:
        return self._inputs[0].get_dataset_size()

    def rows(self, time: Pass) -> Iterator[Row]:
        random = self._random(time)
        return self._drawn(self._inputs[0].rows(time), self._draws(random), random)

    def gather(self) -> Gather | None:
        return self._inputs[0].gather()

    def row(self, number: Any) -> Row:
        return self._inputs[0].row(number)

    def numbers(self, time: Pass) -> Iterator[Any]:
        random = self._random(time)
        # The same as one by one, where each draw would take longer than the gathering of its row.
        draws = random.integers(self._size, size=max(0, self.get_dataset_size() - self._size)).tolist()
        # A sampler of the user's may give more numbers than it did when they were counted.
        return self._drawn(self._inputs[0].numbers(time), itertools.chain(draws, self._draws(random)), random)

    def _draws(self, random: np.random.Generator) -> Iterator[int]:
        return iter(lambda: int(random.integers(self._size)), None)

    def _random(self, time: Pass) -> np.random.Generator:
        return np.random.default_rng([time.seed, self._number, time.epoch])

    def _drawn(self, items: Iterator[_Item], draws: Iterator[Any], random: np.random.Generator) -> Iterator[_Item]:
        buffer = list(itertools.islice(items, self._size))
        for item, at in zip(items, draws, strict=False):  # in this order: the last item is not followed by a draw
            yield buffer[at]
            buffer[at] = item
        for at in random.permutation(len(buffer)).tolist():
            yield buffer[at]


class Repeated(Dataset):
    def __init__(self, rows: Dataset, count: int | None) -> None:
        super().__init__(rows._columns, rows)
        self._count = None if count in (None, -1) else _validate.positive_int("count", count, "repeat")

    def owns_rows(self) -> bool:
        return self._inputs[0].owns_rows()

    def get_dataset_size(self) -> int:
        if self._count is None:
            raise bad_argument(RuntimeError, "a dataset that is repeated without end has no size.")
        return self._count * self._inputs[0].get_dataset_size()

    def get_repeat_count(self) -> int:
        return -1 if self._count is None else self._count

    def rows(self, time: Pass) -> Iterator[Row]:
        return itertools.chain.from_iterable(map(self._inputs[0].rows, self._times(time)))

    def groups(self, time: Pass) -> Iterator[list[Row]]:
        return itertools.chain.from_iterable(map(self._inputs[0].groups, self._times(time)))

    def _times(self, time: Pass) -> Iterator[Pass]:
        for number in itertools.count() if self._count is None else range(self._count):
            yield time._replace(epoch=number if self._count is None else time.epoch * self._count + number)


class Sliced(Dataset):
    def __init__(self, rows: Dataset, first: int, count: int | None) -> None:
        super().__init__(rows._columns, rows)
        self._first_row, self._count = first, count

    def owns_rows(self) -> bool:
        return self._inputs[0].owns_rows()

    def get_dataset_size(self) -> int:
        rest = max(0, self._inputs[0].get_dataset_size() - self._first_row)
        return rest if self._count is None else min(rest, self._count)

    def rows(self, time: Pass) -> Iterator[Row]:
        return self._cut(self._inputs[0].rows(time))

    def gather(self) -> Gather | None:
        return self._inputs[0].gather()

    def row(self, number: Any) -> Row:
        return self._inputs[0].row(number)

    def numbers(self, time: Pass) -> Iterator[Any]:
        return self._cut(self._inputs[0].numbers(time))

    def _cut(self, items: Iterator[_Item]) -> Iterator[_Item]:
        end = None if self._count is None else self._first_row + self._count
        return itertools.islice(items, self._first_row, end)


class Filtered(Dataset):
    def __init__(self, rows: Dataset, predicate: Any, inputs: Any) -> None:
        super().__init__(rows._columns, rows)
        if not callable(predicate):
            raise bad_argument(TypeError, f"For 'filter', 'predicate' must be a function, but got {predicate!r}.")
        self._predicate = predicate
        self._taken = positions_of(
            rows, rows._columns if inputs is None else names_of("input_columns", inputs), "filter"
        )

    def get_dataset_size(self) -> int:
        """Counts: which rows are kept is known only then."""
        return sum(1 for _ in self.rows(Pass(0, 0)))

    def rows(self, time: Pass) -> Iterator[Row]:
        rows = self._inputs[0].rows(time)
        return (row for row in rows if self._predicate(*(row[at] for at in self._taken)))


class Projected(Dataset):
    def __init__(self, rows: Dataset, columns: Any, names: Any) -> None:
        super().__init__(names_of("columns", names), rows)
        self._taken = positions_of(rows, names_of("columns", columns), "project")

    def owns_rows(self) -> bool:
        return self._inputs[0].owns_rows()

    def get_dataset_size(self) -> int:
        return self._inputs[0].get_dataset_size()

    def rows(self, time: Pass) -> Iterator[Row]:
        return (self._chosen(row) for row in self._inputs[0].rows(time))

    def gather(self) -> Gather | None:
        rows = self._inputs[0].gather()
        return None if rows is None else lambda numbers: self._chosen(rows(numbers))

    def row(self, number: Any) -> Row:
        return self._chosen(self._inputs[0].row(number))

    def numbers(self, time: Pass) -> Iterator[Any]:
        return self._inputs[0].numbers(time)

    def _chosen(self, row: Row) -> Row:
        return tuple(row[at] for at in self._taken)
