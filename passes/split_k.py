"""`split-k`: cuts the sum of a contraction of few results into parts, so that several threads find work in it.

The weight gradient of a convolution of few channels is a small matrix of sums over all pixels of all images. Blocks of
results would each copy the same images to panels. Here each part of the images gets sums of its own, and a reduction
adds those up. Shapes alone decide how many parts there are, so that results do not depend on the number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.passes import ModulePass

from cellc.passes.hoist_constants import constant_values
from cellc.passes.linalg_analysis import (
    input_maps,
    is_contraction,
    loop_extents,
    main_function,
    parallel_count,
    reduction_loops,
)
from cellc.passes.partial_results import axis_of, cut_loop, is_sum_of_products, sum_of_parts

# More results, and more than twice as many as a sum has steps, fill blocks of their own. Sums of all parts stay in the
# level 2 cache.
_MOST_RESULTS, _MOST_SUMS, _MOST_PARTS = 1 << 14, 1 << 16, 16
_FEWEST_ROWS = 4
# Steps beside which storing a sum takes little, and multiply-adds that pay for a second kernel.
_FEWEST_STEPS, _WORK = 1024, 1 << 23


@dataclass(frozen=True)
class SplitKPass(ModulePass):
    """Gives each contraction of few results and a long sum partial sums over its outermost reduction loop."""

    name = "split-k"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = main_function(op)
        kept = constant_values(function)
        for generic in [found for found in function.body.block.ops if is_contraction(found)]:
            if not kept.isdisjoint(generic.inputs):
                continue  # parameters that no run changes are packed once
            loop = _loop(generic)
            if loop is not None and (parts := _parts(generic, loop)) > 1:
                sum_of_parts(cut_loop(generic, loop, loop_extents(generic)[loop] // parts), loop, 0)


def _loop(op: GenericOp) -> int | None:
    """The outermost reduction loop of a sum from zero with more than one iteration, where cutting it suits."""
    if not is_sum_of_products(op):
        return None
    extents, outer, (left, right) = loop_extents(op), parallel_count(op), (map_.used_dims() for map_ in input_maps(op))
    if any(loop < outer for loop in left & right):
        return None  # products in batches, as of attention, become part of other kernels
    if any(prod(extents[loop] for loop in used if loop < outer) < _FEWEST_ROWS for used in (left, right)):
        return None  # the other factor is read once, as one stream
    return next((loop for loop in reduction_loops(op) if extents[loop] > 1), None)


def _parts(op: GenericOp, loop: int) -> int:
    """Into how many equal parts the loop is cut; 1 where the op stays whole."""
    extents, outer = loop_extents(op), parallel_count(op)
    results, steps = prod(extents[:outer]), prod(extents[outer:])
    if results > min(_MOST_RESULTS, 2 * steps) or results * steps < _WORK:
        return 1
    most = min(_MOST_PARTS, _MOST_SUMS // results, steps // _FEWEST_STEPS)
    if extents[loop] > most and axis_of(op, loop) is None:
        return 1
    return max((d for d in range(1, most + 1) if extents[loop] % d == 0), default=1)
