"""`sum-in-lanes`: lets the lanes of a contraction run along a reduction loop, where no other loop suits them.

The weight gradient of a convolution reads image and gradient along their rows. Lanes along output channels need one of
the two turned, which pays where a turned element has many uses: taps times input channels, and not for the first layer
of a network or for one channel a group. There, each place of a row gets sums of its own, and a reduction adds them up;
both factors are then read as they lie in memory. Shapes alone decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import Float32Type, Float64Type, ModuleOp, TensorType
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Block
from xdsl.ir.affine import AffineMap
from xdsl.passes import ModulePass

from cellc.passes.generic_rewrites import Parts, insert_before, replace_generic
from cellc.passes.linalg_analysis import (
    bare_dim,
    captured_values,
    input_maps,
    is_contraction,
    iterations,
    loop_extents,
    output_maps,
    parallel_count,
    reduction_loops,
    shape_of,
)
from cellc.passes.move_reshapes import reshape
from cellc.passes.rewriting import set_location
from cellc.passes.split_reductions import filled_like_start, is_zero

# Uses of an element for which turning it does not pay; how much of 16 lanes places have to fill.
_FEW_USES, _LANES, _FULL = 32, 16, 0.75
# Steps for each place, and places of all sums, which are stored once and stay in the level 2 cache.
_MANY_STEPS, _MOST_PLACES = 256, 1 << 16


@dataclass(frozen=True)
class SumInLanesPass(ModulePass):
    """Gives each contraction that would have to turn a factor for few uses a sum for each place of a row."""

    name = "sum-in-lanes"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for generic in [found for found in op.walk() if isinstance(found, GenericOp)]:
            if is_contraction(generic) and _pays(generic):
                _separate(generic)


def _pays(op: GenericOp) -> bool:
    extents, reduced, outer = loop_extents(op), reduction_loops(op), parallel_count(op)
    if not isinstance(op.results[0].type.element_type, Float32Type | Float64Type):  # pyright: ignore[reportAttributeAccessIssue]
        return False
    if len(reduced) < 2 or captured_values(op) or reduced[0] != outer:
        return False
    places, results = extents[-1], prod(extents[:outer])
    filled = places / (-(-places // _LANES) * _LANES)
    steps = iterations(op) // max(1, results * places)
    if filled < _FULL or steps < _MANY_STEPS or results * _part(op) > _MOST_PLACES:
        return False
    start = op.outputs[0].owner
    along_rows = all(_runs_along_rows(map_) for map_ in input_maps(op)) and output_maps(op)[0] == AffineMap(
        len(extents), 0, AffineMap.identity(len(extents)).results[:outer]
    )
    return along_rows and isinstance(start, FillOp) and is_zero(start.inputs[0]) and _uses(op, extents) <= _FEW_USES


def _part(op: GenericOp) -> int:
    """How many places of a row have sums of their own: as many as lanes, if whole vectors fill the row.

    The row is cut by a view of the factor that nothing else moves along it.
    """
    places = loop_extents(op)[-1]
    return _LANES if places % _LANES == 0 and _cut_input(op) is not None else places


def _cut_input(op: GenericOp) -> int | None:
    """The number of an input whose last axis the last loop alone indexes."""
    last = len(op.iterator_types) - 1
    return next((i for i, map_ in enumerate(input_maps(op)) if bare_dim(map_.results[-1]) == last), None)


def _runs_along_rows(map_: AffineMap) -> bool:
    """Whether the last loop moves by one element of the last axis, and in no other."""
    last = map_.num_dims - 1
    if not map_.results or any(last in AffineMap(map_.num_dims, 0, (r,)).used_dims() for r in map_.results[:-1]):
        return False
    at = [map_.eval([int(d == last) * step for d in range(map_.num_dims)], [])[-1] for step in (0, 1)]
    return at[1] - at[0] == 1


def _uses(op: GenericOp, extents: list[int]) -> int:
    """How many sums an element is used for, of the factor where these are more: that one would be turned."""
    loops = range(parallel_count(op))
    return max(prod(extents[d] for d in loops if d not in map_.used_dims()) for map_ in input_maps(op))


def _separate(op: GenericOp) -> None:
    """Sums for each iteration of the last loop, and their sum in place of the op."""
    if _part(op) < loop_extents(op)[-1]:
        op = _with_cut_rows(op, _part(op))
    parts, loops, outer = Parts.of(op), len(op.iterator_types), parallel_count(op)
    element = op.results[0].type.element_type  # pyright: ignore[reportAttributeAccessIssue]
    shape = loop_extents(op)
    order = [*range(outer), loops - 1, *range(outer, loops - 1)]
    moved = AffineMap(loops, 0, tuple(AffineMap.identity(loops).results[order.index(d)] for d in range(loops)))
    parts.input_maps = [map_.compose(moved) for map_ in parts.input_maps]
    parts.outputs = [filled_like_start(op, TensorType(element, [*shape[:outer], shape[-1]]))]
    parts.output_maps = [AffineMap(loops, 0, AffineMap.identity(loops).results[: outer + 1])]
    parts.iterators = [IteratorType.PARALLEL] * (outer + 1) + [IteratorType.REDUCTION] * (loops - outer - 1)
    separate = parts.build(op)
    insert_before(separate, op)
    body = Block(arg_types=[element, element])
    add = arith.AddfOp(body.args[0], body.args[1])
    body.add_ops([add, YieldOp(add.result)])
    set_location(add, op.location)
    identity = AffineMap.identity(outer + 1)
    kinds = [*[IteratorType.PARALLEL] * outer, IteratorType.REDUCTION]
    results = AffineMap(outer + 1, 0, identity.results[:outer])
    replace_generic(op, Parts([separate.results[0]], [identity], list(op.outputs), [results], kinds, body))


def _with_cut_rows(op: GenericOp, part: int) -> GenericOp:
    """The op with its last loop as two, over parts of a row and the places of one."""
    parts, loops, cut = Parts.of(op), len(op.iterator_types), _cut_input(op)
    assert cut is not None
    dims = AffineMap.identity(loops + 1).results
    places = AffineMap(loops + 1, 0, (*dims[: loops - 1], dims[loops - 1] * part + dims[loops]))
    parts.input_maps = [map_.compose(places) for map_ in parts.input_maps]
    parts.output_maps = [map_.compose(places) for map_ in parts.output_maps]
    value, shape = parts.inputs[cut], shape_of(parts.inputs[cut])
    groups = [[d] for d in range(len(shape) - 1)] + [[len(shape) - 1, len(shape)]]
    parts.inputs[cut] = reshape(value, [*shape[:-1], shape[-1] // part, part], groups, op, op)
    parts.input_maps[cut] = AffineMap(loops + 1, 0, (*parts.input_maps[cut].results[:-1], *dims[loops - 1 :]))
    parts.iterators = [*parts.iterators, IteratorType.REDUCTION]
    return replace_generic(op, parts)
