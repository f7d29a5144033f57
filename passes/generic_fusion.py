"""One generic computed in the body of another: the mechanics of fusion, no policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xdsl.dialects import arith
from xdsl.dialects.builtin import IndexType, IntegerAttr
from xdsl.dialects.linalg.ops import GenericOp, IndexOp, YieldOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineBinaryOpExpr, AffineBinaryOpKind, AffineConstantExpr, AffineDimExpr, AffineExpr
from xdsl.ir.affine import AffineMap as Map

from cellc.passes.generic_rewrites import Parts
from cellc.passes.linalg_analysis import (
    covers_loops,
    input_maps,
    inputs_of,
    output_maps,
    outputs_of,
    reads_whole_axes,
)


def index_value(expression: AffineExpr, block: Block, before: Operation) -> SSAValue:
    """The value of an affine expression of the loops, computed in the body."""
    match expression:
        case AffineDimExpr():
            op: Operation = IndexOp(expression.position)
        case AffineConstantExpr():
            op = arith.ConstantOp(IntegerAttr(expression.value, IndexType()))
        case AffineBinaryOpExpr(kind=AffineBinaryOpKind.Add | AffineBinaryOpKind.Mul as kind):
            lhs = index_value(expression.lhs, block, before)
            rhs = index_value(expression.rhs, block, before)
            op = (arith.AddiOp if kind == AffineBinaryOpKind.Add else arith.MuliOp)(lhs, rhs)
        case _:
            raise ValueError(f"not an affine sum of loops: {expression}")
    block.insert_op_before(op, before)
    return op.results[0]


def inline_body(
    parts: Parts,
    before: Operation,
    producer: GenericOp,
    through: Map,
    accumulators: Mapping[SSAValue, SSAValue] = {},
    *,
    moved: bool = False,
) -> list[SSAValue]:
    """Computes a producer's results at the indices `through(loops)` inside the body of `parts`.

    `through` maps the loops of `parts` to the producer's loops, `accumulators` the arguments for what its outputs hold
    to those of `parts`. With `moved` the producer's own ops are taken, not copied: it can only be erased afterwards.
    """
    mapping = dict(accumulators)
    for value, map_, argument in zip(inputs_of(producer), input_maps(producer), producer.body.block.args, strict=False):
        mapping[argument] = parts.add_input(value, map_.compose(through))
    if moved:
        for argument, value in mapping.items():
            argument.replace_all_uses_with(value)
    yielded = producer.body.block.last_op
    assert isinstance(yielded, YieldOp)
    for inner in list(producer.body.block.ops):
        if isinstance(inner, IndexOp):
            value = mapping[inner.result] = index_value(through.results[inner.dim.value.data], parts.block, before)
            if moved:
                inner.result.replace_all_uses_with(value)
        elif moved and inner is not yielded:
            inner.detach()
            parts.block.insert_op_before(inner, before)
        elif inner is not yielded:
            parts.block.insert_op_before(inner.clone(mapping), before)
    return [mapping.get(value, value) for value in yielded.operands]


def producer_loops(producer: GenericOp, result: int, read_through: Map) -> Map | None:
    """The producer's loops in terms of the consumer's, when the consumer reads the result through the map."""
    inverse = output_maps(producer)[result].inverse_permutation()
    return None if inverse is None else inverse.compose(read_through)


@dataclass
class Reads:
    """What a generic reads: its inputs and their maps, in order."""

    inputs: list[SSAValue]
    maps: list[Map]

    def first_of(self, producer: GenericOp) -> tuple[int, int] | None:
        """The first input that is a result of the producer, and the result's number."""
        results: list[SSAValue] = list(producer.results)
        return next(((i, results.index(v)) for i, v in enumerate(self.inputs) if v in results), None)

    def add(self, value: SSAValue, map_: Map) -> None:
        """As `Parts.add_input`: an equal input is shared."""
        if not any(
            value is known and map_ == known_map for known, known_map in zip(self.inputs, self.maps, strict=True)
        ):
            self.inputs.append(value)
            self.maps.append(map_)


def reads_after_fusion(producer: GenericOp, consumer: GenericOp) -> Reads | None:
    """What the consumer reads when it computes an all-parallel producer in its body; bodies are not looked at.

    None when an extent of a loop would be lost.
    """
    reads = Reads(list(inputs_of(consumer)), input_maps(consumer))
    while (found := reads.first_of(producer)) is not None:
        index, result = found
        through = producer_loops(producer, result, reads.maps[index])
        if through is None:
            return None
        for value, map_ in zip(inputs_of(producer), input_maps(producer), strict=True):
            reads.add(value, map_.compose(through))
        del reads.inputs[index], reads.maps[index]
    values, maps = [*reads.inputs, *outputs_of(consumer)], [*reads.maps, *output_maps(consumer)]
    if not covers_loops(maps, len(consumer.iterator_types)) or not reads_whole_axes(values, maps):
        return None
    return reads


def fused_parts(producer: GenericOp, consumer: GenericOp, *, last: bool = True) -> Parts:
    """The consumer's parts with every read of the producer computed in the body; both are used up.

    For what `reads_after_fusion` allows. Without `last` the producer stays whole, for its other users.
    """
    parts = Parts.taken(consumer)
    first = parts.block.first_op
    assert first is not None
    while (found := Reads(parts.inputs, parts.input_maps).first_of(producer)) is not None:
        index, result = found
        through = producer_loops(producer, result, parts.input_maps[index])
        assert through is not None
        moved = last and sum(value.owner is producer for value in parts.inputs) == 1
        values = inline_body(parts, first, producer, through, moved=moved)
        parts.replace_input(index, values[result])
    return parts


def merged_parts(first: GenericOp, second: GenericOp, through: Map) -> Parts:
    """One generic with the results of both; `through` maps second's loops to first's.

    Reads of first's results in second (with the map they are written with) use the values in the body. Of reductions,
    which do not read each other, each has the accumulators that it had.
    """
    parts = Parts.taken(second)
    start, yielded = parts.block.first_op, parts.block.last_op
    assert start is not None
    assert yielded is not None
    accumulators = [parts.block.insert_arg(a.type, len(parts.inputs) + i) for i, a in enumerate(_accumulators(first))]
    values = inline_body(parts, start, first, through, dict(zip(_accumulators(first), accumulators, strict=True)))
    for index in reversed(range(len(parts.inputs))):
        for result, value in zip(first.results, values, strict=True):
            if parts.inputs[index] is result:
                parts.replace_input(index, value)
                break
    parts.outputs = [*outputs_of(first), *parts.outputs]
    parts.output_maps = [m.compose(through) for m in output_maps(first)] + parts.output_maps
    yielded.operands = [*values, *yielded.operands]
    return parts


def _accumulators(op: GenericOp) -> list[SSAValue]:
    """The body's arguments for what the outputs hold."""
    return list(op.body.block.args[len(inputs_of(op)) :])
