"""Lookups whose gradient has rows: which rows of a table a step looked up, read off the graph.

In MindSpore the gradient of a table that is read by `SparseGatherV2` or `EmbeddingLookup` alone is a RowTensor, one row
for each index, and optimizers that know RowTensors update those rows only. Here the gradient is a dense Tensor, and the
trace remembers which `take` nodes were such lookups: what a gradient was computed from says which rows it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellc import arithmetic, dtype, trace
from cellc.graph import Node, Value

if TYPE_CHECKING:
    from cellc.tensor import Tensor

_ROWS_OF_FIRST = ("cast", "neg", "div")  # rows of zeros stay zeros where the first operand has them


def lookup(table: Tensor, indices: Tensor) -> Tensor:
    """table[indices] along axis 0, where an index outside the table reads zeros; the gradient has rows."""
    if indices.dtype not in (dtype.int32, dtype.int64):
        indices = indices.astype(dtype.int32)
    rows = trace.apply("take", table, indices)
    node = None if rows._value is None else rows._value.node
    if node is not None:
        trace.current().lookups.append(node)
    return rows


def lookup_counts(gradient: Tensor) -> Tensor | None:
    """How often each row of the table was looked up, int32 (rows,); None where the gradient is not one of rows.

    A gradient has rows if the value that was differentiated reads the table in lookups alone, and if nothing but
    scaling and casts came after. The lookups are to be in the program that is being traced.
    """
    tracing = trace.current()
    value = tracing.value_of(gradient)
    noted = tracing.lookup_counts.get(id(value))
    if noted is not None:
        return noted
    nodes = _lookups(tracing, value) if tracing.lookups else None
    if not nodes:
        return None
    rows = gradient.shape[0]
    parts = [_counts(tracing.tensor_of(node.inputs[1]), rows) for node in nodes.values()]
    total = parts[0]
    for part in parts[1:]:
        total = trace.apply("add", total, part)
    return total


def note_lookup_counts(gradient: Tensor, counts: Tensor) -> None:
    """Says what `lookup_counts` gives for a gradient from here on, one that another process had a part in."""
    tracing = trace.current()
    tracing.lookup_counts[id(tracing.value_of(gradient))] = counts


def _counts(indices: Tensor, rows: int) -> Tensor:
    flat = indices.reshape(indices.size)
    return trace.apply("scatter_add", flat, arithmetic.full(flat.shape, 1, dtype.int32), rows=rows)


def _lookups(tracing: trace.Trace, gradient: Value) -> dict[int, Node] | None:
    """The lookups that a gradient comes from; None where it has more than their rows."""
    node = gradient.node
    if node is None:
        return None
    if node.op == "gradient":
        return _reads(tracing, node.inputs[0], node.inputs[2 + gradient.index])
    if node.op == "add":
        left, right = (_lookups(tracing, operand) for operand in node.inputs)
        return None if left is None or right is None else left | right
    if node.op == "mul":
        left, right = (_lookups(tracing, operand) for operand in node.inputs)
        return left or right  # also where one is a constant of zeros
    if node.op in _ROWS_OF_FIRST:
        return _lookups(tracing, node.inputs[0])
    return {} if node.op == "full" and node.attributes["value"] == 0 else None


def _reads(tracing: trace.Trace, y: Value, table: Value) -> dict[int, Node] | None:
    """The lookups in `table` that `y` is made of; None where it reads the table otherwise too."""
    known = {id(node) for node in tracing.lookups}
    found: dict[int, Node] = {}
    seen, pending = set[int](), [y.node]
    while pending:
        node = pending.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if any(operand is table for operand in node.inputs):
            if id(node) not in known:
                return None
            found[id(node)] = node
        pending.extend(operand.node for operand in node.inputs)
    return found
