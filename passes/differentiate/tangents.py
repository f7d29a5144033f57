"""Tangent rules made from what is known of an op: that it is linear, bilinear, or acts on each element by itself."""

from __future__ import annotations

from typing import Any

from xdsl.ir import SSAValue

from cellc.dialects.nn import FLOATS
from cellc.dialects.nn.ir import NNOperation, tensor_type
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.rules import Gradients, rule_of, tangent_of


def summed(b: GradientBuilder, terms: list[Any]) -> SSAValue | None:
    """The sum of those terms that are not zero (None)."""
    total = None
    for term in terms:
        if term is not None:
            total = term if total is None else b.add(total, term)
    return total


def _again(b: GradientBuilder, op: NNOperation, operands: list[SSAValue]) -> SSAValue:
    """The op's first result for other operands."""
    results = getattr(b, op.mnemonic)(*operands, **op.attribute_values)
    return results[0] if isinstance(results, tuple) else results


def linear(*names: str) -> None:
    """Of ops that are linear in their float operands together: the op itself, of the tangents."""

    @tangent_of(*names)
    def rule(b: GradientBuilder, op: NNOperation, tangents: Gradients) -> Gradients:
        moved = [
            operand if tensor_type(operand.type).dtype not in FLOATS else b.like(operand, 0.0) if t is None else t
            for operand, t in zip(op.operands, tangents, strict=True)
        ]
        return [_again(b, op, moved)]


def multilinear(*names: str) -> None:
    """Of ops that are linear in each float operand (products): a sum with one operand replaced in each term."""

    @tangent_of(*names)
    def rule(b: GradientBuilder, op: NNOperation, tangents: Gradients) -> Gradients:
        terms = []
        for index, tangent in enumerate(tangents):
            if tangent is not None:
                operands = [tangent if at == index else operand for at, operand in enumerate(op.operands)]
                terms.append(_again(b, op, operands))
        return [summed(b, terms)]


def symmetric(*names: str) -> None:
    """Of ops whose Jacobian in each operand is symmetric, as an elementwise op's is: what the gradient rule gives.

    The rule maps g to J^T g, which is J g here; the terms of several operands add up.
    """

    @tangent_of(*names)
    def rule(b: GradientBuilder, op: NNOperation, tangents: Gradients) -> Gradients:
        gradient = rule_of(op)
        terms = [gradient(b, op, [t])[index] for index, t in enumerate(tangents) if t is not None]
        return [summed(b, terms)]
