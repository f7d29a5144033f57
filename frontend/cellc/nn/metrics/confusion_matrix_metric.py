"""Rates and indices that are computed from counts of true and false positives and negatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cellc.errors import bad_argument
from cellc.nn.metrics.metric import Metric, rearrange_inputs
from cellc.ops import _validate

_Counts = np.ndarray

_NAMES = {
    "tpr": ("sensitivity", "recall", "hit_rate", "true_positive_rate"),
    "tnr": ("specificity", "selectivity", "true_negative_rate"),
    "ppv": ("precision", "positive_predictive_value"),
    "npv": ("negative_predictive_value",),
    "fnr": ("miss_rate", "false_negative_rate"),
    "fpr": ("fall_out", "false_positive_rate"),
    "fdr": ("false_discovery_rate",),
    "for": ("false_omission_rate",),
    "pt": ("prevalence_threshold",),
    "ts": ("threat_score", "critical_success_index", "csi"),
    "acc": ("accuracy",),
    "ba": ("balanced_accuracy",),
    "f1": ("f1_score",),
    "mcc": ("matthews_correlation_coefficient",),
    "fm": ("fowlkes_mallows_index",),
    "bm": ("informedness", "bookmaker_informedness"),
    "mk": ("markedness", "deltap"),
}
_SHORT = {name: short for short, names in _NAMES.items() for name in (short, *names)}


def _ratio(part: _Counts, whole: _Counts) -> _Counts:
    """part / whole, NaN where the whole is 0."""
    part, whole = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole != 0)


def _tpr(tp: _Counts, fp: _Counts, tn: _Counts, fn: _Counts) -> _Counts:
    return _ratio(tp, tp + fn)


def _tnr(tp: _Counts, fp: _Counts, tn: _Counts, fn: _Counts) -> _Counts:
    return _ratio(tn, tn + fp)


def _ppv(tp: _Counts, fp: _Counts, tn: _Counts, fn: _Counts) -> _Counts:
    return _ratio(tp, tp + fp)


def _npv(tp: _Counts, fp: _Counts, tn: _Counts, fn: _Counts) -> _Counts:
    return _ratio(tn, tn + fn)


def _prevalence_threshold(*counts: _Counts) -> _Counts:
    tpr, tnr = _tpr(*counts), _tnr(*counts)
    return _ratio(np.sqrt(tpr * (1 - tnr)) + tnr - 1, tpr + tnr - 1)


def _matthews(tp: _Counts, fp: _Counts, tn: _Counts, fn: _Counts) -> _Counts:
    return _ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


_FORMULAS: dict[str, Callable[..., _Counts]] = {
    "tpr": _tpr,
    "tnr": _tnr,
    "ppv": _ppv,
    "npv": _npv,
    "fnr": lambda tp, fp, tn, fn: _ratio(fn, tp + fn),
    "fpr": lambda tp, fp, tn, fn: _ratio(fp, fp + tn),
    "fdr": lambda tp, fp, tn, fn: _ratio(fp, fp + tp),
    "for": lambda tp, fp, tn, fn: _ratio(fn, fn + tn),
    "pt": _prevalence_threshold,
    "ts": lambda tp, fp, tn, fn: _ratio(tp, tp + fn + fp),
    "acc": lambda tp, fp, tn, fn: _ratio(tp + tn, tp + fp + tn + fn),
    "ba": lambda *counts: (_tpr(*counts) + _tnr(*counts)) / 2,
    "f1": lambda tp, fp, tn, fn: _ratio(2 * tp, 2 * tp + fn + fp),
    "mcc": _matthews,
    "fm": lambda *counts: np.sqrt(_ppv(*counts) * _tpr(*counts)),
    "bm": lambda *counts: _tpr(*counts) + _tnr(*counts) - 1,
    "mk": lambda *counts: _ppv(*counts) + _npv(*counts) - 1,
}

_DECREASES = ("none", "mean", "sum", "mean_batch", "sum_batch", "mean_channel", "sum_channel")


class ConfusionMatrixMetric(Metric):
    """A rate or index of binarized predictions (N, C, ...) beside one-hot labels.

    Args:
        skip_channel: False leaves the first channel, often the background, out (MindSpore's meaning of the name).
        metric_name: e.g. "sensitivity", "precision", "f1 score" or a short name such as "tpr"; letter case does not
            matter, and a blank stands for an underscore.
        calculation_method: True computes the metric for each sample and channel and averages; False computes it once
            from the counts over everything.
        decrease: how the values of one batch are put together: "mean" over channels, then samples; "sum";
            "mean_batch", "sum_batch" over samples; "mean_channel", "sum_channel" over channels; "none". Values that
            are not defined (0 / 0) do not count.

    Raises:
        TypeError, ValueError: an argument has another type or value.
        NotImplementedError: `metric_name` is not known.

    Examples:
        >>> metric = nn.ConfusionMatrixMetric(metric_name="tpr")
        >>> metric(np.array([[[0], [1]], [[1], [0]]]), np.array([[[0], [1]], [[0], [1]]])).tolist()
        [0.5]
    """

    def __init__(
        self,
        skip_channel: bool = True,
        metric_name: str = "sensitivity",
        calculation_method: bool = False,
        decrease: str = "mean",
    ) -> None:
        owner = "ConfusionMatrixMetric"
        self.skip_channel = _validate.boolean("skip_channel", skip_channel, owner)
        self.metric_name = _validate.of_type("metric_name", metric_name, str, owner)
        self.calculation_method = _validate.boolean("calculation_method", calculation_method, owner)
        self.decrease = _validate.one_of("decrease", _validate.of_type("decrease", decrease, str, owner),
                                         _DECREASES, owner)  # fmt: skip
        self._formula = _FORMULAS[_short_name(metric_name)]
        self.clear()

    def clear(self) -> None:
        self._counts = np.zeros(4)
        self._value_sum = 0.0
        self._value_num = 0.0
        self._is_update = False

    @rearrange_inputs
    def update(self, *inputs: Any) -> None:
        """Takes predictions and labels of one shape (N, C, ...) that hold 0 and 1.

        Raises:
            ValueError: the shapes differ or have a rank below 2, labels are not whole numbers, or there are not two.
        """
        y_pred, y = self._arrays(inputs, "predicted value", "true value")
        counts = _counts(y_pred, y, self.skip_channel)
        self._is_update = True
        if not self.calculation_method:
            self._counts = self._counts + counts.sum(axis=(0, 1))
            return
        values, defined = _decreased(self._formula(*np.moveaxis(counts, -1, 0)), self.decrease)
        self._value_sum += float((values * defined).sum())
        self._value_num += float(defined.sum())

    def eval(self) -> Any:
        """The metric: an array (1,) from the counts, or the mean over the defined values.

        Raises:
            RuntimeError: there was no sample with a defined value.
        """
        if not self.calculation_method:
            self._check_updated(self._is_update)
            return np.atleast_1d(self._formula(*self._counts))
        self._check_updated(self._value_num > 0)
        return self._value_sum / self._value_num


def _short_name(metric_name: str) -> str:
    short = _SHORT.get(metric_name.replace(" ", "_").lower())
    if short is None:
        message = (
            f"For 'ConfusionMatrixMetric', 'metric_name' {metric_name!r} is not one of {', '.join(sorted(_SHORT))}."
        )
        raise NotImplementedError(message)
    return short


def _counts(y_pred: np.ndarray, y: np.ndarray, all_channels: bool) -> np.ndarray:
    """True positives, false positives, true negatives, false negatives as (N, C, 4)."""
    if y_pred.ndim < 2 or y_pred.shape != y.shape:
        message = (
            f"For 'ConfusionMatrixMetric.update', predictions and labels must have one shape (N, C, ...), "
            f"but got {y_pred.shape} and {y.shape}."
        )
        raise bad_argument(ValueError, message)
    if not np.all(y.astype(np.uint8) == y):
        raise bad_argument(ValueError, "For 'ConfusionMatrixMetric.update', labels must be binarized.")
    if not all_channels and y.shape[1] > 1:
        y_pred, y = y_pred[:, 1:], y[:, 1:]
    flat = (*y.shape[:2], -1)
    predicted: np.ndarray = y_pred.reshape(flat).astype(np.float64)
    true: np.ndarray = y.reshape(flat).astype(np.float64)
    tp, tn = (predicted + true == 2).sum(axis=2), (predicted + true == 0).sum(axis=2)
    positives = true.sum(axis=2)
    return np.stack([tp, np.size(true, 2) - positives - tn, tn, positives - tp], axis=-1)


def _decreased(values: np.ndarray, decrease: str) -> tuple[np.ndarray, np.ndarray]:
    """The values of samples and channels (N, C) put together, and how many defined ones went into each."""
    defined = (~np.isnan(values)).astype(np.float64)
    values = np.nan_to_num(values, nan=0.0, posinf=np.inf, neginf=-np.inf)
    if decrease == "none":
        return values, defined
    if decrease == "sum":
        return values.sum(), defined.sum()
    if decrease == "mean":
        values, defined = _mean(values, defined, 1)
        return _mean(values, (defined > 0).astype(np.float64), 0)
    kind, axis = decrease.split("_")
    at = 0 if axis == "batch" else 1
    if kind == "sum":
        return values.sum(axis=at), defined.sum(axis=at)
    return _mean(values, defined, at)


def _mean(values: np.ndarray, defined: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    count = np.asarray(defined.sum(axis=axis))
    total = np.asarray(values.sum(axis=axis))
    return np.divide(total, count, out=np.zeros_like(total), where=count > 0), count
