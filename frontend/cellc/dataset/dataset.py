"""`Dataset`: a pipeline of rows. A source gives rows; `shuffle`, `map`, `batch` ... each make a further step."""

from __future__ import annotations

import builtins
import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from cellc.dataset import config
from cellc.dataset._iterator import DictIterator, TupleIterator
from cellc.dataset._parallel import in_order
from cellc.dataset._random import of_row
from cellc.dataset.transforms._rowwise import of_rows
from cellc.errors import bad_argument
from cellc.ops import _validate

if TYPE_CHECKING:
    from cellc.dataset.transfer import TransferDataset

Row = tuple[np.ndarray, ...]
Gather = Callable[[list[int]], Row]
_Item = TypeVar("_Item")


class Pass(NamedTuple):
    """One time over a dataset: the seed of all its random numbers, and which time it is."""

    seed: int
    epoch: int


class Dataset(ABC):
    """Base of datasets: rows of NumPy arrays, one for each column.

    Methods return further datasets and change nothing. Iterating gives tuples of Tensors, one time over the rows.
    """

    def __init__(self, columns: Sequence[str], *inputs: Dataset) -> None:
        self._columns = list(columns)
        self._inputs = inputs
        self._number = 1 + max((step._number for step in inputs), default=0)

    @abstractmethod
    def rows(self, time: Pass) -> Iterator[Row]:
        """The rows of one time over the dataset."""

    @abstractmethod
    def get_dataset_size(self) -> int:
        """How many rows, or batches, one time over the dataset gives."""

    def gather(self) -> Gather | None:
        """What gives rows by their numbers, stacked; None where rows are made one by one.

        A dataset that has it also says which rows it gives: `batch` then takes all rows of a batch at once. An
        exception says that the rows must be made one by one.
        """
        return None

    def numbers(self, time: Pass) -> Iterator[int]:
        """The numbers for `gather` of the rows that `rows` gives, in the same order."""
        raise NotImplementedError(f"{type(self).__name__} has no numbers of rows")

    def get_col_names(self) -> list[str]:
        """The names of the columns."""
        return list(self._columns)

    def get_batch_size(self) -> int:
        """The rows of a batch; 1 before `batch`."""
        return self._inputs[0].get_batch_size() if self._inputs else 1

    def get_repeat_count(self) -> int:
        """How often `repeat` gives the rows."""
        return self._inputs[0].get_repeat_count() if self._inputs else 1

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

    def shuffle(self, buffer_size: int) -> Dataset:
        """Draws each row from a buffer of the next `buffer_size` ones; anew each time over the dataset.

        Raises:
            TypeError, ValueError: `buffer_size` is not an int of at least 2.
        """
        return _Shuffled(self, buffer_size)

    def map(
        self,
        operations: Callable[..., Any] | Sequence[Callable[..., Any]],
        input_columns: str | Sequence[str] | None = None,
        output_columns: str | Sequence[str] | None = None,
        column_order: Sequence[str] | None = None,
        num_parallel_workers: int | None = None,
        python_multiprocessing: bool = False,
    ) -> Dataset:
        """Applies operations to columns, each to what the one before returned.

        Args:
            operations: functions of the columns' arrays; several results are a tuple.
            input_columns: which columns; the first by default.
            output_columns: names of the results; those of the inputs by default.
            column_order: all columns of the new dataset, in order; by default results take the place of the inputs.
            num_parallel_workers: how many threads; see `config.set_num_parallel_workers`.
            python_multiprocessing: accepted for MindSpore's sake; threads are used.

        Raises:
            TypeError, ValueError: an argument has another type, or a column does not exist.
        """
        return _Mapped(self, operations, input_columns, output_columns, column_order, num_parallel_workers)

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_workers: int | None = None,
        per_batch_map: Callable[..., Any] | None = None,
        input_columns: str | Sequence[str] | None = None,
        output_columns: str | Sequence[str] | None = None,
    ) -> Dataset:
        """Stacks rows.

        Args:
            batch_size: how many.
            drop_remainder: whether a last batch with fewer rows is left out.
            num_parallel_workers: how many threads `per_batch_map` uses.
            per_batch_map: called with a list of arrays for each of `input_columns` and a BatchInfo; returns the lists
                that stand for them.
            input_columns, output_columns: see `map`.

        Raises:
            TypeError, ValueError: an argument has another type or value; while reading, where shapes differ.
        """
        return _Batched(self, batch_size, drop_remainder, num_parallel_workers, per_batch_map, input_columns,
                        output_columns)  # fmt: skip

    def repeat(self, count: int | None = None) -> Dataset:
        """The rows `count` times; without end for None or -1.

        Raises:
            TypeError, ValueError: `count` is neither None, -1 nor an int of at least 1.
        """
        return _Repeated(self, count)

    def skip(self, count: int) -> Dataset:
        """Without the first `count` rows.

        Raises:
            TypeError, ValueError: `count` is not an int of at least 0.
        """
        return _Sliced(self, _validate.non_negative_int("count", count, "skip"), None)

    def take(self, count: int = -1) -> Dataset:
        """The first `count` rows; all for -1.

        Raises:
            TypeError, ValueError: `count` is neither -1 nor an int of at least 1.
        """
        return _Sliced(self, 0, None if count == -1 else _validate.positive_int("count", count, "take"))

    def filter(self, predicate: Callable[..., Any], input_columns: str | Sequence[str] | None = None) -> Dataset:
        """The rows for which `predicate`, given the columns' arrays, is true.

        Raises:
            TypeError, ValueError: `predicate` is not callable, or a column does not exist.
        """
        return _Filtered(self, predicate, input_columns)

    def project(self, columns: str | Sequence[str]) -> Dataset:
        """These columns, in this order.

        Raises:
            TypeError, ValueError: a column does not exist.
        """
        return _Projected(self, columns, columns)

    def rename(self, input_columns: str | Sequence[str], output_columns: str | Sequence[str]) -> Dataset:
        """Other names for some columns.

        Raises:
            TypeError, ValueError: a column does not exist, or there are not as many names.
        """
        old, new = names_of("input_columns", input_columns), names_of("output_columns", output_columns)
        positions_of(self, old, "rename")
        if len(old) != len(new):
            raise bad_argument(ValueError, f"For 'rename', {len(old)} columns need as many names, but got {len(new)}.")
        changed = dict(builtins.zip(old, new, strict=True))
        return _Projected(self, self._columns, [changed.get(name, name) for name in self._columns])

    def zip(self, datasets: Dataset | Sequence[Dataset]) -> Dataset:
        """Rows side by side with those of other datasets, as long as all have some.

        Raises:
            TypeError, ValueError: one is no Dataset, or two columns have one name.
        """
        others = [datasets] if isinstance(datasets, Dataset) else list(datasets)
        return _Zipped([self, *others])

    def concat(self, datasets: Dataset | Sequence[Dataset]) -> Dataset:
        """The rows, then those of other datasets with the same columns.

        Raises:
            TypeError, ValueError: one is no Dataset or has other columns.
        """
        others = [datasets] if isinstance(datasets, Dataset) else list(datasets)
        return _Concatenated([self, *others])

    def __add__(self, datasets: Dataset) -> Dataset:
        return self.concat(datasets)

    def create_tuple_iterator(
        self,
        columns: Sequence[str] | None = None,
        num_epochs: int = -1,
        output_numpy: bool = False,
        do_copy: bool = True,
    ) -> TupleIterator:
        """An iterator over tuples of columns; each `for` goes one time over the dataset.

        Args:
            columns: which; all by default.
            num_epochs: how many times it can be gone over; -1 for without end.
            output_numpy: whether to give NumPy arrays and not Tensors.
            do_copy: accepted for MindSpore's sake; what is given is always the user's own.

        Raises:
            TypeError, ValueError: an argument has another type, or a column does not exist.
        """
        chosen = self if columns is None else self.project(columns)
        return TupleIterator(chosen, num_epochs, output_numpy)

    def create_dict_iterator(self, num_epochs: int = -1, output_numpy: bool = False) -> DictIterator:
        """An iterator over dicts of columns by name; see `create_tuple_iterator`."""
        return DictIterator(self, num_epochs, output_numpy)

    def device_que(self, send_epoch_end: bool = True, create_data_info_queue: bool = False) -> TransferDataset:
        """The dataset with a queue that `nn.GetNextSingleOp` reads, see TransferDataset.

        The queue is in the memory of the host. Both arguments are accepted for MindSpore's sake: epochs follow each
        other in the queue.

        Raises:
            TypeError: an argument is not a bool.
        """
        from cellc.dataset import transfer

        return transfer.device_que(self, send_epoch_end, create_data_info_queue)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.create_tuple_iterator(num_epochs=1))

    def __len__(self) -> int:
        return self.get_dataset_size()


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


