"""`GraphCell`: a network that was read from a file, as a Cell."""

from __future__ import annotations

from typing import Any

from cellc import trace as tracing
from cellc.cellir import LoadedGraph, check_weights
from cellc.graph import Value
from cellc.nn._cell import Cell
from cellc.parameter import Parameter
from cellc.structure import unflatten
from cellc.tensor import Tensor
from cellc.tensor_base import TensorBase


class GraphCell(Cell):
    """Runs a graph that `cellc.load` read, alone or inside another Cell; gradients flow through it.

    Its inputs have the shapes and dtypes that the network was exported with. Its parameters have the names in the
    file, and those that were trainable are.

    Args:
        graph: what `cellc.load` returned.
        params_init: values that replace weights of the file, by name.

    Inputs:
        Tensors of the exported types, in order.

    Outputs:
        What the exported network returned.

    Raises:
        TypeError: `graph` is not a loaded graph, `params_init` is not a dict of Tensors, or an input has another dtype.
        ValueError: an input or a weight has another shape, or a name is not in the graph.

    Examples:
        >>> cellc.export(net, x, file_name="net", file_format="MLIR")
        >>> net = nn.GraphCell(cellc.load("net.cellir"))
        >>> y = net(x)
    """

    def __init__(self, graph: LoadedGraph, params_init: dict[str, Tensor] | None = None) -> None:
        super().__init__(auto_prefix=True)
        if not isinstance(graph, LoadedGraph):
            raise TypeError(f"GraphCell: 'graph' must be what cellc.load returns, got {type(graph).__name__}")
        self._loaded = graph
        weights: dict[str, Any] = {**graph.weights, **_checked(graph, params_init)}
        check_weights(graph.graph, weights, f"GraphCell({graph.name})")
        self._constants: dict[str, Tensor] = {}
        for value in graph.graph.inputs:
            if value.kind == "parameter":
                trainable = value.name not in graph.frozen
                parameter = Parameter(Tensor(weights[value.name]), name=value.name, requires_grad=trainable)
                self.insert_param_to_cell(value.name, parameter, False)
            elif value.kind == "constant":
                self._constants[value.name] = Tensor(weights[value.name])

    def construct(self, *inputs: Tensor) -> Any:
        graph = self._loaded.graph
        values = self._bind(inputs)
        for node in graph.nodes:
            results = tracing.apply(node.op, *[values[value] for value in node.inputs], **node.attributes)
            values.update(zip(node.outputs, results if isinstance(results, tuple) else (results,), strict=True))
        for value in graph.inputs:
            if value.updated_by is not None:
                tracing.assign(self._params[value.name], values[graph.outputs[value.updated_by]])
        return unflatten(self._loaded.structure, iter([values[value] for value in graph.outputs]))

    def _bind(self, inputs: tuple[Tensor, ...]) -> dict[Value, Tensor]:
        """A tensor for each of the graph's inputs."""
        expected = [value for value in self._loaded.graph.inputs if value.kind == "input"]
        if len(inputs) != len(expected):
            names = ", ".join(f"{value.name}: {value.type}" for value in expected)
            raise ValueError(f"GraphCell takes {len(expected)} input(s) ({names}), got {len(inputs)}")
        values: dict[Value, Tensor] = {}
        for value, tensor in zip(expected, inputs, strict=True):
            if not isinstance(tensor, TensorBase):
                raise TypeError(f"GraphCell: input '{value.name}' must be a Tensor, got {type(tensor).__name__}")
            if tensor._type != value.type:
                kind = ValueError if tensor._type.dtype == value.type.dtype else TypeError
                raise kind(f"GraphCell: input '{value.name}' was exported as {value.type}, got {tensor._type}")
            values[value] = tensor
        for value in self._loaded.graph.inputs:
            if value.kind == "parameter":
                values[value] = self._params[value.name]
            elif value.kind == "constant":
                values[value] = self._constants[value.name]
        return values

    def extend_repr(self) -> str:
        return repr(self._loaded)


def _checked(graph: LoadedGraph, params_init: dict[str, Tensor] | None) -> dict[str, Tensor]:
    if params_init is None:
        return {}
    if not isinstance(params_init, dict):
        raise TypeError(f"GraphCell: 'params_init' must be a dict, got {type(params_init).__name__}")
    for name, value in params_init.items():
        if not isinstance(value, TensorBase):
            raise TypeError(f"GraphCell: 'params_init[{name!r}]' must be a Tensor, got {type(value).__name__}")
        if name not in graph.weights:
            raise ValueError(f"GraphCell: 'params_init' names '{name}', which the graph does not have")
    return params_init
