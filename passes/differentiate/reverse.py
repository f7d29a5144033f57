"""Reverse mode inside one block: replaces an `nn.gradient` by the ops that compute it."""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.ir import SSAValue

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.activity import expand, path_between
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.regions import Regions
from cellc.passes.differentiate.rules import has_rule, rule_of
from cellc.passes.rewriting import replace


def expand_gradient(gradient: NNOperation) -> None:
    """Replaces one gradient op; the ops before it in its block are the forward computation."""
    path = path_between(gradient, gradient.operands[2:], gradient.operands[:1])
    if expand(path, has_rule):
        path = path_between(gradient, gradient.operands[2:], gradient.operands[:1])
    y, seed, *wrt = gradient.operands
    b = GradientBuilder(gradient)
    sums, regions = {y: seed}, Regions(gradient)
    for op in reversed(path):
        # A wrt value is independent of what it was computed from: its gradient ends there.
        grads = [None if result in wrt else sums.get(result) for result in op.results]
        if any(grad is not None for grad in grads):
            b.work_for(op)
            _accumulate(b, sums, op, rule_of(op)(b, regions.op_for(b, op, grads), grads))
    b.work_for(gradient)
    results = [sums[w] if w in sums else b.like(w, 0.0) for w in wrt]
    replace(gradient, results)
    b.remove_unused()


def _accumulate(
    b: GradientBuilder, sums: dict[SSAValue, SSAValue], op: NNOperation, gradients: Iterable[SSAValue | None]
) -> None:
    """Adds the operands' gradients to what other uses of them have given."""
    for operand, gradient in zip(op.operands, gradients, strict=True):
        if gradient is None:
            continue
        if gradient.type != operand.type:
            raise TypeError(f"gradient rule of nn.{op.mnemonic}: {gradient.type} for an operand of {operand.type}")
        sums[operand] = b.add(sums[operand], gradient) if operand in sums else gradient
