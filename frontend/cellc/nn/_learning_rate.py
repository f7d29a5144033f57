"""Learning rates (and weight decays) that an optimizer reads anew at each step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from cellc import ops
from cellc.dtype import float32
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor


class LearningRateSchedule(Cell):
    """Base of learning rates that depend on the step.

    Inputs:
        global_step: int32 Tensor of shape (1,), the number of steps made before.

    Outputs:
        The learning rate, a Tensor of one element.
    """

    def construct(self, global_step: Tensor) -> Tensor:
        raise NotImplementedError(f"{self.cls_name} must define construct(global_step)")


class IteratorLearningRate(LearningRateSchedule):
    """One rate for each step from a vector; 0 when the steps run over its end."""

    learning_rate: Parameter

    def __init__(self, learning_rate: Tensor, name: str) -> None:
        super().__init__()
        self.learning_rate = Parameter(learning_rate, name)

    def construct(self, global_step: Tensor) -> Tensor:
        return ops.gather(self.learning_rate, global_step, 0)


class ConstantLearningRate(LearningRateSchedule):
    """A rate that does not change, for a group beside others that do."""

    learning_rate: Parameter

    def __init__(self, learning_rate: Parameter) -> None:
        super().__init__()
        self.learning_rate = learning_rate

    def construct(self, global_step: Tensor) -> Tensor:
        return ops.identity(self.learning_rate)


def checked_rate(value: Any, owner: str) -> float | Tensor | LearningRateSchedule:
    """A learning rate as MindSpore takes it: a number, a Tensor, an iterable of numbers or a schedule.

    Raises:
        TypeError: it is something else.
        ValueError: it is negative, or a Tensor of rank above 1.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _validate.non_negative_float("learning_rate", float(value), owner)
    if isinstance(value, LearningRateSchedule):
        return value
    if isinstance(value, Tensor):
        if value.ndim > 1:
            message = f"For '{owner}', 'learning_rate' must have rank 0 or 1 when it is a Tensor, but got {value.ndim}."
            raise bad_argument(ValueError, message)
        return value
    if isinstance(value, Iterable) and not isinstance(value, str):
        return Tensor(np.array(list(value), np.float32))
    message = f"For '{owner}', 'learning_rate' must be a number, a Tensor, an iterable or a LearningRateSchedule, "
    raise bad_argument(TypeError, f"{message}but got {value!r} of type {type(value).__name__}.")


def stored_rate(rate: float | Tensor | LearningRateSchedule, name: str) -> Parameter | LearningRateSchedule:
    """A rate as an optimizer keeps it: a Parameter that users may set, or a Cell that is asked at each step."""
    if isinstance(rate, float | int):
        return Parameter(Tensor(rate, float32), name)
    if isinstance(rate, Tensor):
        return Parameter(rate, name) if rate.ndim == 0 else IteratorLearningRate(rate, name)
    return rate


def is_dynamic(rate: float | Tensor | LearningRateSchedule) -> bool:
    """Whether the rate depends on the step."""
    return not isinstance(rate, float) and not (isinstance(rate, Tensor) and rate.ndim == 0)