class _Shuffled(Dataset):
    def __init__(self, rows: Dataset, buffer_size: int) -> None:
        super().__init__(rows._columns, rows)
        self._size = _validate.positive_int("buffer_size", buffer_size, "shuffle")
        if buffer_size < 2:
            raise bad_argument(ValueError, f"For 'shuffle', 'buffer_size' must be at least 2, but got {buffer_size}.")

    def get_dataset_size(self) -> int:
        return self._inputs[0].get_dataset_size()

    def rows(self, time: Pass) -> Iterator[Row]:
        random = self._random(time)
        draws = iter(lambda: int(random.integers(self._size)), None)
        return self._drawn(self._inputs[0].rows(time), draws, random)

    def gather(self) -> Gather | None:
        return self._inputs[0].gather()

    def numbers(self, time: Pass) -> Iterator[int]:
        numbers = list(self._inputs[0].numbers(time))
        random = self._random(time)
        # The same as one by one, where each draw would take longer than the gathering of its row.
        draws = random.integers(self._size, size=max(0, len(numbers) - self._size)).tolist()
        return self._drawn(iter(numbers), iter(draws), random)

    def _random(self, time: Pass) -> np.random.Generator:
        return np.random.default_rng([time.seed, self._number, time.epoch])

    def _drawn(self, items: Iterator[_Item], draws: Iterator[int], random: np.random.Generator) -> Iterator[_Item]:
        buffer = list(itertools.islice(items, self._size))
        for item in items:
            at = next(draws)
            buffer[at], item = item, buffer[at]
            yield item
        for at in random.permutation(len(buffer)):
            yield buffer[at]


