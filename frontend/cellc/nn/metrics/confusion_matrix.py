"""How often each class is predicted as each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from cellc.errors import bad_argument
from cellc.nn.metrics.metric import Metric, extent, rearrange_inputs
from cellc.ops import _validate


class ConfusionMatrix(Metric):
    """Entry (i, j) counts the samples of class i that were predicted as j.

    Args:
        num_classes: the number of classes.
        normalize: "no_norm" for counts; "target", "prediction" or "all" for shares of rows, columns or all.
        threshold: predictions that are floats of the labels' shape are class 1 from here on, else 0.

    Raises:
        TypeError: `num_classes` is not an int or `threshold` not a float.
        ValueError: `normalize` is another value.

    Examples:
        >>> nn.ConfusionMatrix(2)(np.array([1, 0, 1]), np.array([1, 0, 0])).tolist()
        [[1.0, 1.0], [0.0, 1.0]]
    """

    def __init__(self, num_classes: int, normalize: str = "no_norm", threshold: float = 0.5) -> None:
        owner = "ConfusionMatrix"
        self.num_classes = _validate.positive_int("num_classes", num_classes, owner)
        self.normalize = _validate.one_of("normalize", normalize, ("target", "prediction", "all", "no_norm"), owner)
        self.threshold = _validate.of_type("threshold", threshold, float, owner)
        self.clear()

    def clear(self) -> None:
        self.confusion_matrix = np.zeros((self.num_classes, self.num_classes))
        self._is_update = False

    @rearrange_inputs
    def update(self, *inputs: Any) -> None:
        """Takes predictions, (N, ...) classes or floats for the threshold or (N, C, ...), and labels (N, ...).

        Raises:
            ValueError: the shapes do not fit together, a class is out of range, or there are not two inputs.
        """
        y_pred, y = self._arrays(inputs, "predicted value", "true value")
        if y_pred.ndim == y.ndim + 1:
            y_pred = np.argmax(y_pred, axis=1)
        elif np.issubdtype(y_pred.dtype, np.floating):
            y_pred = y_pred >= self.threshold
        if y_pred.shape != y.shape:
            message = f"For 'ConfusionMatrix.update', predictions {y_pred.shape} do not fit labels {y.shape}."
            raise bad_argument(ValueError, message)
        rows, columns = y.reshape(-1), y_pred.reshape(-1)
        for values in (rows, columns):
            if values.size and not 0 <= values.min() <= values.max() < self.num_classes:
                message = (
                    f"For 'ConfusionMatrix.update', classes must be 0 to {self.num_classes - 1}, "
                    f"but got {extent(values)}."
                )
                raise bad_argument(ValueError, message)
        np.add.at(self.confusion_matrix, (rows.astype(np.int64), columns.astype(np.int64)), 1)
        self._is_update = True

    def eval(self) -> np.ndarray:
        """The matrix (num_classes, num_classes); shares of nothing are 0.

        Raises:
            RuntimeError: there was no batch.
        """
        self._check_updated(self._is_update)
        counts = self.confusion_matrix
        if self.normalize == "no_norm":
            return counts.copy()
        axes = {"target": 1, "prediction": 0, "all": None}[self.normalize]
        totals = np.broadcast_to(counts.sum(axis=axes, keepdims=True), counts.shape)
        return np.divide(counts, totals, out=np.zeros_like(counts), where=totals != 0)
