"""A compiled program with its parameters bound: the call path between Python and the C runtime."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from cellc import compile as compiler
from cellc.dtype import dtype_of
from cellc.fill_ahead import filled_ahead
from cellc.fresh_arrays import FreshArrays
from cellc.graph import Graph
from cellc.parameter import UpdateLock, written
from cellc.passes.stage_times import stage
from cellc.preparation import Followed, PreparedValues
from cellc.running import state
from cellc.storage import address_of
from cellc.tensor import Tensor
from cellc.tensor_base import TensorBase


class Compiled:
    """Runs a graph's program: fills in the pointers of inputs and fresh outputs, and calls the runtime once.

    Args:
        graph: its inputs of kind parameter and constant are bound to their sources' storage.
        results: how many of its outputs the caller gets; the others update parameters in place.

    Attributes:
        bound: whether it can run: False where a parameter has another shape now than the graph was made for.
    """

    def __init__(self, graph: Graph, results: int) -> None:
        with filled_ahead(value.source for value in graph.inputs if value.kind != "input"):
            self._executable = compiler.executable(graph)
        slots = self._executable.slots
        self._pointers = (ctypes.c_void_p * len(slots))()
        inputs = [slots["input", i] for i, value in enumerate(graph.inputs) if value.kind == "input"]
        self._inputs = list(enumerate(inputs))
        self._bound = [
            (slots["input", i], value.source, value.type)
            for i, value in enumerate(graph.inputs)
            if value.kind != "input"
        ]
        self._outputs = [
            (slots["output", i], FreshArrays(value.type.shape, dtype_of(value.type.dtype).numpy), value.type)
            for i, value in enumerate(graph.outputs[:results])
        ]
        self._updated: list[Any] = [value.source for value in graph.inputs if value.updated_by is not None]
        self._prepared = self._prepared_values(graph)
        self._lock = UpdateLock()
        self._held = self._lock.held
        self._run = self._executable.run
        for value in graph.inputs:
            if value.updated_by is not None:
                value.source.updated_under(self._lock)
        with stage("parameters"):
            self.bound = self.refresh()

    def _prepared_values(self, graph: Graph) -> Followed | None:
        """What the program takes that is computed of its parameters alone; its addresses are bound."""
        preparation, run = self._executable.preparation, self._executable.prepare
        if preparation is None or run is None:
            return None
        values = PreparedValues(preparation, run)
        for i, array in enumerate(values.arrays):
            self._pointers[self._executable.slots["prepared", i]] = address_of(array)
        self._read_before = [self._executable.slots["input", i] for i in preparation.sources]
        return Followed(values, [graph.inputs[i].source for i in preparation.sources])

    def refresh(self) -> bool:
        """Reads the addresses of parameters and constants again; new storage comes with a new `context.epoch`.

        Returns:
            False, and nothing is bound, when one has another type than the program was compiled for.
        """
        arrays = [source._elements() for _, source, _ in self._bound]
        # Both, because another thread may be about to give a parameter another shape.
        for array, (_, source, type) in zip(arrays, self._bound, strict=True):
            if source._type != type or array.shape != type.shape:
                return False
        with self._held:  # another thread may be running the program
            for (slot, _, _), array in zip(self._bound, arrays, strict=True):
                self._pointers[slot] = address_of(array)
            self._arrays = arrays  # a call goes on with them when a parameter gets other storage meanwhile
            if self._prepared is not None:
                self._prepared.read_at([self._pointers[slot] for slot in self._read_before])
        return True

    def run(self, tensors: Sequence[TensorBase]) -> list[Tensor]:
        """Runs the program on input tensors of the compiled types; returns new tensors."""
        eager = state.eager
        if eager is not None and (eager.assignments or (self._updated and eager.nodes)):
            eager.flush()  # recorded before this call, and may share parameters with it
        pointers = self._pointers
        # What is held in `places` stays where it is until the program has run.
        places = [tensor._located() for tensor in tensors]
        results = []
        with self._held:
            for i, slot in self._inputs:
                pointers[slot] = places[i][1]
            for slot, arrays, type in self._outputs:
                place = arrays.make()
                pointers[slot] = place[1]
                results.append(Tensor._placed(place, type))
            if self._prepared is not None:
                self._prepared.update()
            try:
                self._run(pointers)
            finally:
                if self._updated:
                    written(self._updated)
        return results
