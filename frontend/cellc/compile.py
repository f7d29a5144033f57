"""From a graph to something that runs: the cache in front of the compiler.

The key of a graph is a hash of what it computes (ops, attributes, types, what is updated in place), not of names or
locations, so two Cells that do the same share one program.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from cellc import context
from cellc.graph import Graph
from cellc.graph_key import graph_key
from cellc.passes.stage_times import print_at_exit, stage
from cellc.preparation import Preparation
from cellc.tensor_base import TensorBase


class Executable(Protocol):
    """A compiled program.

    Attributes:
        slots: (`"input"` or `"output"`, number in the graph) -> position in the pointer table. Outputs that update a
            parameter have none. (`"prepared"`, number) is where result `number` of the preparation goes.
        run: runs once on the table of pointers.
        preparation: what is computed of the parameters before, if anything; `prepare` runs it on pointers of its own.
    """

    slots: dict[tuple[str, int], int]

    run: Callable[[ctypes.Array[ctypes.c_void_p]], None]

    preparation: Preparation | None

    prepare: Callable[[ctypes.Array[ctypes.c_void_p]], None] | None


class Backend(Protocol):
    """What compiles a graph."""

    def compile(self, graph: Graph, key: str) -> Executable: ...


_backend: Backend | None = None
_programs: dict[tuple[str, str, int], Executable] = {}


def set_backend(backend: Backend | None) -> Backend | None:
    """Replaces the compiler (tests only; None is the real one). Returns what was set before."""
    global _backend
    previous, _backend = _backend, backend
    _programs.clear()
    return previous


def backend() -> Backend:
    """The compiler in use."""
    global _backend
    if _backend is None:
        from cellc.cpu_backend import CpuBackend

        _backend = CpuBackend()
        print_at_exit()
    return _backend


def executable(graph: Graph) -> Executable:
    """The program of a graph: from memory, from disk, or compiled now."""
    compiler = backend()
    with stage("graph key"):
        key = graph_key(graph)
    place = (key, context.cpu_level(), context.num_threads())
    found = _programs.get(place)
    if found is None:
        found = _programs[place] = compiler.compile(graph, key)
    return found


def run_once(graph: Graph, results: int) -> Sequence[Any]:
    """Runs a graph whose inputs all have sources; returns the elements of its first `results` outputs."""
    from cellc.compiled import Compiled

    sources: list[TensorBase] = [value.source for value in graph.inputs if value.kind == "input"]
    return [tensor._array for tensor in Compiled(graph, results).run(sources)]
