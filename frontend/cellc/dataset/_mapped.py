"""The step `map`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from cellc.dataset import config
from cellc.dataset._by_row import ByRow, Key, applied
from cellc.dataset._columns import names_of, no_column, positions_of, replaced
from cellc.dataset._parallel import in_order
from cellc.dataset._random import of_row
from cellc.dataset._rows import Gather, Pass, Row
from cellc.dataset.dataset import Dataset
from cellc.dataset.transforms._rowwise import of_rows
from cellc.dataset.transforms._transforms import Compose
from cellc.errors import bad_argument
from cellc.ops import _validate


class Mapped(Dataset):
    def __init__(
        self, rows: Dataset, operations: Any, inputs: Any, outputs: Any, order: Any, workers: int | None
    ) -> None:
        self._operations = list(operations) if isinstance(operations, list | tuple) else [operations]
        for operation in self._operations:
            if not callable(operation):
                raise bad_argument(TypeError, f"For 'map', 'operations' must be functions, but got {operation!r}.")
        taken = rows._columns[:1] if inputs is None else names_of("input_columns", inputs)
        self._taken = positions_of(rows, taken, "map")
        self._given = taken if outputs is None else names_of("output_columns", outputs)
        self._workers = None if workers is None else _validate.positive_int("num_parallel_workers", workers, "map")
        columns = replaced(rows._columns, self._taken, self._given)
        self._order = None
        if order is not None:
            self._order = [columns.index(name) if name in columns else no_column(name, columns, "map")
                           for name in names_of("column_order", order)]  # fmt: skip
            columns = [columns[at] for at in self._order]
        super().__init__(columns, rows)

    def get_dataset_size(self) -> int:
        return self._inputs[0].get_dataset_size()

    def rows(self, time: Pass) -> Iterator[Row]:
        def one(numbered: tuple[int, Row]) -> Row:
            return self._applied(self._key(time, numbered[0]), numbered[1])

        return in_order(one, enumerate(self._inputs[0].rows(time)), self._threads())

    def _applied(self, key: Key, row: Row) -> Row:
        with of_row(*key):
            return self._with(row, applied(self._operations, tuple(row[at] for at in self._taken)))

    def row(self, number: Any) -> Row:
        key, inner = number if self._is_by_row(_stages(self._operations)) else ((), number)
        return self._applied(key, self._inputs[0].row(inner))

    def knows_one_row(self) -> bool:
        return self._is_by_row(_stages(self._operations)) or super().knows_one_row()

    def gather(self) -> Gather | None:
        rows, stages = self._inputs[0].gather(), _stages(self._operations)
        if rows is None or (self._is_by_row(stages) and self._threads() > 1):
            return None

        def gathered(numbers: list[Any]) -> Row:
            keys, inner = zip(*numbers, strict=True) if self._is_by_row(stages) else ((), numbers)
            row = rows(list(inner))
            values = tuple(row[at] for at in self._taken)
            for stage in stages:
                values = stage(values, keys) if isinstance(stage, ByRow) else applied([stage], values)
            return self._with(row, values)

        return gathered

    def numbers(self, time: Pass) -> Iterator[Any]:
        """Those of the input; where an operation knows one row, with the key of its random numbers."""
        numbers = self._inputs[0].numbers(time)
        if not self._is_by_row(_stages(self._operations)):
            return numbers
        return ((self._key(time, at), number) for at, number in enumerate(numbers))

    def _is_by_row(self, stages: list[Any]) -> bool:
        return any(isinstance(stage, ByRow) for stage in stages)

    def _key(self, time: Pass, at: int) -> Key:
        return time.seed, self._number, time.epoch, at

    def _threads(self) -> int:
        return self._workers or config.get_num_parallel_workers()

    def _with(self, row: Row, values: tuple[Any, ...]) -> Row:
        """The row, or rows, with the results in their places."""
        if len(values) != len(self._given):
            message = f"For 'map', the operations gave {len(values)} columns, but 'output_columns' are {self._given}."
            raise ValueError(message)
        new = replaced(row, self._taken, [np.asarray(value) for value in values])
        return tuple(new) if self._order is None else tuple(new[at] for at in self._order)


def _stages(operations: Iterable[Callable[..., Any]]) -> list[Any]:
    """The operations for many rows at once, and between them those that know one row, as a ByRow each."""
    stages: list[Any] = []
    for at_once, group in itertools.groupby(_parts(operations), lambda operation: of_rows(operation) is not None):
        run = list(group)
        stages += [of_rows(operation) for operation in run] if at_once else [ByRow(run)]
    return stages


def _parts(operations: Iterable[Callable[..., Any]]) -> Iterator[Callable[..., Any]]:
    """The operations, those that a Compose joins each by itself."""
    for operation in operations:
        if isinstance(operation, Compose) and type(operation).__call__ is Compose.__call__:
            yield from _parts(operation.transforms)
        else:
            yield operation
