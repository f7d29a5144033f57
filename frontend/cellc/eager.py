"""Operations outside Cells: one pending graph per thread, run as one compiled program when a value is asked for.

The pending graph is keyed by content like any other, so a loop of small eager lines compiles once. While a function
is differentiated (in PYNATIVE mode), its operations stay pending: a gradient goes through all of them, also where a
value was asked for on the way.

A tensor may be handed to another thread before it has a value. A trace is changed by its own thread alone, so recording
takes no lock: another thread that asks computes the values that are pending at that moment of the nodes they hang on,
which nobody changes, and leaves the trace as it is. The trace's own thread keeps those values and goes on with them.
Only `flush`, which lets go of the graph and may write to parameters, and such a thread keep out of each other's way.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from cellc.compile import run_once
from cellc.graph import Graph, Value
from cellc.running import state
from cellc.trace import Trace

if TYPE_CHECKING:
    from cellc.parameter import Parameter
    from cellc.tensor import Tensor
    from cellc.tensor_base import TensorBase

_LONGEST = 512  # nodes; a loop that never asks for a value is cut into programs of this length


class EagerTrace(Trace):
    """The pending graph of a thread. Its outputs are the tensors Python still holds when it runs."""

    eager = True
    _capture_kind = "input"

    def __init__(self) -> None:
        self._running = threading.RLock()  # held while the graph runs, by whichever thread
        self._begin()

    def _begin(self) -> None:
        super().__init__("eager operations")
        self._live: list[weakref.ref[TensorBase]] = []

    def track(self, tensor: TensorBase) -> None:
        """Remembers a tensor whose value this graph will make."""
        self._live.append(weakref.ref(tensor))

    def tensor_of(self, value: Value) -> Tensor:
        tensor = super().tensor_of(value)
        self.track(tensor)
        return tensor

    def value_of(self, tensor: TensorBase) -> Value:
        """As `Trace.value_of`; of a tensor that another thread gave its elements it reads those.

        The nodes would give others if a parameter that they read was written since.
        """
        if tensor._array is not None and tensor._trace is self and not self.kept:
            tensor._value = tensor._trace = None
        return super().value_of(tensor)

    def _owner(self, tensor: TensorBase) -> tuple[int, TensorBase]:
        # By storage, not by object: `t[0] = 1` gives `t` another value, but not the graph that read `t` before.
        from cellc.tensor import Tensor

        array = tensor._elements()
        return id(array), Tensor._wrap(array, tensor._type)

    def materialize(self, tensor: TensorBase) -> None:
        """Runs everything pending, `tensor` included; within a differentiation only what `tensor` needs."""
        if state.eager is not self:
            self._materialize_elsewhere(tensor)
        elif self.kept and tensor._value is not None:
            tensor._array = self.peek(tensor._value)
        else:
            self.flush()
        if tensor._array is None:
            raise RuntimeError("this tensor has no value: the program that was to make it failed earlier")

    def _materialize_elsewhere(self, tensor: TensorBase) -> None:
        """In another thread than the trace's: gives all pending tensors their elements, if `tensor` is one."""
        if state.eager is not None:
            state.eager.flush()  # so that nobody waits here who is waited for
        with self._running:
            waiting = _waiting(self._held())
            if any(each is tensor for each, _ in waiting):
                nodes = list(self.nodes)  # before the inputs: the trace's own thread may add to both meanwhile
                graph = Graph(list(self.inputs), nodes, [value for _, value in waiting])
                _give(waiting, graph.without_dead_nodes())

    def _held(self) -> list[TensorBase]:
        """The tensors of this graph that Python still holds."""
        return [tensor for ref in list(self._live) if (tensor := ref()) is not None and tensor._trace is self]

    def flush_if_long(self) -> None:
        """Runs what is pending once it is long, so that it does not grow for ever."""
        if len(self.nodes) >= _LONGEST and not self.kept:
            self.flush()

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Inside the block no operation leaves the graph, whatever values are asked for."""
        outer, self.kept = self.kept, True
        try:
            yield
        finally:
            self.kept = outer

    def peek(self, value: Value) -> np.ndarray:
        """The elements of a pending value. Nothing is assigned, and the graph stays."""
        graph = Graph(self.inputs, self.nodes, [value]).without_dead_nodes()
        assigned, self.assignments = self.assignments, {}  # the program reads what parameters were before
        try:
            return run_once(_without_unused_inputs(graph), 1)[0]
        finally:
            self.assignments = assigned

    def present(self, parameter: Parameter) -> np.ndarray:
        """The value that a parameter has after what is pending."""
        return self.peek(self._current[id(parameter)])

    def flush(self) -> None:
        """Runs the pending graph and gives each tensor that is still held its elements."""
        if self.kept or (not self.nodes and not self.assignments):
            return
        with self._running:
            held = self._held()
            waiting = _waiting(held)
            graph = self.finish([value for _, value in waiting])
            self._begin()
            try:
                if graph.outputs:
                    _give(waiting, graph)
            finally:
                for tensor in held:
                    tensor._value = None
                    if tensor._array is not None:
                        tensor._trace = None


def _waiting(tensors: list[TensorBase]) -> list[tuple[TensorBase, Value]]:
    """Those without elements, and their values."""
    return [(tensor, value) for tensor in tensors if tensor._array is None and (value := tensor._value) is not None]


def _give(waiting: list[tuple[TensorBase, Value]], graph: Graph) -> None:
    """Runs the graph, whose first outputs are the tensors' values."""
    arrays = run_once(_without_unused_inputs(graph), len(waiting))
    for (tensor, value), array in zip(waiting, arrays, strict=True):
        if tensor._value is value:  # else `t[0] = 1` gave it another one while the graph ran elsewhere
            tensor._array = array


def _without_unused_inputs(graph: Graph) -> Graph:
    used = {id(value) for node in graph.nodes for value in node.inputs}
    used |= {id(value) for value in graph.outputs}
    inputs = [value for value in graph.inputs if id(value) in used or value.updated_by is not None]
    return Graph(inputs, graph.nodes, graph.outputs)
