"""Sums of contractions in parts: each iteration of a reduction loop gets sums of its own, which a reduction adds up."""

from __future__ import annotations

from xdsl.dialects import arith
from xdsl.dialects.builtin import Float32Type, Float64Type, TensorType
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Block
from xdsl.ir.affine import AffineMap

from cellc.passes.generic_rewrites import Parts, insert_before, replace_generic
from cellc.passes.linalg_analysis import (
    bare_dim,
    captured_values,
    element_of,
    input_maps,
    is_data_movement,
    is_widening,
    loop_extents,
    output_maps,
    parallel_count,
    reduction_loops,
)
from cellc.passes.rewriting import set_location
from cellc.passes.split_reductions import filled_like_start, is_zero, split_axis


def is_sum_of_products(op: GenericOp) -> bool:
    """Whether a contraction sums floats from zero over its last loops, and the first ones index results in order."""
    extents, outer, start = loop_extents(op), parallel_count(op), op.outputs[0].owner
    if not isinstance(element_of(op.results[0]), Float32Type | Float64Type) or captured_values(op):
        return False
    in_order = output_maps(op)[0] == AffineMap(len(extents), 0, AffineMap.identity(len(extents)).results[:outer])
    last = reduction_loops(op) == list(range(outer, len(extents)))
    return in_order and last and isinstance(start, FillOp) and is_zero(start.inputs[0])


def sum_of_parts(op: GenericOp, loop: int, place: int) -> GenericOp:
    """Sums for each iteration of a reduction loop, at `place` among the parallel loops, and their sum in place of `op`.

    The results are indexed by the parallel loops in order.
    """
    parts, loops, outer = Parts.of(op), len(op.iterator_types), parallel_count(op)
    element = element_of(op.results[0])
    extents = loop_extents(op)
    order = [d for d in range(loops) if d != loop]
    order.insert(place, loop)
    moved = AffineMap(loops, 0, tuple(AffineMap.identity(loops).results[order.index(d)] for d in range(loops)))
    parts.input_maps = [map_.compose(moved) for map_ in parts.input_maps]
    parts.outputs = [filled_like_start(op, TensorType(element, [extents[d] for d in order[: outer + 1]]))]
    parts.output_maps = [AffineMap(loops, 0, AffineMap.identity(loops).results[: outer + 1])]
    parts.iterators = [IteratorType.PARALLEL] * (outer + 1) + [IteratorType.REDUCTION] * (loops - outer - 1)
    separate = parts.build(op)
    insert_before(separate, op)
    body = Block(arg_types=[element, element])
    add = arith.AddfOp(body.args[0], body.args[1])
    body.add_ops([add, YieldOp(add.result)])
    set_location(add, op.location)
    dims = AffineMap.identity(outer + 1).results
    kinds = [*[IteratorType.PARALLEL] * outer, IteratorType.REDUCTION]
    read = AffineMap(outer + 1, 0, (*dims[:place], dims[outer], *dims[place:outer]))
    written = AffineMap(outer + 1, 0, dims[:outer])
    return replace_generic(op, Parts([separate.results[0]], [read], list(op.outputs), [written], kinds, body))


def axis_of(op: GenericOp, loop: int) -> tuple[int, int] | None:
    """The first input, with its axis, that `loop` alone indexes and that can be cut by a view.

    A transposed or widened tensor is not: a view would keep that from becoming part of the op.
    """
    for number, map_ in enumerate(input_maps(op)):
        made = op.inputs[number].owner
        joins = isinstance(made, GenericOp) and (is_data_movement(made) or is_widening(made))
        axis = next((axis for axis, result in enumerate(map_.results) if bare_dim(result) == loop), None)
        if axis is not None and not joins:
            return number, axis
    return None


def cut_loop(op: GenericOp, loop: int, part: int) -> GenericOp:
    """The op with a reduction loop as two, over parts and the `part` iterations of one; the op itself for parts of one.

    `axis_of` has an axis for the loop, which is cut by a view.
    """
    found = axis_of(op, loop)
    if part == 1 or found is None:
        return op
    (number, axis), parts, loops = found, Parts.of(op), len(op.iterator_types)
    dims = AffineMap.identity(loops + 1).results
    cut = AffineMap(loops + 1, 0, (*dims[:loop], dims[loop] * part + dims[loop + 1], *dims[loop + 2 :]))
    parts.input_maps = [map_.compose(cut) for map_ in parts.input_maps]
    parts.output_maps = [map_.compose(cut) for map_ in parts.output_maps]
    results, pieces = parts.input_maps[number].results, loop_extents(op)[loop] // part
    parts.inputs[number] = split_axis(parts.inputs[number], axis, pieces, op)
    parts.input_maps[number] = AffineMap(
        loops + 1, 0, (*results[:axis], dims[loop], dims[loop + 1], *results[axis + 1 :])
    )
    parts.iterators = [*parts.iterators[:loop], IteratorType.REDUCTION, *parts.iterators[loop:]]
    return replace_generic(op, parts)
