"""The registry of differentiation rules: gradients (reverse mode), tangents (forward mode) and expansions.

A rule has the signature `rule(b, op, grads) -> per operand SSAValue | None`: `op` is the
forward op, `grads` holds one gradient (or None for zero) per result, at least one of them
given. It returns the gradient of each operand, None for zero or for operands that are not
floats. What nobody uses of it is removed again, so a rule never asks what is needed.

A tangent rule has the signature `rule(b, op, tangents) -> per result SSAValue | None`, with one
tangent (or None for zero) per operand; most are made from what is known of the op (`tangents.py`).

An expansion, `expansion(b, op) -> per result SSAValue`, gives the op's results by ops that have
rules. It stands in where the op has no rule of its own for what is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xdsl.ir import SSAValue
from xdsl.utils.exceptions import PassFailedException

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.builder import GradientBuilder

Gradients = Sequence[Any]
"""One SSAValue or None per result, or per operand."""
Rule = Callable[[GradientBuilder, NNOperation, Gradients], Gradients]
Expansion = Callable[[GradientBuilder, NNOperation], Sequence[SSAValue]]


class NotDifferentiableError(PassFailedException):
    """A gradient was asked through an op that has none; `op` is that op, with its location."""

    def __init__(self, op: NNOperation, reason: str) -> None:
        super().__init__(f"nn.{op.mnemonic} cannot be differentiated: {reason} (at {op.location})")
        self.op = op


_NO_FLOAT_RESULT = "its results are not floats"
_NO_FLOAT_OPERAND = "no operand is a float"

EXEMPTIONS = {
    **dict.fromkeys(("logical_not", "logical_and", "logical_or", "reduce_any", "reduce_all"), _NO_FLOAT_RESULT),
    **dict.fromkeys(("isnan", "isfinite", "compare", "argmax", "argmin"), _NO_FLOAT_RESULT),
    **dict.fromkeys(("constant", "full", "iota", "random_uniform"), _NO_FLOAT_OPERAND),
    **dict.fromkeys(
        ("gradient", "tangent"), "they are replaced in program order, so none is left when the next is differentiated"
    ),
}
"""Every op that has neither rule nor expansion, and why."""

_RULES: dict[str, Rule] = {}
_TANGENTS: dict[str, Rule] = {}
_EXPANSIONS: dict[str, Expansion] = {}


def _register(table: dict[str, Any], kind: str, names: Sequence[str], entry: Any) -> None:
    for name in names:
        if name in table:
            raise ValueError(f"nn.{name} has two {kind}s")
        table[name] = entry


def gradient_of(*names: str) -> Callable[[Rule], Rule]:
    """Registers a gradient rule for the named ops."""

    def register(rule: Rule) -> Rule:
        _register(_RULES, "gradient rule", names, rule)
        return rule

    return register


def tangent_of(*names: str) -> Callable[[Rule], Rule]:
    """Registers a tangent rule for the named ops."""

    def register(rule: Rule) -> Rule:
        _register(_TANGENTS, "tangent rule", names, rule)
        return rule

    return register


def expansion_of(*names: str) -> Callable[[Expansion], Expansion]:
    """Registers what the named ops are made of."""

    def register(expansion: Expansion) -> Expansion:
        _register(_EXPANSIONS, "expansion", names, expansion)
        return expansion

    return register


def has_rule(name: str) -> bool:
    return name in _RULES


def has_tangent_rule(name: str) -> bool:
    return name in _TANGENTS


def expansion_named(name: str) -> Expansion | None:
    return _EXPANSIONS.get(name)


def rule_of(op: NNOperation) -> Rule:
    """The op's gradient rule; NotDifferentiableError without one."""
    return _found(_RULES, op, "gradient")


def tangent_rule_of(op: NNOperation) -> Rule:
    """The op's tangent rule; NotDifferentiableError without one."""
    return _found(_TANGENTS, op, "tangent")


def _found(table: dict[str, Rule], op: NNOperation, kind: str) -> Rule:
    rule = table.get(op.mnemonic)
    if rule is None:
        raise NotDifferentiableError(op, EXEMPTIONS.get(op.mnemonic, f"it has no {kind} rule"))
    return rule
