"""Rows of a dataset, read through the name of its queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cellc import data_queue, running
from cellc.dtype import DType
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.ops import _validate
from cellc.tensor import Tensor


class GetNextSingleOp(Cell):
    """Gives the next row of a dataset's queue at each call.

    The queue is in the memory of the host, so the cell is called outside of other Cells' `construct`, and what it
    gives is passed to them.

    Args:
        dataset_types: the dtypes of the columns, as `Dataset.output_types` gives them. Those that Tensors do not have
            stand for wider ones: uint32 for int64.
        dataset_shapes: their shapes, as `Dataset.output_shapes` gives them.
        queue_name: `queue_name` of what `Dataset.device_que` returned.

    Outputs:
        A tuple of Tensors, one for each column.

    Raises:
        TypeError, ValueError: an argument has another type, or there are not as many shapes as dtypes; in a call,
            where a row has other ones.
        RuntimeError: in a call: there is no such queue, nothing is sent to it, it is at its end, or the call is in
            another Cell or a compiled function.

    Examples:
        >>> rows = dataset.NumpySlicesDataset(np.arange(3.0), ["x"], shuffle=False)
        >>> queue = rows.device_que()
        >>> queue.send()
        >>> next_row = nn.GetNextSingleOp(rows.output_types(), rows.output_shapes(), queue.queue_name)
        >>> [float(next_row()[0]) for _ in range(3)]
        [0.0, 1.0, 2.0]
    """

    def __init__(self, dataset_types: Sequence[Any], dataset_shapes: Sequence[Any], queue_name: str) -> None:
        super().__init__()
        owner = self.cls_name
        _validate.of_type("dataset_types", dataset_types, (list, tuple), owner)
        _validate.of_type("dataset_shapes", dataset_shapes, (list, tuple), owner)
        self._types = tuple(_tensor_dtype(one, owner) for one in dataset_types)
        self._shapes = tuple(tuple(_validate.of_type("dataset_shapes", one, (list, tuple), owner))
                             for one in dataset_shapes)  # fmt: skip
        if len(self._types) != len(self._shapes):
            message = f"For '{owner}', {len(self._types)} 'dataset_types' need as many 'dataset_shapes', but got "
            raise bad_argument(ValueError, f"{message}{len(self._shapes)}.")
        self._queue_name = _validate.of_type("queue_name", queue_name, str, owner)

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        if running.tracing():
            message = f"'{self.cls_name}' reads a queue of the host and cannot be compiled: call it outside of Cells "
            raise bad_argument(RuntimeError, f"{message}and pass what it gives to them.")
        return self.construct(*args, **kwargs)

    def construct(self) -> tuple[Tensor, ...]:
        queue = data_queue.find(self._queue_name)
        if queue is None:
            message = f"For '{self.cls_name}', there is no data queue {self._queue_name}: datasets make them with "
            raise bad_argument(RuntimeError, f"{message}device_que(), and they live as long as what it returns.")
        row = queue.take()
        found = [(value.dtype, value.shape) for value in row]
        wanted = list(zip(self._types, self._shapes, strict=True))
        if found != wanted:
            message = f"For '{self.cls_name}', a row has dtypes and shapes {found}, but {wanted} are expected."
            raise bad_argument(ValueError, message)
        return row


def _tensor_dtype(value: Any, owner: str) -> DType:
    """The dtype of Tensors of a column."""
    name = getattr(value, "name", getattr(value, "__name__", ""))
    return _validate.element_type("dataset_types", data_queue.WIDER.get(name, value), owner)
