"""A live progress bar of training."""

from __future__ import annotations

import sys
import time
from typing import Any

from cellc.train.callback._callback import Callback, RunContext
from cellc.train.callback._monitors import loss_of

_SECONDS_BETWEEN = 0.1
"""Reading the loss waits for the step, and drawing takes time: neither is done at each step."""


class ProgressBar(Callback):
    """Epoch, steps, loss, metrics, steps a second and the time left, drawn on the terminal's error output.

    `Model.train` and `Model.fit` add one where that is a terminal; elsewhere it draws nothing.
    """

    def __enter__(self) -> Callback:
        """What is called in the run: where nothing is drawn, one that does nothing."""
        self._progress: Any = None
        if not sys.stderr.isatty():
            return Callback()
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), TextColumn("{task.fields[values]}"),
            console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self._progress.start()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._progress is not None:
            self._progress.stop()

    def on_train_begin(self, run_context: RunContext) -> None:
        """Draws the empty bar."""
        run = run_context.original_args()
        self._begin = self._last = time.monotonic()
        total = run.batch_num * run.epoch_num if run.batch_num else None
        self._task = self._progress.add_task("", total=total, epoch=f"1/{run.epoch_num}", rate="", values="")

    def on_train_step_end(self, run_context: RunContext) -> None:
        """Draws again, ten times a second at most."""
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN:
            self._last = now
            self._draw(run_context.original_args())

    def on_train_epoch_end(self, run_context: RunContext) -> None:
        """Draws the epoch's end, with the metrics."""
        self._draw(run_context.original_args())

    def on_eval_begin(self, run_context: RunContext) -> None:
        """An evaluation has no bar of its own."""

    def _draw(self, run: Any) -> None:
        elapsed = max(self._last - self._begin, 1e-9)
        values = {"loss": loss_of(run.net_outputs)} | (run.get("metrics") or {})
        shown = " ".join(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
                         for name, value in values.items())  # fmt: skip
        self._progress.update(
            self._task, completed=run.cur_step_num, epoch=f"{run.cur_epoch_num}/{run.epoch_num}",
            rate=f"{run.cur_step_num / elapsed:.1f} steps/s", values=shown,
        )  # fmt: skip
