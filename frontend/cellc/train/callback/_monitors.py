"""Callbacks that watch loss, time and learning rate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from cellc.errors import bad_argument
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor
from cellc.train.callback._callback import Callback, RunContext


def loss_of(outputs: Any) -> Any:
    """The loss among a step's outputs: the mean of the first Tensor, or what else there is."""
    first = outputs[0] if isinstance(outputs, tuple | list) and outputs else outputs
    if not isinstance(first, Tensor):
        return first
    return float(first.item() if first.size == 1 else np.mean(first.asnumpy()))  # a mean of one takes 10 microseconds


class LossMonitor(Callback):
    """Prints the loss, and stops training where it is infinite or not a number.

    Args:
        per_print_times: it prints every so many steps; 0 for never.

    Raises:
        TypeError, ValueError: `per_print_times` is not an int of at least 0.
        ValueError: in training, where the loss is infinite or not a number.
    """

    def __init__(self, per_print_times: int = 1) -> None:
        self._per_print_times = _validate.non_negative_int("per_print_times", per_print_times, "LossMonitor")
        self._last_print_step = 0

    def begin(self, run_context: RunContext) -> None:
        self._last_print_step = 0

    def step_end(self, run_context: RunContext) -> None:
        run = run_context.original_args()
        step = (run.cur_step_num - 1) % run.batch_num + 1
        loss = loss_of(run.net_outputs)
        if isinstance(loss, float) and not math.isfinite(loss):
            raise ValueError(f"epoch: {run.cur_epoch_num} step: {step}. The loss is {loss}: training stops.")
        if self._per_print_times and run.cur_step_num - self._last_print_step >= self._per_print_times:
            self._last_print_step = run.cur_step_num
            print(f"epoch: {run.cur_epoch_num} step: {step}, loss is {loss}", flush=True)

    def on_eval_step_end(self, run_context: RunContext) -> None:
        """An evaluation has no loss of its own to print."""

    def on_train_epoch_end(self, run_context: RunContext) -> None:
        """Prints the metrics of an evaluation after the epoch, where there was one (`Model.fit`)."""
        metrics = run_context.original_args().get("metrics")
        if metrics:
            print(f"Eval result: epoch {run_context.original_args().cur_epoch_num}, metrics: {metrics}", flush=True)


class TimeMonitor(Callback):
    """Prints the time of each epoch and of its steps, in milliseconds.

    Args:
        data_size: the number of steps of an epoch where the run does not know it.

    Raises:
        TypeError, ValueError: the number of steps is known from neither side, or is not a positive int.
    """

    def __init__(self, data_size: int | None = None) -> None:
        self.data_size = data_size
        self._begin = time.perf_counter()

    def epoch_begin(self, run_context: RunContext) -> None:
        self._begin = time.perf_counter()

    def epoch_end(self, run_context: RunContext) -> None:
        milliseconds = (time.perf_counter() - self._begin) * 1e3
        run = run_context.original_args()
        steps = _validate.positive_int("data_size", run.get("batch_num") or self.data_size, "TimeMonitor")
        print(f"epoch time: {milliseconds:5.3f} ms, per step time: {milliseconds / steps:5.3f} ms", flush=True)


class LearningRateScheduler(Callback):
    """Sets the learning rate after each step.

    Args:
        learning_rate_function: takes the present rate and the number of steps made, returns the rate from now on.

    Raises:
        TypeError: in training, where the optimizer's rate is a schedule and not a number.
    """

    def __init__(self, learning_rate_function: Callable[[float, int], float]) -> None:
        self.learning_rate_function = learning_rate_function

    def step_end(self, run_context: RunContext) -> None:
        run = run_context.original_args()
        rate = getattr(run.optimizer, "learning_rate", None)
        if not isinstance(rate, Parameter):
            kind = type(rate).__name__
            message = (
                f"For 'LearningRateScheduler', the optimizer's 'learning_rate' must be a number, but it is a {kind}."
            )
            raise bad_argument(TypeError, message)
        old = float(rate.asnumpy())
        new = self.learning_rate_function(old, run.cur_step_num)
        if not math.isclose(old, new, rel_tol=1e-10):
            rate.set_data(new)
