"""A callback that stops training where nothing gets better."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cellc.errors import bad_argument
from cellc.ops import _validate
from cellc.train.callback._callback import Callback, RunContext
from cellc.train.callback._monitors import loss_of


class EarlyStopping(Callback):
    """Stops where the monitored value has not got better for `patience` epochs.

    Args:
        monitor: "loss" for the loss of the epoch's last step; "eval_loss" or another metric's name for what
            `Model.fit` evaluates after the epoch.
        min_delta: what counts as better must be better by so much.
        patience: how many epochs without are borne.
        verbose: whether to print why it stopped.
        mode: "min", "max", or "auto": max for metrics whose name has "acc", "precision", "recall", "f1" ...
        baseline: the first value must be better than this.
        restore_best_weights: whether the network gets the weights of its best epoch back.

    Raises:
        TypeError, ValueError: an argument has another type or value; in training, where the value does not exist.
    """

    def __init__(
        self,
        monitor: str = "eval_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: bool = False,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
    ) -> None:
        owner = "EarlyStopping"
        self.monitor = _validate.of_type("monitor", monitor, str, owner)
        delta = _validate.of_type("min_delta", min_delta, (int, float), owner)
        self.min_delta = _validate.non_negative_float("min_delta", float(delta), owner)
        self.patience = _validate.non_negative_int("patience", patience, owner)
        self.verbose = _validate.boolean("verbose", verbose, owner)
        _validate.one_of("mode", mode, ("auto", "min", "max"), owner)
        self.baseline = _validate.of_type("baseline", baseline, (int, float, type(None)), owner)
        self.restore_best_weights = _validate.boolean("restore_best_weights", restore_best_weights, owner)
        self.mode = ("max" if _grows(monitor) else "min") if mode == "auto" else mode
        self._is_better: Callable[[Any, Any], Any] = np.greater if self.mode == "max" else np.less

    def on_train_begin(self, run_context: RunContext) -> None:
        """A run begins to wait."""
        self._waited = 0
        self._best = self.baseline if self.baseline is not None else (-np.inf if self.mode == "max" else np.inf)
        self._best_weights: dict[str, np.ndarray] = {}

    def on_train_epoch_end(self, run_context: RunContext) -> None:
        """Compares the value with the best."""
        run = run_context.original_args()
        value = self._value(run)
        margin = self.min_delta if self.mode == "max" else -self.min_delta
        if self._is_better(value - margin, self._best):
            self._best, self._waited = value, 0
            if self.restore_best_weights:
                self._best_weights = {p.name: p.asnumpy().copy() for p in run.train_network.get_parameters()}
            return
        self._waited += 1
        if self._waited < max(self.patience, 1):
            return
        run_context.request_stop()
        if self.verbose:
            print(f"Epoch {run.cur_epoch_num}: {self.monitor} is {value}, not better than {self._best}", flush=True)
        for parameter in run.train_network.get_parameters():
            if parameter.name in self._best_weights:
                parameter.set_data(self._best_weights[parameter.name])

    def on_eval_begin(self, run_context: RunContext) -> None:
        """An evaluation changes nothing."""

    def _value(self, run: Any) -> float:
        metrics = run.get("metrics") or {}
        name = self.monitor.removeprefix("eval_")
        value = loss_of(run.net_outputs) if self.monitor == "loss" else metrics.get(self.monitor, metrics.get(name))
        if value is None:
            known = ", ".join(["loss", *metrics]) or "loss"
            message = f"For 'EarlyStopping', 'monitor' {self.monitor!r} does not exist; there are {known}."
            raise bad_argument(ValueError, message)
        return float(np.mean(value))


def _grows(monitor: str) -> bool:
    better_when_great = ("acc", "precision", "recall", "f1", "dice", "bleu", "auc")
    return any(part in monitor.lower() for part in better_when_great)
