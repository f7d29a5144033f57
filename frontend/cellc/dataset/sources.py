"""Where rows come from: Python objects and arrays."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from cellc.dataset._columns import names_of
from cellc.dataset._rows import Gather, Pass, Row, taken
from cellc.dataset.dataset import Dataset
from cellc.dataset.samplers import numbers_of, sampler_of, shard_of
from cellc.dtype import DType
from cellc.errors import bad_argument
from cellc.ops import _validate


class Source(Dataset):
    """Rows that can be asked for by number: shuffled and sharded.

    Args:
        columns: their names.
        num_samples: how many rows at most; None for all.
        shuffle: whether each time over them has another order; None for True.
        num_shards, shard_id: gives every `num_shards`-th row, beginning with `shard_id`. All shards have as many rows:
            the last ones begin again where rows do not suffice.
        sampler: which rows, in place of `shuffle` and shards: a Sampler or an iterable of row numbers.
    """

    def __init__(
        self,
        columns: Sequence[str],
        num_samples: int | None,
        shuffle: bool | None,
        num_shards: int | None,
        shard_id: int | None,
        sampler: Any = None,
    ) -> None:
        super().__init__(columns)
        owner = type(self).__name__
        self._sampler = sampler_of(sampler, owner, {"shuffle": shuffle, "num_shards": num_shards})
        self._samples = None if num_samples is None else _validate.positive_int("num_samples", num_samples, owner)
        self._shuffles = True if shuffle is None else _validate.boolean("shuffle", shuffle, owner)
        if (num_shards is None) != (shard_id is None):
            raise bad_argument(ValueError, f"For '{owner}', 'num_shards' and 'shard_id' must be given together.")
        self._shards = 1 if num_shards is None else _validate.positive_int("num_shards", num_shards, owner)
        self._shard = 0 if shard_id is None else _validate.int_in("shard_id", shard_id, 0, self._shards - 1, owner)

    def _length(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def _row(self, number: int) -> Row:
        """Row `number`."""
        raise NotImplementedError

    def get_dataset_size(self) -> int:
        size = math.ceil(self._length() / self._shards)
        if self._sampler is not None:
            size = self._sampler.size(self._length())
            size = min(size, self._sampler.num_samples or size)
        return size if self._samples is None else min(size, self._samples)

    def rows(self, time: Pass) -> Iterator[Row]:
        for number in self.numbers(time):
            yield self._row(number)

    def row(self, number: int) -> Row:
        return self._row(number)

    def numbers(self, time: Pass) -> Iterator[int]:
        length = self._length()
        if self._sampler is not None:
            seed = time.shared_seed if self._sampler.is_shard else time.seed
            random = np.random.default_rng([seed, time.epoch])
            return itertools.islice(numbers_of(self._sampler, length, random, type(self).__name__), self._samples)
        order = np.arange(length)
        if self._shuffles:
            # The same on every shard, or two would give the same row.
            seed = time.shared_seed if self._shards > 1 else time.seed
            order = np.random.default_rng([seed, time.epoch]).permutation(length)
        return iter(shard_of(order, self._shards, self._shard, self.get_dataset_size()).tolist())


class NumpySlicesDataset(Source):
    """Slices of arrays along their first axis.

    Args:
        data: an array or list for one column, a tuple of them for several, or a dict by the columns' names.
        column_names: names; by default the dict's, or column_0, column_1 ...
        num_samples: how many rows at most.
        num_parallel_workers: accepted for MindSpore's sake; slices need no threads.
        shuffle: whether each time over the rows has another order; None for True.
        sampler: a Sampler or an iterable of row numbers, in place of `shuffle` and shards.
        num_shards, shard_id: every `num_shards`-th row, beginning with `shard_id`.

    Raises:
        TypeError, ValueError: an argument has another type or value, or the arrays have different lengths.

    Examples:
        >>> rows = NumpySlicesDataset(([1, 2], [3, 4]), ["a", "b"], shuffle=False)
        >>> [int(a) + int(b) for a, b in rows]
        [4, 6]
    """

    def __init__(
        self,
        data: Any,
        column_names: str | Sequence[str] | None = None,
        num_samples: int | None = None,
        num_parallel_workers: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        num_shards: int | None = None,
        shard_id: int | None = None,
    ) -> None:
        owner = "NumpySlicesDataset"
        parts = list(data.values()) if isinstance(data, dict) else list(data) if isinstance(data, tuple) else [data]
        self._arrays = [np.asarray(part) for part in parts]
        default = list(data) if isinstance(data, dict) else [f"column_{at}" for at in range(len(parts))]
        names = default if column_names is None else names_of("column_names", column_names)
        if len(names) != len(parts) or not parts:
            message = f"For '{owner}', {len(parts)} columns need as many 'column_names', but got {names}."
            raise bad_argument(ValueError, message)
        lengths = {len(array) if array.ndim else -1 for array in self._arrays}
        if len(lengths) > 1 or -1 in lengths:
            shapes = [array.shape for array in self._arrays]
            raise bad_argument(ValueError, f"For '{owner}', 'data' must have one length, but has shapes {shapes}.")
        super().__init__(names, num_samples, shuffle, num_shards, shard_id, sampler)

    def _length(self) -> int:
        return len(self._arrays[0])

    def _row(self, number: int) -> Row:
        return tuple(np.array(array[number]) for array in self._arrays)  # a function of the user's may change it

    def gather(self) -> Gather:
        return lambda numbers: taken(self._arrays, numbers)


class GeneratorDataset(Source):
    """Rows of a Python object.

    Args:
        source: an object with `__getitem__` and `__len__`; an iterable; or a function that returns an iterator. Each
            row is a tuple with a value for each column, or one value.
        column_names: the columns' names.
        column_types: their dtypes; by default NumPy's choice.
        schema: not supported.
        num_samples: how many rows at most.
        num_parallel_workers: accepted for MindSpore's sake; rows are read in one thread, ahead of the user's.
        shuffle: whether each time over the rows has another order; needs `__getitem__`, where None stands for True.
        sampler: a Sampler or an iterable of row numbers, in place of `shuffle` and shards; needs `__getitem__`.
        num_shards, shard_id: every `num_shards`-th row, beginning with `shard_id`; needs `__getitem__`.
        python_multiprocessing, max_rowsize: accepted for MindSpore's sake.

    Raises:
        TypeError, ValueError: an argument has another type or value; while reading, where a row has another number of
            values than there are columns.
    """

    def __init__(
        self,
        source: Any,
        column_names: str | Sequence[str] | None = None,
        column_types: Sequence[DType] | None = None,
        schema: None = None,
        num_samples: int | None = None,
        num_parallel_workers: int = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        num_shards: int | None = None,
        shard_id: int | None = None,
        python_multiprocessing: bool = True,
        max_rowsize: int = 6,
    ) -> None:
        owner = "GeneratorDataset"
        if schema is not None or column_names is None:
            raise bad_argument(ValueError, f"For '{owner}', 'column_names' must be given; a 'schema' is not supported.")
        names = names_of("column_names", column_names)
        self._by_number = hasattr(source, "__getitem__") and hasattr(source, "__len__")
        if not self._by_number and not callable(source) and not isinstance(source, Iterable):
            kind = type(source).__name__
            message = f"For '{owner}', 'source' must be indexable, iterable or a function, but got {kind}."
            raise bad_argument(TypeError, message)
        if not self._by_number and (shuffle or num_shards is not None or sampler is not None):
            wanted = "need a 'source' with __getitem__ and __len__"
            message = f"For '{owner}', 'shuffle', 'num_shards' and 'sampler' {wanted}."
            raise bad_argument(ValueError, message)
        self._types = None if column_types is None else [_numpy_type(one, owner) for one in column_types]
        if self._types is not None and len(self._types) != len(names):
            message = f"For '{owner}', {len(names)} columns need as many 'column_types', but got {len(self._types)}."
            raise bad_argument(ValueError, message)
        self._source: Any = source
        self._counted: int | None = None
        super().__init__(names, num_samples, shuffle, num_shards, shard_id, sampler)

    def _length(self) -> int:
        return len(self._source)

    def _row(self, number: int) -> Row:
        return self._converted(self._source[number])

    def get_dataset_size(self) -> int:
        """How many rows there are; an iterable without length is gone over once to count them."""
        if self._by_number:
            return super().get_dataset_size()
        if hasattr(self._source, "__len__"):
            size = len(self._source)
            return size if self._samples is None else min(size, self._samples)
        if self._counted is None:
            self._counted = sum(1 for _ in self.rows(Pass(0, 0)))
        return self._counted

    def rows(self, time: Pass) -> Iterator[Row]:
        if self._by_number:
            yield from super().rows(time)
            return
        source: Any = self._source() if callable(self._source) else self._source
        for number, row in enumerate(source):
            if number == self._samples:
                return
            yield self._converted(row)

    def _converted(self, row: Any) -> Row:
        values = row if isinstance(row, tuple) else (row,)
        if len(values) != len(self._columns):
            message = f"For 'GeneratorDataset', a row has {len(values)} values for the columns {self._columns}."
            raise ValueError(message)
        types = self._types or [None] * len(values)
        # Copies: who gets a row, and functions that change it in place, must not change what the user holds.
        return tuple(np.array(value, dtype) for value, dtype in zip(values, types, strict=True))


def _numpy_type(value: Any, owner: str) -> np.dtype:
    return _validate.element_type("column_types", value, owner).numpy
