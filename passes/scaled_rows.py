"""What scales whole rows of an attention's weights scales its results instead.

Each row of softmax(x) V is (e V) / t: that divides the results' columns rather than the weights, of which there are as
many as keys. With dropout (keep ? e / t / keep_prob : 0) V is ((keep ? e : 0) V) / t / keep_prob.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import arith
from xdsl.dialects.builtin import FloatAttr, TensorType, i1
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import GenericOp, YieldOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from cellc.passes.attention_form import AttentionParts, parts_of
from cellc.passes.dropout_form import Scaled, whole_scaled
from cellc.passes.generic_fusion import fused_parts, reads_after_fusion
from cellc.passes.generic_rewrites import empty_like, erase, insert_before, new_generic, replace_generic
from cellc.passes.linalg_analysis import (
    bare_dims,
    input_maps,
    output_maps,
    reduction_loops,
    shape_of,
)
from cellc.passes.rewriting import location_of, set_location
from cellc.passes.softmax_form import same_float


def divide_last(generics: Sequence[GenericOp], outer: int) -> None:
    """Lets what multiplies or divides whole rows of an attention's weights do so to its results."""
    parts = parts_of(generics, outer)
    scaled = None if parts is None else _scaled_weights(parts)
    if parts is None or scaled is None:
        return
    last, product = parts.chain[-1], parts.second[0]
    if any(use.operation is not product for use in last.results[0].uses):
        return
    behind = _scaled_results(parts, scaled)
    product.operands[parts.factor] = scaled.base if scaled.keep is None else _chosen(last, scaled.base, scaled.keep)
    erase(last)
    if len(parts.second) == 2:
        epilogue = parts.second[1]
        if reads_after_fusion(behind, epilogue) is not None:
            replace_generic(epilogue, fused_parts(behind, epilogue), behind)
            erase(behind)


def _scaled_weights(parts: AttentionParts) -> Scaled | None:
    """How the last of the chain makes weights, where that scales elements by numbers of their rows."""
    last, product = parts.chain[-1], parts.second[0]
    scaled = whole_scaled(last, parts.outer)
    if scaled is None or not scaled.rows or shape_of(scaled.base) != shape_of(parts.scores):
        return None
    result = bare_dims(output_maps(product)[0])
    placed = result is not None and set(parts.second_loops) <= set(result)
    read_in_order = bare_dims(input_maps(product)[parts.factor]) == [*parts.second_loops, *reduction_loops(product)]
    values = [scaled.base, *scaled.rows, last.results[0], *product.results]
    possible = scaled.base.owner in parts.chain[:-1] and placed and read_in_order and same_float(values)
    return scaled if possible else None


def _scaled_results(parts: AttentionParts, scaled: Scaled) -> GenericOp:
    """A generic behind the second product that scales its results; it replaces them."""
    last, product = parts.chain[-1], parts.second[0]
    result, following = product.results[0], product.next_op
    order = bare_dims(output_maps(product)[0])
    assert isinstance(result.type, TensorType)
    assert order is not None
    assert following is not None
    rank, read = len(order), list(dict.fromkeys(scaled.rows))
    rows = AffineMap(rank, 0, tuple(AffineDimExpr(order.index(loop)) for loop in parts.second_loops))
    same, element = AffineMap.identity(rank), result.type.element_type
    body = Block(arg_types=[element] * (2 + len(read)))
    value: SSAValue = body.args[0]
    for name, scale in scaled.scales:
        if isinstance(scale, SSAValue):
            operand: SSAValue = body.args[1 + read.index(scale)]
        else:
            constant = arith.ConstantOp(FloatAttr(scale, element))  # pyright: ignore[reportArgumentType]
            body.add_op(constant)
            operand = constant.result
        applied = (arith.MulfOp if name == "arith.mulf" else arith.DivfOp)(value, operand)
        body.add_op(applied)
        value = applied.result
    body.add_op(YieldOp(value))
    empty = empty_like(result.type, following, last)
    maps = [same, *[rows] * len(read), same]
    behind = new_generic([result, *read], [empty], body, maps, [IteratorType.PARALLEL] * rank)
    _place(behind, last, following)
    result.replace_uses_with_if(behind.results[0], lambda use: use.operation is not behind)
    return behind


def _chosen(last: GenericOp, base: SSAValue, keep: SSAValue) -> SSAValue:
    """keep ? base : 0, before `last`."""
    assert isinstance(base.type, TensorType)
    element, same = base.type.element_type, AffineMap.identity(len(last.iterator_types))
    body = Block(arg_types=[i1, element, element])
    zero = arith.ConstantOp(FloatAttr(0.0, element))  # pyright: ignore[reportArgumentType]
    choice = arith.SelectOp(body.args[0], body.args[1], zero.result)
    body.add_ops([zero, choice, YieldOp(choice.result)])
    loops = [IteratorType.PARALLEL] * len(last.iterator_types)
    chosen = new_generic([keep, base], [empty_like(base.type, last, last)], body, [same] * 3, loops)
    _place(chosen, last, last)
    return chosen.results[0]


def _place(op: GenericOp, source: Operation, before: Operation) -> None:
    op.location = location_of(source)
    set_location(op, op.location)
    insert_before(op, before)
