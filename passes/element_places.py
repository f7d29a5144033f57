"""Numbers that are made of an element's place: its number in row-major order, and nothing else that loops say.

Random numbers are such, so they are the same whatever loops a tensor has, and may be made again for some elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import IndexType, IntegerAttr, TensorType
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import GenericOp, IndexOp, YieldOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap

from cellc.passes.generic_fusion import index_value
from cellc.passes.generic_rewrites import erase, new_generic
from cellc.passes.linalg_analysis import input_maps, is_all_parallel, loop_extents
from cellc.passes.rewriting import location_of, set_location


def place_number(ops: Sequence[Operation], shape: Sequence[int]) -> SSAValue | None:
    """The number of an element of a tensor in row-major order, if ops ask for loop indices to make that alone."""
    numbers = {op.input for op in ops if isinstance(op, arith.IndexCastOp) and op.input.type == IndexType()}
    number = numbers.pop() if len(numbers) == 1 else None
    factors = None if number is None else _factors(number)
    if number is None or factors is None:
        return None
    if any(factors.get(loop) != prod(shape[loop + 1 :]) for loop, extent in enumerate(shape) if extent > 1):
        return None
    inside = _tree(number)
    for op in inside:
        users = {use.operation for use in op.results[0].uses} & set(ops) - inside
        if users and not (op.results[0] is number and all(isinstance(user, arith.IndexCastOp) for user in users)):
            return None
    return number if all(op in inside for op in ops if isinstance(op, IndexOp)) else None


def _tree(value: SSAValue) -> set[Operation]:
    """The ops that make a value, constants aside."""
    owner = value.owner
    if not isinstance(owner, Operation) or isinstance(owner, arith.ConstantOp):
        return set()
    return {owner}.union(*(_tree(operand) for operand in owner.operands))


def _factors(value: SSAValue) -> dict[int, int] | None:
    """What each loop index counts in a sum of them; None where the value is none."""
    owner = value.owner
    if isinstance(owner, IndexOp):
        return {owner.dim.value.data: 1}
    if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr) and owner.value.value.data == 0:
        return {}
    if not isinstance(owner, arith.AddiOp | arith.MuliOp):
        return None
    first = _factors(owner.lhs)
    if isinstance(owner, arith.AddiOp):
        second = _factors(owner.rhs)
        if first is None or second is None:
            return None
        return {loop: first.get(loop, 0) + second.get(loop, 0) for loop in {*first, *second}}
    count = owner.rhs.owner
    if first is None or not isinstance(count, arith.ConstantOp) or not isinstance(count.value, IntegerAttr):
        return None
    return {loop: factor * count.value.value.data for loop, factor in first.items()}


def numbers_at_places(numbers: GenericOp, inputs: Sequence[SSAValue], shape: Sequence[int]) -> GenericOp | None:
    """An op that makes one number for each element of a flat tensor, as one over a tensor of that shape.

    It reads `inputs`. None where the op depends on more than places; neither it nor its output is inserted yet.
    """
    rank, type_ = len(shape), numbers.results[0].type
    assert isinstance(type_, TensorType)
    if not is_all_parallel(numbers) or len(numbers.results) != 1 or any(m.used_dims() for m in input_maps(numbers)):
        return None
    body, place = numbers.body.clone().detach_block(0), AffineExpr.constant(0)
    for loop, extent in enumerate(shape):
        place = place * extent + AffineExpr.dimension(loop)
    if len(numbers.iterator_types) == 1:
        for op in [op for op in body.ops if isinstance(op, IndexOp)]:
            op.result.replace_all_uses_with(index_value(place, body, op))
            erase(op)
    elif loop_extents(numbers) != list(shape):
        return None
    empty = tensor.EmptyOp((), TensorType(type_.element_type, shape))
    constants = [AffineMap(rank, 0, m.results) for m in input_maps(numbers)]
    loops = [IteratorType.PARALLEL] * rank
    made = new_generic(inputs, [empty.tensor], body, [*constants, AffineMap.identity(rank)], loops)
    for op in (empty, made):
        op.location = location_of(numbers)
        set_location(op, op.location)
    return made


def over_flat_places(op: GenericOp) -> Block:
    """The body of an op that makes one number for each place, for one loop over all places."""
    body = op.body.clone().detach_block(0)
    number = place_number(list(body.ops), loop_extents(op))
    assert number is not None
    index = IndexOp(0)
    assert body.first_op is not None
    body.insert_op_before(index, body.first_op)
    number.replace_all_uses_with(index.result)
    for inner in reversed(list(body.ops)):
        if not isinstance(inner, YieldOp) and not any(result.uses for result in inner.results):
            erase(inner)
    return body
