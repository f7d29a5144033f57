"""`Model`: trains, evaluates and runs a network over datasets."""

from __future__ import annotations

from typing import Any

from cellc import communication
from cellc.errors import bad_argument
from cellc.nn import Cell, Optimizer
from cellc.nn.metrics import get_metrics
from cellc.ops import _validate
from cellc.train._batches import batches_of, steps_done, steps_of
from cellc.train._evaluation import Evaluation
from cellc.train._networks import check_settings, eval_network_of, train_network_of
from cellc.train._training import Training, inputs_of
from cellc.train.callback import Callback, ProgressBar
from cellc.train.callback._callback import InternalCallbackParam, listed


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
        check_settings(self._network, self._loss_fn, self._optimizer, amp_level, boost_level, kwargs)
        self._train_network = train_network_of(self._network, self._loss_fn, self._optimizer, amp_level, kwargs)
        self._eval_network, self._eval_indexes = None, None
        if self._metrics:
            self._eval_network = eval_network_of(self._network, self._loss_fn, eval_network, eval_indexes, amp_level)
            self._eval_indexes = [0, 1, 2] if eval_network is None else eval_indexes
        self._for_training = False  # whether `train`, and not `eval` or `predict`, last set the mode of the cells

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
        steps = steps_of(dataset, sink_size, owner)
        done = steps_done(initial_epoch, initial_step, steps, owner)
        found = listed(callbacks)
        if not any(isinstance(callback, ProgressBar) for callback in found):
            found.append(ProgressBar())
        run = InternalCallbackParam(
            network=self._network, train_network=self._train_network, loss_fn=self._loss_fn,
            optimizer=self._optimizer or getattr(self._train_network, "optimizer", None), epoch_num=epoch,
            batch_num=steps, mode="train", train_dataset=dataset, cur_epoch_num=done // steps,
            cur_step_num=done, list_callback=found, dataset_sink_mode=False, metrics={},
            eval_results={}, valid_dataset=valid_dataset, net_outputs=None, train_dataset_element=None,
            last_save_ckpt_step=None, latest_ckpt_file=None,
            parallel_mode=communication.get_auto_parallel_context("parallel_mode"),
            device_number=communication.world_size(),
        )  # fmt: skip
        self._set_train(self._train_network, True)
        if communication.get_auto_parallel_context("parameter_broadcast"):
            communication.broadcast_parameters(self._train_network.get_parameters())
        training = Training(self._step, run, self._loss_fn is not None)
        training.run(dataset, lambda number: self._evaluated(number, valid_dataset, valid_frequency))

    def _step(self, *inputs: Any) -> Any:
        """Runs the training step, in training mode also where a callback evaluated this or another model."""
        if not (self._for_training and self._network.training):
            self._set_train(self._train_network, True)
        return self._train_network(*inputs)

    def _set_train(self, network: Cell, mode: bool) -> None:
        network.set_train(mode)
        self._for_training = mode

    def _evaluated(self, epoch: int, dataset: Any, frequency: int | list[int]) -> dict[str, Any]:
        due = epoch in frequency if isinstance(frequency, list) else epoch % frequency == 0
        if dataset is None or not due:
            return {}
        return self.eval(dataset)

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
        steps = steps_of(valid_dataset, -1, "Model.eval")
        run = InternalCallbackParam(
            network=self._network, eval_network=network, loss_fn=self._loss_fn, batch_num=steps, mode="eval",
            valid_dataset=valid_dataset, cur_step_num=0, cur_epoch_num=1, epoch_num=1, net_outputs=None,
            list_callback=listed(callbacks), dataset_sink_mode=False,
        )  # fmt: skip
        self._set_train(network, False)
        return Evaluation(network, self._eval_indexes, self._metrics).run(valid_dataset, callbacks, run)

    def _check_metrics(self, method: str) -> Cell:
        if self._eval_network is None:
            raise bad_argument(ValueError, f"For 'Model.{method}', the model must have 'metrics'.")
        return self._eval_network

    def predict(self, *predict_data: Any) -> Any:
        """What the network returns for the data, in inference mode."""
        self._set_train(self._network, False)
        return self._network(*predict_data)

    def build(self, train_dataset: Any = None, valid_dataset: Any = None, sink_size: int = -1, epoch: int = 1) -> None:
        """Compiles training and evaluation for what the datasets give, so that their first steps do not wait.

        Raises:
            ValueError: a dataset is empty, or the model has no metrics to evaluate.
        """
        if train_dataset is not None:
            self._set_train(self._train_network, True)
            self._train_network.compile(*inputs_of(next(iter(batches_of(train_dataset))), self._loss_fn is not None))
        if valid_dataset is not None:
            network = self._check_metrics("build")
            self._set_train(network, False)
            network.compile(*next(iter(batches_of(valid_dataset))))
