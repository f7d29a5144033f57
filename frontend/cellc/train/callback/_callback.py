"""The protocol of callbacks, and what they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

from cellc.errors import bad_argument


class InternalCallbackParam(dict[str, Any]):
    """What a run tells its callbacks; keys can be read as attributes.

    In training: `network`, `train_network`, `loss_fn`, `optimizer`, `epoch_num`, `batch_num`, `mode` ("train"),
    `train_dataset`, `cur_epoch_num`, `cur_step_num` (counted from 1 through all epochs), `train_dataset_element`,
    `net_outputs`, `list_callback`, `last_save_ckpt_step` and `latest_ckpt_file` of a ModelCheckpoint, and in
    `Model.fit` `valid_dataset` and, after it was evaluated, `metrics`. In evaluation: `network`, `eval_network`,
    `batch_num`, `mode` ("eval"), `valid_dataset`, `cur_step_num`, `net_outputs`, `list_callback` and, at the end,
    `metrics`. `eval_results` is MindSpore's name for `metrics`.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"this run has no {name!r}; it has {', '.join(self)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


class RunContext:
    """A run, as callbacks see it.

    Args:
        original_args: what the run tells.

    Raises:
        TypeError: `original_args` is not a dict.
    """

    def __init__(self, original_args: dict[str, Any]) -> None:
        if not isinstance(original_args, dict):
            kind = type(original_args).__name__
            raise bad_argument(TypeError, f"For 'RunContext', 'original_args' must be a dict, but got {kind}.")
        self._original_args = original_args
        self._stop_requested = False

    def original_args(self) -> Any:
        """What the run tells, see InternalCallbackParam."""
        return self._original_args

    def request_stop(self) -> None:
        """Asks the run to stop after this step."""
        self._stop_requested = True

    def get_stop_requested(self) -> bool:
        """Whether a callback asked to stop."""
        return self._stop_requested


class Callback:
    """Base of what is called while a Model trains or evaluates.

    A subclass defines those methods that it needs: `begin`, `epoch_begin`, `step_begin`, `step_end`, `epoch_end` and
    `end` are called in training and evaluation, unless the more special `on_train_...` or `on_eval_...` are defined.
    A callback is also a context manager that is entered for the run.
    """

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: Any) -> None:
        return None

    def begin(self, run_context: RunContext) -> None:
        """Called once before the first step."""

    def epoch_begin(self, run_context: RunContext) -> None:
        """Called before each epoch."""

    def step_begin(self, run_context: RunContext) -> None:
        """Called before each step."""

    def step_end(self, run_context: RunContext) -> None:
        """Called after each step."""

    def epoch_end(self, run_context: RunContext) -> None:
        """Called after each epoch."""

    def end(self, run_context: RunContext) -> None:
        """Called once after the last step."""

    def on_train_begin(self, run_context: RunContext) -> None:
        """`begin` in training."""
        self.begin(run_context)

    def on_train_epoch_begin(self, run_context: RunContext) -> None:
        """`epoch_begin` in training."""
        self.epoch_begin(run_context)

    def on_train_step_begin(self, run_context: RunContext) -> None:
        """`step_begin` in training."""
        self.step_begin(run_context)

    def on_train_step_end(self, run_context: RunContext) -> None:
        """`step_end` in training."""
        self.step_end(run_context)

    def on_train_epoch_end(self, run_context: RunContext) -> None:
        """`epoch_end` in training."""
        self.epoch_end(run_context)

    def on_train_end(self, run_context: RunContext) -> None:
        """`end` in training."""
        self.end(run_context)

    def on_eval_begin(self, run_context: RunContext) -> None:
        """`begin` in evaluation."""
        self.begin(run_context)

    def on_eval_epoch_begin(self, run_context: RunContext) -> None:
        """`epoch_begin` in evaluation."""
        self.epoch_begin(run_context)

    def on_eval_step_begin(self, run_context: RunContext) -> None:
        """`step_begin` in evaluation."""
        self.step_begin(run_context)

    def on_eval_step_end(self, run_context: RunContext) -> None:
        """`step_end` in evaluation."""
        self.step_end(run_context)

    def on_eval_epoch_end(self, run_context: RunContext) -> None:
        """`epoch_end` in evaluation."""
        self.epoch_end(run_context)

    def on_eval_end(self, run_context: RunContext) -> None:
        """`end` in evaluation."""
        self.end(run_context)


class CallbackManager:
    """The callbacks of a run, entered together; `call(event)` calls each in order.

    Args:
        callbacks: None, a Callback or a list of them.
        mode: "train" or "eval".

    Raises:
        TypeError: `callbacks` is something else.
    """

    def __init__(self, callbacks: Callback | Iterable[Callback] | None, mode: str) -> None:
        self.callbacks = listed(callbacks)
        self._mode = mode
        self._stack = ExitStack()
        self._methods: dict[str, list[Callable[[RunContext], None]]] = {}

    def __enter__(self) -> CallbackManager:
        self._stack.__enter__()
        entered = [self._stack.enter_context(callback) for callback in self.callbacks]
        self.callbacks = [new if isinstance(new, Callback) else old
                          for old, new in zip(self.callbacks, entered, strict=True)]  # fmt: skip
        return self

    def __exit__(self, *error: Any) -> bool | None:
        return self._stack.__exit__(*error)

    def call(self, event: str, run_context: RunContext) -> None:
        """Calls `on_<mode>_<event>` of each callback."""
        methods = self._methods.get(event)
        if methods is None:
            methods = self._methods[event] = [*self._doing(event)]
        for method in methods:
            method(run_context)

    def _doing(self, event: str) -> Iterator[Callable[[RunContext], None]]:
        """The methods for an event, without those that do nothing: steps may take less time than many calls."""
        special = f"on_{self._mode}_{event}"
        for callback in self.callbacks:
            if any(_is_own(callback, name) for name in (special, event)):
                yield getattr(callback, special)


def _is_own(callback: Callback, name: str) -> bool:
    """Whether a method is other than that of the base."""
    return name in vars(callback) or getattr(type(callback), name) is not getattr(Callback, name)


def listed(callbacks: Any) -> list[Callback]:
    """The callbacks as a list.

    Raises:
        TypeError: they are neither None, a Callback, nor a list or tuple of them.
    """
    found = [] if callbacks is None else [callbacks] if isinstance(callbacks, Callback) else callbacks
    if not isinstance(found, list | tuple) or not all(isinstance(callback, Callback) for callback in found):
        raise bad_argument(TypeError, f"'callbacks' must be a Callback or a list of Callbacks, but got {callbacks!r}.")
    return list(found)
