"""The light graph: what tracing records, before any compiler is imported.

Everything here is plain data. A `Graph` becomes an `nn` module in `cellc.build_ir` (only when something must be
compiled) and comes back from one in `cellc.read_ir`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from cellc.dialects.nn.definition import TensorType


class Location(NamedTuple):
    """Where an op comes from: the user's line (1-based), its columns (0-based) and the path of the Cell."""

    file: str
    line: int
    column: int
    cell: str = ""
    end_column: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column + 1}"
        return f"{place} in {self.cell}" if self.cell else place


class Value:
    """One tensor of a graph: result `index` of `node`, or an input when `node` is None."""

    __slots__ = ("index", "node", "type")

    def __init__(self, type: TensorType, node: Node | None = None, index: int = 0) -> None:
        self.type = type
        self.node = node
        self.index = index


class Input(Value):
    """An argument of a graph.

    Attributes:
        kind: `"input"` (given at each call), `"parameter"` (kept by its owner, may be updated in place) or
            `"constant"` (kept by its owner, never updated).
        name: unique among the inputs.
        updated_by: number of the output that is this parameter's new value, or None.
        source: the Tensor or Parameter that owns the data of a parameter or constant.
    """

    __slots__ = ("kind", "name", "source", "updated_by")

    def __init__(self, type: TensorType, kind: str, name: str, source: Any = None) -> None:
        super().__init__(type)
        self.kind = kind
        self.name = name
        self.source = source
        self.updated_by: int | None = None


class Node:
    """One `nn` op applied to values.

    Attributes:
        region: number of the recomputed region it belongs to, or 0: the backward pass makes such values again.
    """

    __slots__ = ("attributes", "inputs", "location", "op", "outputs", "region")

    def __init__(
        self,
        op: str,
        inputs: tuple[Value, ...],
        attributes: dict[str, Any],
        types: Iterable[TensorType],
        location: Location,
        region: int = 0,
    ) -> None:
        self.region = region
        self.op = op
        self.inputs = inputs
        self.attributes = attributes
        self.location = location
        self.outputs = tuple([Value(type, self, index) for index, type in enumerate(types)])


class Graph:
    """Inputs, nodes in an order in which each value is made before it is used, and outputs."""

    __slots__ = ("inputs", "nodes", "outputs")

    def __init__(self, inputs: list[Input], nodes: list[Node], outputs: list[Value]) -> None:
        self.inputs = inputs
        self.nodes = nodes
        self.outputs = outputs

    def without_dead_nodes(self) -> Graph:
        """A graph of the nodes that an output needs; inputs stay, so bindings do not change."""
        needed = {value.node for value in self.outputs}
        kept: list[Node] = []
        for node in reversed(self.nodes):  # users before what they use
            if node in needed:
                kept.append(node)
                needed.update([value.node for value in node.inputs])
        return Graph(self.inputs, kept[::-1], self.outputs)
