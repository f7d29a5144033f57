"""Splitting long reductions to one element into partial results, so that a kernel of many blocks does the work.

How many partial results there are depends on the shape alone: the order of the sum is the same for any number of
threads. A step of `form-dispatches`.
"""

from __future__ import annotations

from xdsl.dialects import arith
from xdsl.dialects.builtin import TensorType
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap

from cellc.passes.generic_rewrites import Parts, empty_like, insert_before, replace_generic
from cellc.passes.linalg_analysis import (
    bare_dim,
    captured_values,
    element_of,
    input_maps,
    is_reduction,
    iterations,
    loop_extents,
    parallel_count,
    shape_of,
)
from cellc.passes.move_reshapes import reshape
from cellc.passes.rewriting import set_location

PIECE = 1 << 16
"""Iterations for one partial result, at least."""
MOST_PIECES = 64

_COMBINERS = (arith.AddfOp, arith.MaximumfOp, arith.MinimumfOp)


def split_reductions(block: Block) -> None:
    """Splits the outermost loop of each reduction that is long, has one result, and reads whole slices of it."""
    for op in list(block.ops):
        if isinstance(op, GenericOp) and (pieces := _pieces(op)) > 1 and (combiner := _combiner(op)) is not None:
            _split(op, pieces, combiner)


def _pieces(op: GenericOp) -> int:
    """The largest divisor of the outermost extent that leaves pieces long enough; 1 where the op stays whole."""
    if not is_reduction(op) or parallel_count(op) or len(op.results) != 1 or captured_values(op):
        return 1
    if any(inner.name == "linalg.index" for inner in op.body.block.ops) or not _reads_slices(op):
        return 1
    extent, most = loop_extents(op)[0], min(MOST_PIECES, iterations(op) // PIECE)
    return max((d for d in range(1, most + 1) if extent % d == 0), default=1)


def _reads_slices(op: GenericOp) -> bool:
    """Whether the outermost loop indexes one axis of some operands on its own, and nothing else."""
    places = [[0 in AffineMap(map_.num_dims, 0, (r,)).used_dims() for r in map_.results] for map_ in input_maps(op)]
    alone = [[bare_dim(r) == 0 for r in map_.results] for map_ in input_maps(op)]
    return places == alone and all(sum(found) <= 1 for found in alone)


def _combiner(op: GenericOp) -> Operation | None:
    """The op that joins a term and the accumulator, where partial results may start from what it starts from."""
    yielded, accumulator, start = op.body.block.last_op, op.body.block.args[-1], op.outputs[0].owner
    if not isinstance(yielded, YieldOp) or not isinstance(start, FillOp):
        return None
    last, uses = yielded.operands[0].owner, list(accumulator.uses)
    if not isinstance(last, _COMBINERS) or len(uses) != 1 or uses[0].operation is not last:
        return None
    return last if not isinstance(last, arith.AddfOp) or is_zero(start.inputs[0]) else None


def is_zero(value: SSAValue) -> bool:
    """Whether the value is the constant zero."""
    constant = value.owner.value if isinstance(value.owner, arith.ConstantOp) else None
    return getattr(getattr(constant, "value", None), "data", None) == 0


def _split(op: GenericOp, pieces: int, combiner: Operation) -> None:
    """A reduction to `pieces` partial results, and one of those in place of the op."""
    element = element_of(op.results[0])
    parts, loops = Parts.of(op), len(op.iterator_types)
    inner = AffineMap(loops + 1, 0, tuple(AffineExpr.dimension(loop + 1) for loop in range(loops)))
    for number, map_ in enumerate(parts.input_maps):
        at = next((i for i, result in enumerate(map_.results) if bare_dim(result) == 0), None)
        results = map_.compose(inner).results
        if at is not None:
            parts.inputs[number] = split_axis(parts.inputs[number], at, pieces, op)
            results = (*results[:at], AffineExpr.dimension(0), *results[at:])
        parts.input_maps[number] = AffineMap(loops + 1, 0, results)
    parts.outputs = [filled_like_start(op, TensorType(element, [pieces]))]
    parts.output_maps = [AffineMap(loops + 1, 0, (AffineExpr.dimension(0),))]
    parts.iterators = [IteratorType.PARALLEL, *parts.iterators]
    partial = parts.build(op)
    insert_before(partial, op)
    replace_generic(op, _of_partial(op, partial.results[0], combiner))


def split_axis(value: SSAValue, axis: int, pieces: int, op: Operation) -> SSAValue:
    """A view of the tensor with an axis as two, of `pieces` equal parts, in front of `op`."""
    shape = shape_of(value)
    groups = [[i + (i > axis)] if i != axis else [i, i + 1] for i in range(len(shape))]
    return reshape(value, [*shape[:axis], pieces, shape[axis] // pieces, *shape[axis + 1 :]], groups, op, op)


def filled_like_start(op: GenericOp, type_: TensorType) -> SSAValue:
    """A tensor filled with what the op starts from."""
    start = op.outputs[0].owner
    assert isinstance(start, FillOp)
    fill = FillOp([start.inputs[0]], [empty_like(type_, op, op)], [type_])
    set_location(fill, op.location)
    insert_before(fill, op)
    return fill.results[0]


def _of_partial(op: GenericOp, partial: SSAValue, combiner: Operation) -> Parts:
    """The reduction of partial results with the op's own start and combiner."""
    element = element_of(op.results[0])
    body = Block(arg_types=[element, element])
    joined = combiner.clone({combiner.operands[0]: body.args[1], combiner.operands[1]: body.args[0]})
    body.add_ops([joined, YieldOp(joined.results[0])])
    for inner in body.ops:
        inner.location = op.location
    maps = [AffineMap.identity(1)], [AffineMap(1, 0, ())]
    return Parts([partial], maps[0], list(op.outputs), maps[1], [IteratorType.REDUCTION], body)
