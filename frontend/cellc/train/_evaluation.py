"""The loop of `Model.eval`: steps of a network, metrics of what it gives, and the callbacks around them."""

from __future__ import annotations

from typing import Any

from cellc.errors import bad_argument
from cellc.nn import Cell
from cellc.nn.metrics import Loss
from cellc.train._batches import batches_of, reset
from cellc.train.callback import RunContext
from cellc.train.callback._callback import CallbackManager, InternalCallbackParam


class Evaluation:
    """One call of `Model.eval`.

    Args:
        network: a Cell of what a dataset gives, in inference mode.
        indexes: the positions of loss, output and label among its outputs; None gives metrics all outputs.
        metrics: Metrics by name.
    """

    def __init__(self, network: Cell, indexes: list[int] | None, metrics: dict[str, Any]) -> None:
        self._network = network
        self._indexes = indexes
        self._metrics = metrics

    def run(self, dataset: Any, callbacks: Any, run: InternalCallbackParam) -> dict[str, Any]:
        """The metrics over the dataset; `run` is what callbacks are told."""
        context = RunContext(run)
        for metric in self._metrics.values():
            metric.clear()
        with CallbackManager(callbacks, "eval") as manager:
            manager.call("begin", context)
            manager.call("epoch_begin", context)
            for batch in batches_of(dataset):
                run.cur_step_num += 1
                manager.call("step_begin", context)
                run.net_outputs = self._network(*(batch if isinstance(batch, tuple | list) else (batch,)))
                manager.call("step_end", context)
                self._update(run.net_outputs)
            reset(dataset)
            manager.call("epoch_end", context)
            run.metrics = run.eval_results = {name: metric.eval() for name, metric in self._metrics.items()}
            manager.call("end", context)
        return run.metrics

    def _update(self, outputs: Any) -> None:
        values = outputs if isinstance(outputs, tuple) else (outputs,)
        for metric in self._metrics.values():
            if self._indexes is None:
                metric.update(*values)
            elif len(values) <= max(self._indexes):
                message = f"For 'Model.eval', 'eval_indexes' are {self._indexes}, but there are {len(values)} outputs."
                raise bad_argument(ValueError, message)
            else:
                loss, output, label = (values[at] for at in self._indexes)
                metric.update(*((loss,) if isinstance(metric, Loss) else (output, label)))
