"""The loop of `Model.train`: epochs and steps, and the callbacks around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from cellc.errors import bad_argument
from cellc.train._batches import again_and_again
from cellc.train.callback import RunContext
from cellc.train.callback._callback import CallbackManager, InternalCallbackParam


class Training:
    """The epochs of one call of `Model.train`.

    Args:
        step: runs the compiled training step.
        run: what callbacks are told: the epochs and steps that are done, and all there are.
        pairs: whether the step takes (data, label).
    """

    def __init__(self, step: Callable[..., Any], run: InternalCallbackParam, pairs: bool) -> None:
        self._step = step
        self._run = run
        self._context = RunContext(run)
        self._pairs = pairs

    def run(self, dataset: Any, evaluated: Callable[[int], dict[str, Any]]) -> None:
        """Trains from where `run` stands; `evaluated` gives the metrics after an epoch."""
        run, context = self._run, self._context
        first, begun = divmod(run.cur_step_num, run.batch_num)
        with (
            closing(again_and_again(dataset, run.cur_step_num, begun, run.epoch_num * run.batch_num)) as batches,
            CallbackManager(run.list_callback, "train") as manager,
        ):
            manager.call("begin", context)
            for number in range(first + 1, run.epoch_num + 1):
                run.cur_epoch_num = number
                self._epoch(manager, batches, number * run.batch_num)
                run.metrics = run.eval_results = evaluated(number)
                manager.call("epoch_end", context)
                if context.get_stop_requested():
                    break
            manager.call("end", context)

    def _epoch(self, manager: CallbackManager, batches: Iterator[Any], last: int) -> None:
        """The steps from the current one to `last`."""
        run, context = self._run, self._context
        manager.call("epoch_begin", context)
        while run["cur_step_num"] < last:  # by key, as all here: attributes take longer, and steps may be short
            inputs = inputs_of(next(batches), self._pairs)
            run["cur_step_num"] += 1
            run["train_dataset_element"] = inputs
            manager.call("step_begin", context)
            run["net_outputs"] = self._step(*inputs)
            manager.call("step_end", context)
            if context.get_stop_requested():
                break


def inputs_of(batch: Any, pairs: bool) -> tuple[Any, ...]:
    """What a training step is called with."""
    inputs = tuple(batch) if isinstance(batch, tuple | list) else (batch,)
    if pairs and len(inputs) != 2:
        message = f"For 'Model', a dataset beside 'loss_fn' must give (data, label), but gave {len(inputs)} values."
        raise bad_argument(ValueError, message)
    return inputs
