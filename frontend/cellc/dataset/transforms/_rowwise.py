"""Base of transforms that can take many rows at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np


class RowWise(ABC):
    """A transform of one array that draws no random numbers and treats each row alike.

    NumPy's calls cost more than their work on small rows, so `batch` gives such transforms all rows of a batch.
    """

    @abstractmethod
    def __call__(self, data: Any) -> np.ndarray:
        """The transform of one row."""

    @abstractmethod
    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        """The transforms of the rows along the first axis, stacked: the same bits as one by one.

        Raises:
            Exception: it is not for such rows, or not for one of them. They are then transformed one by one, and what
                that raises is what the user sees.
        """


def of_rows(operation: Callable[..., Any]) -> Callable[[np.ndarray], np.ndarray] | None:
    """The operation for many rows; None where it has none, or a subclass does something else with one row."""
    if not isinstance(operation, RowWise):
        return None
    for kind in type(operation).__mro__:
        if "of_rows" in vars(kind):
            return operation.of_rows
        if "__call__" in vars(kind):
            return None
    return None