class _Mapped(Dataset):
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
        columns = _replaced(rows._columns, self._taken, self._given)
        self._order = None
        if order is not None:
            self._order = [columns.index(name) if name in columns else _no_column(name, columns, "map")
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
        new = _replaced(row, self._taken, [np.asarray(value) for value in values])
        return tuple(new) if self._order is None else tuple(new[at] for at in self._order)


class _Batched(Dataset):
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
        super().__init__(_replaced(rows._columns, self._taken, self._given), rows)

    def get_dataset_size(self) -> int:
        count = self._inputs[0].get_dataset_size()
        return count // self._size if self._drop else math.ceil(count / self._size)

    def get_batch_size(self) -> int:
        return self._size

    def rows(self, time: Pass) -> Iterator[Row]:
        gather = None if self._function is not None else self._inputs[0].gather()
        return self._one_by_one(time, 0) if gather is None else self._gathered(time, gather)

    def _gathered(self, time: Pass, gather: Gather) -> Iterator[Row]:
        for number, group in enumerate(self._groups(self._inputs[0].numbers(time))):
            try:
                batch = gather(group)
            except Exception:  # it is the error of one row, at which the others must have been given
                yield from self._one_by_one(time, number)
                return
            yield batch

    def _one_by_one(self, time: Pass, first: int) -> Iterator[Row]:
        """The batches from `first` on, of rows that are made one by one."""

        def one(numbered: tuple[int, list[Row]]) -> Row:
            columns = [list(column) for column in builtins.zip(*numbered[1], strict=True)]
            if self._function is not None:
                columns = self._mapped(columns, BatchInfo(time.epoch, numbered[0]))
            return tuple(_stacked(values, name) for values, name in builtins.zip(columns, self._columns, strict=True))

        rows = itertools.islice(self._inputs[0].rows(time), first * self._size, None)
        return in_order(one, enumerate(self._groups(rows)), self._workers)

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
        return _replaced(columns, self._taken, values)


class _Repeated(Dataset):
    def __init__(self, rows: Dataset, count: int | None) -> None:
        super().__init__(rows._columns, rows)
        self._count = None if count in (None, -1) else _validate.positive_int("count", count, "repeat")

    def get_dataset_size(self) -> int:
        if self._count is None:
            raise bad_argument(RuntimeError, "a dataset that is repeated without end has no size.")
        return self._count * self._inputs[0].get_dataset_size()

    def get_repeat_count(self) -> int:
        return -1 if self._count is None else self._count

    def rows(self, time: Pass) -> Iterator[Row]:
        for number in itertools.count() if self._count is None else range(self._count):
            again = time._replace(epoch=number if self._count is None else time.epoch * self._count + number)
            yield from self._inputs[0].rows(again)


class _Sliced(Dataset):
    def __init__(self, rows: Dataset, first: int, count: int | None) -> None:
        super().__init__(rows._columns, rows)
        self._first_row, self._count = first, count

    def get_dataset_size(self) -> int:
        rest = max(0, self._inputs[0].get_dataset_size() - self._first_row)
        return rest if self._count is None else min(rest, self._count)

    def rows(self, time: Pass) -> Iterator[Row]:
        return self._cut(self._inputs[0].rows(time))

    def gather(self) -> Gather | None:
        return self._inputs[0].gather()

    def numbers(self, time: Pass) -> Iterator[int]:
        return self._cut(self._inputs[0].numbers(time))

    def _cut(self, items: Iterator[_Item]) -> Iterator[_Item]:
        end = None if self._count is None else self._first_row + self._count
        return itertools.islice(items, self._first_row, end)


class _Filtered(Dataset):
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


class _Projected(Dataset):
    def __init__(self, rows: Dataset, columns: Any, names: Any) -> None:
        super().__init__(names_of("columns", names), rows)
        self._taken = positions_of(rows, names_of("columns", columns), "project")

    def get_dataset_size(self) -> int:
        return self._inputs[0].get_dataset_size()

    def rows(self, time: Pass) -> Iterator[Row]:
        return (self._chosen(row) for row in self._inputs[0].rows(time))

    def gather(self) -> Gather | None:
        rows = self._inputs[0].gather()
        return None if rows is None else lambda numbers: self._chosen(rows(numbers))

    def numbers(self, time: Pass) -> Iterator[int]:
        return self._inputs[0].numbers(time)

    def _chosen(self, row: Row) -> Row:
        return tuple(row[at] for at in self._taken)


class _Zipped(Dataset):
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


class _Concatenated(Dataset):
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
    return _Zipped(list(datasets))


def names_of(name: str, value: Any) -> list[str]:
    """Names of columns, from one or several."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(column, str) for column in names) or not names:
        raise bad_argument(TypeError, f"'{name}' must be a str or a list of them, but got {value!r}.")
    return list(names)


def positions_of(dataset: Dataset, names: Sequence[str], owner: str) -> list[int]:
    """Where the columns are."""
    columns = dataset._columns
    return [columns.index(name) if name in columns else _no_column(name, columns, owner) for name in names]


def _no_column(name: str, columns: Sequence[str], owner: str) -> int:
    raise bad_argument(ValueError, f"For '{owner}', there is no column {name!r}; there are {', '.join(columns)}.")


def _checked(dataset: Any, owner: str) -> Dataset:
    return _validate.of_type("datasets", dataset, Dataset, owner)


def _replaced(values: Sequence[Any], taken: Sequence[int], given: Sequence[Any]) -> list[Any]:
    """`values` with those at `taken` replaced: one for one, or all of `given` where the first was."""
    if len(taken) == len(given):
        new = list(values)
        for at, value in builtins.zip(taken, given, strict=True):
            new[at] = value
        return new
    first = min(taken)
    kept = [[value] for value in values]
    for at in taken:
        kept[at] = list(given) if at == first else []
    return list(itertools.chain.from_iterable(kept))


def _stacked(values: list[Any], name: str) -> np.ndarray:
    arrays = [np.asarray(value) for value in values]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ValueError(f"For 'batch', rows of one batch must have one shape, but column {name!r} has {shapes}.")
    return np.stack(arrays)
