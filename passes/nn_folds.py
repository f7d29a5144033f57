"""Folds of single nn ops that are exact, bit for bit, and look at no more than the operands' definitions.

Each returns the value or the (new, not yet inserted) op that stands for the op, or None.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from xdsl.ir import SSAValue

from cellc.dialects.nn import FLOATS, TensorType
from cellc.dialects.nn.ir import NNOperation, create, tensor_type

Folded = SSAValue | NNOperation | None
Fold = Callable[[NNOperation], Folded]

FOLDS: dict[str, list[Fold]] = {}


def fold_of(*names: str) -> Callable[[Fold], Fold]:
    def register(fold: Fold) -> Fold:
        for name in names:
            FOLDS.setdefault(name, []).append(fold)
        return fold

    return register


def _made_by(value: SSAValue, name: str) -> NNOperation | None:
    """The op that gives the value, if it is of that name."""
    owner = value.owner
    return owner if isinstance(owner, NNOperation) and owner.mnemonic == name else None


def _filled_with(value: SSAValue) -> float | None:
    full = _made_by(value, "full")
    return None if full is None else full.attribute_values["value"]


def _is_float(value: SSAValue) -> bool:
    return tensor_type(value.type).dtype in FLOATS


def _type(op: NNOperation) -> TensorType:
    return tensor_type(op.results[0].type)


@fold_of("identity")
def _identity(op: NNOperation) -> Folded:
    return op.operands[0]


@fold_of("reshape", "cast", "slice", "pad", "concat", "broadcast_to")
def _same_type(op: NNOperation) -> Folded:
    """These change nothing when the type stays the same (a slice or a pad of equal shape moves nothing)."""
    single = len(op.operands) == 1 or op.mnemonic == "pad"
    return op.operands[0] if single and op.operands[0].type == op.results[0].type else None


@fold_of("reverse")
def _reverse(op: NNOperation) -> Folded:
    shape = _type(op).shape
    return op.operands[0] if all(shape[axis] <= 1 for axis in op.attribute_values["axes"]) else None


@fold_of("neg", "logical_not")
def _involution(op: NNOperation) -> Folded:
    twice = _made_by(op.operands[0], op.mnemonic)
    return twice.operands[0] if twice else None


@fold_of("reshape")
def _reshape_of_reshape(op: NNOperation) -> Folded:
    inner = _made_by(op.operands[0], "reshape")
    return create("reshape", inner.operands, op.attribute_values) if inner else None


@fold_of("transpose")
def _transpose(op: NNOperation) -> Folded:
    """Composes two; one that only moves axes of extent 1 is a reshape, which is free."""
    permutation = op.attribute_values["permutation"]
    if inner := _made_by(op.operands[0], "transpose"):
        first = inner.attribute_values["permutation"]
        return create("transpose", inner.operands, {"permutation": tuple(first[axis] for axis in permutation)})
    shape = tensor_type(op.operands[0].type).shape
    moved = [axis for axis in permutation if shape[axis] != 1]
    if moved != sorted(moved):
        return None
    return create("reshape", op.operands, {"shape": _type(op).shape})


@fold_of("broadcast_to")
def _broadcast_adds_ones(op: NNOperation) -> Folded:
    """Nothing is repeated: a reshape. (The dimensions are increasing.)"""
    if _type(op).size != tensor_type(op.operands[0].type).size or _type(op).size == 0:
        return None
    return create("reshape", op.operands, {"shape": _type(op).shape})


@fold_of("reshape", "transpose", "broadcast_to", "slice", "reverse")
def _moved_full(op: NNOperation) -> Folded:
    value = _filled_with(op.operands[0])
    if value is None:
        return None
    type_ = _type(op)
    return create("full", (), {"shape": type_.shape, "dtype": type_.dtype, "value": value})


@fold_of("mul")
def _mul_by_one(op: NNOperation) -> Folded:
    lhs, rhs = op.operands
    if _filled_with(rhs) == 1:
        return lhs
    return rhs if _filled_with(lhs) == 1 else None


@fold_of("div", "pow")
def _by_one(op: NNOperation) -> Folded:
    return op.operands[0] if _filled_with(op.operands[1]) == 1 else None


@fold_of("pow")
def _square(op: NNOperation) -> Folded:
    """One rounding, which is what pow promises at best."""
    x, exponent = op.operands
    return create("mul", (x, x), {}) if _filled_with(exponent) == 2 else None


def _adds_nothing(value: SSAValue, sign: float) -> bool:
    """Of floats only x + -0.0 and x - 0.0 keep x = -0.0."""
    zero = _filled_with(value)
    return zero == 0 and (not _is_float(value) or math.copysign(1.0, zero) == sign)


@fold_of("add")
def _add_zero(op: NNOperation) -> Folded:
    lhs, rhs = op.operands
    if _adds_nothing(rhs, -1.0):
        return lhs
    return rhs if _adds_nothing(lhs, -1.0) else None


@fold_of("sub")
def _sub_zero(op: NNOperation) -> Folded:
    return op.operands[0] if _adds_nothing(op.operands[1], 1.0) else None


@fold_of("select")
def _select_same(op: NNOperation) -> Folded:
    return op.operands[1] if op.operands[1] is op.operands[2] else None
