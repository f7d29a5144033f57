"""A softmax among the rows of an attention kernel: how it is recognised, and how its division comes after the product.

    m = max over n of x            e = exp(x - m)            t = sum over n of e            w = e / t,  or  e * (1 / t)

Each row of softmax(x) V is (e V) / t: that divides the results' columns rather than the weights, of which there are as
many as keys, and lets a target make e and t of some keys at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import Float32Type, Float64Type, FloatAttr, TensorType
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Operation, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from cellc.passes.attention_form import AttentionParts, parts_of
from cellc.passes.generic_fusion import fused_parts, reads_after_fusion
from cellc.passes.generic_rewrites import empty_like, erase, insert_before, replace_generic
from cellc.passes.linalg_analysis import (
    bare_dims,
    captured_values,
    input_maps,
    is_all_parallel,
    is_identity,
    iterator_attributes,
    map_attributes,
    output_maps,
    reduction_loops,
    shape_of,
)
from cellc.passes.rewriting import location_of, set_location


@dataclass(frozen=True)
class Softmax:
    """The generics that make m, e and t of scores x, and those that compute further numbers of a row, such as 1 / t."""

    maximum: GenericOp
    exponentials: GenericOp
    total: GenericOp
    further: tuple[GenericOp, ...]


def softmax_of(parts: AttentionParts) -> Softmax | None:
    """The softmax whose e is the kernel's weights and whose t divides its results, all in f32 or f64; or None."""
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
    if parts.weights is not exponentials.results[0] or not all(_is_of_rows(op, outer) for op in further):
        return None
    read = [value for op in (*further, *parts.second[1:]) for value in (*op.inputs, *captured_values(op))]
    if any(value in (scores, parts.weights, maximum.results[0]) for value in read):
        return None
    values = [v for op in (*parts.chain, *parts.first, *parts.second[:1]) for v in op.results]
    return Softmax(maximum, exponentials, total, tuple(further)) if _same_float(values) else None


def divide_last(generics: Sequence[GenericOp], outer: int) -> None:
    """Lets what multiplies or divides whole rows of an attention's weights do so to its results."""
    parts = parts_of(generics, outer)
    if parts is None or not _scales_rows(parts):
        return
    last, product = parts.chain[-1], parts.second[0]
    if any(use.operation is not product for use in last.results[0].uses):
        return
    scaled = _scaled_rows(parts)
    weights = last.inputs[0]
    product.operands[parts.factor] = weights
    erase(last)
    if len(parts.second) == 2:
        epilogue = parts.second[1]
        if reads_after_fusion(scaled, epilogue) is not None:
            replace_generic(epilogue, fused_parts(scaled, epilogue), scaled)
            erase(scaled)


def _scales_rows(parts: AttentionParts) -> bool:
    """Whether the last of the chain is the product or the quotient of its elements and of one number for each row."""
    last, outer = parts.chain[-1], parts.outer
    operation = last.body.block.first_op
    if not isinstance(operation, arith.MulfOp | arith.DivfOp) or not _yields(last, operation, last.body.block.args[:2]):
        return False
    values, maps = list(last.inputs), input_maps(last)
    if (
        len(values) != 2
        or not is_all_parallel(last)
        or not is_identity(maps[0])
        or not is_identity(output_maps(last)[0])
    ):
        return False
    if bare_dims(maps[1]) != list(range(outer)) or shape_of(values[0]) != shape_of(parts.scores):
        return False
    first, product = values[0].owner, parts.second[0]
    result = bare_dims(output_maps(product)[0])
    placed = result is not None and set(parts.second_loops) <= set(result)
    read_in_order = bare_dims(input_maps(product)[parts.factor]) == [*parts.second_loops, *reduction_loops(product)]
    made = [*parts.chain[:-1]]
    values = [*values, last.results[0], *product.results]
    return isinstance(first, GenericOp) and first in made and placed and read_in_order and _same_float(values)


def _scaled_rows(parts: AttentionParts) -> GenericOp:
    """A generic behind the second product that multiplies or divides its results' rows; it replaces them."""
    last, product = parts.chain[-1], parts.second[0]
    result = product.results[0]
    assert isinstance(result.type, TensorType)
    order = bare_dims(output_maps(product)[0])
    assert order is not None
    rank = len(order)
    rows = AffineMap(rank, 0, tuple(AffineDimExpr(order.index(loop)) for loop in parts.second_loops))
    same, element = AffineMap.identity(rank), result.type.element_type
    body = last.body.clone().detach_block(0)
    following = _next(product)
    empty = empty_like(result.type, following, last)
    loops = iterator_attributes([IteratorType.PARALLEL] * rank)
    maps = map_attributes([same, rows, same])
    assert all(argument.type == element for argument in body.args)
    scaled = GenericOp([result, last.inputs[1]], [empty], Region(body), maps, loops, [result.type])
    scaled.location = location_of(last)
    set_location(scaled, scaled.location)
    insert_before(scaled, following)
    result.replace_uses_with_if(scaled.results[0], lambda use: use.operation is not scaled)
    return scaled


def _next(op: Operation) -> Operation:
    following = op.next_op
    assert following is not None
    return following


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


def _same_float(values: Sequence[SSAValue]) -> bool:
    kinds = {value.type.element_type for value in values if isinstance(value.type, TensorType)}
    return len(kinds) == 1 and isinstance(next(iter(kinds)), Float32Type | Float64Type)
