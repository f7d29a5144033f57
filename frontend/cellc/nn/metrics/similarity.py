"""Metrics of how alike vectors or regions are."""

from __future__ import annotations

from typing import Any

import numpy as np

from cellc.errors import bad_argument
from cellc.nn.metrics.metric import Metric, rearrange_inputs
from cellc.ops import _validate


class CosineSimilarity(Metric):
    """The similarity of each pair of rows of a matrix.

    Args:
        similarity: "cosine", or "dot" for products without normalisation.
        reduction: "none" for the matrix (N, N); "mean" or "sum" over its last axis.
        zero_diagonal: whether a row's similarity with itself counts as 0.

    Raises:
        TypeError, ValueError: an argument has another type or value.

    Examples:
        >>> nn.CosineSimilarity()(np.array([[1.0, 0.0], [2.0, 0.0]])).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """

    def __init__(self, similarity: str = "cosine", reduction: str = "none", zero_diagonal: bool = True) -> None:
        owner = "CosineSimilarity"
        for name, value in (("similarity", similarity), ("reduction", reduction)):
            _validate.of_type(name, value, str, owner)
        self.similarity = _validate.one_of("similarity", similarity, ("dot", "cosine"), owner)
        self.reduction = _validate.one_of("reduction", reduction, ("none", "sum", "mean"), owner)
        self.zero_diagonal = _validate.boolean("zero_diagonal", zero_diagonal, owner)
        self.clear()

    def clear(self) -> None:
        self._products: np.ndarray | None = None

    @rearrange_inputs
    def update(self, *inputs: Any) -> None:
        """Takes a matrix (N, D); it replaces the one before.

        Raises:
            ValueError: it has another rank, or there is not one input.
        """
        (rows,) = self._arrays(inputs, "inputs")
        if rows.ndim != 2:
            message = f"For 'CosineSimilarity.update', 'inputs' must have rank 2, but got shape {rows.shape}."
            raise bad_argument(ValueError, message)
        if self.similarity == "cosine":
            rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        self._products = rows @ rows.T

    def eval(self) -> np.ndarray:
        """The similarities, (N, N) or reduced (N,).

        Raises:
            RuntimeError: there was no matrix.
        """
        self._check_updated(self._products is not None)
        products = np.array(self._products)
        if self.zero_diagonal:
            np.fill_diagonal(products, 0)
        if self.reduction == "none":
            return products
        return products.mean(axis=-1) if self.reduction == "mean" else products.sum(axis=-1)


class Dice(Metric):
    """The sum over the batches of 2 <y_pred, y> / (<y_pred, y_pred> + <y, y> + smooth), over the number of samples.

    Args:
        smooth: a float above 0.

    Raises:
        TypeError, ValueError: `smooth` is not a float above 0.

    Examples:
        >>> round(nn.Dice()(np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]])), 4)
        1.0
    """

    def __init__(self, smooth: float = 1e-5) -> None:
        self.smooth = _validate.positive_float("smooth", smooth, "Dice")
        self.clear()

    def clear(self) -> None:
        self._dice_coeff_sum = 0.0
        self._samples_num = 0

    @rearrange_inputs
    def update(self, *inputs: Any) -> None:
        """Takes predictions and labels of one shape (N, ...).

        Raises:
            ValueError: the shapes differ, or there are not two inputs.
        """
        y_pred, y = self._arrays(inputs, "predicted value", "true value")
        if y_pred.shape != y.shape:
            message = f"For 'Dice.update', shapes must be equal, but got {y_pred.shape} and {y.shape}."
            raise bad_argument(ValueError, message)
        predicted, true = y_pred.reshape(-1).astype(np.float64), y.reshape(-1).astype(np.float64)
        union = np.dot(predicted, predicted) + np.dot(true, true)
        self._dice_coeff_sum += 2 * float(np.dot(predicted, true)) / float(union + self.smooth)
        self._samples_num += y.shape[0]

    def eval(self) -> float:
        """The coefficient.

        Raises:
            RuntimeError: there was no sample.
        """
        self._check_updated(self._samples_num > 0)
        return self._dice_coeff_sum / self._samples_num
