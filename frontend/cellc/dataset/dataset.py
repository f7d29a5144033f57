"""`Dataset`: a pipeline of rows. A source gives rows; `shuffle`, `map`, `batch` ... each make a further step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cellc.dataset._columns import names_of, positions_of
from cellc.dataset._iterator import DictIterator, ListIterator
from cellc.dataset._rows import Rows
from cellc.errors import bad_argument
from cellc.ops import _validate

if TYPE_CHECKING:
    from cellc.dataset._batched import BatchInfo
    from cellc.dataset.transfer import TransferDataset


class Dataset(Rows):
    """Base of datasets: rows of NumPy arrays, one for each column.

    Methods return further datasets and change nothing. Iterating gives lists of Tensors, one time over the rows.
    """

    def shuffle(self, buffer_size: int) -> Dataset:
        """Draws each row from a buffer of the next `buffer_size` ones; anew each time over the dataset.

        Raises:
            TypeError, ValueError: `buffer_size` is not an int of at least 2.
        """
        return _reordered.Shuffled(self, buffer_size)

    def map(
        self,
        operations: Callable[..., Any] | Sequence[Callable[..., Any]],
        input_columns: str | Sequence[str] | None = None,
        output_columns: str | Sequence[str] | None = None,
        column_order: Sequence[str] | None = None,
        num_parallel_workers: int | None = None,
        python_multiprocessing: bool = False,
        cache: None = None,
        callbacks: None = None,
        max_rowsize: int = 16,
        offload: bool | None = None,
    ) -> Dataset:
        """Applies operations to columns, each to what the one before returned.

        Args:
            operations: functions of the columns' arrays; several results are a tuple.
            input_columns: which columns; the first by default.
            output_columns: names of the results; those of the inputs by default.
            column_order: all columns of the new dataset, in order; by default results take the place of the inputs.
            num_parallel_workers: how many threads; see `config.set_num_parallel_workers`.
            cache, callbacks: not supported.
            python_multiprocessing, max_rowsize, offload: accepted for MindSpore's sake; threads are used.

        Raises:
            TypeError, ValueError: an argument has another type, or a column does not exist.
            NotImplementedError: `cache` or `callbacks` is given.
        """
        if cache is not None or callbacks is not None:
            raise NotImplementedError("For 'map', 'cache' and 'callbacks' are not supported.")
        return _mapped.Mapped(self, operations, input_columns, output_columns, column_order, num_parallel_workers)

    def batch(
        self,
        batch_size: int | Callable[[BatchInfo], int],
        drop_remainder: bool = False,
        num_parallel_workers: int | None = None,
        per_batch_map: Callable[..., Any] | None = None,
        input_columns: str | Sequence[str] | None = None,
        output_columns: str | Sequence[str] | None = None,
        column_order: Sequence[str] | None = None,
        pad_info: dict[str, Any] | None = None,
        python_multiprocessing: bool = False,
        max_rowsize: int = 16,
    ) -> Dataset:
        """Stacks rows.

        Args:
            batch_size: how many, or a function that says so of each batch, given its BatchInfo.
            drop_remainder: whether a last batch with fewer rows is left out.
            num_parallel_workers: how many threads `per_batch_map` uses.
            per_batch_map: called with a list of arrays for each of `input_columns` and a BatchInfo; returns the lists
                that stand for them.
            input_columns, output_columns: see `map`.
            column_order: the columns of the new dataset, in order; all of them as they are by default.
            pad_info: by column, (shape, value): rows are padded at their ends to the shape; where it, or a size in it,
                is None, to the greatest of the batch; a value of None is 0. An empty dict pads all columns with 0.
            python_multiprocessing, max_rowsize: accepted for MindSpore's sake; threads are used.

        Raises:
            TypeError, ValueError: an argument has another type or value; while reading, where shapes differ, or a row
                is greater than it is to be padded to.
        """
        batches = _batched.Batched(self, batch_size, drop_remainder, num_parallel_workers, per_batch_map, input_columns,
                                   output_columns, pad_info)  # fmt: skip
        return batches if column_order is None else batches.project(column_order)

    def repeat(self, count: int | None = None) -> Dataset:
        """The rows `count` times; without end for None or -1.

        Raises:
            TypeError, ValueError: `count` is neither None, -1 nor an int of at least 1.
        """
        return _reordered.Repeated(self, count)

    def skip(self, count: int) -> Dataset:
        """Without the first `count` rows.

        Raises:
            TypeError, ValueError: `count` is not an int of at least 0.
        """
        return _reordered.Sliced(self, _validate.non_negative_int("count", count, "skip"), None)

    def take(self, count: int = -1) -> Dataset:
        """The first `count` rows; all for -1.

        Raises:
            TypeError, ValueError: `count` is neither -1 nor an int of at least 1.
        """
        return _reordered.Sliced(self, 0, None if count == -1 else _validate.positive_int("count", count, "take"))

    def split(self, sizes: Sequence[int] | Sequence[float], randomize: bool = True) -> list[Dataset]:
        """Parts that have no row in common; each has the same rows each time over it.

        A source that shuffles gives its rows in one order to the parts. Behind other steps, rows must come in the same
        order each time. `shuffle` the parts for another order each time.

        Args:
            sizes: of each part: ints that add up to the dataset's size, or fractions of it that add up to 1.
            randomize: whether the parts have random rows (`config.set_seed` says which), or rows one after the other.

        Raises:
            TypeError, ValueError: `sizes` are none, or `randomize` is not a bool.
        """
        from cellc.dataset import _split

        return _split.split(self, sizes, randomize)

    def filter(
        self,
        predicate: Callable[..., Any],
        input_columns: str | Sequence[str] | None = None,
        num_parallel_workers: int | None = None,
    ) -> Dataset:
        """The rows for which `predicate`, given the columns' arrays, is true; `num_parallel_workers` has no effect.

        Raises:
            TypeError, ValueError: `predicate` is not callable, or a column does not exist.
        """
        return _reordered.Filtered(self, predicate, input_columns)

    def project(self, columns: str | Sequence[str]) -> Dataset:
        """These columns, in this order.

        Raises:
            TypeError, ValueError: a column does not exist.
        """
        return _reordered.Projected(self, columns, columns)

    def rename(self, input_columns: str | Sequence[str], output_columns: str | Sequence[str]) -> Dataset:
        """Other names for some columns.

        Raises:
            TypeError, ValueError: a column does not exist, or there are not as many names.
        """
        old, new = names_of("input_columns", input_columns), names_of("output_columns", output_columns)
        positions_of(self, old, "rename")
        if len(old) != len(new):
            raise bad_argument(ValueError, f"For 'rename', {len(old)} columns need as many names, but got {len(new)}.")
        changed = dict(zip(old, new, strict=True))
        return _reordered.Projected(self, self._columns, [changed.get(name, name) for name in self._columns])

    def zip(self, datasets: Dataset | Sequence[Dataset]) -> Dataset:
        """Rows side by side with those of other datasets, as long as all have some.

        Raises:
            TypeError, ValueError: one is no Dataset, or two columns have one name.
        """
        others = [datasets] if isinstance(datasets, Dataset) else list(datasets)
        return _combined.Zipped([self, *others])

    def concat(self, datasets: Dataset | Sequence[Dataset]) -> Dataset:
        """The rows, then those of other datasets with the same columns.

        Raises:
            TypeError, ValueError: one is no Dataset or has other columns.
        """
        others = [datasets] if isinstance(datasets, Dataset) else list(datasets)
        return _combined.Concatenated([self, *others])

    def __add__(self, datasets: Dataset) -> Dataset:
        return self.concat(datasets)

    def apply(self, apply_func: Callable[[Dataset], Dataset]) -> Dataset:
        """What a function of the dataset returns.

        Raises:
            TypeError: `apply_func` is not callable, or does not return a Dataset.
        """
        if not callable(apply_func):
            raise bad_argument(TypeError, f"For 'apply', 'apply_func' must be a function, but got {apply_func!r}.")
        result = apply_func(self)
        if not isinstance(result, Dataset):
            raise bad_argument(TypeError, f"For 'apply', 'apply_func' must return a Dataset, but it gave {result!r}.")
        return result

    def create_tuple_iterator(
        self,
        columns: Sequence[str] | None = None,
        num_epochs: int = -1,
        output_numpy: bool = False,
        do_copy: bool = True,
    ) -> ListIterator:
        """An iterator over lists of columns; each `for` goes one time over the dataset.

        Args:
            columns: which; all by default.
            num_epochs: how many times it can be gone over; -1 for without end.
            output_numpy: whether to give NumPy arrays and not Tensors.
            do_copy: accepted for MindSpore's sake; what is given is always the user's own.

        Raises:
            TypeError, ValueError: an argument has another type, or a column does not exist.
        """
        chosen = self if columns is None else self.project(columns)
        return ListIterator(chosen, num_epochs, output_numpy)

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


# The steps derive from Dataset.
from cellc.dataset import _batched, _combined, _mapped, _reordered  # noqa: E402
