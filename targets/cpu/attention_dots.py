"""What the gradient of a softmax needs of whole rows: sum over n of dweights * weights, which is sum over e of dO * O.

    dweights[m, n] = sum over e of dO[m, e] V[n, e]              O[m, e] = sum over n of weights[m, n] V[n, e]

The first sum is of keys, of which a target makes some at a time; the second one is of tensors in memory. With dropout
O is made of keep ? weights / keep_prob : 0, dweights are keep ? dO V^T / keep_prob : 0, and the sums are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import arith, func
from xdsl.dialects.builtin import Float32Type, Float64Type, FloatAttr, TensorType, f32
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.dialects.tensor import EmptyOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from cellc.passes.dropout_form import Scaled, scaled_of
from cellc.passes.generic_rewrites import insert_before, new_generic
from cellc.passes.linalg_analysis import (
    bare_dims,
    input_maps,
    is_all_parallel,
    is_contraction,
    is_data_movement,
    is_identity,
    output_maps,
    parallel_count,
    reduction_loops,
    shape_of,
)
from cellc.passes.rewriting import location_of, set_location
from cellc.passes.wide_elements import HALF, is_half
from cellc.targets.cpu.attention_kernels import generics_of


@dataclass(frozen=True)
class MixedValues:
    """O as a product of weights and V: how it is read over loops (b.., m, e), and V over loops (b.., m, n, e)."""

    results_map: AffineMap
    values: SSAValue
    values_map: AffineMap


@dataclass(frozen=True)
class Dot:
    """Weights and the gradients of them that a sum over keys multiplies.

    Weights of the products are `made`, which is `weights`: exponentials, scaled and perhaps chosen from; dO V^T, scaled
    and chosen from as `gradients` says, is `dweights`.
    """

    weights: Scaled
    made: SSAValue
    gradients: Scaled
    dweights: SSAValue
    outer: int


def is_dot_of(op: GenericOp, dot: Dot) -> bool:
    """Whether an op is the sum over n of dO V^T and weights, as O has these, whatever dropout is applied to which."""
    rank = len(op.iterator_types)
    if reduction_loops(op) != [rank - 1] or bare_dims(output_maps(op)[0]) != list(range(rank - 1)):
        return False
    end, sums = op.body.block.last_op, op.body.block.args[-1]
    total = None if end is None else end.operands[0].owner
    if not isinstance(total, arith.AddfOp) or sums not in total.operands:
        return False
    product = (total.lhs if total.rhs is sums else total.rhs).owner
    if not isinstance(product, arith.MulfOp):
        return False
    left, right = product.operands
    return _are_factors(op, left, right, dot) or _are_factors(op, right, left, dot)


def _are_factors(op: GenericOp, left: SSAValue, right: SSAValue, dot: Dot) -> bool:
    gradients, weights = scaled_of(op, left, dot.outer), scaled_of(op, right, dot.outer)
    if gradients is None or weights is None or gradients.base is not dot.dweights:
        return False
    if gradients.keep is not None or weights.keep is not None:
        return False
    scales = Counter((*dot.gradients.scales, *gradients.scales, *weights.scales))
    if weights.base is dot.made:
        return not scales and dot.gradients.keep is None
    same = weights.base is dot.weights.base and dot.gradients.keep is dot.weights.keep
    return same and scales == Counter(dot.weights.scales)


def mixed_values(kernel: func.FuncOp, weights: SSAValue) -> MixedValues | None:
    """How the kernel that makes O does so, `values` its argument; None where it does more, or has other loops."""
    product, *moves = generics_of(kernel)
    number = list(product.inputs).index(weights)
    loops, written = bare_dims(input_maps(product)[number]), bare_dims(output_maps(product)[0])
    values = product.inputs[1 - number]
    if loops is None or written is None or not is_contraction(product) or values not in kernel.body.block.args:
        return None
    others = [loop for loop in range(parallel_count(product)) if loop not in loops]
    if len(others) != 1 or len(moves) > 1 or not all(map(_moves, moves)):
        return None
    place = {loop: i for i, loop in enumerate([*loops, *others])}
    dims = [AffineDimExpr(place[loop]) for loop in range(len(place))]
    values_map = input_maps(product)[1 - number].replace_dims_and_symbols(dims, (), len(place), 0)
    order = [min(place[loop], len(loops) - 1) for loop in written]
    for move in moves:
        moved = bare_dims(output_maps(move)[0])
        if moved is None or not is_identity(input_maps(move)[0]):
            return None
        order = [order[i] for i in moved]
    results_map = AffineMap(len(loops), 0, tuple(AffineDimExpr(i) for i in order))
    return MixedValues(results_map, values, values_map)


def _moves(op: GenericOp) -> bool:
    """Whether an op only moves what it reads, rounded to f16 or bf16 or not."""
    first = op.body.block.first_op
    if isinstance(first, arith.TruncFOp) and is_half(op.results[0].type):
        end = first.next_op
        return isinstance(end, YieldOp) and list(end.operands) == [first.result] and is_all_parallel(op)
    return is_data_movement(op)


def dots_before(sums: GenericOp, dweights: GenericOp, results: SSAValue, mixed: MixedValues) -> GenericOp | None:
    """The sum over e of dO * O for each row, in front of `sums`, whose result it has; None where dweights are not made
    of the same V as O."""
    outer, maps = len(dweights.iterator_types) - 2, input_maps(dweights)
    values = next((i for i, m in enumerate(maps) if outer in m.used_dims()), 0)
    if mixed.values_map.num_dims != outer + 2 or reduction_loops(dweights) != [outer + 1]:
        return None
    if (dweights.inputs[values], maps[values]) != (mixed.values, mixed.values_map):
        return None
    if outer in maps[1 - values].used_dims():
        return None
    # Without loop n, which dO does not have.
    loops = [*(AffineDimExpr(i) for i in range(outer)), AffineDimExpr(outer), AffineDimExpr(outer)]
    read = maps[1 - values].replace_dims_and_symbols(loops, (), outer + 1, 0)
    return _dot(sums, [dweights.inputs[1 - values], results], [read, _without_ones(mixed.results_map, read, results)])


def _without_ones(map_: AffineMap, other: AffineMap, tensor: SSAValue) -> AffineMap:
    """Reads a tensor at 0 where it has one element along a loop that another map does not have, as for one head."""
    used, shape = other.used_dims(), shape_of(tensor)
    dims = bare_dims(map_) or []
    ones = {d for d, extent in zip(dims, shape, strict=True) if extent == 1 and d not in used}
    found = [AffineConstantExpr(0) if d in ones else AffineDimExpr(d) for d in range(map_.num_dims)]
    return map_.replace_dims_and_symbols(found, (), map_.num_dims, 0)


def _dot(before: GenericOp, factors: Sequence[SSAValue], maps: Sequence[AffineMap]) -> GenericOp | None:
    """The sum of products of two tensors, read through these maps, over the maps' last loop."""
    type_, rank = before.results[0].type, maps[0].num_dims
    assert isinstance(type_, TensorType)
    element = type_.element_type
    kinds = [factor.type.element_type for factor in factors if isinstance(factor.type, TensorType)]
    if not isinstance(element, Float32Type | Float64Type) or not {*kinds} <= {
        element,
        *(HALF if element == f32 else ()),
    }:
        return None
    zero, empty = arith.ConstantOp(FloatAttr(0.0, element)), EmptyOp((), type_)
    fill = FillOp([zero.result], [empty.tensor], [type_])
    body = Block(arg_types=[*kinds, element])
    *read, sums = body.args
    wide = [value if value.type == element else arith.ExtFOp(value, element).result for value in read]
    left, right = wide
    product = arith.MulfOp(left, right)
    total = arith.AddfOp(sums, product.result)
    body.add_ops([*(v.owner for v in wide if isinstance(v.owner, Operation)), product, total, YieldOp(total.result)])
    rows = AffineMap(rank, 0, tuple(AffineDimExpr(i) for i in range(rank - 1)))
    loops = [IteratorType.PARALLEL] * (rank - 1) + [IteratorType.REDUCTION]
    dots = new_generic(factors, [fill.results[0]], body, [*maps, rows], loops)
    for op in (zero, empty, fill, dots):
        op.location = location_of(before)
        set_location(op, op.location)
        insert_before(op, before)
    return dots
