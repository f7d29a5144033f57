"""Tracebacks that end at the user's frame.

Frames of cellc's own files are dropped from tracebacks when an error leaves a compiled function and when the
interpreter prints it. `CELLC_TRACEBACK=full` keeps them.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Any

from cellc.source_location import is_ours


def wanted_in_full() -> bool:
    """Whether `CELLC_TRACEBACK=full` is set."""
    return os.environ.get("CELLC_TRACEBACK") == "full"


def _users(trace: TracebackType | None) -> TracebackType | None:
    frames = []
    while trace is not None:
        if not is_ours(trace.tb_frame.f_code.co_filename):
            frames.append(trace)
        trace = trace.tb_next
    pruned: TracebackType | None = None
    for frame in reversed(frames):
        pruned = TracebackType(pruned, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return pruned


def prune(error: BaseException) -> None:
    """Drops our frames from the error's traceback, unless it is an AssertionError: a fault of ours."""
    if isinstance(error, AssertionError) or wanted_in_full():
        return
    pruned = _users(error.__traceback__)
    if pruned is not None:
        error.__traceback__ = pruned
    for other in (error.__cause__, error.__context__):
        if other is not None:
            prune(other)


def add_cell_note(error: BaseException, path: str, kind: str) -> None:
    """Says in which Cell a Python exception was raised: the innermost, once; our own errors have said it already."""
    noted = any(note.startswith("  in ") for note in getattr(error, "__notes__", ()))
    if not noted and getattr(error, "location", None) is None:
        error.add_note(f"  in {path} ({kind}), while it was being compiled")


def install() -> None:
    """Makes the interpreter print pruned tracebacks."""
    previous = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        prune(error)
        previous(kind, error, error.__traceback__)

    sys.excepthook = hook
