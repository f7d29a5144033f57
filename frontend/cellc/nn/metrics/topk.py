"""Accuracy that counts a label among the k greatest predictions as right."""

from __future__ import annotations

from typing import Any

import numpy as np

from cellc.errors import bad_argument
from cellc.nn.metrics.metric import Metric, as_labels, rearrange_inputs
from cellc.ops import _validate


class TopKCategoricalAccuracy(Metric):
    """The share of samples whose label is among their k greatest predictions.

    Args:
        k: an int of at least 1.

    Raises:
        TypeError: `k` is not an int.
        ValueError: `k` is below 1.

    Examples:
        >>> metric = nn.TopKCategoricalAccuracy(2)
        >>> float(metric(np.array([[0.1, 0.5, 0.4], [0.7, 0.2, 0.1]]), np.array([2, 2])))
        0.5
    """

    def __init__(self, k: int) -> None:
        self.k = _validate.positive_int("k", k, type(self).__name__)
        self.clear()

    def clear(self) -> None:
        self._correct_num = 0
        self._samples_num = 0

    @rearrange_inputs
    def update(self, *inputs: Any) -> None:
        """Takes predictions (N, C) and labels: class numbers (N,) or one-hot (N, C).

        Raises:
            ValueError: the shapes are others, or there are not two inputs.
        """
        y_pred, y = self._arrays(inputs, "predicted value", "true value")
        labels = as_labels(y_pred, y).reshape(-1, 1)
        if y_pred.ndim != 2 or len(labels) != len(y_pred):
            message = f"predictions (N, C) and labels (N,) are taken, but got {y_pred.shape} and {y.shape}."
            raise bad_argument(ValueError, f"For '{type(self).__name__}.update', {message}")
        greatest = np.argsort(-y_pred.astype(np.float64), axis=1)[:, : self.k]
        self._correct_num += int((greatest == labels).sum())
        self._samples_num += labels.shape[0]

    def eval(self) -> float:
        """The accuracy, a float in [0, 1].

        Raises:
            RuntimeError: there was no sample.
        """
        self._check_updated(self._samples_num > 0)
        return self._correct_num / self._samples_num


class Top1CategoricalAccuracy(TopKCategoricalAccuracy):
    """TopKCategoricalAccuracy with k = 1."""

    def __init__(self) -> None:
        super().__init__(1)


class Top5CategoricalAccuracy(TopKCategoricalAccuracy):
    """TopKCategoricalAccuracy with k = 5."""

    def __init__(self) -> None:
        super().__init__(5)
