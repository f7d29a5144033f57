"""`fold-scales`: what scales each channel of a convolution's or product's result scales its filters instead.

In inference a batch normalization multiplies and shifts every channel by numbers that depend on parameters alone:

    ((conv(x, w) + bias - mean) * scale) + beta    is    conv(x, w * scale) + ((bias - mean) * scale + beta)

Filters and shifts on the right are parameters' too: `hoist-constants` computes them once, and a run adds one number to
an element where it did four operations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from cellc.dialects.nn.ir import NNOperation, tensor_type
from cellc.passes.differentiate.builder import GradientBuilder
from cellc.passes.hoist_constants import read_only_parameters
from cellc.passes.linalg_analysis import main_function
from cellc.passes.rewriting import location_of, replace

_OF_PARAMETERS = {
    "add", "sub", "mul", "div", "neg", "sqrt", "rsqrt", "reciprocal", "reshape", "broadcast_to", "full", "constant",
    "cast", "transpose",
}  # fmt: skip
"""Ops whose results count as parameters where their operands do."""
_DTYPES = ("f32", "f64")
"""Filters of 16 bits would lose as much by a multiplication as the result does."""


@dataclass(frozen=True)
class FoldScalesPass(ModulePass):
    """Folds factors of parameters behind convolutions and products with filters that no run changes."""

    name = "fold-scales"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        main = main_function(op)
        known = _known_values(main)
        for linear in [each for each in main.body.block.ops if isinstance(each, NNOperation)]:
            if (axes := _channels(linear)) is not None and linear.operands[1] in known:
                _fold(linear, *axes, known)


def _known_values(main: func.FuncOp) -> set[SSAValue]:
    """What depends on parameters alone that no run changes."""
    known: set[SSAValue] = set(read_only_parameters(main))
    for op in main.body.block.ops:
        if isinstance(op, NNOperation) and op.mnemonic in _OF_PARAMETERS and known.issuperset(op.operands):
            known.update(op.results)
    return known


def _channels(op: NNOperation) -> tuple[int, int] | None:
    """The axes of the filters and of the result that are its channels, for ops that are linear in each filter."""
    if tensor_type(op.results[0].type).dtype not in _DTYPES:
        return None
    if op.mnemonic in ("conv2d", "conv3d"):
        return 0, 1
    if op.mnemonic == "matmul" and len(tensor_type(op.operands[1].type).shape) == 2:
        rank = len(tensor_type(op.results[0].type).shape)
        return (0 if op.attribute_values.get("transpose_rhs") else 1), rank - 1
    return None


class _Affine:
    """value = linear * scale + shift, each of these a vector of the channels, or None for 1 and 0."""

    def __init__(self, builder: GradientBuilder) -> None:
        self._b = builder
        self.scale: SSAValue | None = None
        self.shift: SSAValue | None = None

    def apply(self, name: str, vector: SSAValue) -> None:
        """The value is added to, multiplied ... by the vector."""
        b = self._b
        operation: Callable[..., Any] = getattr(b, name)
        if name in ("mul", "div"):
            first = vector if name == "mul" else b.reciprocal(vector)
            self.scale = first if self.scale is None else operation(self.scale, vector)
            self.shift = None if self.shift is None else operation(self.shift, vector)
        elif self.shift is None:
            self.shift = vector if name == "add" else b.neg(vector)
        else:
            self.shift = operation(self.shift, vector)


def _fold(linear: NNOperation, filters_axis: int, channel_axis: int, known: set[SSAValue]) -> None:
    """Replaces the linear op and the constant operations that follow it, where one of them multiplies."""
    steps = _following(linear, channel_axis, known)
    while (
        steps and steps[-1][0].mnemonic in ("add", "sub") and not any(op.mnemonic in ("mul", "div") for op, _ in steps)
    ):
        steps.pop()
    if not steps:
        return
    last = steps[-1][0]
    b = GradientBuilder(last)
    b.work_for(last)
    affine, channels = _Affine(b), tensor_type(linear.results[0].type).shape[channel_axis]
    for op, vector in steps:
        affine.apply(op.mnemonic, b.reshape(vector, shape=(channels,)))
    assert affine.scale is not None
    result, filters = tensor_type(linear.results[0].type), tensor_type(linear.operands[1].type)
    factor = b.broadcast_to(affine.scale, shape=filters.shape, dimensions=(filters_axis,))
    scaled = b.mul(linear.operands[1], factor)
    attributes = linear.attribute_values
    value = getattr(b, linear.mnemonic)(linear.operands[0], scaled, *linear.operands[2:], **attributes)
    value.owner.location = location_of(linear, *(op for op, _ in steps))
    if affine.shift is not None:
        value = b.add(value, b.broadcast_to(affine.shift, shape=result.shape, dimensions=(channel_axis,)))
    replace(last, [value])
    for op in reversed([linear, *(op for op, _ in steps[:-1])]):
        op.detach()
        op.erase()


def _following(linear: NNOperation, axis: int, known: set[SSAValue]) -> list[tuple[NNOperation, SSAValue]]:
    """The operations with a vector of the channels that follow, each the only reader of the one before."""
    steps: list[tuple[NNOperation, SSAValue]] = []
    value: SSAValue = linear.results[0]
    while (op := _only_reader(value)) is not None:
        other = op.operands[1] if op.operands[0] is value else op.operands[0]
        commutes = op.mnemonic in ("add", "mul")
        vector = _vector(other, axis, known)
        if vector is None or not (commutes or op.operands[0] is value):
            break
        steps.append((op, vector))
        value = op.results[0]
    return steps


def _only_reader(value: SSAValue) -> NNOperation | None:
    uses = list(value.uses)
    op: Operation | None = uses[0].operation if len(uses) == 1 else None
    return op if isinstance(op, NNOperation) and op.mnemonic in ("add", "sub", "mul", "div") else None


def _vector(value: SSAValue, axis: int, known: set[SSAValue]) -> SSAValue | None:
    """The known tensor, of as many elements as there are channels, that was broadcast along all other axes."""
    op = value.owner
    if value not in known or not isinstance(op, NNOperation) or op.mnemonic != "broadcast_to":
        return None
    source = tensor_type(op.operands[0].type).shape
    channels = tensor_type(value.type).shape[axis]
    extents = dict(zip(op.attribute_values["dimensions"], source, strict=True))
    return op.operands[0] if extents.pop(axis, None) == channels and set(extents.values()) <= {1} else None
