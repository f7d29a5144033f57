"""The registry of lowering rules: one per `nn` op, in a family's file.

A rule is `rule(b, result, *operands, **attributes) -> Tensor | tuple of Tensors`:
the builder, the inferred type of the result (a tuple of types for an op with
several), the converted operands, and the op's attributes as Python values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Rule = Callable[..., Any]

_RULES: dict[str, Rule] = {}


def lowering_of(*names: str) -> Callable[[Rule], Rule]:
    """Decorator: registers the function as the rule of these ops."""

    def register(rule: Rule) -> Rule:
        for name in names:
            if name in _RULES:
                raise ValueError(f"nn.{name} has two lowerings")
            _RULES[name] = rule
        return rule

    return register


def rules() -> dict[str, Rule]:
    """All rules by mnemonic (`convert.py` imports the families)."""
    return dict(_RULES)


def rule_of(name: str) -> Rule:
    """The rule of an op; every op but `gradient` has one, which a test checks."""
    return _RULES[name]
