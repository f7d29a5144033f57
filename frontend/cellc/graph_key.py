"""The content of a graph as a hash."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from cellc.graph import Graph


def _attribute(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return (str(value.dtype), value.shape, digest)
    if isinstance(value, float):
        return value.hex()  # tells -0.0 from 0.0
    return value


def graph_key(graph: Graph) -> str:
    """A hash of what the graph computes: equal for graphs that differ in names and locations only."""
    numbers: dict[int, int] = {}
    lines: list[Any] = []
    for value in graph.inputs:
        numbers[id(value)] = len(numbers)
        lines.append((value.kind, tuple(value.type), value.updated_by))
    for node in graph.nodes:
        inputs = tuple([numbers[id(value)] for value in node.inputs])
        attributes = tuple([(name, _attribute(value)) for name, value in sorted(node.attributes.items())])
        lines.append((node.op, inputs, attributes, node.region))
        for value in node.outputs:
            numbers[id(value)] = len(numbers)
    lines.append(tuple([numbers[id(value)] for value in graph.outputs]))
    return hashlib.sha256(repr(lines).encode()).hexdigest()
