"""The step `batch`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

from cellc.dataset import config
from cellc.dataset._by_row import stacked
from cellc.dataset._columns import names_of, positions_of, replaced
from cellc.dataset._padded import Padding
from cellc.dataset._parallel import in_order
from cellc.dataset._rows import Gather, Pass, Row
from cellc.dataset.dataset import Dataset
from cellc.ops import _validate
from cellc.storage import ALIGNMENT

_Item = TypeVar("_Item")
_SECONDS = 0.5e-3
_BYTES = 1 << 21
_SMALL = 1 << 10


class BatchInfo:
    """What `per_batch_map`, and a function as `batch_size`, are told."""

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
        self,
        rows: Dataset,
        size: Any,
        drop: bool,
        workers: int | None,
        function: Any,
        inputs: Any,
        outputs: Any,
        pad_info: Any,
    ) -> None:
        self._size_of = size if callable(size) else None
        self._size = 1 if callable(size) else _validate.positive_int("batch_size", size, "batch")
        self._drop = _validate.boolean("drop_remainder", drop, "batch")
        self._workers = 1 if workers is None else _validate.positive_int("num_parallel_workers", workers, "batch")
        self._function = function
        taken = rows._columns if inputs is None else names_of("input_columns", inputs)
        self._taken = positions_of(rows, taken, "batch")
        self._given = taken if outputs is None else names_of("output_columns", outputs)
        super().__init__(replaced(rows._columns, self._taken, self._given), rows)
        self._padding = None if pad_info is None else Padding(pad_info, self._columns)

    def get_dataset_size(self) -> int:
        count = self._inputs[0].get_dataset_size()
        if self._size_of is not None:
            return sum(1 for _ in self._groups(iter(range(count)), 0))
        return count // self._size if self._drop else math.ceil(count / self._size)

    def get_batch_size(self) -> int:
        """Of the first batch, where a function says it."""
        return next(self._sizes(0))

    def _sizes(self, epoch: int) -> Iterator[int]:
        """The size of each batch."""
        size_of = self._size_of
        if size_of is None:
            return itertools.repeat(self._size)
        given = (size_of(BatchInfo(epoch, batch)) for batch in itertools.count())
        return (_validate.positive_int("batch_size", size, "batch") for size in given)

    def owns_rows(self) -> bool:
        return self._function is None

    def rows(self, time: Pass) -> Iterator[Row]:
        return itertools.chain.from_iterable(self.groups(time))

    def groups(self, time: Pass) -> Iterator[list[Row]]:
        one_by_one = self._function is not None or self._padding is not None or self._size_of is not None
        gather = None if one_by_one else self._inputs[0].gather()
        return ([row] for row in self._one_by_one(time)) if gather is None else self._gathered(time, gather)

    def _gathered(self, time: Pass, gather: Gather) -> Iterator[list[Row]]:
        """The batches, some at once: a call for a small batch takes longer than its copying.

        Functions that know one row gain nothing from it, and the user wants them to be called for a batch's rows only.
        """
        numbers = self._inputs[0].numbers(time)
        one_by_one = self._inputs[0].knows_one_row()
        count = 1
        while rows := self._whole(list(itertools.islice(numbers, count * self._size))):
            parts = [slice(first, first + self._size) for first in range(0, len(rows), self._size)]
            began = perf_counter()
            try:
                columns = gather(rows)
            except Exception:  # not for such rows, or not for one of them: batch by batch
                made = self._made if len(parts) == 1 else partial(self._batch, gather)
                yield from ([made(rows[part])] for part in parts)
                continue
            seconds = perf_counter() - began
            batches = [tuple(column[part] for column in columns) for part in parts]
            yield batches
            count = 1 if one_by_one else _next_count(count, seconds, batches[0])

    def _whole(self, rows: list[Any]) -> list[Any]:
        """The rows without those of a last batch that is dropped."""
        return rows[: len(rows) // self._size * self._size] if self._drop else rows

    def _batch(self, gather: Gather, numbers: list[Any]) -> Row:
        try:
            return gather(numbers)
        except Exception:
            return self._made(numbers)

    def _made(self, numbers: list[Any]) -> Row:
        """A batch that cannot be gathered: its rows, made one by one, are stacked, or say which of them is wrong."""
        rows = map(self._inputs[0].row, numbers)
        return self._stacked([list(column) for column in zip(*rows, strict=True)])

    def _one_by_one(self, time: Pass) -> Iterator[Row]:
        """The batches, of rows that are made one by one."""

        def one(numbered: tuple[int, list[Row]]) -> Row:
            columns = [list(column) for column in zip(*numbered[1], strict=True)]
            if self._function is not None:
                columns = self._mapped(columns, BatchInfo(time.epoch, numbered[0]))
            return self._stacked(columns)

        return in_order(one, enumerate(self._groups(self._inputs[0].rows(time), time.epoch)), self._workers)

    def _stacked(self, columns: list[Any]) -> Row:
        return tuple(_column(values, name, self._padding) for values, name in zip(columns, self._columns, strict=True))

    def _groups(self, items: Iterator[_Item], epoch: int) -> Iterator[list[_Item]]:
        for size in self._sizes(epoch):
            group = list(itertools.islice(items, size))
            if not group:
                return
            if len(group) == size or not self._drop:
                yield group

    def _mapped(self, columns: list[Any], info: BatchInfo) -> list[Any]:
        result = self._function(*(columns[at] for at in self._taken), info)
        values = list(result) if isinstance(result, tuple) else [result]
        if len(values) != len(self._given):
            message = f"For 'batch', 'per_batch_map' gave {len(values)} columns, but {len(self._given)} are wanted."
            raise ValueError(message)
        return replaced(columns, self._taken, values)


def _next_count(count: int, seconds: float, batch: Row) -> int:
    """How many batches to gather at once, after some have taken some seconds.

    Batches that take long are wanted one by one; one that is kept must not keep much besides; and each has to begin
    where a Tensor's memory may, or it is copied once more.
    """
    if seconds > 2 * _SECONDS:
        return max(1, count // 2)
    if seconds > _SECONDS:
        return count
    if any(column.nbytes % ALIGNMENT and column.nbytes > _SMALL for column in batch):
        return 1
    most = min(config.get_prefetch_size() // 2, _BYTES // max(1, sum(column.nbytes for column in batch)))
    return max(1, min(2 * count, most))


def _column(values: list[Any], name: str, padding: Padding | None) -> np.ndarray:
    arrays = [np.asarray(value) for value in values]
    if padding is not None:
        arrays = padding.padded(arrays, name)
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ValueError(f"For 'batch', rows of one batch must have one shape, but column {name!r} has {shapes}.")
    return stacked(arrays)
