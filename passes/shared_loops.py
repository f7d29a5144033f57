"""The outer loops that ops of a chain share: which of an op's loops run along with those of the ops it reads."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Operation, SSAValue

from cellc.passes.linalg_analysis import (
    bare_dims,
    captured_values,
    input_maps,
    iterations,
    loop_extents,
    output_maps,
)

SMALL = 1 << 14
"""Iterations below which a chain may run as one block."""


_Produced = dict[SSAValue, tuple[Operation, int]]


def _produced(members: Sequence[Operation]) -> _Produced:
    return {result: (member, i) for member in members for i, result in enumerate(member.results)}


def reads_in_order(members: Sequence[Operation], outer: int, op: GenericOp) -> bool:
    """Whether the op's first `outer` loops, as they are, index what it reads of the members of a chain."""
    produced = _produced(members)
    if any(value in produced for value in (*op.outputs, *captured_values(op))):
        return False
    reads = ((produced[v], m) for v, m in zip(op.inputs, input_maps(op), strict=False) if v in produced)
    return all(_leading(made, map_, outer) == list(range(outer)) for made, map_ in reads)


def shared_outer(members: Sequence[Operation], outer: int, op: GenericOp) -> list[int] | None:
    """The op's loops that become the shared outer loops when it joins the chain, as many as possible."""
    produced = _produced(members)
    if any(value in produced for value in (*op.outputs, *captured_values(op))):
        return None
    reads = [(v, m) for v, m in zip(op.inputs, input_maps(op), strict=False) if v in produced]
    work = sum(iterations(member) for member in (*members, op) if isinstance(member, GenericOp))
    reduced = {i for i, kind in enumerate(op.iterator_types) if kind.data == "reduction"}
    extents = loop_extents(op)
    for count in range(outer, -1, -1):
        choices = [_leading(produced[value], map_, count) for value, map_ in reads]
        dims = choices[0]
        if dims is None or any(choice != dims for choice in choices) or reduced & set(dims):
            continue
        if prod(extents[d] for d in dims) > 1 or work <= SMALL or iterations(op) == 1:
            return dims
    return None


def _leading(written: tuple[Operation, int], read: object, count: int) -> list[int] | None:
    """The reader's loops that index the first `count` dimensions, if those are the writer's first loops."""
    producer, index = written
    assert isinstance(producer, GenericOp)
    if bare_dims(output_maps(producer)[index]) is None:
        return None
    leading = output_maps(producer)[index].results[:count]
    if [getattr(r, "position", None) for r in leading] != list(range(count)):
        return None
    dims = [getattr(r, "position", None) for r in getattr(read, "results", ())[:count]]
    return None if None in dims or len(set(dims)) < count else dims  # pyright: ignore[reportReturnType]
