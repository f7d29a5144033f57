"""The step `batch`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np

from cellc.dataset._by_row import stacked
from cellc.dataset._columns import names_of, positions_of, replaced
from cellc.dataset._parallel import in_order
from cellc.dataset._rows import Gather, Pass, Row
from cellc.dataset.dataset import Dataset
from cellc.ops import _validate

_Item = TypeVar("_Item")


class BatchInfo:
    """What `per_batch_map` is told."""

    def __init__(self, epoch: int, batch: int) -> None:
        self._epoch, self._batch = epoch, batch

    def get_epoch_num(self) -> int:
        """Which time over the dataset, from 0."""
        return self._epoch

    def get_batch_num(self) -> int:
        """Which batch of it, from 0."""
        return self._batch


class Batched(Dataset):
    def __init__(
        self, rows: Dataset, size: int, drop: bool, workers: int | None, function: Any, inputs: Any, outputs: Any
    ) -> None:
        self._size = _validate.positive_int("batch_size", size, "batch")
        self._drop = _validate.boolean("drop_remainder", drop, "batch")
        self._workers = 1 if workers is None else _validate.positive_int("num_parallel_workers", workers, "batch")
        self._function = function
        taken = rows._columns if inputs is None else names_of("input_columns", inputs)
        self._taken = positions_of(rows, taken, "batch")
        self._given = taken if outputs is None else names_of("output_columns", outputs)
        super().__init__(replaced(rows._columns, self._taken, self._given), rows)

    def get_dataset_size(self) -> int:
        count = self._inputs[0].get_dataset_size()
        return count // self._size if self._drop else math.ceil(count / self._size)

    def get_batch_size(self) -> int:
        return self._size

    def owns_rows(self) -> bool:
        return self._function is None

    def rows(self, time: Pass) -> Iterator[Row]:
        gather = None if self._function is not None else self._inputs[0].gather()
        return self._one_by_one(time) if gather is None else self._gathered(time, gather)

    def _gathered(self, time: Pass, gather: Gather) -> Iterator[Row]:
        for group in self._groups(self._inputs[0].numbers(time)):
            try:
                batch = gather(group)
            except Exception:  # its rows, made one by one, are stacked after all, or say which of them is wrong
                rows = map(self._inputs[0].row, group)
                batch = self._stacked([list(column) for column in zip(*rows, strict=True)])
            yield batch

    def _one_by_one(self, time: Pass) -> Iterator[Row]:
        """The batches, of rows that are made one by one."""

        def one(numbered: tuple[int, list[Row]]) -> Row:
            columns = [list(column) for column in zip(*numbered[1], strict=True)]
            if self._function is not None:
                columns = self._mapped(columns, BatchInfo(time.epoch, numbered[0]))
            return self._stacked(columns)

        return in_order(one, enumerate(self._groups(self._inputs[0].rows(time))), self._workers)

    def _stacked(self, columns: list[Any]) -> Row:
        return tuple(_column(values, name) for values, name in zip(columns, self._columns, strict=True))

    def _groups(self, items: Iterator[_Item]) -> Iterator[list[_Item]]:
        while group := list(itertools.islice(items, self._size)):
            if len(group) == self._size or not self._drop:
                yield group

    def _mapped(self, columns: list[Any], info: BatchInfo) -> list[Any]:
        result = self._function(*(columns[at] for at in self._taken), info)
        values = list(result) if isinstance(result, tuple) else [result]
        if len(values) != len(self._given):
            message = f"For 'batch', 'per_batch_map' gave {len(values)} columns, but {len(self._given)} are wanted."
            raise ValueError(message)
        return replaced(columns, self._taken, values)


def _column(values: list[Any], name: str) -> np.ndarray:
    arrays = [np.asarray(value) for value in values]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ValueError(f"For 'batch', rows of one batch must have one shape, but column {name!r} has {shapes}.")
    return stacked(arrays)
