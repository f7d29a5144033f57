"""A backend that evaluates graphs with the ops' NumPy meanings: truth for tests, never part of the product."""

from __future__ import annotations

import ctypes

import numpy as np

from cellc.dialects.nn.definition import TensorType, definition_of
from cellc.dtype import dtype_of
from cellc.graph import Graph


def _view(address: int, type: TensorType) -> np.ndarray:
    dtype = dtype_of(type.dtype).numpy
    raw = (ctypes.c_char * max(type.nbytes, 1)).from_address(address)
    return np.ndarray(type.shape, dtype, raw)


def evaluate(graph: Graph, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The graph's outputs for its inputs."""
    values = {id(value): array for value, array in zip(graph.inputs, arrays, strict=True)}
    for node in graph.nodes:
        operands = [values[id(value)] for value in node.inputs]
        results = definition_of(node.op).evaluate(*operands, **node.attributes)
        results = results if isinstance(results, tuple) else (results,)
        for value, result in zip(node.outputs, results, strict=True):
            result = np.asarray(result)
            assert result.shape == value.type.shape, (node.op, result.shape, value.type)
            values[id(value)] = result.astype(dtype_of(value.type.dtype).numpy)
    return [values[id(value)] for value in graph.outputs]


class _Executable:
    preparation = prepare = None

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.slots = {("input", i): i for i in range(len(graph.inputs))}
        updating = {value.updated_by for value in graph.inputs}
        for i in range(len(graph.outputs)):
            if i not in updating:
                self.slots["output", i] = len(self.slots)

    def evaluate(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        return evaluate(self.graph, arrays)

    def run(self, pointers: ctypes.Array) -> None:
        graph = self.graph
        inputs = [_view(pointers[i], value.type) for i, value in enumerate(graph.inputs)]
        outputs = self.evaluate([array.copy() for array in inputs])
        for i, value in enumerate(graph.inputs):
            if value.updated_by is not None:
                inputs[i][...] = outputs[value.updated_by]
        for i, value in enumerate(graph.outputs):
            if ("output", i) in self.slots:
                _view(pointers[self.slots["output", i]], value.type)[...] = outputs[i]


class ReferenceBackend:
    """Pass to `cellc.compile.set_backend`. Keeps what it compiled in `graphs`."""

    def __init__(self) -> None:
        self.graphs: list[Graph] = []

    @property
    def compiled(self) -> int:
        return len(self.graphs)

    def compile(self, graph: Graph, key: str) -> _Executable:
        self.graphs.append(graph)
        return _Executable(graph)
