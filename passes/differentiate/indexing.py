"""Gradient rules of ops whose positions are data: take and scatter_add are each other's transpose."""

from __future__ import annotations

from cellc.dialects.nn.ir import NNOperation
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.rules import Gradients, gradient_of
from cellc.passes.differentiate.tangents import linear


@gradient_of("take")
def _take(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    table, indices = op.operands
    return [b.scatter_add(indices, grads[0], rows=b.shape_of(table)[0]), None]


@gradient_of("scatter_add")
def _scatter_add(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    return [None, b.take(grads[0], op.operands[0])]


@gradient_of("reverse_sequence")
def _reverse_sequence(b: GradientBuilder, op: NNOperation, grads: Gradients) -> Gradients:
    return [b.reverse_sequence(grads[0], op.operands[1], **op.attribute_values), None]


linear("take", "scatter_add", "reverse_sequence")
