"""Unit dimensions go away, so that equal values have equal shapes and chains are indexed by what varies.

* A reshape that only adds or drops unit dimensions folds into the maps of the generics that read it.
* A loop of one iteration that indexes only the result (a mean kept as `1x64x1x1`) is dropped; the result is
  reshaped instead.
"""

from __future__ import annotations

from xdsl.dialects import tensor
from xdsl.dialects.builtin import TensorType
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import GenericOp, IndexOp
from xdsl.ir import Block, SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap

from cellc.passes.generic_rewrites import Parts, empty_like, erase, insert_before, replace_generic
from cellc.passes.linalg_analysis import (
    Reshape,
    bare_dim,
    covers_loops,
    input_maps,
    inputs_of,
    is_all_parallel,
    is_contraction,
    is_identity,
    loop_extents,
    maps_of,
    output_maps,
    reduction_loops,
    shape_of,
    size_of,
)
from cellc.passes.move_reshapes import Groups, reassociation, reshape


def drop_unit_dimensions(block: Block) -> None:
    """Folds reshapes of unit dimensions and drops loops that are only such, in program order."""
    for op in list(block.ops):
        if isinstance(op, GenericOp):
            _drop_unit_loops(_fold_unit_reshapes(op))


def _fold_unit_reshapes(op: GenericOp) -> GenericOp:
    inputs, maps = list(inputs_of(op)), maps_of(op)
    if not any(isinstance(value.owner, Reshape) for value in inputs):
        return op
    # A factor that lost one of a contraction's sums, over one row of an image, would make a reduction of it.
    needed = set(reduction_loops(op)) if is_contraction(op) else set[int]()
    for index in range(len(inputs)):
        while (step := _before_unit_reshape(inputs[index], maps[index])) is not None:
            rest = [m for i, m in enumerate(maps) if i != index]
            if not covers_loops([*rest, step[1]], len(op.iterator_types)) or not needed <= step[1].used_dims():
                break
            inputs[index], maps[index] = step
    if inputs == list(inputs_of(op)):
        return op
    parts = Parts.taken(op)
    parts.inputs, parts.input_maps = inputs, maps[: len(inputs)]
    return replace_generic(op, parts)


def _before_unit_reshape(value: SSAValue, map_: AffineMap) -> tuple[SSAValue, AffineMap] | None:
    op = value.owner
    if not isinstance(op, Reshape) or not size_of(value):
        return None
    source, expanding = op.src, isinstance(op, tensor.ExpandShapeOp)
    if not expanding and _is_prefix(source.owner):
        return None
    expanded = shape_of(op.result if expanding else source)
    results: list[AffineExpr] = []
    if not reassociation(op):  # to or from rank 0
        zeros = tuple(AffineExpr.constant(0) for _ in shape_of(source))
        return source, AffineMap(map_.num_dims, 0, zeros)
    for outer, group in enumerate(reassociation(op)):
        long = [dim for dim in group if expanded[dim] != 1]
        if len(long) > 1:
            return None
        kept = long[0] if long else group[0]
        if expanding:
            results.append(map_.results[kept])
        else:
            zero = AffineExpr.constant(0)
            results.extend(map_.results[outer] if dim == kept else zero for dim in group)
    return source, AffineMap(map_.num_dims, 0, tuple(results))


def _is_prefix(op: object) -> bool:
    """A slice that starts at 0 reads `d1 + d0`, d0 of one iteration: without d0 its map would say the whole axis."""
    if not isinstance(op, GenericOp) or not is_all_parallel(op):
        return False
    unit = {loop for loop, extent in enumerate(loop_extents(op)) if extent == 1}
    sums = (result for map_ in input_maps(op) for result in map_.results if bare_dim(result) is None)
    return any(result.used_dims() & unit for result in sums)


def _drop_unit_loops(op: GenericOp) -> None:
    kept = _kept_loops(op)
    if len(kept) == len(op.iterator_types):
        return
    parts = Parts.taken(op)
    groups = _groups(kept, len(parts.iterators))
    places = [AffineExpr.dimension(kept.index(i) if i in kept else 0) for i in range(len(parts.iterators))]
    parts.input_maps = [map_.replace_dims_and_symbols(places, (), len(kept), 0) for map_ in parts.input_maps]
    parts.outputs = [_squeezed(output, kept, op) for output in parts.outputs]
    parts.output_maps = [AffineMap.identity(len(kept))] * len(parts.outputs)
    parts.iterators = [IteratorType.PARALLEL] * len(kept)
    new = parts.build(op)
    insert_before(new, op)
    for before, after in zip(op.results, new.results, strict=True):
        before.replace_all_uses_with(reshape(after, shape_of(before), groups, op, op))
    erase(op)


def _kept_loops(op: GenericOp) -> list[int]:
    """All loops but those of one iteration that index nothing but the results; at least one stays."""
    extents = loop_extents(op)
    loops = list(range(len(extents)))
    if 1 not in extents or not is_all_parallel(op) or not all(map(is_identity, output_maps(op))):
        return loops
    if any(isinstance(inner, IndexOp) for inner in op.walk()):
        return loops
    used = {loop for map_ in input_maps(op) for loop in map_.used_dims()}
    kept = [loop for loop, extent in enumerate(extents) if extent != 1 or loop in used]
    return kept or loops


def _groups(kept: list[int], loops: int) -> Groups:
    """Each kept loop with the dropped ones before it, the last also with those behind it."""
    starts = [0, *(loop + 1 for loop in kept[:-1])]
    ends = [*(loop + 1 for loop in kept[:-1]), loops]
    return [list(range(start, end)) for start, end in zip(starts, ends, strict=True)]


def _squeezed(output: SSAValue, kept: list[int], op: GenericOp) -> SSAValue:
    assert isinstance(output.type, TensorType)
    return empty_like(TensorType(output.type.element_type, [shape_of(output)[loop] for loop in kept]), op, op)
