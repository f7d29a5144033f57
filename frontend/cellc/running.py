"""What this thread is doing: the traces being recorded and the Cells being run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cellc import tracebacks

if TYPE_CHECKING:
    from cellc.trace import Trace


class _ThreadState(threading.local):
    def __init__(self) -> None:
        self.stack: list[Trace] = []
        self.path: list[tuple[str, str]] = []
        self.eager: Trace | None = None
        self.computing: list[object] = []


state = _ThreadState()


def tracing() -> bool:
    """Whether a Cell or function is being compiled (values do not exist yet)."""
    return bool(state.stack)


def recorded() -> bool:
    """Whether operations become part of a graph that others go on with: a compiled one, or one to differentiate."""
    eager = state.eager
    return bool(state.stack) or (eager is not None and eager.kept)


@contextmanager
def inside(name: str, kind: str) -> Iterator[None]:
    """Marks the block as running in a Cell: its name in its parent (or the root's), and its class.

    A Python exception that leaves the block keeps its type and gets a note with the path.
    """
    state.path.append((name, kind))
    try:
        yield
    except Exception as error:
        tracebacks.add_cell_note(error, cell_path(), kind)
        raise
    finally:
        state.path.pop()


def cell_path() -> str:
    """The path of the running Cell, `net.features.conv1`, or an empty string outside Cells."""
    return ".".join([name for name, _ in state.path])


def cell_kind() -> str:
    """The class name of the running Cell."""
    return state.path[-1][1] if state.path else ""


@contextmanager
def computing(cell: object) -> Iterator[None]:
    """Marks the block as the `construct` of a cell with something around it."""
    state.computing.append(cell)
    try:
        yield
    finally:
        state.computing.pop()
