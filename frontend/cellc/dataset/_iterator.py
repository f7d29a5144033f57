"""Iterators over datasets, which read ahead in a thread of their own."""

from __future__ import annotations

import itertools
import queue
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from cellc.data_queue import WIDER
from cellc.dataset import config
from cellc.dataset._random import fresh_seed
from cellc.dataset._rows import Pass
from cellc.errors import bad_argument
from cellc.ops import _validate
from cellc.tensor import Tensor

if TYPE_CHECKING:
    from cellc.dataset.dataset import Dataset

_END = object()


class TupleIterator:
    """Tuples of columns. Each `for` over it goes one time over the dataset.

    Args:
        dataset: the dataset.
        num_epochs: how many times; -1 for without end.
        output_numpy: whether to give NumPy arrays and not Tensors.
        first_epoch: how many times over the dataset to leave out before: training that is resumed sees the same order
            of rows and the same random transforms as training that was not interrupted.
        limit: how many rows are wanted in all, where that is known: no further ones are read ahead.
    """

    def __init__(
        self, dataset: Dataset, num_epochs: int, output_numpy: bool, first_epoch: int = 0, limit: int | None = None
    ) -> None:
        owner = "create_iterator"
        _validate.integer("num_epochs", num_epochs, owner)
        if num_epochs < 1 and num_epochs != -1:
            message = f"For '{owner}', 'num_epochs' must be -1 or at least 1, but got {num_epochs}."
            raise bad_argument(ValueError, message)
        self._output_numpy = _validate.boolean("output_numpy", output_numpy, owner)
        self._columns = dataset.get_col_names()
        self._ready: Iterator[Any] = iter(())
        self._rows = _Channel(config.get_prefetch_size())
        self._stopped = self._rows.stopped
        seed = config.get_seed()
        given = (_kept, _arrays) if dataset.owns_rows() else (_tensors, _copies)
        arguments = (_epochs(dataset, seed, first_epoch, num_epochs), limit, self._rows, given[self._output_numpy])
        self._left = num_epochs
        self._thread = threading.Thread(target=_read, args=arguments, name="cellc-dataset", daemon=True)
        self._thread.start()
        # The thread holds no reference to the iterator: dropping the iterator stops it.
        weakref.finalize(self, self._stopped.set)

    def __iter__(self) -> TupleIterator:
        return self

    def __next__(self) -> Any:
        row = next(self._ready, None)
        if row is None or self._stopped.is_set():
            row = self._further()
        return self._given(row)

    def _further(self) -> tuple[Any, ...]:
        """The next row, of those that are still to be got."""
        if self._left == 0 or self._stopped.is_set():
            raise StopIteration
        rows = self._rows.get()
        if rows is _END:
            self._left -= 1 if self._left > 0 else 0
            raise StopIteration
        if isinstance(rows, BaseException):
            self.close()
            raise rows
        self._ready = iter(rows)
        return next(self._ready)

    def _given(self, row: tuple[Any, ...]) -> Any:
        return row

    def close(self) -> None:
        """Stops reading ahead."""
        self._stopped.set()


class ListIterator(TupleIterator):
    """Lists of columns, which is what MindSpore's tuple iterator gives, see TupleIterator."""

    def _given(self, row: tuple[Any, ...]) -> Any:
        return list(row)


class DictIterator(TupleIterator):
    """Dicts of columns by name, see TupleIterator."""

    def _given(self, row: tuple[Any, ...]) -> Any:
        return dict(zip(self._columns, row, strict=True))


class _Channel:
    """A queue between two threads, of lists of rows, with places for some rows.

    Both ways are queues of C code: `queue.Queue` takes ten times as long, which the training would wait for. Places are
    given back by halves: each time that it wakes the other thread costs the training more than the reading does.
    """

    def __init__(self, places: int) -> None:
        self._items: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._given_back: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._free = places  # known to who puts
        self._taken = 0  # known to who gets
        self._half = max(1, places // 2)
        self.stopped = threading.Event()

    def put(self, item: Any, places: int) -> None:
        """Puts an item as soon as there is a place; nothing once it is stopped."""
        while not self.stopped.is_set():
            if self._free <= 0:
                try:
                    self._free += self._given_back.get(timeout=0.1)
                except queue.Empty:
                    continue
            self._free -= places
            self._items.put((item, places))
            return

    def get(self) -> Any:
        """The next item; an end once it is stopped."""
        while True:
            try:
                item, places = self._items.get(timeout=1.0)
            except queue.Empty:
                if self.stopped.is_set():
                    return _END
                continue
            self._taken += places
            if self._taken >= self._half:
                self._given_back.put(self._taken)
                self._taken = 0
            return item


def _read(
    epochs: Iterator[Iterator[list[Any]]], limit: int | None, channel: _Channel, given: Callable[[Any], Any]
) -> None:
    """Puts rows, and an end after each time over the dataset, until somebody stops it or `limit` rows are put."""
    left = sys.maxsize if limit is None else limit
    try:
        for epoch in epochs:
            for rows in epoch:
                wanted = [given(row) for row in rows[:left]]
                if channel.stopped.is_set():
                    return
                channel.put(wanted, len(wanted))
                left -= len(wanted)
                if left == 0:
                    return
            channel.put(_END, 1)
    except BaseException as error:  # what the user's own functions raised: it is raised where the rows are read
        channel.put(error, 1)


def _epochs(dataset: Any, seed: int | None, first: int, count: int) -> Iterator[Iterator[list[Any]]]:
    """The rows of each time over the dataset, from time `first` on."""
    numbers = itertools.count(first) if count == -1 else range(first, first + count)
    own = fresh_seed(seed)
    return (dataset.groups(Pass(own, number, seed or 0)) for number in numbers)


def _arrays(row: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    return row


def _copies(row: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    return tuple(value.copy() for value in row)


def _tensors(row: tuple[np.ndarray, ...]) -> tuple[Any, ...]:
    return tuple(_tensor(value) for value in row)


def _kept(row: tuple[np.ndarray, ...]) -> tuple[Any, ...]:
    """As `_tensors`, but in the rows' own memory where that is as a Tensor's has to be."""
    return tuple(_tensor(value, Tensor.from_numpy) for value in row)


def _tensor(value: np.ndarray, made: Callable[[np.ndarray], Any] = Tensor) -> Any:
    """A Tensor, or the array itself where it holds text."""
    kind = value.dtype.kind
    if kind in "USO":
        return value
    return made(value.astype(WIDER[value.dtype.name]) if kind == "u" and value.dtype.name in WIDER else value)
