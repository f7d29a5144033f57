"""Accuracy, precision, recall and F-measures of predicted classes."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from cellc.errors import bad_argument
from cellc.nn.metrics.metric import Metric, as_labels, extent, rearrange_inputs
from cellc.ops import _validate

_EPS = sys.float_info.min
"""Keeps 0 / 0 at 0 and changes nothing else."""


class ClassMetric(Metric):
    """Base of metrics of predictions (N, C, ...) beside labels.

    Args:
        eval_type: "classification": labels are class numbers (N, ...), or one-hot (N, C, ...); "multilabel": labels
            and predictions have one shape (N, C, ...) and hold 0 and 1.

    Raises:
        TypeError: `eval_type` is another value.
    """

    def __init__(self, eval_type: str = "classification") -> None:
        if eval_type not in ("classification", "multilabel"):
            message = (
                f"For '{type(self).__name__}', 'eval_type' must be 'classification' or 'multilabel', "
                f"but got {eval_type!r}."
            )
            raise bad_argument(TypeError, message)
        self._type = eval_type
        self.clear()

    def clear(self) -> None:
        self._class_num = 0

    def _checked(self, inputs: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Predictions, and labels as class numbers where the type is "classification"."""
        y_pred, y = self._arrays(inputs, "predicted value", "true value")
        if self._type == "classification":
            y = as_labels(y_pred, y)
        self._check_shapes(y_pred, y)
        if self._type == "multilabel" and not (np.isin(y_pred, (0, 1)).all() and np.isin(y, (0, 1)).all()):
            raise self._error("predictions and labels of a multilabel case must be 0 or 1")
        self._check_classes(y_pred.shape[1])
        return y_pred, y

    def _check_shapes(self, y_pred: np.ndarray, y: np.ndarray) -> None:
        wanted = y_pred.shape if self._type == "multilabel" else y_pred.shape[:1] + y_pred.shape[2:]
        if y_pred.ndim < 2 or y.shape != wanted:
            raise self._error(
                f"labels of a {self._type} case must have the shape {wanted} beside predictions {y_pred.shape} "
                f"of shape (N, C, ...), but got {y.shape}"
            )

    def _check_classes(self, count: int) -> None:
        if self._class_num not in (0, count):
            raise self._error(f"predictions had {self._class_num} classes before, but now have {count}")
        self._class_num = count

    def _error(self, problem: str) -> Exception:
        return bad_argument(ValueError, f"For '{type(self).__name__}.update', {problem}.")


class Accuracy(ClassMetric):
    """The share of samples that are predicted rightly; in a multilabel case, with all their labels right.

    Args:
        eval_type: "classification" or "multilabel", see ClassMetric.

    Examples:
        >>> metric = nn.Accuracy()
        >>> float(metric(np.array([[0.2, 0.8], [0.6, 0.4]]), np.array([1, 1])))
        0.5
    """

    def clear(self) -> None:
        super().clear()
        self._correct_num = 0
        self._total_num = 0

    @rearrange_inputs
    def update(self, *inputs: Any) -> None:
        """Takes predictions (N, C, ...) and labels.

        Raises:
            ValueError: their shapes or values do not fit together or to the batches before.
        """
        y_pred, y = self._checked(inputs)
        if self._type == "classification":
            correct = (y_pred.argmax(axis=1) == y).reshape(-1)
        else:
            correct = (y_pred == y).all(axis=1).reshape(-1)
        self._correct_num += int(correct.sum())
        self._total_num += correct.size

    def eval(self) -> float:
        """The accuracy, a float in [0, 1].

        Raises:
            RuntimeError: there was no sample.
        """
        self._check_updated(self._total_num > 0)
        return self._correct_num / self._total_num


