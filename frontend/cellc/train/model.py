"""`Model`: trains, evaluates and runs a network over datasets."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import Any

from cellc import communication
from cellc.dataset import Dataset
from cellc.dataset._iterator import TupleIterator
from cellc.errors import bad_argument
from cellc.nn import Cell, GraphCell, Optimizer, WithEvalCell, WithLossCell
from cellc.nn.metrics import Loss, get_metrics
from cellc.ops import _validate
from cellc.tensor import Tensor
from cellc.train import amp
from cellc.train.callback import Callback, ProgressBar, RunContext
from cellc.train.callback._callback import CallbackManager, InternalCallbackParam, listed

_SETTINGS = ("loss_scale_manager", "keep_batchnorm_fp32")


class Model:
    """A network with what is needed to train and evaluate it.

    Args:
        network: the network, or where `loss_fn` is None a network that returns its loss.
        loss_fn: the loss, called with the network's output and the label.
        optimizer: updates the parameters; None where the model does not train, or `network` is a training step.
        metrics: names or a dict of names and Metrics, see `nn.get_metric_fn`.
        eval_network: what `eval` runs; by default the network and the loss, as (loss, output, label).
        eval_indexes: the positions of loss, output and label among the outputs of `eval_network`; None gives metrics
            all outputs.
        amp_level: "O0", "O2", "O3" or "auto", see `build_train_network`.
        boost_level: "O0".
        kwargs: `loss_scale_manager`, `keep_batchnorm_fp32`, see `build_train_network`.

    Raises:
        TypeError, ValueError: an argument has another type or value, or does not fit the others.

    Examples:
        >>> net = nn.Dense(4, 2)
        >>> model = Model(net, nn.MSELoss(), nn.SGD(net.trainable_params(), 0.1), metrics={"mae"})
        >>> model.train(2, dataset, callbacks=LossMonitor())
    """

    def __init__(
        self,
        network: Cell,
        loss_fn: Cell | None = None,
        optimizer: Optimizer | None = None,
        metrics: Any = None,
        eval_network: Cell | None = None,
        eval_indexes: list[int] | None = None,
        amp_level: str = "O0",
        boost_level: str = "O0",
        **kwargs: Any,
    ) -> None:
        self._network = _validate.of_type("network", network, Cell, "Model")
        self._loss_fn = _validate.of_type("loss_fn", loss_fn, (Cell, type(None)), "Model")
        self._optimizer = _validate.of_type("optimizer", optimizer, (Optimizer, type(None)), "Model")
        self._metrics = get_metrics(metrics)
        self._check_settings(amp_level, boost_level, kwargs)
        self._train_network = self._built_train_network(amp_level, kwargs)
        self._eval_network, self._eval_indexes = self._built_eval_network(eval_network, eval_indexes, amp_level)

    def _check_settings(self, amp_level: str, boost_level: str, kwargs: dict[str, Any]) -> None:
        amp.checked_level(amp_level, "Model")
        _validate.one_of("boost_level", boost_level, ("O0",), "Model")
        for name in kwargs:
            if name not in _SETTINGS:
                message = f"For 'Model', keywords may be {', '.join(_SETTINGS)}, but got {name!r}."
                raise bad_argument(ValueError, message)
        if self._optimizer is None and (amp_level != "O0" or kwargs.get("loss_scale_manager") is not None):
            raise bad_argument(ValueError, "For 'Model', mixed precision and loss scaling need an 'optimizer'.")
        if isinstance(self._network, GraphCell) and (self._optimizer or self._loss_fn):
            raise bad_argument(ValueError, "For 'Model', a GraphCell goes without 'loss_fn' and 'optimizer'.")

    def _built_train_network(self, amp_level: str, kwargs: dict[str, Any]) -> Cell:
        if self._optimizer is not None:
            return amp.build_train_network(self._network, self._optimizer, self._loss_fn, amp_level, **kwargs)
        return self._network if self._loss_fn is None else WithLossCell(self._network, self._loss_fn)

    def _built_eval_network(
        self, eval_network: Any, eval_indexes: Any, amp_level: str
    ) -> tuple[Cell | None, list[int] | None]:
        if not self._metrics:
            return None, None
        if eval_network is not None:
            of_three = isinstance(eval_indexes, list) and len(eval_indexes) == 3
            if eval_indexes is not None and not of_three:
                message = f"For 'Model', 'eval_indexes' must be None or a list of three ints, but got {eval_indexes!r}."
                raise bad_argument(ValueError, message)
            return _validate.of_type("eval_network", eval_network, Cell, "Model"), eval_indexes
        if self._loss_fn is None:
            raise bad_argument(ValueError, "For 'Model', 'metrics' need a 'loss_fn' or an 'eval_network'.")
        return WithEvalCell(self._network, self._loss_fn, amp_level != "O0"), [0, 1, 2]

    @property
    def train_network(self) -> Cell:
        """The training step."""
        return self._train_network

    @property
    def predict_network(self) -> Cell:
        """The network."""
        return self._network

    @property
    def eval_network(self) -> Cell | None:
        """What `eval` runs; None without metrics."""
        return self._eval_network

    def train(
        self,
        epoch: int,
        train_dataset: Any,
        callbacks: Callback | list[Callback] | None = None,
        dataset_sink_mode: bool = True,
        sink_size: int = -1,
        initial_epoch: int = 0,
        initial_step: int = 0,
    ) -> None:
        """Trains for some epochs.

        Args:
            epoch: how many times over the dataset, those that `initial_epoch` leaves out included.
            train_dataset: a dataset, or anything with `get_dataset_size()` that can be iterated again and again and
                gives tuples of what the training step takes.
            callbacks: see `cellc.train.Callback`. Where the error output is a terminal a progress bar is added.
            dataset_sink_mode: accepted for MindSpore's sake; data is read ahead in any case.
            sink_size: how many steps are one epoch; -1 for all of the dataset. With another size an epoch begins
                where the one before ended.
            initial_epoch: how many epochs have been trained before, by a run whose checkpoint is loaded. With the seed
                of that run (`set_seed`) a dataset of `cellc.dataset` gives the rows that would have come next.
            initial_step: the same for a run that ended within an epoch: how many steps it has trained in all, which is
                the `step_num` that `CheckpointConfig(append_info=["step_num"])` saves; in place of `initial_epoch`.

        Raises:
            TypeError, ValueError: an argument has another type or value, or the dataset is empty or gives other
                than two values beside a `loss_fn`.
        """
        self._fit(epoch, train_dataset, callbacks, dataset_sink_mode, sink_size, None, 1, initial_epoch, initial_step)

    def fit(
        self,
        epoch: int,
        train_dataset: Any,
        valid_dataset: Any = None,
        valid_frequency: int | list[int] = 1,
        callbacks: Callback | list[Callback] | None = None,
        dataset_sink_mode: bool = False,
        valid_dataset_sink_mode: bool = False,
        sink_size: int = -1,
        initial_epoch: int = 0,
        initial_step: int = 0,
    ) -> None:
        """Trains, and evaluates after each `valid_frequency` epochs, or after those that a list names.

        The metrics are in the callbacks' `metrics`, where EarlyStopping finds them. Other arguments and errors: see
        `train`.
        """
        _validate.of_type("valid_frequency", valid_frequency, (int, list), "Model.fit")
        _validate.boolean("valid_dataset_sink_mode", valid_dataset_sink_mode, "Model.fit")
        if valid_dataset is not None:
            self._check_metrics("fit")
        self._fit(epoch, train_dataset, callbacks, dataset_sink_mode, sink_size, valid_dataset, valid_frequency,
                  initial_epoch, initial_step)  # fmt: skip

    def _fit(
        self,
        epoch: int,
        dataset: Any,
        callbacks: Any,
        dataset_sink_mode: bool,
        sink_size: int,
        valid_dataset: Any,
        valid_frequency: int | list[int],
        initial_epoch: int,
        initial_step: int,
    ) -> None:
        owner = "Model.train"
        _validate.positive_int("epoch", epoch, owner)
        _validate.boolean("dataset_sink_mode", dataset_sink_mode, owner)
        steps = _steps_of(dataset, sink_size, owner)
        done = _steps_done(initial_epoch, initial_step, steps, owner)
        epochs_done, begun = divmod(done, steps)
        found = listed(callbacks)
        if not any(isinstance(callback, ProgressBar) for callback in found):
            found.append(ProgressBar())
        run = InternalCallbackParam(
            network=self._network, train_network=self._train_network, loss_fn=self._loss_fn,
            optimizer=self._optimizer or getattr(self._train_network, "optimizer", None), epoch_num=epoch,
            batch_num=steps, mode="train", train_dataset=dataset, cur_epoch_num=epochs_done,
            cur_step_num=done, list_callback=found, dataset_sink_mode=False, metrics={},
            net_outputs=None, train_dataset_element=None,
            parallel_mode=communication.get_auto_parallel_context("parallel_mode"),
            device_number=communication.world_size(),
        )  # fmt: skip
        context = RunContext(run)
        self._train_network.set_train()
        if communication.get_auto_parallel_context("parameter_broadcast"):
            communication.broadcast_parameters(self._train_network.get_parameters())
        with (
            closing(_again_and_again(dataset, done, begun)) as batches,
            CallbackManager(found, "train") as manager,
        ):
            manager.call("begin", context)
            for number in range(epochs_done + 1, epoch + 1):
                run.cur_epoch_num = number
                self._train_epoch(run, context, manager, batches, number * steps)
                run.metrics = self._evaluated(number, valid_dataset, valid_frequency)
                manager.call("epoch_end", context)
                if context.get_stop_requested():
                    break
            manager.call("end", context)

    def _train_epoch(
        self, run: Any, context: RunContext, manager: CallbackManager, batches: Iterator[Any], last: int
    ) -> None:
        """The steps from the current one to `last`."""
        manager.call("epoch_begin", context)
        while run.cur_step_num < last:
            inputs = self._inputs(next(batches))
            run.cur_step_num += 1
            run.train_dataset_element = inputs
            manager.call("step_begin", context)
            run.net_outputs = self._train_network(*inputs)
            manager.call("step_end", context)
            if context.get_stop_requested():
                break

    def _inputs(self, batch: Any) -> tuple[Any, ...]:
        inputs = tuple(batch) if isinstance(batch, tuple | list) else (batch,)
        if self._loss_fn is not None and len(inputs) != 2:
            message = f"For 'Model', a dataset beside 'loss_fn' must give (data, label), but gave {len(inputs)} values."
            raise bad_argument(ValueError, message)
        return inputs

    def _evaluated(self, epoch: int, dataset: Any, frequency: int | list[int]) -> dict[str, Any]:
        due = epoch in frequency if isinstance(frequency, list) else epoch % frequency == 0
        if dataset is None or not due:
            return {}
        metrics = self.eval(dataset)
        self._train_network.set_train()
        return metrics

    def eval(
        self,
        valid_dataset: Any,
        callbacks: Callback | list[Callback] | None = None,
        dataset_sink_mode: bool = True,
    ) -> dict[str, Any]:
        """The metrics over a dataset, by name.

        Args:
            valid_dataset: a dataset that gives what `eval_network` takes.
            callbacks: see `cellc.train.Callback`.
            dataset_sink_mode: accepted for MindSpore's sake.

        Raises:
            TypeError, ValueError: an argument has another type or value, or the model has no metrics.
        """
        network = self._check_metrics("eval")
        _validate.boolean("dataset_sink_mode", dataset_sink_mode, "Model.eval")
        steps = _steps_of(valid_dataset, -1, "Model.eval")
        run = InternalCallbackParam(
            network=self._network, eval_network=network, loss_fn=self._loss_fn, batch_num=steps, mode="eval",
            valid_dataset=valid_dataset, cur_step_num=0, cur_epoch_num=1, epoch_num=1, net_outputs=None,
            list_callback=listed(callbacks), dataset_sink_mode=False,
        )  # fmt: skip
        context = RunContext(run)
        network.set_train(False)
        for metric in self._metrics.values():
            metric.clear()
        with CallbackManager(callbacks, "eval") as manager:
            manager.call("begin", context)
            manager.call("epoch_begin", context)
            for batch in _batches(valid_dataset):
                run.cur_step_num += 1
                manager.call("step_begin", context)
                run.net_outputs = network(*(batch if isinstance(batch, tuple | list) else (batch,)))
                manager.call("step_end", context)
                self._update_metrics(run.net_outputs)
            manager.call("epoch_end", context)
            run.metrics = {name: metric.eval() for name, metric in self._metrics.items()}
            manager.call("end", context)
        return run.metrics

    def _check_metrics(self, method: str) -> Cell:
        if self._eval_network is None:
            raise bad_argument(ValueError, f"For 'Model.{method}', the model must have 'metrics'.")
        return self._eval_network

    def _update_metrics(self, outputs: Any) -> None:
        values = outputs if isinstance(outputs, tuple) else (outputs,)
        for metric in self._metrics.values():
            if self._eval_indexes is None:
                metric.update(*values)
            elif len(values) <= max(self._eval_indexes):
                message = (
                    f"For 'Model.eval', 'eval_indexes' are {self._eval_indexes}, but there are {len(values)} outputs."
                )
                raise bad_argument(ValueError, message)
            else:
                loss, output, label = (values[at] for at in self._eval_indexes)
                metric.update(*((loss,) if isinstance(metric, Loss) else (output, label)))

    def predict(self, *predict_data: Any) -> Any:
        """What the network returns for the data, in inference mode."""
        self._network.set_train(False)
        return self._network(*predict_data)

    def build(self, train_dataset: Any = None, valid_dataset: Any = None, sink_size: int = -1, epoch: int = 1) -> None:
        """Compiles training and evaluation for what the datasets give, so that their first steps do not wait.

        Raises:
            ValueError: a dataset is empty, or the model has no metrics to evaluate.
        """
        if train_dataset is not None:
            self._train_network.set_train()
            self._train_network.compile(*self._inputs(next(iter(_batches(train_dataset)))))
        if valid_dataset is not None:
            network = self._check_metrics("build")
            network.set_train(False)
            network.compile(*next(iter(_batches(valid_dataset))))


def _steps_of(dataset: Any, sink_size: int, owner: str) -> int:
    """The number of steps of an epoch."""
    _validate.integer("sink_size", sink_size, owner)
    if sink_size < -1 or sink_size == 0:
        raise bad_argument(ValueError, f"For '{owner}', 'sink_size' must be -1 or positive, but got {sink_size}.")
    size = getattr(dataset, "get_dataset_size", dataset.__len__ if hasattr(dataset, "__len__") else None)
    if size is None or not isinstance(dataset, Iterable):
        kind = type(dataset).__name__
        message = f"For '{owner}', the dataset must be iterable and have get_dataset_size(), but got {kind}."
        raise bad_argument(TypeError, message)
    steps = size()
    if steps == 0:
        raise bad_argument(ValueError, f"For '{owner}', the dataset is empty.")
    return steps if sink_size == -1 else sink_size


def _batches(dataset: Any) -> Iterator[Any]:
    """The batches of one time over the dataset, as tuples of Tensors."""
    if hasattr(dataset, "create_tuple_iterator"):
        return iter(dataset.create_tuple_iterator(num_epochs=1))
    return (_as_tensors(batch) for batch in dataset)


def _steps_done(initial_epoch: int, initial_step: int, steps: int, owner: str) -> int:
    """How many steps an earlier run has trained."""
    _validate.non_negative_int("initial_epoch", initial_epoch, owner)
    _validate.non_negative_int("initial_step", initial_step, owner)
    if initial_epoch and initial_step:
        message = f"For '{owner}', 'initial_epoch' and 'initial_step' must not both be given."
        raise bad_argument(ValueError, message)
    return initial_step or initial_epoch * steps


def _again_and_again(dataset: Any, done: int, begun: int) -> Generator[Any, None, None]:
    """The batches of the dataset, over and over, without the first `done` ones, which are trained already.

    Of datasets that are not ours only the `begun` ones of the present epoch are left out: how the order of their rows
    goes on from epoch to epoch is their own matter.
    """
    ours = isinstance(dataset, Dataset)
    size = dataset.get_dataset_size() if done and ours else 1
    passes, skipped = divmod(done, size) if ours else (0, begun)
    # A dataset's own iterator reads the next pass ahead while this one ends.
    batches = _iterator(dataset, passes)
    try:
        while True:
            empty = True
            for batch in _batches(dataset) if batches is None else batches:
                empty = False
                if skipped:
                    skipped -= 1
                else:
                    yield batch
            if empty:
                raise bad_argument(ValueError, "For 'Model.train', the dataset gave nothing.")
    finally:
        if batches is not None:
            batches.close()


def _iterator(dataset: Any, first_epoch: int) -> Any:
    """The dataset's iterator without end; None where it has none."""
    if isinstance(dataset, Dataset):
        return TupleIterator(dataset, -1, False, first_epoch)
    return dataset.create_tuple_iterator() if hasattr(dataset, "create_tuple_iterator") else None


def _as_tensors(batch: Any) -> tuple[Any, ...]:
    values = batch if isinstance(batch, tuple | list) else (batch,)
    return tuple(value if isinstance(value, Tensor) else Tensor(value) for value in values)
