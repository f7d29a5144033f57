"""Where the time of a first call goes: `CELLC_LOG=stages` prints a table of the compiler's stages when Python ends.

A stage is timed by the wall clock and by the processor time of the process that works on it; the stages of kernels run
in worker processes, beside the others. Nothing is measured unless it is asked for.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter, process_time

Seconds = dict[str, tuple[int, float, float]]
"""Stage -> how often it ran, seconds by the wall clock, seconds of processor time."""

_seconds: Seconds = {}
_lock = threading.Lock()


def wanted() -> bool:
    """Whether `stages` is among the words of `CELLC_LOG`."""
    return "stages" in os.environ.get("CELLC_LOG", "").split(",")


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Times what runs inside. Stages do not nest: their sum is the time of all."""
    if not wanted():
        yield
        return
    wall, processor = perf_counter(), process_time()
    try:
        yield
    finally:
        add({name: (1, perf_counter() - wall, process_time() - processor)})


def add(seconds: Mapping[str, tuple[int, float, float]], prefix: str = "") -> None:
    """Adds what was measured elsewhere, such as in a worker process."""
    with _lock:
        for name, (count, wall, processor) in seconds.items():
            before = _seconds.get(prefix + name, (0, 0.0, 0.0))
            _seconds[prefix + name] = (before[0] + count, before[1] + wall, before[2] + processor)


def take() -> Seconds:
    """What was measured since the last call, or since the start."""
    taken = dict(_seconds)
    _seconds.clear()
    return taken


def table(seconds: Mapping[str, tuple[int, float, float]]) -> str:
    """A line a stage, in the order in which they first ended."""
    lines = [f"{'stage':32s} {'times':>6s} {'wall s':>8s} {'cpu s':>8s}"]
    lines += [f"{name:32s} {count:6d} {wall:8.3f} {cpu:8.3f}" for name, (count, wall, cpu) in seconds.items()]
    return "\n".join(lines)


def print_at_exit() -> None:
    """Prints the table to stderr when the process ends, if it is wanted and anything was compiled."""
    if wanted():
        atexit.register(lambda: _seconds and print(table(_seconds), file=sys.stderr))
