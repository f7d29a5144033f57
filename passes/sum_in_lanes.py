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
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir.affine import AffineMap
from xdsl.passes import ModulePass

from cellc.passes.linalg_analysis import (
    input_maps,
    is_contraction,
    iterations,
    loop_extents,
    parallel_count,
    reduction_loops,
)
from cellc.passes.partial_results import axis_of, cut_loop, is_sum_of_products, sum_of_parts

# Uses of an element of either factor for which turning it does not pay, and of both; how much of 16 lanes places fill.
_FEW_USES, _FEW_OF_BOTH, _LANES, _FULL = 32, 16, 16, 0.75
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
    extents, outer = loop_extents(op), parallel_count(op)
    if len(reduction_loops(op)) < 2 or not is_sum_of_products(op):
        return False
    places, results = extents[-1], prod(extents[:outer])
    filled = places / (-(-places // _LANES) * _LANES)
    steps = iterations(op) // max(1, results * places)
    if filled < _FULL or steps < _MANY_STEPS or results * _part(op) > _MOST_PLACES:
        return False
    return all(_runs_along_rows(map_) for map_ in input_maps(op)) and _few_uses(op, extents)


def _part(op: GenericOp) -> int:
    """How many places of a row have sums of their own: as many as lanes, if whole vectors fill the row.

    The row is cut by a view of the factor that nothing else moves along it.
    """
    places = loop_extents(op)[-1]
    return _LANES if places % _LANES == 0 and axis_of(op, len(op.iterator_types) - 1) is not None else places


def _runs_along_rows(map_: AffineMap) -> bool:
    """Whether the last loop moves by one element of the last axis, and in no other."""
    last = map_.num_dims - 1
    if not map_.results or any(last in AffineMap(map_.num_dims, 0, (r,)).used_dims() for r in map_.results[:-1]):
        return False
    at = [map_.eval([int(d == last) * step for d in range(map_.num_dims)], [])[-1] for step in (0, 1)]
    return at[1] - at[0] == 1


def _few_uses(op: GenericOp, extents: list[int]) -> bool:
    """Whether elements are used for few sums. The factor with more uses would be turned, by a tile of the other's."""
    loops = range(parallel_count(op))
    uses = [prod(extents[d] for d in loops if d not in map_.used_dims()) for map_ in input_maps(op)]
    return max(uses) <= _FEW_USES and min(uses) < _FEW_OF_BOTH


def _separate(op: GenericOp) -> None:
    """Sums for each place that the last loop goes through, and their sum in place of the op."""
    last = len(op.iterator_types) - 1
    if _part(op) < loop_extents(op)[last]:
        op = cut_loop(op, last, _part(op))
    sum_of_parts(op, len(op.iterator_types) - 1, parallel_count(op))
