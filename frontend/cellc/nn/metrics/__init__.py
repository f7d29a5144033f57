"""Metrics: what a network's outputs are worth, in NumPy, batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cellc.errors import bad_argument
from cellc.nn.metrics.bleu_score import BleuScore as BleuScore
from cellc.nn.metrics.classification import F1 as F1
from cellc.nn.metrics.classification import Accuracy as Accuracy
from cellc.nn.metrics.classification import Fbeta as Fbeta
from cellc.nn.metrics.classification import Precision as Precision
from cellc.nn.metrics.classification import Recall as Recall
from cellc.nn.metrics.confusion_matrix import ConfusionMatrix as ConfusionMatrix
from cellc.nn.metrics.confusion_matrix_metric import ConfusionMatrixMetric as ConfusionMatrixMetric
from cellc.nn.metrics.error import MAE as MAE
from cellc.nn.metrics.error import MSE as MSE
from cellc.nn.metrics.error import Loss as Loss
from cellc.nn.metrics.metric import Metric as Metric
from cellc.nn.metrics.metric import rearrange_inputs as rearrange_inputs
from cellc.nn.metrics.occlusion_sensitivity import OcclusionSensitivity as OcclusionSensitivity
from cellc.nn.metrics.perplexity import Perplexity as Perplexity
from cellc.nn.metrics.roc import ROC as ROC
from cellc.nn.metrics.roc import auc as auc
from cellc.nn.metrics.similarity import CosineSimilarity as CosineSimilarity
from cellc.nn.metrics.similarity import Dice as Dice
from cellc.nn.metrics.surface_distance import HausdorffDistance as HausdorffDistance
from cellc.nn.metrics.surface_distance import MeanSurfaceDistance as MeanSurfaceDistance
from cellc.nn.metrics.surface_distance import RootMeanSquareDistance as RootMeanSquareDistance
from cellc.nn.metrics.topk import Top1CategoricalAccuracy as Top1CategoricalAccuracy
from cellc.nn.metrics.topk import Top5CategoricalAccuracy as Top5CategoricalAccuracy
from cellc.nn.metrics.topk import TopKCategoricalAccuracy as TopKCategoricalAccuracy

_BY_NAME: dict[str, Callable[..., Any]] = {
    "F1": F1,
    "acc": Accuracy,
    "accuracy": Accuracy,
    "auc": auc,
    "bleu_score": BleuScore,
    "confusion_matrix": ConfusionMatrix,
    "confusion_matrix_metric": ConfusionMatrixMetric,
    "cosine_similarity": CosineSimilarity,
    "dice": Dice,
    "hausdorff_distance": HausdorffDistance,
    "loss": Loss,
    "mae": MAE,
    "mean_surface_distance": MeanSurfaceDistance,
    "mse": MSE,
    "occlusion_sensitivity": OcclusionSensitivity,
    "perplexity": Perplexity,
    "precision": Precision,
    "recall": Recall,
    "roc": ROC,
    "root_mean_square_distance": RootMeanSquareDistance,
    "top_1_accuracy": Top1CategoricalAccuracy,
    "top_5_accuracy": Top5CategoricalAccuracy,
    "topk": TopKCategoricalAccuracy,
}


def names() -> list[str]:
    """The names that `get_metric_fn` takes."""
    return sorted(_BY_NAME)


def get_metric_fn(name: str, *args: Any, **kwargs: Any) -> Any:
    """The metric of that name, made with the further arguments.

    Raises:
        KeyError: there is no metric of that name.

    Examples:
        >>> type(nn.get_metric_fn("acc")).__name__
        'Accuracy'
    """
    if name not in _BY_NAME:
        raise KeyError(f"For 'get_metric_fn', 'name' must be one of {', '.join(names())}, but got {name!r}.")
    return _BY_NAME[name](*args, **kwargs)


def get_metrics(metrics: dict[str, Metric] | set[str] | None) -> dict[str, Metric]:
    """Metrics by name, from names or ready metrics, as `Model` takes them.

    Raises:
        TypeError: `metrics` is neither None, a dict of str to Metric, nor a set of names.
    """
    if metrics is None:
        return {}
    if isinstance(metrics, dict) and all(isinstance(k, str) and isinstance(m, Metric) for k, m in metrics.items()):
        return metrics
    if isinstance(metrics, set):
        return {name: get_metric_fn(name) for name in sorted(metrics)}
    message = f"'metrics' must be None, a dict of names and Metrics, or a set of names, but got {metrics!r}."
    raise bad_argument(TypeError, message)
