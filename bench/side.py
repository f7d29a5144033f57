"""What a child process offers for one workload and one framework."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Side:
    """One framework's side of a workload.

    Attributes:
        results: what is compared: "output" of an inference, or "loss" and "gradient of <weight>" of a step, of the
            first turn's inputs and the weights given, without an update.
        step: one step or one inference with the next turn's inputs, finished when it returns.
    """

    results: Callable[[], dict[str, np.ndarray]]
    step: Callable[[], object]


class SkippedError(Exception):
    """This framework does not take part, and why."""
