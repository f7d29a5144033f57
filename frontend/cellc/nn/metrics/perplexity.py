"""Perplexity of a language model."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cellc.errors import bad_argument
from cellc.nn.metrics.metric import Metric, extent, rearrange_inputs
from cellc.ops import _validate

_LEAST = 1e-10
"""Probabilities below this count as this, so that one zero does not make the perplexity infinite."""


class Perplexity(Metric):
    """exp(-mean of ln p(label)) over all labels.

    Args:
        ignore_label: labels of this value do not count; None for none.

    Raises:
        TypeError: `ignore_label` is neither None nor an int.

    Examples:
        >>> metric = nn.Perplexity()
        >>> round(metric(np.array([[0.2, 0.8], [0.5, 0.5]]), np.array([1, 0])), 4)
        1.5811
    """

    def __init__(self, ignore_label: int | None = None) -> None:
        if ignore_label is not None:
            _validate.integer("ignore_label", ignore_label, "Perplexity")
        self.ignore_label = ignore_label
        self.clear()

    def clear(self) -> None:
        self._sum_metric = 0.0
        self._num_inst = 0

    @rearrange_inputs
    def update(self, *inputs: Any) -> None:
        """Takes probabilities (..., C) and labels, one for each row.

        Raises:
            RuntimeError: there are not as many labels as rows.
            ValueError: a label is no class, or there are not two inputs.
        """
        probabilities, labels = self._arrays(inputs, "predicted value", "label")
        rows = probabilities.reshape(-1, probabilities.shape[-1])
        if labels.size != len(rows):
            message = (
                f"For 'Perplexity.update', there must be a label for each row of {probabilities.shape}, "
                f"but got labels {labels.shape}."
            )
            raise bad_argument(RuntimeError, message)
        flat = labels.reshape(-1)
        counted = np.ones(flat.shape, bool) if self.ignore_label is None else flat != self.ignore_label
        used = flat[counted]
        if used.size and not 0 <= used.min() <= used.max() < rows.shape[1]:
            wanted = f"labels must be classes 0 to {rows.shape[1] - 1}"
            raise bad_argument(ValueError, f"For 'Perplexity.update', {wanted}, but got {extent(used)}.")
        chosen = rows[counted, used.astype(np.int64)].astype(np.float64)
        self._sum_metric -= float(np.log(np.maximum(_LEAST, chosen)).sum())
        self._num_inst += used.size

    def eval(self) -> float:
        """The perplexity, a float of at least 1 for probabilities.

        Raises:
            RuntimeError: there was no label.
        """
        self._check_updated(self._num_inst > 0)
        return math.exp(self._sum_metric / self._num_inst)
