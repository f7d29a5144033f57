"""Settings: execution mode, device target and the other keys of `set_context`."""

from __future__ import annotations

import importlib
import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

GRAPH_MODE = 0
PYNATIVE_MODE = 1

_TARGETS = ("CPU",)

_OF_COMMUNICATION = (
    "ParallelMode", "set_auto_parallel_context", "get_auto_parallel_context", "reset_auto_parallel_context",
)  # fmt: skip
"""Settings of several processes, which scripts for MindSpore look for here."""

MOST_THREADS = 1024
"""Threads that the runtime takes."""

# Keys with an effect here.
_settings: dict[str, Any] = {
    "mode": GRAPH_MODE,
    "device_target": "CPU",
    "device_id": 0,
    "save_graphs": False,
    "save_graphs_path": ".",
    "max_call_depth": 1000,
    "enable_sparse": False,
    "log_recompiles": False,
    "cpu_level": "",
    "runtime_num_threads": 0,
}

# MindSpore's keys that tune its own compiler or devices. They are remembered, and change nothing.
_settings.update({
    "enable_graph_kernel": False, "graph_kernel_flags": "", "enable_reduce_precision": True,
    "auto_tune_mode": "NO_TUNE", "enable_profiling": False, "profiling_options": "", "check_bprop": False,
    "max_device_memory": "1024GB", "print_file_path": "", "env_config_path": "", "variable_memory_max_size": "30GB",
    "reserve_class_name_in_scope": True, "enable_compile_cache": True, "compile_cache_path": "",
    "grad_for_scalar": False, "pynative_synchronize": False, "mempool_block_size": "1GB",
    "memory_optimize_level": "O0", "load_compile_cache": False, "save_compile_cache": False,
})  # fmt: skip

# MindSpore's keys for what is not here: they can only be off.
_OFF = {"precompile_only": False, "enable_dump": False}
_settings.update(_OFF, save_dump_path=".")

epoch = 0
"""Another number after every change that may change a trace."""

_epochs = itertools.count(1)


def __getattr__(name: str) -> Any:
    if name in _OF_COMMUNICATION:
        return getattr(importlib.import_module("cellc.communication"), name)
    raise AttributeError(f"module 'cellc.context' has no attribute {name!r}")


def _check(key: str, value: Any) -> None:
    if key not in _settings:
        raise ValueError(f"set_context has no key {key!r}; known: {', '.join(sorted(_settings))}")
    if key == "mode" and value not in (GRAPH_MODE, PYNATIVE_MODE):
        raise ValueError(f"mode must be GRAPH_MODE (0) or PYNATIVE_MODE (1), got {value!r}")
    if key == "device_target" and value not in _TARGETS:
        raise ValueError(
            f"device_target must be one of {', '.join(_TARGETS)}, got {value!r}; "
            "for other devices, `cellc compile --emit=ptx` and `--emit=hivm` write their code"
        )
    if key in _OFF and value is True:
        raise ValueError(f"set_context has no {key}: it can only be False")
    default = _settings[key]
    if type(default) in (bool, int) and type(value) is not type(default):
        raise TypeError(f"{key} must be of type {type(default).__name__}, got {value!r}")

    if key == "cpu_level":
        _check_cpu_level(value)
    if key == "runtime_num_threads":
        _check_threads(value)


def _check_threads(number: Any) -> None:
    if not 0 <= number <= MOST_THREADS:
        raise ValueError(f"runtime_num_threads must be from 1 to {MOST_THREADS}, or 0 for the default, got {number}")


def _check_cpu_level(name: Any) -> None:
    from cellc.targets.cpu.level import runnable_level

    if not isinstance(name, str):
        raise TypeError(f"cpu_level must be a string, got {name!r}")
    if name:
        runnable_level(name)


def set_context(**settings: Any) -> None:
    """Changes settings.

    Args:
        mode: `GRAPH_MODE` (a Cell is compiled as a whole, the default) or `PYNATIVE_MODE` (each call records lazily).
        device_target: "CPU".
        cpu_level: "v4" (AVX-512), "v3" (AVX2), ..., or "native" (this machine's widest, the default unless
            `CELLC_CPU_LEVEL` is in the environment), for what is compiled from then on. Results of one level have the
            same bits on every machine.
        runtime_num_threads: how many threads run what is compiled from then on, at most 1024; 0 for the default:
            `CELLC_NUM_THREADS` in the environment, else all processors. Results do not depend on it.
        log_recompiles: whether a message on stderr says why a Cell is compiled again.
        settings: MindSpore's other keys; those that tune its compiler are remembered and have no effect.

    Raises:
        ValueError: an unknown key, or a value out of range.
        TypeError: a value of a wrong type.
    """
    for key, value in settings.items():
        _check(key, value)
    _settings.update(settings)
    touch()


def get_context(attr_key: str) -> Any:
    """The present value of a setting.

    Raises:
        ValueError: an unknown key.
    """
    if attr_key not in _settings:
        raise ValueError(f"get_context has no key {attr_key!r}; known: {', '.join(sorted(_settings))}")
    return _settings[attr_key]


def log_recompiles() -> bool:
    """Whether recompilations are to be explained: by the setting, or `CELLC_LOG=recompile` in the environment."""
    return bool(_settings["log_recompiles"]) or "recompile" in os.environ.get("CELLC_LOG", "").split(",")


def cpu_level() -> str:
    """The CPU level to compile for in this process: the setting, else `CELLC_CPU_LEVEL`, else native."""
    return _settings["cpu_level"] or os.environ.get("CELLC_CPU_LEVEL") or "native"


def num_threads() -> int:
    """How many threads run what is compiled: the setting, or 0 for the runtime's default."""
    return _settings["runtime_num_threads"]


reshaped = 0
"""Grows before and after a parameter gets another shape: odd meanwhile."""
_reshaping = threading.Lock()


@contextmanager
def reshaping() -> Iterator[None]:
    """Around giving a parameter another shape: what another thread traces meanwhile may have read both."""
    global reshaped
    with _reshaping:
        reshaped += 1
        try:
            yield
        finally:
            reshaped += 1


def reshaped_since(before: int) -> bool:
    """Whether a parameter got another shape since `reshaped` was `before`, or was getting one then."""
    return before % 2 == 1 or reshaped != before


def touch() -> None:
    """Notes a change that may change a trace, after it; no two threads give one number."""
    global epoch
    epoch = next(_epochs)
