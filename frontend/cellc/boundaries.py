"""Gradients that Python functions look at or replace on their way: backward hooks and `bprop` of Cells.

Where such a cell begins and ends, its inputs and outputs pass through `identity` nodes that the trace remembers as
boundaries. A gradient is then taken piece by piece, from boundary to boundary: the values of a boundary are among the
wrt values, which are independent of each other, so that each piece ends there. Between the pieces the functions run,
on tensors like any others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from cellc import trace as tracing
from cellc.graph import Value

if TYPE_CHECKING:
    from cellc.tensor import Tensor
    from cellc.trace import Trace

Gradients = tuple["Tensor", ...]


class Boundary:
    """Values where a piece of a gradient ends.

    Attributes:
        tensors: the values.
        backward: from the gradients of the values to those that go on to what they were made of; None ends them here.
    """

    def __init__(self, tensors: Sequence[Tensor], backward: Callable[[Gradients], Gradients | None]) -> None:
        self.tensors = tuple(tensors)
        self.backward = backward


def mark(tensors: Sequence[Tensor], backward: Callable[[Gradients], Gradients | None]) -> Gradients:
    """The tensors, from here on with a boundary between them and what they were made of."""
    passed = tuple([tracing.apply("identity", tensor) for tensor in tensors])
    tracing.current().boundaries.append(Boundary(passed, backward))
    return passed


class _Sums:
    """Gradients by value, as they add up."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._found: dict[int, Tensor] = {}

    def of(self, tensor: Tensor) -> Tensor | None:
        return self._found.get(id(self._trace.value_of(tensor)))

    def or_zeros(self, tensor: Tensor) -> Tensor:
        found = self.of(tensor)
        return _filled(tensor, 0.0) if found is None else found

    def add(self, tensor: Tensor, gradient: Tensor) -> None:
        key = id(self._trace.value_of(tensor))
        before = self._found.get(key)
        self._found[key] = gradient if before is None else tracing.apply("add", before, gradient)


def _filled(like: Tensor, value: float) -> Tensor:
    return tracing.apply("full", shape=like.shape, dtype=like.dtype.code, value=value)


def gradient_in_pieces(trace: Trace, ys: Sequence[Tensor], seeds: Sequence[Tensor], wrt: Sequence[Tensor]) -> Gradients:
    """What `tracing.gradient_of_sum` gives, with the functions of the boundaries between the y's and the wrt values."""
    reached = set[int]().union(*(_ancestors(trace.value_of(y)) for y in ys))
    boundaries = [each for each in trace.boundaries if any(id(trace.value_of(t)) in reached for t in each.tensors)]
    sums = _Sums(trace)
    for y, seed in zip(ys, seeds, strict=True):
        _flow(trace, sums, y, seed, [*_all_tensors(boundaries), *wrt])
    for index in reversed(range(len(boundaries))):
        boundary = boundaries[index]
        passed = boundary.backward(tuple([sums.or_zeros(tensor) for tensor in boundary.tensors]))
        ends = [*_all_tensors(boundaries[:index]), *wrt]
        for tensor, gradient in zip(boundary.tensors, passed or (), strict=passed is not None):
            _flow(trace, sums, tensor, gradient, ends)
    return tuple([sums.or_zeros(tensor) for tensor in wrt])


def _all_tensors(boundaries: Iterable[Boundary]) -> list[Tensor]:
    return [tensor for boundary in boundaries for tensor in boundary.tensors]


def _flow(trace: Trace, sums: _Sums, y: Tensor, seed: Tensor, ends: Sequence[Tensor]) -> None:
    """Adds the gradient of one value to those of the ends that it reaches."""
    reached = _ancestors(trace.value_of(y))
    ends = [end for end in ends if id(trace.value_of(end)) in reached]
    if not ends:
        return
    found = tracing.apply("gradient", y, seed, *ends)
    for end, gradient in zip(ends, found if isinstance(found, tuple) else (found,), strict=True):
        sums.add(end, gradient)


def _ancestors(value: Value) -> set[int]:
    """The values that one is made of, itself among them."""
    found, pending = {id(value)}, [value]
    while pending:
        node = pending.pop().node
        for operand in node.inputs if node is not None else ():
            if id(operand) not in found:
                found.add(id(operand))
                pending.append(operand)
    return found
