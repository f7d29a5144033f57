"""`export` writes a network into a `.cellir` file; `load` reads one for `nn.GraphCell` and `cellc compile`."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cellc import archive, structure
from cellc.archive import FORMAT_VERSION, OPSET_VERSION, ArchiveError
from cellc.dialects.nn.definition import TensorType
from cellc.dtype import dtype_of
from cellc.function import Traced
from cellc.graph import Graph
from cellc.tensor_base import TensorBase

if TYPE_CHECKING:
    from cellc.nn import Cell

SUFFIX = ".cellir"
_LONGEST_WINDOW = 1 << 31
_MOST_STEPS = 1 << 52
"""Elements that all windows of one op meet together: hours at the rate of a fast machine."""
# One lexeme a match: a comment, a string as MLIR allows it, or a stretch of anything else. The alternatives within a
# string exclude each other, so one that does not end is found out in linear time.
_LEXEME = re.compile(r'[^"/]+|//[^\n]*|/|"(?:[^"\\\n\v\f]|\\(?:["nt\\]|[0-9A-Fa-f]{2}))*"')


class LoadedGraph:
    """A network read from a file.

    Attributes:
        graph: the light graph; its parameters and constants have no source.
        weights: an array for each parameter and constant, by name.
        structure: the Python value that the network returned, with leaves where the outputs go.
        name: where it came from, for messages.
        frozen: names of the weights that training leaves alone, such as running statistics.
    """

    def __init__(
        self,
        graph: Graph,
        weights: dict[str, np.ndarray],
        structure: Any,
        name: str,
        frozen: frozenset[str] = frozenset(),
    ) -> None:
        self.graph = graph
        self.weights = weights
        self.structure = structure
        self.name = name
        self.frozen = frozen

    def __repr__(self) -> str:
        inputs = ", ".join(f"{value.name}: {value.type}" for value in self.graph.inputs if value.kind == "input")
        return f"LoadedGraph<{self.name}: ({inputs}), {len(self.graph.nodes)} ops, {len(self.weights)} weights>"


def export(net: Cell, *inputs: Any, file_name: str | os.PathLike, file_format: str = "MLIR", **kwargs: Any) -> None:
    """Writes `net`, traced on `inputs`, into `file_name` (`.cellir` is added when it has no such suffix).

    The file holds the `nn` dialect's IR, the weights and what the inputs are; it is written whole or not at all.
    `net.training` is kept: call `net.set_train(False)` first to export for inference.

    Args:
        net: the network.
        inputs: Tensors (or tuples, lists, dicts of them) that give the shapes and dtypes.
        file_name: where to write.
        file_format: "MLIR", the only format there is.

    Raises:
        TypeError: `net` is no Cell, or an input holds no Tensor.
        ValueError: an unknown format or option.
        OSError: the file cannot be written.
    """
    from cellc.nn import Cell

    if not isinstance(net, Cell):
        raise TypeError(f"export takes a Cell, got {type(net).__name__}")
    if file_format != "MLIR":
        raise ValueError(f"export writes file_format='MLIR', got {file_format!r}")
    if kwargs:
        raise ValueError(f"export has no option {sorted(kwargs)[0]!r}")
    path = Path(file_name)
    if path.suffix != SUFFIX:
        path = path.with_name(path.name + SUFFIX)
    traced = trace_cell(net, *inputs)
    archive.write_archive(path, _manifest(traced), module_text(traced.graph), weights_of(traced.graph))


def trace_cell(net: Cell, *inputs: Any) -> Traced:
    """The graph of `net` on arguments of these types; its inputs have distinct names."""
    __tracebackhide__ = True
    traced = net._as_function().trace(inputs, {})
    names = [value.name for value in traced.graph.inputs]
    for number, value in enumerate(traced.graph.inputs):
        if value.name in names[:number]:
            value.name = f"{value.name}#{number}"
    return traced


def weights_of(graph: Graph) -> dict[str, np.ndarray]:
    """The elements of a traced graph's parameters and constants, by name."""
    return {value.name: value.source.asnumpy() for value in graph.inputs if value.kind != "input"}


