"""Forward mode inside one block: replaces an `nn.tangent` by the ops that compute it."""

from __future__ import annotations

from xdsl.ir import SSAValue

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.activity import expand, path_between
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.rules import Gradients, has_tangent_rule, tangent_rule_of
from cellc.passes.rewriting import replace


def expand_tangent(tangent: NNOperation) -> None:
    """Replaces one tangent op: one sweep over the ops before it, each tangent from its operands'."""
    ys, wrt, _ = _parts(tangent)
    path = path_between(tangent, wrt, ys)
    if expand(path, has_tangent_rule):
        ys, wrt, _ = _parts(tangent)
        path = path_between(tangent, wrt, ys)
    b = GradientBuilder(tangent)
    tangents = _given(b, tangent)
    for op in path:
        operands = [tangents.get(operand) for operand in op.operands]
        if any(each is not None for each in operands):
            b.work_for(op)
            _record(tangents, op, tangent_rule_of(op)(b, op, operands), wrt)
    b.work_for(tangent)
    replace(tangent, [tangents[y] if y in tangents else b.like(y, 0.0) for y in ys])
    b.remove_unused()


def _parts(tangent: NNOperation) -> tuple[list[SSAValue], list[SSAValue], list[SSAValue]]:
    """The y's, the wrt values and their directions."""
    values, outputs = list(tangent.operands), tangent.attribute_values["outputs"]
    half = outputs + (len(values) - outputs) // 2
    return values[:outputs], values[outputs:half], values[half:]


def _given(b: GradientBuilder, tangent: NNOperation) -> dict[SSAValue, SSAValue]:
    """The directions by wrt value; a value that is named twice moves along the sum."""
    _, wrt, directions = _parts(tangent)
    given: dict[SSAValue, SSAValue] = {}
    for value, direction in zip(wrt, directions, strict=True):
        given[value] = b.add(given[value], direction) if value in given else direction
    return given


def _record(tangents: dict[SSAValue, SSAValue], op: NNOperation, found: Gradients, wrt: list[SSAValue]) -> None:
    """A wrt value keeps its own direction, whatever it was computed from."""
    for result, tangent in zip(op.results, found, strict=True):
        if tangent is None or result in wrt:
            continue
        if tangent.type != result.type:
            raise TypeError(f"tangent rule of nn.{op.mnemonic}: {tangent.type} for a result of {result.type}")
        tangents[result] = tangent
