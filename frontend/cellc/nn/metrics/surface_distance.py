"""Distances between the surfaces of a predicted and a true region of an image.

S(A) are the pixels of a region A with a neighbour outside of it, and d(a, S(B)) the distance from a pixel to the next
pixel of S(B). SciPy computes both (the extra `metrics`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cellc.errors import bad_argument
from cellc.nn.metrics.metric import Metric, rearrange_inputs
from cellc.ops import _validate

_DISTANCES = ("euclidean", "chessboard", "taxicab")


class SurfaceMetric(Metric):
    """Base of metrics of `update(y_pred, y, label_idx)`, where a region is the pixels that equal `label_idx`.

    Args:
        distance_metric: "euclidean", "chessboard" or "taxicab".

    Raises:
        TypeError, ValueError: `distance_metric` is something else.
    """

    def __init__(self, distance_metric: str = "euclidean") -> None:
        owner = type(self).__name__
        _validate.of_type("distance_metric", distance_metric, str, owner)
        self.distance_metric = _validate.one_of("distance_metric", distance_metric, _DISTANCES, owner)
        self.clear()

    def clear(self) -> None:
        self._y_pred_edges = np.zeros(0, bool)
        self._y_edges = np.zeros(0, bool)
        self._is_update = False

    @rearrange_inputs
    def update(self, *inputs: Any) -> None:
        """Takes predicted labels, true labels of the same shape, and the label of the region; replaces those before.

        Raises:
            TypeError: the label is neither an int nor a float.
            ValueError: the shapes differ or are empty, the label occurs in neither, or there are not three inputs.
        """
        self._check_count(inputs, "predicted value", "true value", "label index")
        y_pred, y = self._convert_data(inputs[0]), self._convert_data(inputs[1])
        label = inputs[2]
        owner = type(self).__name__
        if not isinstance(label, int | float):
            message = f"For '{owner}.update', the label must be an int or a float, but got {type(label).__name__}."
            raise bad_argument(TypeError, message)
        if y_pred.size == 0 or y_pred.shape != y.shape:
            message = f"For '{owner}.update', shapes must be equal and not empty, but got {y_pred.shape} and {y.shape}."
            raise bad_argument(ValueError, message)
        if label not in y_pred and label not in y:
            raise bad_argument(ValueError, f"For '{owner}.update', the label {label} occurs in neither input.")
        self._keep_edges(_region(y_pred, label), _region(y, label))
        self._is_update = True

    def _keep_edges(self, predicted: np.ndarray, true: np.ndarray) -> None:
        self._y_pred_edges, self._y_edges = _edges(predicted), _edges(true)

    def _distances(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """The distances from each pixel of the surface `start` to the surface `end`."""
        if not end.any():
            return np.full(int(start.sum()), np.inf)
        ndimage = _ndimage(type(self).__name__)
        if self.distance_metric == "euclidean":
            return ndimage.distance_transform_edt(~end)[start]
        return ndimage.distance_transform_cdt(~end, metric=self.distance_metric)[start]


class MeanSurfaceDistance(SurfaceMetric):
    """The mean of d(a, S(y)) over a in S(y_pred); symmetric, the mean of that and of the way back.

    Args:
        symmetric: which of the two.
        distance_metric: "euclidean", "chessboard" or "taxicab".

    Raises:
        TypeError, ValueError: an argument has another type or value.
    """

    def __init__(self, symmetric: bool = False, distance_metric: str = "euclidean") -> None:
        self.symmetric = _validate.boolean("symmetric", symmetric, type(self).__name__)
        super().__init__(distance_metric)

    def eval(self) -> float:
        """The distance in pixels, infinite where a region is empty.

        Raises:
            RuntimeError: there was no image.
        """
        self._check_updated(self._is_update)
        there = self._mean(self._distances(self._y_pred_edges, self._y_edges))
        if not self.symmetric or np.isinf(there):
            return there
        return (there + self._mean(self._distances(self._y_edges, self._y_pred_edges))) / 2

    def _mean(self, distances: np.ndarray) -> float:
        return float(distances.mean()) if distances.size else np.inf


class RootMeanSquareDistance(MeanSurfaceDistance):
    """The mean of d(a, S(y))^2 over a in S(y_pred); symmetric, the root of the mean of that and of the way back.

    As in MindSpore, no root is taken where the metric is not symmetric.

    Args:
        symmetric: which of the two.
        distance_metric: "euclidean", "chessboard" or "taxicab".

    Raises:
        TypeError, ValueError: an argument has another type or value.
    """

    def _mean(self, distances: np.ndarray) -> float:
        return float(np.square(distances).mean()) if distances.size else np.inf

    def eval(self) -> float:
        """The distance, infinite where a region is empty.

        Raises:
            RuntimeError: there was no image.
        """
        found = super().eval()
        return math.sqrt(found) if self.symmetric else found


class HausdorffDistance(SurfaceMetric):
    """The greatest d(a, S(y)) over a in S(y_pred), and back unless it is directed.

    Args:
        distance_metric: "euclidean", "chessboard" or "taxicab".
        percentile: a float in [0, 100]: that percentile of the distances stands for the greatest; None or 0 for none.
        directed: only from y_pred to y.
        crop: cut the images to the box that both regions need; faster, and dimensions of size 1 drop out.

    Raises:
        TypeError, ValueError: an argument has another type or value.

    Examples:
        >>> y_pred, y = np.array([[0, 1, 1], [0, 0, 0]]), np.array([[1, 1, 0], [0, 0, 0]])
        >>> float(nn.HausdorffDistance()(y_pred, y, 1))
        1.0
    """

    def __init__(
        self,
        distance_metric: str = "euclidean",
        percentile: float | None = None,
        directed: bool = False,
        crop: bool = True,
    ) -> None:
        owner = "HausdorffDistance"
        self.percentile = _validate.of_type("percentile", percentile, (float, type(None)), owner)
        if percentile is not None and not 0 <= percentile <= 100:
            message = f"For '{owner}', 'percentile' must be in [0, 100], but got {percentile}."
            raise bad_argument(ValueError, message)
        self.directed = _validate.of_type("directed", directed, (bool, type(None)), owner)
        self.crop = _validate.of_type("crop", crop, (bool, type(None)), owner)
        super().__init__(distance_metric)

    def _keep_edges(self, predicted: np.ndarray, true: np.ndarray) -> None:
        if self.crop:
            box = _bounding_box(predicted | true)
            predicted, true = np.squeeze(predicted[box]), np.squeeze(true[box])
        super()._keep_edges(predicted, true)

    def eval(self) -> float:
        """The distance in pixels, infinite where a region is empty.

        Raises:
            RuntimeError: there was no image.
        """
        self._check_updated(self._is_update)
        there = self._greatest(self._distances(self._y_pred_edges, self._y_edges))
        if self.directed:
            return there
        return max(there, self._greatest(self._distances(self._y_edges, self._y_pred_edges)))

    def _greatest(self, distances: np.ndarray) -> float:
        if not distances.size:
            return np.inf
        return float(np.percentile(distances, self.percentile) if self.percentile else distances.max())


def _region(labels: np.ndarray, label: float) -> np.ndarray:
    return labels if labels.dtype == bool else labels == label


def _edges(region: np.ndarray) -> np.ndarray:
    """The region's pixels with a neighbour outside of it; the image's border counts as outside."""
    return _ndimage("surface distances").binary_erosion(region) ^ region


def _bounding_box(region: np.ndarray) -> tuple[slice, ...]:
    places = np.nonzero(region)
    return tuple(slice(int(at.min()), int(at.max()) + 1) if at.size else slice(0) for at in places)


def _ndimage(owner: str) -> Any:
    """`scipy.ndimage`.

    Raises:
        ImportError: SciPy is not installed.
    """
    try:
        from scipy import ndimage
    except ImportError as error:
        raise ImportError(f"{owner} needs SciPy: pip install 'cellc[metrics]'") from error
    return ndimage
