"""The pass `differentiate`: reverse and forward mode over `nn`, rules in one file per family."""

from cellc.passes.differentiate import (  # the families, imported to register their rules
    collective,
    contraction,
    convolution,
    elementwise,
    gru,
    indexing,
    lstm,
    normalization,
    pooling,
    reduction,
    rnn,
    shape,
    unary,
)
from cellc.passes.differentiate.rules import (
    EXEMPTIONS,
    NotDifferentiableError,
    expansion_named,
    gradient_of,
    has_rule,
    has_tangent_rule,
)
from cellc.passes.differentiate.transform import DifferentiatePass

RULE_FAMILIES = (
    unary, elementwise, contraction, convolution, pooling, normalization, reduction, shape, indexing, rnn, gru, lstm,
    collective,
)  # fmt: skip

__all__ = [
    "EXEMPTIONS",
    "RULE_FAMILIES",
    "DifferentiatePass",
    "NotDifferentiableError",
    "expansion_named",
    "gradient_of",
    "has_rule",
    "has_tangent_rule",
]
