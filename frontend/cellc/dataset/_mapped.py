"""The step `map`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cellc.dataset import config
from cellc.dataset._columns import names_of, no_column, positions_of, replaced
from cellc.dataset._parallel import in_order
from cellc.dataset._random import of_row
from cellc.dataset._rows import Gather, Pass, Row
from cellc.dataset.dataset import Dataset
from cellc.dataset.transforms._rowwise import of_rows
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
            with of_row(time.seed, self._number, time.epoch, numbered[0]):
                return self._transformed(numbered[1], self._operations)

        workers = self._workers or config.get_num_parallel_workers()
        return in_order(one, enumerate(self._inputs[0].rows(time)), workers)

    def gather(self) -> Gather | None:
        rows, operations = self._inputs[0].gather(), [of_rows(operation) for operation in self._operations]
        if rows is None or None in operations:
            return None
        return lambda numbers: self._transformed(rows(numbers), operations)

    def numbers(self, time: Pass) -> Iterator[int]:
        return self._inputs[0].numbers(time)

    def _transformed(self, row: Row, operations: Sequence[Any]) -> Row:
        values: tuple[Any, ...] = tuple(row[at] for at in self._taken)
        for operation in operations:
            result = operation(*values)
            values = result if isinstance(result, tuple) else (result,)
        if len(values) != len(self._given):
            message = f"For 'map', the operations gave {len(values)} columns, but 'output_columns' are {self._given}."
            raise ValueError(message)
        new = replaced(row, self._taken, [np.asarray(value) for value in values])
        return tuple(new) if self._order is None else tuple(new[at] for at in self._order)
