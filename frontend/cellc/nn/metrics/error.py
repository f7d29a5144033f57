"""Means of errors and of losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from cellc.errors import bad_argument
from cellc.nn.metrics.metric import Metric, rearrange_inputs


class _ErrorMean(Metric):
    """The sum of errors of all elements / the number of samples (not of elements), as MindSpore has it."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._error_sum = 0.0
        self._samples_num = 0

    def _error(self, difference: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    @rearrange_inputs
    def update(self, *inputs: Any) -> None:
        """Takes predictions and true values of as many elements.

        Raises:
            ValueError: the numbers of elements differ, or there are not two inputs.
        """
        y_pred, y = self._arrays(inputs, "predicted value", "true value")
        if y.size != y_pred.size:
            message = f"For '{type(self).__name__}.update', shapes {y_pred.shape} and {y.shape} do not fit together."
            raise bad_argument(ValueError, message)
        difference = y.reshape(y_pred.shape).astype(np.float64) - y_pred.astype(np.float64)
        self._error_sum += float(self._error(difference).sum())
        self._samples_num += y.shape[0] if y.ndim else 1

    def eval(self) -> float:
        """The mean over the samples.

        Raises:
            RuntimeError: there was no sample.
        """
        self._check_updated(self._samples_num > 0)
        return self._error_sum / self._samples_num


class MAE(_ErrorMean):
    """The sum of |y - y_pred| over all elements / the number of samples y.shape[0].

    Examples:
        >>> round(float(nn.MAE()(np.array([0.1, 0.2]), np.array([0.1, 0.6]))), 6)
        0.2
    """

    def _error(self, difference: np.ndarray) -> np.ndarray:
        return np.abs(difference)


class MSE(_ErrorMean):
    """The sum of (y - y_pred)^2 over all elements / the number of samples y.shape[0].

    Examples:
        >>> float(nn.MSE()(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
        2.0
    """

    def _error(self, difference: np.ndarray) -> np.ndarray:
        return np.square(difference)


class Loss(Metric):
    """The mean of the batches' losses.

    Examples:
        >>> float(nn.Loss()(np.array(0.5)))
        0.5
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._sum_loss = 0.0
        self._total_num = 0

    @rearrange_inputs
    def update(self, *inputs: Any) -> None:
        """Takes a loss: a scalar, or a vector whose mean is taken.

        Raises:
            ValueError: the loss has another rank, or there is not one input.
        """
        (loss,) = self._arrays(inputs, "loss")
        if loss.ndim > 1:
            raise bad_argument(ValueError, f"For 'Loss.update', 'loss' must have rank 0 or 1, but got {loss.ndim}.")
        if not loss.size:
            raise bad_argument(ValueError, "For 'Loss.update', 'loss' must not be empty.")
        self._sum_loss += float(loss.mean(dtype=np.float64))
        self._total_num += 1

    def eval(self) -> float:
        """The mean loss.

        Raises:
            RuntimeError: there was no batch.
        """
        self._check_updated(self._total_num > 0)
        return self._sum_loss / self._total_num
