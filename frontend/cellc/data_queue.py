"""Queues of rows by name: datasets fill them, `nn.GetNextSingleOp` reads them."""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

WIDER = {"uint16": np.int32, "uint32": np.int64, "uint64": np.int64}
"""What rows of types become that Tensors do not have: uint8 is their only unsigned one."""


class DataQueue:
    """Rows that are read one after another, by whoever knows the name.

    Attributes:
        name: another one for each queue.
        rows: where rows come from: tuples of Tensors; None while nothing is sent.
    """

    def __init__(self) -> None:
        self.name = str(uuid.uuid4())
        self.rows: Iterator[tuple[Any, ...]] | None = None
        _queues[self.name] = self

    def take(self) -> tuple[Any, ...]:
        """The next row.

        Raises:
            RuntimeError: nothing is sent, or there is no further row.
        """
        if self.rows is None:
            raise RuntimeError(f"nothing is sent to the data queue {self.name}: call send() of its dataset")
        row = next(self.rows, None)
        if row is None:
            raise RuntimeError(f"the data queue {self.name} is at its end: all epochs that were sent have been read")
        return row


# A queue lives as long as the dataset that fills it.
_queues: weakref.WeakValueDictionary[str, DataQueue] = weakref.WeakValueDictionary()


def find(name: str) -> DataQueue | None:
    """The queue of that name."""
    return _queues.get(name)
