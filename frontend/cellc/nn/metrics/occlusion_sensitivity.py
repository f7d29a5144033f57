"""Which parts of an image a classification rests on."""

from __future__ import annotations

from typing import Any

import numpy as np

from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.nn.metrics.metric import Metric, rearrange_inputs
from cellc.ops import _validate
from cellc.tensor import Tensor


class OcclusionSensitivity(Metric):
    """The fall of a class's score when the surroundings of each pixel are covered.

    Zeiler and Fergus, Visualizing and Understanding Convolutional Networks (https://arxiv.org/abs/1311.2901).

    Args:
        pad_val: the value that covers.
        margin: pixels from i - margin to i + margin - 1 are covered; an int, or a list with one for each dimension.
        n_batch: how many covered images the network is given at once.
        b_box: [min1, max1, min2, max2, ...] of the pixels to look at, without the batch; negative maxima stand for
            the end. None for all.

    Raises:
        TypeError, ValueError: an argument has another type or value.
    """

    def __init__(
        self, pad_val: float = 0.0, margin: int | list[int] = 2, n_batch: int = 128, b_box: list[int] | None = None
    ) -> None:
        owner = "OcclusionSensitivity"
        self.pad_val = _validate.of_type("pad_val", pad_val, float, owner)
        self.margin = _validate.of_type("margin", margin, (int, list), owner)
        self.n_batch = _validate.positive_int("n_batch", n_batch, owner)
        self.b_box = _validate.of_type("b_box", b_box, (list, type(None)), owner)
        self.clear()

    def clear(self) -> None:
        self._sensitivity: np.ndarray | None = None

    @rearrange_inputs
    def update(self, *inputs: Any) -> None:
        """Takes the network, one image (1, ...) and its label; replaces the one before.

        Raises:
            TypeError: the network is not a Cell.
            RuntimeError: there is more than one image or label.
            ValueError: `b_box` or the label does not fit the image, or there are not three inputs.
        """
        self._check_count(inputs, "classification model", "predicted value", "label")
        network = _validate.of_type("model", inputs[0], Cell, "OcclusionSensitivity.update")
        image = self._convert_data(inputs[1])
        label = np.asarray(inputs[2]) if isinstance(inputs[2], int) else self._convert_data(inputs[2])
        if image.shape[0] != 1 or label.size != 1:
            message = (
                f"For 'OcclusionSensitivity.update', one image (1, ...) and one label are taken, "
                f"but got shapes {image.shape} and {label.shape}."
            )
            raise bad_argument(RuntimeError, message)
        low, high = self._box(image.shape[1:])
        places = [np.add(low, place) for place in np.ndindex(*(high - low + 1))]
        column = int(label.reshape(()))
        baseline = _scores(network, image, column)[0]
        scores: list[np.ndarray] = []
        for first in range(0, len(places), self.n_batch):
            covered = [self._covered(image, place) for place in places[first : first + self.n_batch]]
            scores.append(_scores(network, np.concatenate(covered), column))
        self._sensitivity = baseline - np.squeeze(np.concatenate(scores).reshape(high - low + 1))

    def _covered(self, image: np.ndarray, place: np.ndarray) -> np.ndarray:
        margins = self.margin if isinstance(self.margin, list) else [self.margin] * len(place)
        covered = image.copy()
        hole = tuple(slice(max(0, at - margin), at + margin) for at, margin in zip(place, margins, strict=True))
        covered[(..., *hole)] = self.pad_val
        return covered

    def _box(self, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """The first and the last pixel to look at."""
        size = np.array(shape)
        if self.b_box is None:
            return np.zeros_like(size), size - 1
        if len(self.b_box) != 2 * len(shape):
            raise self._box_error(shape)
        low, high = np.maximum(self.b_box[::2], 0), np.array(self.b_box[1::2])
        high = np.where(high < 0, size - 1, high)
        if (high >= size).any() or (low > high).any():
            raise self._box_error(shape)
        return low, high

    def _box_error(self, shape: tuple[int, ...]) -> Exception:
        message = (
            f"For 'OcclusionSensitivity', 'b_box' must be [min, max] inside an image of shape {shape} for each "
            f"dimension, but got {self.b_box}."
        )
        return bad_argument(ValueError, message)

    def eval(self) -> np.ndarray:
        """The fall of the score for each pixel of the box; positive where it spoke for the class.

        Raises:
            RuntimeError: there was no image.
        """
        self._check_updated(self._sensitivity is not None)
        return np.array(self._sensitivity)


def _scores(network: Cell, images: np.ndarray, label: int) -> np.ndarray:
    """The scores of one class."""
    scores = network(Tensor(images)).asnumpy()
    if not 0 <= label < scores.shape[1]:
        message = f"For 'OcclusionSensitivity.update', label {label} is no class of scores of shape {scores.shape}."
        raise bad_argument(ValueError, message)
    return scores[:, label]