def module_text(graph: Graph) -> str:
    """The `nn` module of a graph, without locations: a file that is given away names no paths."""
    from cellc.build_ir import build_module
    from cellc.passes.pipelines import print_module

    return print_module(build_module(graph), locations=False)


def load(file_name: str | os.PathLike, **kwargs: Any) -> LoadedGraph:
    """Reads a `.cellir` file; executes nothing of it.

    Raises:
        FileNotFoundError: there is no such file.
        ArchiveError (a ValueError): the file is damaged, incomplete or newer than this cellc; the message names the
            field at fault.
    """
    if kwargs:
        raise ValueError(f"load has no option {sorted(kwargs)[0]!r}")
    if not isinstance(file_name, str | os.PathLike):
        raise TypeError(f"load takes a file name, got {type(file_name).__name__}")
    found = archive.read_archive(file_name)
    where = f"{os.fspath(file_name)}: {archive.MODULE}"
    graph = _read_graph(where, found.module)
    _check_agreement(where, graph, found.manifest)
    shape = _read_structure(f"{os.fspath(file_name)}: {archive.MANIFEST}", found.manifest)
    frozen = frozenset(entry["name"] for entry in found.manifest["weights"] if not entry.get("trainable", True))
    return LoadedGraph(graph, found.weights, shape, os.fspath(file_name), frozen)


def _manifest(traced: Traced) -> dict[str, Any]:
    from cellc import __version__

    graph = traced.graph
    return {
        "format": FORMAT_VERSION,
        "opset": OPSET_VERSION,
        "producer": f"cellc {__version__}",
        "inputs": [_entry(value.name, value.type) for value in graph.inputs if value.kind == "input"],
        "outputs": [_entry(f"output{i}", value.type) for i, value in enumerate(graph.outputs[: traced.results])],
        "weights": [
            {**_entry(value.name, value.type), "trainable": getattr(value.source, "requires_grad", False)}
            for value in graph.inputs
            if value.kind != "input"
        ],
        "structure": _encode(traced.structure),
    }


def _entry(name: str, type: TensorType) -> dict[str, Any]:
    return {"name": name, "dtype": type.dtype, "shape": list(type.shape)}


def _read_graph(where: str, text: str) -> Graph:
    from xdsl.parser import Parser
    from xdsl.utils.exceptions import DiagnosticException, ParseError, VerifyException

    from cellc.passes.context import make_context
    from cellc.read_ir import read_module

    _check_strings(where, text)
    try:
        module = Parser(make_context(), text, where).parse_module()
        module.verify()
        graph = read_module(module)
    except (ParseError, VerifyException, DiagnosticException, ValueError) as error:
        raise ArchiveError(f"{where}: {str(error).strip()}") from None
    except RecursionError:
        raise ArchiveError(f"{where}: nested too deeply") from None
    _check_sizes(where, graph)
    _check_windows(where, graph)
    return graph


def _check_strings(where: str, text: str) -> None:
    """Finds a string that does not end: the parser's own search for its end takes exponential time."""
    end = 0
    while (found := _LEXEME.match(text, end)) is not None:
        end = found.end()
    if end != len(text):
        line = text.count("\n", 0, end) + 1
        raise ArchiveError(f"{where}:{line}: a string does not end, or holds what no string may hold")


def _check_sizes(where: str, graph: Graph) -> None:
    for value in [*graph.inputs, *(output for node in graph.nodes for output in node.outputs)]:
        if math.prod(value.type.shape) * dtype_of(value.type.dtype).numpy.itemsize > archive.MAX_TENSOR_BYTES:
            raise ArchiveError(f"{where}: a tensor of type {value.type} is too large")


