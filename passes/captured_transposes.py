"""Bodies that read elements of a transposed tensor read the tensor itself, and no transpose is needed.

Rows are taken along the first axis (`nn.take`), so that along another one all of a table would be moved there
first. A step of `fuse-elementwise`.
"""

from __future__ import annotations

from xdsl.dialects.linalg.ops import GenericOp, IndexOp
from xdsl.dialects.tensor import ExtractOp
from xdsl.ir import Block, BlockArgument, Operation, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from cellc.passes.linalg_analysis import input_maps, inputs_of, is_data_movement, output_maps, size_of
from cellc.passes.rewriting import location_of, set_location


def read_before_transposes(block: Block) -> None:
    """Lets `tensor.extract` in the block's generics read what a transpose alone made the tensor of."""
    for op in list(block.ops):
        if isinstance(op, GenericOp):
            for extract in [each for each in op.body.block.ops if isinstance(each, ExtractOp)]:
                _read_before_transpose(op, extract)


def _read_before_transpose(op: GenericOp, extract: ExtractOp) -> None:
    axes = _transposed_axes(extract.tensor)
    if axes is None:
        return
    assert isinstance(extract.tensor.owner, GenericOp)
    table, indices = inputs_of(extract.tensor.owner)[0], [extract.indices[axis] for axis in axes]
    if not _is_worth_it(op, table, indices[-1]):
        return
    direct = ExtractOp(table, indices, extract.result.type)
    set_location(direct, location_of(extract))
    op.body.block.insert_op_before(direct, extract)
    extract.result.replace_all_uses_with(direct.result)
    extract.detach()
    extract.erase()


def _transposed_axes(value: SSAValue) -> list[int] | None:
    """For each axis of the tensor that the value is a transpose of, where it is in the value."""
    owner = value.owner
    if not isinstance(owner, GenericOp) or not is_data_movement(owner):
        return None
    (source,), (target,) = input_maps(owner), output_maps(owner)
    places = [expr.position for expr in source.results if isinstance(expr, AffineDimExpr)]
    whole = sorted(places) == list(range(len(owner.iterator_types))) and len(places) == len(source.results)
    return places if whole and target == AffineMap.identity(len(places)) else None


def _is_worth_it(op: GenericOp, table: SSAValue, last: SSAValue) -> bool:
    """Whether neighbours read within a row of the table, or read so little that moving it would take longer."""
    innermost = len(op.iterator_types) - 1
    return innermost in _loops_of(op, last) or size_of(op.results[0]) <= size_of(table)


def _loops_of(op: GenericOp, value: SSAValue) -> set[int]:
    """The loops that a value in the op's body depends on."""
    if isinstance(value, BlockArgument):
        return set(input_maps(op)[value.index].used_dims()) if value.block is op.body.block else set()
    assert isinstance(value.owner, Operation)
    if isinstance(value.owner, IndexOp):
        return {value.owner.dim.value.data}
    return {loop for operand in value.owner.operands for loop in _loops_of(op, operand)}
