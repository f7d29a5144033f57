"""A callback that saves checkpoints."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from cellc.checkpoint import save_checkpoint, wait_for
from cellc.errors import bad_argument
from cellc.nn import Cell
from cellc.ops import _validate
from cellc.train.callback._callback import Callback, RunContext

_COUNTED = ("epoch_num", "step_num")


class CheckpointConfig:
    """When `ModelCheckpoint` saves and what it keeps.

    Args:
        save_checkpoint_steps: it saves every so many steps; comes before `save_checkpoint_seconds`.
        save_checkpoint_seconds: it saves every so many seconds.
        keep_checkpoint_max: how many files are kept; comes before `keep_checkpoint_per_n_minutes`.
        keep_checkpoint_per_n_minutes: one file is kept for every so many minutes.
        integrated_save, async_save, enc_key, enc_mode: see `save_checkpoint`.
        saved_network: the Cell to save; None for the training step, with optimizer and random state.
        append_info: "epoch_num", "step_num" and at most one dict of further numbers, to be saved too.
        exception_save: whether to save where training ends with an exception.

    Raises:
        TypeError, ValueError: an argument has another type or value, or no condition is given.
    """

    def __init__(
        self,
        save_checkpoint_steps: int | None = 1,
        save_checkpoint_seconds: int | None = 0,
        keep_checkpoint_max: int | None = 5,
        keep_checkpoint_per_n_minutes: int | None = 0,
        integrated_save: bool = True,
        async_save: bool = False,
        saved_network: Cell | None = None,
        append_info: list[Any] | None = None,
        enc_key: bytes | None = None,
        enc_mode: str = "AES-GCM",
        exception_save: bool = False,
    ) -> None:
        owner = "CheckpointConfig"
        steps = _count("save_checkpoint_steps", save_checkpoint_steps)
        seconds = _count("save_checkpoint_seconds", save_checkpoint_seconds)
        most = _count("keep_checkpoint_max", keep_checkpoint_max)
        minutes = _count("keep_checkpoint_per_n_minutes", keep_checkpoint_per_n_minutes)
        if not (steps or seconds or most or minutes):
            raise bad_argument(ValueError, f"For '{owner}', the steps, seconds, maximum and minutes must not all be 0.")
        self.save_checkpoint_steps = steps
        self.save_checkpoint_seconds = 0 if steps else seconds
        self.keep_checkpoint_max = most if most or minutes else 1
        self.keep_checkpoint_per_n_minutes = 0 if most else minutes
        self.integrated_save = _validate.boolean("integrated_save", integrated_save, owner)
        self.async_save = _validate.boolean("async_save", async_save, owner)
        self.saved_network = _validate.of_type("saved_network", saved_network, (Cell, type(None)), owner)
        self.append_dict = _append_dict(append_info)
        self.enc_key = _validate.of_type("enc_key", enc_key, (bytes, type(None)), owner)
        self.enc_mode = _validate.of_type("enc_mode", enc_mode, str, owner)
        self.exception_save = _validate.boolean("exception_save", exception_save, owner)

    def get_checkpoint_policy(self) -> dict[str, Any]:
        """The conditions, as a dict."""
        names = ("save_checkpoint_steps", "save_checkpoint_seconds", "keep_checkpoint_max",
                 "keep_checkpoint_per_n_minutes", "saved_network")  # fmt: skip
        return {name: getattr(self, name) for name in names}


class ModelCheckpoint(Callback):
    """Saves `<prefix>-<epoch>_<step of the epoch>.ckpt`.

    Where the directory has checkpoints of that prefix, from another run, `_1`, `_2` ... is added to it.

    Args:
        prefix: beginning of the files' names.
        directory: where they go; it is made. None for the current one.
        config: when to save, a CheckpointConfig.

    Raises:
        TypeError: `config` is something else.
        ValueError: `prefix` is not a str, or has a "/".
        OSError: a file cannot be written.
    """

    def __init__(
        self, prefix: str = "CKP", directory: str | None = None, config: CheckpointConfig | None = None
    ) -> None:
        owner = "ModelCheckpoint"
        if not isinstance(prefix, str) or "/" in prefix or not prefix:
            message = f"For '{owner}', 'prefix' must be a str without '/', but got {prefix!r}."
            raise bad_argument(ValueError, message)
        _validate.of_type("directory", directory, (str, type(None)), owner)
        self._config = _validate.of_type("config", config or CheckpointConfig(), CheckpointConfig, owner)
        self._directory = Path.cwd() if directory is None else Path(directory).absolute()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._prefix = self._free_prefix(prefix)
        self._kept: list[tuple[float, Path]] = []
        self._last_step = 0
        self._last_time = time.monotonic()
        self._run: Any = None
        self._latest = ""

    @property
    def latest_ckpt_file_name(self) -> str:
        """The path of the last file saved; empty before the first."""
        return self._latest

    def __exit__(self, kind: Any, *error: Any) -> None:
        if kind is not None and self._config.exception_save and self._run is not None:
            self._save("_breakpoint")

    def on_train_begin(self, run_context: RunContext) -> None:
        """A run begins to count."""
        self._run = run_context.original_args()
        self._last_step = self._run.cur_step_num  # a resumed run saves after the same steps as one from the beginning
        self._last_time = time.monotonic()

    def on_train_step_end(self, run_context: RunContext) -> None:
        """Saves where it is time."""
        config = self._config
        if config.save_checkpoint_steps:
            due = self._run.cur_step_num >= self._last_step + config.save_checkpoint_steps
        else:
            waited = time.monotonic() - self._last_time
            due = bool(config.save_checkpoint_seconds) and waited > config.save_checkpoint_seconds
        if due:
            self._save()

    def on_train_end(self, run_context: RunContext) -> None:
        """Saves the last step."""
        if self._run.cur_step_num != self._last_step:
            self._save()
        for _, path in self._kept:
            wait_for(path)
        self._remove_old()

    def on_eval_begin(self, run_context: RunContext) -> None:
        """An evaluation changes nothing."""

    def _save(self, ending: str = "") -> None:
        run = self._run
        step = (run.cur_step_num - 1) % run.batch_num + 1
        path = self._directory / f"{self._prefix}-{run.cur_epoch_num}_{step}{ending}.ckpt"
        counted = {"epoch_num": run.cur_epoch_num, "step_num": run.cur_step_num}
        appended = {name: value + counted.get(name, 0) for name, value in self._config.append_dict.items()}
        network = self._config.saved_network or run.train_network
        save_checkpoint(network, str(path), self._config.integrated_save, self._config.async_save, appended,
                        self._config.enc_key, self._config.enc_mode)  # fmt: skip
        self._last_step, self._last_time, self._latest = run.cur_step_num, time.monotonic(), str(path)
        run.last_save_ckpt_step, run.latest_ckpt_file = self._last_step, self._latest
        if not ending:
            self._kept = [(when, kept) for when, kept in self._kept if kept != path]
            self._kept.append((self._last_time, path))
            self._remove_old()

    def _remove_old(self) -> None:
        """Removes files beyond the maximum, or all but the first of each span of minutes.

        What is still being written in the background, or could not be, does not count as kept.
        """
        if self._config.keep_checkpoint_max:
            written = [entry for entry in self._kept if entry[1].exists()]
            old = written[: -self._config.keep_checkpoint_max]
        else:
            span = 60 * (self._config.keep_checkpoint_per_n_minutes or 0)
            recent = [entry for entry in self._kept if self._last_time - entry[0] < span]
            old = recent[1:-1]
        for entry in old:
            self._kept.remove(entry)
            entry[1].unlink(missing_ok=True)

    def _free_prefix(self, prefix: str) -> str:
        """The prefix, with a number where files of another run have it."""
        taken = {path.name.rpartition("-")[0] for path in self._directory.glob("*.ckpt")}
        number, free = 0, prefix
        while free in taken:
            number += 1
            free = f"{prefix}_{number}"
        return free


def _count(name: str, value: Any) -> int:
    return 0 if value is None else _validate.non_negative_int(name, value, "CheckpointConfig")


def _append_dict(append_info: Any) -> dict[str, Any]:
    """The numbers to save: counters begin with 0."""
    owner = "CheckpointConfig"
    if append_info is None:
        return {}
    _validate.of_type("append_info", append_info, list, owner)
    found: dict[str, Any] = {}
    for element in append_info:
        _validate.of_type("append_info", element, (str, dict), owner)
        if isinstance(element, str):
            found[_validate.one_of("append_info", element, _COUNTED, owner)] = 0
            continue
        for name, value in element.items():
            _validate.of_type("append_info", name, str, owner)
            found[name] = _validate.of_type(f"append_info['{name}']", value, (bool, int, float), owner)
    if sum(isinstance(element, dict) for element in append_info) > 1:
        raise bad_argument(TypeError, f"For '{owner}', 'append_info' must hold one dict at most.")
    return found
