"""Activation checkpointing: the backward pass computes the values of a region again instead of keeping them.

The ops of a region carry `cellc.region = n`. When the backward sweep first meets one, the region's ops are copied to
that place, reading what the region read through `nn.after` of the gradient that has arrived: so nothing merges the
copies with the first ones, and nothing runs them earlier. The rules then use the copies' values, and those of the
forward pass are no longer needed once the next region has read its inputs.
"""

from __future__ import annotations

from xdsl.dialects.builtin import IntegerAttr
from xdsl.ir import Operation, SSAValue

from cellc.dialects.nn.ir import NNOperation, create
from cellc.passes.differentiate.activity import ops_before
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.differentiate.rules import Gradients

REGION = "cellc.region"

_CHEAP = ("constant", "full", "iota")
"""Ops without operands: their values are in the program anyway, or cost nothing to make."""


class Regions:
    """The copies that one gradient has made so far."""

    def __init__(self, gradient: Operation) -> None:
        self._gradient = gradient
        self._copies: dict[int, dict[Operation, NNOperation]] = {}

    def op_for(self, b: GradientBuilder, op: NNOperation, grads: Gradients) -> NNOperation:
        """The op whose operands and results a gradient rule may use: a copy, where `op` is in a region."""
        number = _region_of(op)
        if number is None:
            return op
        if number not in self._copies:
            token = next(grad for grad in grads if grad is not None)
            self._copies[number] = self._copied(b, number, token)
        return self._copies[number].get(op, op)

    def _copied(self, b: GradientBuilder, number: int, token: SSAValue) -> dict[Operation, NNOperation]:
        values: dict[SSAValue, SSAValue] = {}
        copies: dict[Operation, NNOperation] = {}
        for op in [each for each in ops_before(self._gradient) if _region_of(each) == number]:
            assert isinstance(op, NNOperation)
            for operand in op.operands:
                if operand not in values:
                    values[operand] = _guarded(b, operand, token, op)
            copy = create(op.mnemonic, [values[operand] for operand in op.operands], op.attribute_values, op.location)
            b.insert(copy)
            copies[op] = copy
            values.update(zip(op.results, copy.results, strict=True))
        return copies


def _region_of(op: Operation) -> int | None:
    number = op.attributes.get(REGION)
    return number.value.data if isinstance(number, IntegerAttr) else None


def _guarded(b: GradientBuilder, value: SSAValue, token: SSAValue, reader: NNOperation) -> SSAValue:
    """What comes into the region, to be read after the token only."""
    if isinstance(value.owner, NNOperation) and value.owner.mnemonic in _CHEAP:
        return value
    after = create("after", (value, token), {}, reader.location)
    b.insert(after)
    return after.results[0]
