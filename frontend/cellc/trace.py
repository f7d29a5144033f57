"""Recording: every operation on a tensor appends one node to the running trace.

There is one way in, `apply`. Which graph the node goes to depends on who is running:

* inside the compilation of a Cell, the `Trace` that compilation pushed;
* anywhere else, the thread's `EagerTrace` (`cellc.eager`), whose graph runs, compiled, when a value is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, cast

import cellc.dialects.nn  # noqa: F401  (registers the op definitions)
from cellc import errors, tracebacks
from cellc.dialects.nn.definition import InferenceError, TensorType, infer_types
from cellc.graph import Graph, Input, Node, Value
from cellc.running import cell_path, state
from cellc.source_location import user_location

if TYPE_CHECKING:
    from cellc.boundaries import Boundary
    from cellc.parameter import Parameter
    from cellc.tensor import Tensor
    from cellc.tensor_base import TensorBase


tracebacks.install()


class Trace:
    """A graph being recorded, and what it has read and assigned so far.

    Attributes:
        name: what is traced, for messages.
        eager: whether this is the graph of operations outside Cells.
        kept: whether a function is being differentiated there, so that its operations must stay to the end.
        assignments: the parameters that get new values, by identity.
    """

    eager = False
    kept = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.inputs: list[Input] = []
        self.nodes: list[Node] = []
        self.boundaries: list[Boundary] = []
        self.lookups: list[Node] = []  # the `take` nodes whose gradients have rows (`cellc.lookups`)
        self.lookup_counts: dict[int, Tensor] = {}
        self.region = 0  # the recomputed region that nodes are recorded in, or 0
        self.random_streams = 0
        self.reads: dict[tuple[int, str], Any] = {}
        self._regions = 0
        self._names: dict[str, int] = {}
        self._captured: dict[int, Input] = {}
        self._current: dict[int, Value] = {}
        self.assignments: dict[int, Parameter] = {}

    def add_input(self, type: TensorType, name: str) -> Tensor:
        """A tensor that stands for an argument of the traced function."""
        value = Input(type, "input", self._distinct(name))
        self.inputs.append(value)
        return self.tensor_of(value)

    def _distinct(self, name: str) -> str:
        """`name`, or `name#1` when an input has that name already."""
        count = self._names[name] = self._names.get(name, -1) + 1
        return f"{name}#{count}" if count else name

    def tensor_of(self, value: Value) -> Tensor:
        """The Tensor that Python code holds for a value of this trace."""
        from cellc.tensor import Tensor

        return Tensor._traced(value, self)

    def track(self, tensor: TensorBase) -> None:
        """Told of a tensor that took over a value of this trace; only the eager trace keeps count."""

    def flush(self) -> None:
        """Runs what is pending; only the eager trace has something pending."""

    def flush_if_long(self) -> None:
        """Runs what is pending once it is long."""

    @contextmanager
    def recomputed(self, wanted: bool = True) -> Iterator[None]:
        """Makes the nodes of the block one region that the backward pass computes again, unless one is open."""
        if not wanted or self.region:
            yield
            return
        self._regions += 1
        self.region = self._regions
        try:
            yield
        finally:
            self.region = 0

    def keeping(self) -> AbstractContextManager[None]:
        """A block in which operations stay in the graph; only the eager trace would let go of them."""
        return nullcontext()

    def materialize(self, tensor: TensorBase) -> None:
        """A traced tensor has no elements.

        Raises:
            TypeError: always.
        """
        raise errors.value_needed(tensor, "its value")

    def value_of(self, tensor: TensorBase) -> Value:
        """The value a tensor has here; captures parameters and tensors made outside."""
        if tensor._trace is self and tensor._value is not None:
            return tensor._value
        if tensor.is_parameter:
            name = cast("Parameter", tensor).name
            return self._current.get(id(tensor)) or self._capture(tensor, "parameter", name)
        tensor._materialize()
        key, source = self._owner(tensor)
        found = self._captured.get(key)
        return found or self._capture(source, self._capture_kind, f"captured{len(self._captured)}", key)

    _capture_kind = "constant"

    def _owner(self, tensor: TensorBase) -> tuple[int, TensorBase]:
        """What identifies a captured tensor, and what to keep so that it lives as long as the graph."""
        return id(tensor), tensor

    def _capture(self, source: TensorBase, kind: str, name: str, key: int | None = None) -> Input:
        value = Input(source._type, kind, self._distinct(name), source)
        self.inputs.append(value)
        key = id(source) if key is None else key
        self._captured[key] = value
        if kind == "parameter":
            self._current[key] = value
        return value

    def captured(self, tensor: TensorBase) -> bool:
        """Whether the graph reads this tensor's data."""
        return id(tensor) in self._captured

    def assigned(self, parameter: Parameter) -> bool:
        """Whether the graph holds a new value for `parameter`."""
        return id(parameter) in self.assignments

    def assign(self, parameter: Parameter, tensor: Tensor) -> None:
        """Makes `tensor` the parameter's value from here on; the shapes and dtypes must be equal."""
        new = self.value_of(tensor)
        self.value_of(parameter)
        self._current[id(parameter)] = new
        self.assignments[id(parameter)] = parameter

    def finish(self, results: Sequence[Value]) -> Graph:
        """The recorded graph: `results`, then the new value of every assigned parameter."""
        if self.random_streams:
            from cellc.seed import advance

            advance(self)
        outputs = list(results)
        for key in self.assignments:
            self._captured[key].updated_by = len(outputs)
            outputs.append(self._current[key])
        return Graph(self.inputs, self.nodes, outputs).without_dead_nodes()


