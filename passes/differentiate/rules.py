"""The registry of gradient rules.

A rule has the signature `rule(b, op, grads) -> per operand SSAValue | None`: `op` is the
forward op, `grads` holds one gradient (or None for zero) per result, at least one of them
given. It returns the gradient of each operand, None for zero or for operands that are not
floats. What nobody uses of it is removed again, so a rule never asks what is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xdsl.utils.exceptions import PassFailedException

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.builder import GradientBuilder

Gradients = Sequence[Any]
"""One SSAValue or None per result, or per operand."""
Rule = Callable[[GradientBuilder, NNOperation, Gradients], Gradients]


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
    "lstm_gradient": "the gradient of an LSTM has no gradient of its own, so second derivatives stop here",
    "gradient": "nested gradients are replaced in program order, so none is left when the next is differentiated",
}
"""Every op that has no rule, and why."""

_RULES: dict[str, Rule] = {}


def gradient_of(*names: str) -> Callable[[Rule], Rule]:
    """Registers a rule for the named ops."""

    def register(rule: Rule) -> Rule:
        for name in names:
            if name in _RULES:
                raise ValueError(f"nn.{name} has two gradient rules")
            _RULES[name] = rule
        return rule

    return register


def has_rule(name: str) -> bool:
    return name in _RULES


def rule_of(op: NNOperation) -> Rule:
    """The op's rule; NotDifferentiableError without one."""
    rule = _RULES.get(op.mnemonic)
    if rule is None:
        raise NotDifferentiableError(op, EXEMPTIONS.get(op.mnemonic, "it has no gradient rule"))
    return rule