def _check_windows(where: str, graph: Graph) -> None:
    """A window may be larger than any image without being large in the file: that must not run for years."""
    for node in graph.nodes:
        kernel = node.attributes.get("kernel")
        if kernel is None and node.op.startswith(("conv2d", "conv3d")):
            kernel = node.attributes.get("weight_shape") or node.inputs[1].type.shape
            kernel = kernel[1:]
        if kernel is None:
            continue
        numbers = [*kernel, *(n for name in ("strides", "padding", "dilation") for n in node.attributes.get(name, ()))]
        windows = max(math.prod(value.type.shape) for value in (*node.inputs, *node.outputs))
        if max(numbers) >= _LONGEST_WINDOW or windows * math.prod(kernel) > _MOST_STEPS:
            shown = ", ".join(f"{name} = {value}" for name, value in node.attributes.items())
            raise ArchiveError(f"{where}: the windows of nn.{node.op} are too large ({shown})")


def _check_agreement(where: str, graph: Graph, manifest: dict[str, Any]) -> None:
    updating = {value.updated_by for value in graph.inputs}
    results = [value for number, value in enumerate(graph.outputs) if number not in updating]
    for field, here in (
        ("inputs", [_entry(value.name, value.type) for value in graph.inputs if value.kind == "input"]),
        ("weights", [_entry(value.name, value.type) for value in graph.inputs if value.kind != "input"]),
        ("outputs", [_entry(f"output{number}", value.type) for number, value in enumerate(results)]),
    ):
        if here != [{key: entry[key] for key in ("name", "dtype", "shape")} for entry in manifest[field]]:
            raise ArchiveError(f"{where}: @main does not have the {field} that field '{field}' of the manifest lists")


def _read_structure(where: str, manifest: dict[str, Any]) -> Any:
    try:
        shape = _decode(where, manifest.get("structure"))
        count = sum(1 for _ in structure.leaf_names("", shape))
    except RecursionError:
        raise ArchiveError(f"{where}: field 'structure' is nested too deeply") from None
    if count != len(manifest["outputs"]):
        outputs = len(manifest["outputs"])
        raise ArchiveError(f"{where}: field 'structure' has {count} tensors, field 'outputs' lists {outputs}")
    return shape


def _encode(value: Any) -> Any:
    """A structure of outputs as JSON; tuples, lists and dicts are told apart by a key."""
    if value is structure.LEAF:
        return {"tensor": None}
    if isinstance(value, structure._DictKey):
        for key, _ in value:
            if not isinstance(key, bool | int | float | str | None):
                raise TypeError(f"export: construct returned a dict with the key {key!r}, which a file cannot hold")
        return {"dict": [[key, _encode(item)] for key, item in value]}
    if isinstance(value, tuple):
        kind = "list" if isinstance(value, structure._ListKey) else "tuple"
        return {kind: [_encode(item) for item in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return {"value": value}
    raise TypeError(f"export: construct returned a {type(value).__name__}, which a file cannot hold")


def _decode(where: str, value: Any) -> Any:
    match value:
        case {"tensor": None}:
            return structure.LEAF
        case {"value": bool() | int() | float() | str() | None as plain}:
            return plain
        case {"tuple": list(items)}:
            return tuple(_decode(where, item) for item in items)
        case {"list": list(items)}:
            return structure._ListKey(_decode(where, item) for item in items)
        case {"dict": list(items)} if all(_is_pair(item) for item in items):
            return structure._DictKey((key, _decode(where, item)) for key, item in items)
    raise ArchiveError(f"{where}: field 'structure' does not describe a value: {value!r}")


def _is_pair(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 2 and isinstance(item[0], bool | int | float | str | None)


def check_weights(graph: Graph, weights: dict[str, Any], where: str) -> None:
    """Checks that each parameter and constant of `graph` has an array of its type.

    Raises:
        ValueError: one is missing or has another shape or dtype; the message names it.
    """
    for value in graph.inputs:
        if value.kind == "input":
            continue
        if value.name not in weights:
            raise ValueError(f"{where}: weight '{value.name}' is missing")
        array = weights[value.name]
        array = array.asnumpy() if isinstance(array, TensorBase) else array
        if array.shape != value.type.shape or array.dtype != dtype_of(value.type.dtype).numpy:
            given = f"{array.dtype}{list(array.shape)}"
            raise ValueError(f"{where}: weight '{value.name}' is {given}, the network has {value.type}")
