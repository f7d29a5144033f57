"""Receiver operating characteristic and the area under a curve."""

from __future__ import annotations

from typing import Any

import numpy as np

from cellc.errors import bad_argument
from cellc.nn.metrics.metric import Metric, rearrange_inputs
from cellc.ops import _validate

_Curve = tuple[np.ndarray, np.ndarray, np.ndarray]


class ROC(Metric):
    """True positive rates over false positive rates as the threshold of the scores goes down.

    Args:
        class_num: the number of classes; None or 1 for scores of the labels' shape.
        pos_label: the label of the positive class in the binary case; None for 1.

    Raises:
        TypeError: an argument is neither None nor an int.

    Examples:
        >>> fpr, tpr, thresholds = nn.ROC(pos_label=1)(np.array([3, 1, 4]), np.array([1, 0, 1]))
        >>> tpr.tolist(), thresholds.tolist()
        ([0.0, 0.5, 1.0, 1.0], [5, 4, 3, 1])
    """

    def __init__(self, class_num: int | None = None, pos_label: int | None = None) -> None:
        self.class_num = _validate.of_type("class_num", class_num, (int, type(None)), "ROC")
        self.pos_label = _validate.of_type("pos_label", pos_label, (int, type(None)), "ROC")
        self.clear()

    def clear(self) -> None:
        self._scores: np.ndarray | None = None
        self._labels = np.zeros(0)

    @rearrange_inputs
    def update(self, *inputs: Any) -> None:
        """Takes scores and labels of one shape, or scores (N, C, ...) and labels (N, ...); replaces those before.

        Raises:
            ValueError: shapes, `class_num` and `pos_label` do not fit together, or there are not two inputs.
        """
        scores, labels = self._arrays(inputs, "predicted value", "true value")
        if not scores.size:
            raise self._error(f"scores must not be empty, but have shape {scores.shape}")
        # With negatives, which order them; a small type may have none.
        scores = scores.astype(np.float64 if scores.dtype.kind == "f" else np.int64)
        if scores.shape == labels.shape:
            if self.class_num not in (None, 1):
                raise self._error(f"scores of the labels' shape need 'class_num' 1, but it is {self.class_num}")
            self._scores = scores.reshape(-1, 1)
        elif scores.ndim == labels.ndim + 1 and scores.shape[:1] + scores.shape[2:] == labels.shape:
            if self.pos_label is not None:
                raise self._error(f"'pos_label' must be None for several classes, but it is {self.pos_label}")
            if self.class_num != scores.shape[1]:
                raise self._error(f"'class_num' {self.class_num} does not fit scores of shape {scores.shape}")
            self._scores = np.moveaxis(scores, 1, -1).reshape(-1, scores.shape[1])
        else:
            raise self._error(f"scores {scores.shape} do not fit labels {labels.shape}")
        self._labels = labels.reshape(-1)

    def eval(self) -> Any:
        """False positive rates, true positive rates and thresholds; lists of them, one for each class, for several.

        Raises:
            RuntimeError: there was no batch.
            ValueError: no sample, or every one, is of a class.
        """
        self._check_updated(self._scores is not None)
        scores = np.asarray(self._scores)
        if self.class_num in (None, 1):
            return self._curve(scores[:, 0], self._labels == (1 if self.pos_label is None else self.pos_label))
        curves = [self._curve(scores[:, label], self._labels == label) for label in range(scores.shape[1])]
        return tuple(list(part) for part in zip(*curves, strict=True))

    def _curve(self, scores: np.ndarray, positive: np.ndarray) -> _Curve:
        order = np.argsort(-scores, kind="stable")
        scores, positive = scores[order], positive[order]
        last_of_equal = np.append(np.flatnonzero(np.diff(scores)), scores.size - 1)
        true = np.append(0, np.cumsum(positive)[last_of_equal])
        false = np.append(0, 1 + last_of_equal) - true
        if false[-1] == 0 or true[-1] == 0:
            raise self._error("each class needs samples of it and others", "eval")
        thresholds = scores[last_of_equal]
        return false / false[-1], true / true[-1], np.append(thresholds[:1] + 1, thresholds)

    def _error(self, problem: str, method: str = "update") -> Exception:
        return bad_argument(ValueError, f"For 'ROC.{method}', {problem}.")


def auc(x: np.ndarray, y: np.ndarray, reorder: bool = False) -> float:
    """The area under the curve of points (x, y) by the trapezoidal rule.

    Args:
        x: array (N,) or (N, 1) with N >= 2, increasing or decreasing.
        y: as many values.
        reorder: sort the points by x (and y where x is equal) first.

    Raises:
        TypeError: an input is not a NumPy array.
        ValueError: the shapes do not fit, or x goes up and down and `reorder` is False.

    Examples:
        >>> float(nn.auc(np.array([0.0, 0.5, 1.0]), np.array([0.0, 1.0, 1.0])))
        0.75
    """
    if not isinstance(x, np.ndarray) or not isinstance(y, np.ndarray):
        kinds = f"{type(x).__name__} and {type(y).__name__}"
        raise bad_argument(TypeError, f"For 'auc', 'x' and 'y' must be NumPy arrays, but got {kinds}.")
    column = all(array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1) for array in (x, y))
    if not column or x.shape[0] != y.shape[0] or x.shape[0] < 2:
        message = f"For 'auc', 'x' and 'y' must be vectors of two or more values, but got shapes {x.shape}, {y.shape}."
        raise bad_argument(ValueError, message)
    x, y = x.reshape(-1), y.reshape(-1)
    if reorder:
        order = np.lexsort((y, x))
        return float(np.trapezoid(y[order], x[order]))
    steps = np.diff(x)
    if (steps >= 0).all():
        return float(np.trapezoid(y, x))
    if (steps <= 0).all():
        return -float(np.trapezoid(y, x))
    raise bad_argument(ValueError, f"For 'auc', 'x' must be increasing or decreasing unless 'reorder', but got {x}.")
