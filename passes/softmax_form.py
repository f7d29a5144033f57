"""A softmax among the rows of an attention kernel: how it is recognised.

    m = max over n of x            e = exp(x - m)            t = sum over n of e            w = e / t,  or  e * (1 / t)

Its division comes after the product (`scaled_rows.py`), so a target may make e and t of some keys at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import Float32Type, Float64Type, FloatAttr, TensorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Operation, SSAValue

from cellc.passes.attention_form import AttentionParts
from cellc.passes.dropout_form import keep_problem_of, whole_scaled
from cellc.passes.linalg_analysis import (
    bare_dims,
    captured_values,
    input_maps,
    is_all_parallel,
    is_identity,
    output_maps,
    reduction_loops,
    shape_of,
)


@dataclass(frozen=True)
class Softmax:
    """The generics that make m, e and t of scores x, and those that compute further numbers of a row, such as 1 / t.

    With dropout of weights, `keep` says which are not 0 (`dropout_form.py`).
    """

    maximum: GenericOp
    exponentials: GenericOp
    total: GenericOp
    further: tuple[GenericOp, ...]
    keep: GenericOp | None


def softmax_of(parts: AttentionParts) -> Softmax | None:
    """The softmax whose e is the kernel's weights and whose t divides its results, all in f32 or f64; or None.

    With dropout the weights are keep ? e : 0.
    """
    if len(parts.chain) < 3:
        return None
    maximum, exponentials, total, *further = parts.chain
    scores, outer = parts.scores, parts.outer
    if not _reduces(maximum, scores, outer, arith.MaximumfOp, float("-inf")):
        return None
    if not _is_exponential(exponentials, scores, maximum.results[0], outer):
        return None
    if not _reduces(total, exponentials.results[0], outer, arith.AddfOp, 0.0):
        return None
    keep: GenericOp | None = None
    if parts.weights is not exponentials.results[0]:
        found = _kept(parts, further, exponentials.results[0])
        if found is None:
            return None
        keep, further = found
    if not all(_is_of_rows(op, outer) for op in further):
        return None
    read = [value for op in (*further, *parts.second[1:]) for value in (*op.inputs, *captured_values(op))]
    if any(value in (scores, parts.weights, exponentials.results[0], maximum.results[0]) for value in read):
        return None
    values = [v for op in (*parts.chain, *parts.first, *parts.second[:1]) if op is not keep for v in op.results]
    return Softmax(maximum, exponentials, total, tuple(further), keep) if same_float(values) else None


def _kept(
    parts: AttentionParts, further: Sequence[GenericOp], exponentials: SSAValue
) -> tuple[GenericOp, list[GenericOp]] | None:
    """What says which of the weights are kept, and the ops besides; None where weights are made otherwise."""
    made = parts.weights.owner
    chosen = whole_scaled(made, parts.outer) if isinstance(made, GenericOp) else None
    if chosen is None or chosen.base is not exponentials or chosen.keep is None or chosen.scales:
        return None
    keep = chosen.keep.owner
    if not isinstance(keep, GenericOp) or keep_problem_of(keep, shape_of(parts.scores)) is not None:
        return None
    if {use.operation for use in chosen.keep.uses} != {made}:
        return None
    return keep, [op for op in further if op not in (keep, made)]


def _reduces(op: GenericOp, value: SSAValue, outer: int, combiner: type[Operation], initial: float) -> bool:
    """Whether an op combines the elements of each row of `value`, from `initial` on."""
    if len(op.operands) != 2 or op.inputs[0] is not value or reduction_loops(op) != [outer]:
        return False
    fill = op.outputs[0].owner
    start = fill.inputs[0].owner if isinstance(fill, FillOp) else None
    if not isinstance(start, arith.ConstantOp) or not isinstance(start.value, FloatAttr):
        return False
    rows = bare_dims(output_maps(op)[0]) == list(range(outer)) and is_identity(input_maps(op)[0])
    combined = op.body.block.first_op
    same = start.value.value.data == initial
    return rows and same and isinstance(combined, combiner) and _yields(op, combined, op.body.block.args)


def _is_exponential(op: GenericOp, scores: SSAValue, maxima: SSAValue, outer: int) -> bool:
    """Whether an op is exp(scores - maxima)."""
    if list(op.inputs) != [scores, maxima] or len(op.results) != 1 or not is_all_parallel(op):
        return False
    in_order = is_identity(input_maps(op)[0]) and is_identity(output_maps(op)[0])
    if not in_order or bare_dims(input_maps(op)[1]) != list(range(outer)):
        return False
    block = op.body.block
    difference = block.first_op
    if not isinstance(difference, arith.SubfOp) or list(difference.operands) != list(block.args[:2]):
        return False
    return isinstance(difference.next_op, math.ExpOp) and _yields(op, difference.next_op, [difference.result])


def _yields(op: GenericOp, last: Operation, operands: Sequence[SSAValue]) -> bool:
    """Whether the body ends with `last` of these operands, in any order where there are two of a sum or a maximum."""
    commutes = isinstance(last, arith.AddfOp | arith.MaximumfOp | arith.MulfOp)
    read = list(last.operands)
    if read != list(operands) and not (commutes and read[::-1] == list(operands)):
        return False
    end = last.next_op
    return isinstance(end, YieldOp) and list(end.operands) == list(last.results)


def _is_of_rows(op: GenericOp, outer: int) -> bool:
    return is_all_parallel(op) and len(op.iterator_types) == outer and len(op.results) == 1


def same_float(values: Sequence[SSAValue]) -> bool:
    """Whether all tensors are f32, or all f64."""
    kinds = {value.type.element_type for value in values if isinstance(value.type, TensorType)}
    return len(kinds) == 1 and isinstance(next(iter(kinds)), Float32Type | Float64Type)
