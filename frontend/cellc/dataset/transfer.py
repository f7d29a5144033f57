"""A dataset whose rows go into a queue that others read by its name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cellc.data_queue import DataQueue
from cellc.dataset._iterator import TupleIterator
from cellc.dataset.dataset import Dataset
from cellc.errors import bad_argument
from cellc.ops import _validate


class TransferDataset:
    """What `Dataset.device_que` returns: after `send` its rows are read by `nn.GetNextSingleOp`.

    Attributes:
        queue_name: the name of the queue.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._queue = DataQueue()
        self._iterator: TupleIterator | None = None
        self.queue_name = self._queue.name

    def send(self, num_epochs: int = -1) -> None:
        """Begins to read rows, some ahead; anew where that had begun.

        Args:
            num_epochs: how many times over the dataset, one after another; -1 for without end.

        Raises:
            TypeError, ValueError: `num_epochs` is neither -1 nor an int of at least 1.
        """
        iterator = TupleIterator(self._dataset, num_epochs, False)
        self.stop_send()
        self._iterator = iterator
        self._queue.rows = _joined(iterator, num_epochs)

    def stop_send(self) -> None:
        """Stops reading; rows that have not been taken are dropped."""
        if self._iterator is not None:
            self._iterator.close()
        self._queue.rows = None

    def get_dataset_size(self) -> int:
        """The rows of one time over the dataset."""
        return self._dataset.get_dataset_size()

    def get_col_names(self) -> list[str]:
        """The names of the columns."""
        return self._dataset.get_col_names()

    def __iter__(self) -> Iterator[Any]:
        message = "TransferDataset is read through its queue: nn.GetNextSingleOp(types, shapes, queue_name)."
        raise bad_argument(RuntimeError, message)


def device_que(dataset: Dataset, send_epoch_end: bool, create_data_info_queue: bool) -> TransferDataset:
    """See `Dataset.device_que`."""
    _validate.boolean("send_epoch_end", send_epoch_end, "device_que")
    _validate.boolean("create_data_info_queue", create_data_info_queue, "device_que")
    return TransferDataset(dataset)


def _joined(iterator: TupleIterator, epochs: int) -> Iterator[tuple[Any, ...]]:
    """The rows of all epochs."""
    count = 0
    while count != epochs:
        yield from iterator
        count += 1