def current() -> Trace:
    """The trace that `apply` records into."""
    if state.stack:
        return state.stack[-1]
    if state.eager is None:
        from cellc.eager import EagerTrace

        state.eager = EagerTrace()
    return state.eager


@contextmanager
def recording(trace: Trace) -> Iterator[Trace]:
    """Makes `trace` the current one inside the block."""
    state.stack.append(trace)
    try:
        yield trace
    finally:
        state.stack.pop()


def apply(op: str, *tensors: Tensor, **attributes: Any) -> Any:
    """Records `nn.<op>` on `tensors`; the only way to make a node.

    Args:
        op: mnemonic of an `nn` op (see docs/architecture.md, section 2).
        tensors: operands, in the op's order, already broadcast and promoted.
        attributes: all of the op's attributes.

    Returns:
        The result Tensor, or a tuple of them when the op has several.

    Raises:
        ValueError, TypeError: the operands do not fit; the message shows the user's line.
    """
    __tracebackhide__ = True
    trace = current()
    try:
        values = tuple([trace.value_of(tensor) for tensor in tensors])
    except AttributeError:
        raise errors.not_tensors(op, tensors) from None
    try:
        types = infer_types(op, tuple([value.type for value in values]), attributes)
    except InferenceError as error:
        raise errors.inference_failed(op, values, attributes, error) from None
    node = Node(op, values, attributes, types, user_location(cell_path()), trace.region)
    trace.nodes.append(node)
    results = tuple([trace.tensor_of(value) for value in node.outputs])
    trace.flush_if_long()
    return results[0] if len(results) == 1 else results


def assign(parameter: Parameter, tensor: Tensor) -> None:
    """Records that `parameter` has the value of `tensor` from here on."""
    current().assign(parameter, tensor)


def snapshot(tensor: Tensor) -> Tensor:
    """The value `tensor` has now; later assignments to it, if it is a parameter, do not change the result."""
    trace = current()
    return trace.tensor_of(trace.value_of(tensor))


def gradient(y: Tensor, seed: Tensor, wrt: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """`gradient_of_sum` of one y."""
    return gradient_of_sum([y], [seed], wrt)


def gradient_of_sum(ys: Sequence[Tensor], seeds: Sequence[Tensor], wrt: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """d(sum of all y * seed) / d(w) for each `w`, the `wrt` values taken as independent of each other.

    A `w` on which `y` does not depend gets zeros. Each result has the type of its `w`.
    """
    if not wrt:
        return ()
    trace = current()
    if trace.boundaries:
        from cellc.boundaries import gradient_in_pieces

        return gradient_in_pieces(trace, ys, seeds, wrt)
    total: tuple[Tensor, ...] = ()
    for y, seed in zip(ys, seeds, strict=True):
        found = apply("gradient", y, seed, *wrt)
        part = found if isinstance(found, tuple) else (found,)
        total = tuple([apply("add", a, b) for a, b in zip(total, part, strict=True)]) if total else part
    return total


def tangents(ys: Sequence[Tensor], wrt: Sequence[Tensor], directions: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """How each `y` moves when the `wrt` values, taken as independent of each other, move along the directions.

    A `y` that depends on none gets zeros. Each result has the type of its `y`.
    """
    result = apply("tangent", *ys, *wrt, *directions, outputs=len(ys))
    return result if isinstance(result, tuple) else (result,)
