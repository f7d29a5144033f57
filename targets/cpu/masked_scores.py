"""Which attention has masks that may hide keys (`hidden_keys.py`): scores that grow with the product of Q and K."""

from __future__ import annotations

from math import prod

from xdsl.dialects import arith
from xdsl.dialects.builtin import FloatAttr
from xdsl.dialects.linalg.ops import GenericOp, IndexOp, YieldOp
from xdsl.dialects.tensor import ExtractOp
from xdsl.ir import Operation, SSAValue

from cellc.passes.attention_form import ScoreParts
from cellc.passes.linalg_analysis import input_maps, is_identity, loop_extents, output_maps, reduction_loops

# Terms of an element of Q K^T, of which rounding makes less than the slack that `hidden_keys.py` allows for.
_MOST_STEPS = 1 << 14


def may_hide(parts: ScoreParts) -> bool:
    """Whether scores depend on more than Q and K, and grow with their product."""
    if len(parts.first) != 2 or steps_of(parts) > _MOST_STEPS or not is_identity(output_maps(parts.first[1])[0]):
        return False
    product, epilogue = parts.first
    raw = product.results[0]
    read = [i for i, value in enumerate(epilogue.inputs) if value is raw]
    if len(read) != 1 or len(epilogue.results) != 1 or not is_identity(input_maps(epilogue)[read[0]]):
        return False
    block = epilogue.body.block
    others = any(argument.first_use for i, argument in enumerate(block.args[: len(epilogue.inputs)]) if i != read[0])
    masked = others or any(isinstance(op, IndexOp | ExtractOp) for op in block.ops)
    return masked and _grows(epilogue, block.args[read[0]])


def steps_of(parts: ScoreParts) -> int:
    """Terms of an element of Q K^T."""
    extents = loop_extents(parts.first[0])
    return prod(extents[d] for d in reduction_loops(parts.first[0]))


def _grows(epilogue: GenericOp, raw: SSAValue) -> bool:
    """Whether what the body yields never falls when `raw` grows."""
    growing = {raw}
    for op in epilogue.body.block.ops:
        if isinstance(op, YieldOp):
            return op.operands[0] in growing
        inside = [value for value in op.operands if value in growing]
        if inside and not _keeps_order(op, growing):
            return False
        if inside:
            growing.update(op.results)
    return False


def _keeps_order(op: Operation, growing: set[SSAValue]) -> bool:
    """Whether an op grows with those of its operands that grow."""
    if isinstance(op, arith.AddfOp | arith.MaximumfOp | arith.MinimumfOp | arith.ExtFOp | arith.TruncFOp):
        return True
    if isinstance(op, arith.SubfOp):
        return op.rhs not in growing
    if isinstance(op, arith.SelectOp):
        return op.cond not in growing
    if isinstance(op, arith.MulfOp):
        return _is_positive(op.lhs) or _is_positive(op.rhs)
    return isinstance(op, arith.DivfOp) and _is_positive(op.rhs)


def _is_positive(value: SSAValue) -> bool:
    constant = value.owner
    if not isinstance(constant, arith.ConstantOp) or not isinstance(constant.value, FloatAttr):
        return False
    return constant.value.value.data > 0