class _Rate(ClassMetric):
    """True positives over a count of positives: of those predicted (Precision) or of those there are (Recall)."""

    def clear(self) -> None:
        super().clear()
        self._true_positives: Any = np.empty(0) if self._type == "multilabel" else 0
        self._positives: Any = np.empty(0) if self._type == "multilabel" else 0
        self._rates_sum = 0.0
        self._rates_num = 0

    def _counted(self, y_pred: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Which of the two holds the positives that are divided by."""
        raise NotImplementedError

    @rearrange_inputs
    def update(self, *inputs: Any) -> None:
        """Takes predictions (N, C, ...) and labels.

        Raises:
            ValueError: their shapes or values do not fit together or to the batches before.
        """
        y_pred, y = self._checked(inputs)
        if self._type == "classification":
            predicted, actual = one_hot_pair(y_pred, y, type(self).__name__)
        else:
            predicted, actual = (x.swapaxes(0, 1).reshape(self._class_num, -1) for x in (y_pred, y))
        positives = self._counted(predicted, actual).sum(axis=0)
        true_positives = (actual * predicted).sum(axis=0)
        if self._type == "classification":
            self._true_positives = self._true_positives + true_positives
            self._positives = self._positives + positives
            return
        self._rates_sum += float(np.sum(true_positives / (positives + _EPS)))
        self._rates_num += len(positives)
        self._true_positives = np.concatenate((self._true_positives, true_positives))
        self._positives = np.concatenate((self._positives, positives))

    def eval(self, average: bool = False) -> Any:
        """The rate of each class (of each sample in a multilabel case), or their mean.

        Raises:
            TypeError: `average` is not a bool.
            RuntimeError: there was no sample.
        """
        self._check_updated(self._class_num > 0)
        _validate.boolean("average", average, type(self).__name__)
        if average and self._type == "multilabel":
            return self._rates_sum / (self._rates_num + _EPS)
        rates = self._true_positives / (self._positives + _EPS)
        return float(rates.mean()) if average else rates


class Precision(_Rate):
    """True positives / all predicted as positive, for each class.

    Args:
        eval_type: "classification" or "multilabel", see ClassMetric.

    Examples:
        >>> metric = nn.Precision()
        >>> metric(np.array([[0.2, 0.8], [0.6, 0.4]]), np.array([1, 1])).tolist()
        [0.0, 1.0]
    """

    def _counted(self, y_pred: np.ndarray, y: np.ndarray) -> np.ndarray:
        return y_pred


class Recall(_Rate):
    """True positives / all that are positive, for each class.

    Args:
        eval_type: "classification" or "multilabel", see ClassMetric.

    Examples:
        >>> metric = nn.Recall()
        >>> metric(np.array([[0.2, 0.8], [0.6, 0.4]]), np.array([1, 1])).tolist()
        [0.0, 0.5]
    """

    def _counted(self, y_pred: np.ndarray, y: np.ndarray) -> np.ndarray:
        return y


class Fbeta(ClassMetric):
    """(1 + beta^2) TP / (beta^2 positives + predicted positives) for each class.

    Args:
        beta: above 0; recall counts beta times as much as precision.

    Raises:
        ValueError: `beta` is not positive.

    Examples:
        >>> metric = nn.Fbeta(1)
        >>> metric(np.array([[0.2, 0.8], [0.6, 0.4]]), np.array([1, 0])).tolist()
        [1.0, 1.0]
    """

    def __init__(self, beta: float) -> None:
        if not beta > 0:
            raise bad_argument(ValueError, f"For '{type(self).__name__}', 'beta' must be above 0, but got {beta}.")
        self.beta = beta
        super().__init__()

    def clear(self) -> None:
        super().clear()
        self._true_positives: Any = 0
        self._actual_positives: Any = 0
        self._positives: Any = 0

    @rearrange_inputs
    def update(self, *inputs: Any) -> None:
        """Takes predictions (N, C, ...) and labels: class numbers or one-hot.

        Raises:
            ValueError: their shapes or values do not fit together or to the batches before.
        """
        y_pred, y = self._checked(inputs)
        predicted, actual = one_hot_pair(y_pred, y, type(self).__name__)
        self._true_positives = self._true_positives + (actual * predicted).sum(axis=0)
        self._actual_positives = self._actual_positives + actual.sum(axis=0)
        self._positives = self._positives + predicted.sum(axis=0)

    def eval(self, average: bool = False) -> Any:
        """The measure of each class, or their mean.

        Raises:
            TypeError: `average` is not a bool.
            RuntimeError: there was no sample.
        """
        _validate.boolean("average", average, type(self).__name__)
        self._check_updated(self._class_num > 0)
        weight = self.beta**2
        positives = weight * self._actual_positives + self._positives + _EPS
        measures = (1.0 + weight) * self._true_positives / positives
        return float(measures.mean()) if average else measures


class F1(Fbeta):
    """Fbeta with beta 1: the harmonic mean of precision and recall for each class."""

    def __init__(self) -> None:
        super().__init__(1.0)


def one_hot_pair(y_pred: np.ndarray, y: np.ndarray, owner: str) -> tuple[np.ndarray, np.ndarray]:
    """The greatest predictions and the labels as (samples, C) of 0 and 1.

    Raises:
        ValueError: a label is no class of the predictions.
    """
    count = y_pred.shape[1]
    labels = y.reshape(-1)
    if labels.size and not 0 <= labels.min() <= labels.max() < count:
        message = f"For '{owner}.update', labels must be classes 0 to {count - 1}, but got {extent(labels)}."
        raise bad_argument(ValueError, message)
    classes = np.eye(count)
    return classes[y_pred.argmax(axis=1).reshape(-1)], classes[labels.astype(np.int64)]
