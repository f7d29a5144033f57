"""What the key of a program in the cache depends on: all that is computed, and nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cellc.dialects.nn  # noqa: F401  (registers the op definitions)
from cellc import cpu_backend
from cellc.dialects.nn.definition import TensorType, definitions
from cellc.graph import Graph, Input, Location, Node
from cellc.graph_key import graph_key

TWO_OF_A_KIND: dict[str, tuple[Any, Any]] = {
    "int": (1, 2), "float": (0.0, -0.0), "bool": (True, False), "str": ("a", "b"), "ints": ((1, 2), (1, 3)),
    "dtype": ("f32", "f16"), "array": (np.zeros(3, np.float32), np.zeros(3, np.int32)),
}  # fmt: skip
HERE, ELSEWHERE = Location("a.py", 1, 0, "net"), Location("b.py", 2, 3, "other")
PLAIN = TensorType((2,), "f32")


def graph(op: str = "neg", attributes: dict[str, Any] | None = None, **changes: Any) -> Graph:
    """Two inputs, an op on both and an op on its result."""
    inputs = [Input(changes.get("type", PLAIN), changes.get("kind", "input"), changes.get("name", "x"))]
    inputs += [Input(PLAIN, "parameter", "w")]
    inputs[1].updated_by = changes.get("updated_by")
    operands = tuple(inputs[i] for i in changes.get("operands", (0, 1)))
    where = changes.get("location", HERE)
    first = Node(op, operands, attributes or {}, [PLAIN], where, changes.get("region", 0))
    second = Node("exp", first.outputs, {}, [PLAIN], where)
    results = [node.outputs[0] for node in (second, first)]
    return Graph(inputs, [first, second], [results[i] for i in changes.get("results", (0, 1))])


@pytest.mark.parametrize("op", sorted(definitions()))
def test_every_attribute_of_every_op_counts(op: str):
    kinds = definitions()[op].attributes
    plain = {name: TWO_OF_A_KIND[kind][0] for name, kind in kinds.items()}
    keys = [graph_key(graph(op, plain | {name: TWO_OF_A_KIND[kind][1]})) for name, kind in kinds.items()]
    assert len({*keys, graph_key(graph(op, plain)), graph_key(graph("other", plain))}) == len(kinds) + 2


@pytest.mark.parametrize(
    "changes",
    [
        {"type": TensorType((3,), "f32")}, {"type": TensorType((2,), "f16")}, {"kind": "parameter"},
        {"kind": "constant"}, {"updated_by": 0}, {"updated_by": 1}, {"operands": (1, 0)}, {"operands": (0, 0)},
        {"operands": (0,)}, {"region": 1}, {"results": (1, 0)}, {"results": (0,)},
    ],
)  # fmt: skip
def test_what_is_computed_counts(changes: dict[str, Any]):
    assert graph_key(graph(**changes)) != graph_key(graph())


@pytest.mark.parametrize("changes", [{"name": "y"}, {"location": ELSEWHERE}])
def test_names_and_lines_do_not_count(changes: dict[str, Any]):
    assert graph_key(graph(**changes)) == graph_key(graph())


@pytest.mark.parametrize("change", [lambda a: a + 1, np.flip, np.int64, np.atleast_2d])
def test_the_elements_of_a_constant_count(change: Callable[[np.ndarray], np.ndarray]):
    values = np.arange(4, dtype=np.int32)
    same, other = ({"value": array} for array in (values.copy(), change(values)))
    key = graph_key(graph("constant", {"value": values}))
    assert key == graph_key(graph("constant", same))
    assert key != graph_key(graph("constant", other))


def test_the_versions_of_tools_and_sources_count(monkeypatch: pytest.MonkeyPatch, tmp_path):
    source = tmp_path / "a_pass.py"
    source.write_text("x = 1\n")
    monkeypatch.setattr(cpu_backend, "_sources", lambda: [source])
    version = cpu_backend.compiler_version.__wrapped__
    first = version()
    assert version() == first
    source.write_text("x = 12\n")
    edited = version()
    monkeypatch.setattr(cpu_backend, "records", lambda tool: [f"{tool}-9.9.dist-info"])
    assert len({first, edited, version()}) == 3
