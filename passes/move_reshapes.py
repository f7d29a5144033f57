"""Reshapes step aside so that fusion sees through them; in the host program they are free.

An elementwise generic after a reshape is computed in the shape before it, where its producer can
fuse into it; its result is reshaped instead. (Reshapes of unit dimensions alone: `unit_dimensions`.)
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.dialects import tensor
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, TensorType, i64
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import GenericOp, IndexOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap

from cellc.passes.generic_rewrites import Parts, empty_like, erase, insert_before
from cellc.passes.linalg_analysis import (
    Reshape,
    bare_dims,
    input_maps,
    is_all_parallel,
    is_identity,
    output_maps,
    shape_of,
    size_of,
)

Groups = list[list[int]]


def reassociation(op: Reshape) -> Groups:
    """For each dimension of the collapsed side, the dimensions of the expanded side."""
    return [[index.value.data for index in group] for group in op.reassociation]


def reshape(value: SSAValue, shape: Sequence[int], groups: Groups, before: Operation, source: Operation) -> SSAValue:
    """Inserts the collapse or expand that gives the value the shape."""
    assert isinstance(value.type, TensorType)
    type_ = TensorType(value.type.element_type, shape)
    attribute = ArrayAttr(ArrayAttr(IntegerAttr(i, i64) for i in group) for group in groups)
    if len(shape) < len(value.type.get_shape()):
        op: Reshape = tensor.CollapseShapeOp.build(
            operands=[value], properties={"reassociation": attribute}, result_types=[type_]
        )
    else:
        op = tensor.ExpandShapeOp(value, (), attribute, list(shape), type_)
    op.location = source.location
    insert_before(op, before)
    return op.result


# -- generics move in front of reshapes ----------------------------------------


def sink_reshapes(block: Block) -> bool:
    """Computes elementwise generics in front of the reshapes they read; true if any moved."""
    moved = False
    for op in list(block.ops):
        if isinstance(op, Reshape):
            _cancel(op)
    for op in list(block.ops):
        if op.parent is block and isinstance(op, GenericOp) and (index := _reshaped_input(op)) is not None:
            moved = _move_before_reshape(op, index) or moved
    return moved


def _cancel(op: Reshape) -> None:
    """A reshape back to an earlier type is the earlier value."""
    source = op.src
    while isinstance(source.owner, Reshape):
        source = source.owner.src
        if source.type == op.result.type:
            op.result.replace_all_uses_with(source)
            erase(op)
            return


def _reshaped_input(op: GenericOp) -> int | None:
    """The input that is a reshape of what a generic made for this op alone, read elementwise."""
    if not is_all_parallel(op) or any(isinstance(inner, IndexOp) or inner.regions for inner in op.body.block.ops):
        return None
    if any(inner.name == "tensor.extract" for inner in op.body.block.ops):
        return None
    for index, (value, map_) in enumerate(zip(op.inputs, input_maps(op), strict=False)):
        if is_identity(map_) and _is_private_reshape_of_generic(value):
            return index
    return None


def _is_private_reshape_of_generic(value: SSAValue) -> bool:
    if not isinstance(value.owner, Reshape):
        return False
    while isinstance(value.owner, Reshape):
        if len({use.operation for use in value.uses}) != 1:
            return False
        value = value.owner.src
    return isinstance(value.owner, GenericOp) and size_of(value) > 1 and len(list(value.uses)) == 1


def _move_before_reshape(op: GenericOp, index: int) -> bool:
    parts = Parts.of(op)
    step = parts.inputs[index].owner
    assert isinstance(step, Reshape)
    groups, shape = reassociation(step), shape_of(step.src)
    collapsing = isinstance(step, tensor.CollapseShapeOp)
    change = _expand_map if collapsing else _collapse_map
    maps = [change(map_, groups) for map_ in parts.input_maps]
    if None in maps or any(not is_identity(map_) for map_ in output_maps(op)):
        return False
    if any(other != index and _would_move_back(op, other) for other in range(len(parts.inputs))):
        return False
    old = [shape_of(value) for value in parts.inputs]
    for i, map_ in enumerate(parts.input_maps):
        parts.inputs[i] = _reshaped(parts.inputs[i], old[i], map_, groups, shape, collapsing, op)
    parts.input_maps = [map_ for map_ in maps if map_ is not None]
    parts.output_maps = [AffineMap.identity(len(shape))] * len(parts.outputs)
    parts.iterators = [IteratorType.PARALLEL] * len(shape)
    parts.outputs = [_empty(output, shape, op) for output in parts.outputs]
    new = parts.build(op)
    insert_before(new, op)
    for before, after in zip(op.results, new.results, strict=True):
        before.replace_all_uses_with(reshape(after, shape_of(before), groups, op, step))
    erase(op)
    for value in new.inputs:
        if isinstance(value.owner, Reshape):
            _cancel(value.owner)
    if not step.result.uses:
        erase(step)
    return True


def _would_move_back(op: GenericOp, index: int) -> bool:
    """Whether an input stands in the op's own shape as the reshaped one does in the other.

    Moving would only exchange which of the two is reshaped, and the next round would move the op back.
    """
    value = op.inputs[index]
    if isinstance(value.owner, Reshape) or not is_identity(input_maps(op)[index]):
        return False
    return isinstance(value.owner, GenericOp) and size_of(value) > 1 and len(list(value.uses)) == 1


def _empty(output: SSAValue, shape: Sequence[int], op: GenericOp) -> SSAValue:
    assert isinstance(output.type, TensorType)
    return empty_like(TensorType(output.type.element_type, shape), op, op)


def _expand_map(map_: AffineMap, groups: Groups) -> AffineMap | None:
    """The map over the expanded loops, for an operand expanded likewise."""
    dims = bare_dims(map_)
    if dims is None:
        return None
    loops = sum(map(len, groups))
    return AffineMap(loops, 0, tuple(AffineExpr.dimension(loop) for dim in dims for loop in groups[dim]))


def _collapse_map(map_: AffineMap, groups: Groups) -> AffineMap | None:
    """The map over the collapsed loops; None unless the operand is indexed by whole groups in order."""
    dims, results = bare_dims(map_), []
    while dims:
        outer = next(i for i, group in enumerate(groups) if dims[0] in group)
        if dims[: len(groups[outer])] != groups[outer]:
            return None
        results.append(AffineExpr.dimension(outer))
        dims = dims[len(groups[outer]) :]
    return None if dims is None else AffineMap(len(groups), 0, tuple(results))


def _reshaped(
    value: SSAValue,
    old: Sequence[int],
    map_: AffineMap,
    groups: Groups,
    loops: Sequence[int],
    collapsing: bool,
    op: GenericOp,
) -> SSAValue:
    """The operand in the shape that its new map indexes; `loops` are the extents of the new loops."""
    dims = bare_dims(map_)
    assert dims is not None
    if collapsing:
        chosen = [groups[dim] for dim in dims]
        shape = [loops[loop] for group in chosen for loop in group]
    else:
        chosen = [group for group in groups if set(group) <= set(dims)]
        shape = [loops[i] for i, group in enumerate(groups) if set(group) <= set(dims)]
        order = sorted(range(len(chosen)), key=lambda i: dims.index(chosen[i][0]))
        chosen, shape = [chosen[i] for i in order], [shape[i] for i in order]
    assert prod(shape) == prod(old)
    if list(old) == shape:
        return value
    position, consecutive = 0, []
    for group in chosen:
        consecutive.append(list(range(position, position + len(group))))
        position += len(group)
    return reshape(value, shape, consecutive, op, op)
