"""What all metrics share: the protocol clear, update, eval, and the checks of what they are given."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from cellc.errors import bad_argument
from cellc.tensor import Tensor

_Update = TypeVar("_Update", bound=Callable[..., Any])


def rearrange_inputs(func: _Update) -> _Update:
    """Decorates `update(self, *inputs)`: the inputs that `self.indexes` names are passed, in its order.

    Where `indexes` is None all inputs are passed as they came.
    """

    @functools.wraps(func)
    def rearranged(self: Any, *inputs: Any) -> Any:
        if not self.indexes:
            return func(self, *inputs)
        if not all(-len(inputs) <= at < len(inputs) for at in self.indexes):
            message = f"For '{type(self).__name__}', 'indexes' {self.indexes} do not fit {len(inputs)} inputs."
            raise bad_argument(ValueError, message)
        return func(self, *(inputs[at] for at in self.indexes))

    return rearranged  # pyright: ignore[reportReturnType]


class Metric(ABC):
    """Base of metrics: `clear()`, then `update(...)` for each batch, then `eval()`.

    Called as a function a metric does all three on one batch. A subclass decorates its `update` with
    `rearrange_inputs` where users are to choose the inputs with `set_indexes`.
    """

    _indexes: list[int] | None = None

    @property
    def indexes(self) -> list[int] | None:
        """Which of the inputs of `update` are used, in which order; None for all."""
        return self._indexes

    def set_indexes(self, indexes: list[int]) -> Metric:
        """Chooses the inputs of `update` by their positions; returns the metric.

        Raises:
            ValueError: `indexes` is not a list of ints.
        """
        if not isinstance(indexes, list) or not all(isinstance(at, int) for at in indexes):
            wanted = "should be a list and all its elements should be int"  # MindSpore's words, which tests look for
            message = f"For 'set_indexes', the argument 'indexes' {wanted}, please check whether it is correct: got "
            raise bad_argument(ValueError, f"{message}{indexes!r}.")
        self._indexes = indexes
        return self

    def __call__(self, *inputs: Any) -> Any:
        self.clear()
        self.update(*inputs)
        return self.eval()

    @abstractmethod
    def clear(self) -> None:
        """Forgets all batches."""
        raise NotImplementedError(f"{type(self).__name__} must define clear()")

    @abstractmethod
    def update(self, *inputs: Any) -> None:
        """Takes one batch into account."""
        raise NotImplementedError(f"{type(self).__name__} must define update(*inputs)")

    @abstractmethod
    def eval(self) -> Any:
        """The metric over the batches since `clear`."""
        raise NotImplementedError(f"{type(self).__name__} must define eval()")

    def _convert_data(self, data: Any) -> np.ndarray:
        """A Tensor, list or array as an array.

        Raises:
            TypeError: `data` is something else.
        """
        if isinstance(data, Tensor):
            return data.asnumpy()
        if not isinstance(data, list | np.ndarray):
            kind = type(data).__name__
            message = f"For '{type(self).__name__}', inputs must be Tensors, lists or NumPy arrays, but got {kind}."
            raise bad_argument(TypeError, message)
        return np.asarray(data)

    def _arrays(self, inputs: Sequence[Any], *names: str) -> list[np.ndarray]:
        """The inputs of `update` as arrays, one for each name."""
        self._check_count(inputs, *names)
        return [self._convert_data(data) for data in inputs]

    def _check_count(self, inputs: Sequence[Any], *names: str) -> None:
        if len(inputs) != len(names):
            wanted = f"{len(names)} input{'s' if len(names) > 1 else ''} ({', '.join(names)})"
            message = f"For '{type(self).__name__}.update', {wanted} must be given, but got {len(inputs)}."
            raise bad_argument(ValueError, message)

    def _check_updated(self, updated: bool) -> None:
        if not updated:
            raise bad_argument(RuntimeError, f"For '{type(self).__name__}', 'update' must be called before 'eval'.")


def extent(values: np.ndarray) -> str:
    """The least and the greatest of some values, for messages."""
    least, greatest = values.min(), values.max()
    return f"{least}" if least == greatest else f"{least} to {greatest}"


def is_one_hot(data: np.ndarray) -> bool:
    """Whether axis 1 holds exactly one 1 among zeros everywhere."""
    return data.ndim > 1 and bool(np.isin(data, (0, 1)).all()) and bool((data.sum(axis=1) == 1).all())


def as_labels(y_pred: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Labels as class numbers, also where they were given one-hot beside predictions of the same rank."""
    return y.argmax(axis=1) if y_pred.ndim == y.ndim and is_one_hot(y) else y
