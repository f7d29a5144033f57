"""Taps of filters: kernels that copy some of them, and convolutions that read them where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, FunctionType, StringAttr, TensorType
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.dialects.tensor import ExtractSliceOp
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap

from cellc.passes.in_place_pairs import forget_arguments
from cellc.passes.linalg_analysis import (
    bare_dims,
    input_maps,
    is_contraction,
    is_data_movement,
    loop_extents,
    map_attributes,
    maps_of,
    shape_of,
)
from cellc.passes.rewriting import set_location
from cellc.targets.cpu.kernel_variants import contraction_of, is_read_once, kind_of
from cellc.targets.cpu.widen_factors import HALF

# Channels that fill a vector: fewer are not read side by side.
_FEWEST_CHANNELS = 16


class Taps(NamedTuple):
    """Which taps of filters [K, C, window] a kernel copies: along each axis of the window `start + step * i`."""

    starts: tuple[int, ...]
    steps: tuple[int, ...]
    sizes: tuple[int, ...]


def taps_of(kernel: func.FuncOp) -> Taps | None:
    """The taps that a kernel copies, if it copies some taps of all filters, and nothing else."""
    generics = [op for op in kernel.body.block.ops if isinstance(op, GenericOp)]
    if kind_of(kernel) != "elementwise" or len(generics) != 1 or len(kernel.body.block.args) != 1:
        return None
    (op,), source = generics, kernel.body.block.args[0]
    if not is_data_movement(op) or list(op.inputs) != [source] or len(shape := shape_of(source)) < 3:
        return None
    found = [_progression(r, loop_extents(op)) for r in input_maps(op)[0].results]
    if None in found:
        return None
    starts, steps, sizes, loops = zip(*(row for row in found if row is not None), strict=True)
    used = [loop for loop in loops if loop is not None]
    whole = starts[:2] == (0, 0) and sizes[:2] == shape[:2]
    if not whole or used != sorted(set(used)) or prod(sizes) != prod(loop_extents(op)) or sizes == shape:
        return None
    return Taps(starts[2:], steps[2:], sizes[2:])


def _progression(result: AffineExpr, extents: Sequence[int]) -> tuple[int, int, int, int | None] | None:
    """Start, step, size and loop of an index that follows one loop at most; None for others."""
    loops = sorted(loop for loop in AffineMap(len(extents), 0, (result,)).used_dims() if extents[loop] > 1)
    start = result.eval([0] * len(extents), [])
    if not loops:
        return start, 1, 1, None
    step = result.eval([int(loop == loops[0]) for loop in range(len(extents))], []) - start
    return (start, step, extents[loops[0]], loops[0]) if len(loops) == 1 and step > 0 else None


def reading_taps(kernel: func.FuncOp, number: int, taps: Taps, whole: Sequence[int], name: str) -> func.FuncOp | None:
    """The convolution, called `name`, that reads some taps of its filters, argument `number`, with channels last.

    `whole`: the shape [K, C, window] of the filters that have all taps. None where the argument is no such filters (a
    reshape may cut K into groups, not C), has fewer channels than a vector has lanes, or is in half precision, where
    `widen-factors` may give it another form.
    """
    filters = kernel.body.block.args[number]
    assert isinstance(filters.type, TensorType)
    _, channels, *window = whole
    shape, axes = shape_of(filters), len(window)
    if len(shape) < axes + 2 or shape[-axes - 1 :] != (channels, *taps.sizes) or channels < _FEWEST_CHANNELS:
        return None
    if filters.type.element_type in HALF or not _are_filters(contraction_of(kernel), filters):
        return None
    variant = kernel.clone()
    _read_taps(variant, number, taps, window)
    variant.properties["sym_name"] = StringAttr(name)
    types = FunctionType.from_lists([a.type for a in variant.body.block.args], list(kernel.function_type.outputs))
    variant.properties["function_type"] = types
    forget_arguments(variant, (number,))
    return variant


def _read_taps(kernel: func.FuncOp, number: int, taps: Taps, window: Sequence[int]) -> None:
    """Lets a convolution read its filters, argument `number`, as a part of filters with channels last."""
    block, product = kernel.body.block, contraction_of(kernel)
    old, first = block.args[number], block.first_op
    assert isinstance(old.type, TensorType)
    assert first is not None
    *front, channels = shape_of(old)[: -len(window)]
    whole = block.insert_arg(TensorType(old.type.element_type, [*front, *window, channels]), number)
    starts, sizes = [*[0] * len(front), *taps.starts, 0], [*front, *taps.sizes, channels]
    part = ExtractSliceOp.from_static_parameters(whole, starts, sizes, [*[1] * len(front), *taps.steps, 1])
    set_location(part, kernel.location)
    block.insert_op_before(part, first)
    position, maps = list(product.inputs).index(old), maps_of(product)
    *before, channel = maps[position].results[: -len(window)]
    rolled = (*before, *maps[position].results[-len(window) :], channel)
    maps[position] = AffineMap(maps[position].num_dims, 0, rolled)
    product.properties["indexing_maps"] = ArrayAttr(map_attributes(maps))
    old.replace_all_uses_with(part.result)
    block.erase_arg(old)


def _are_filters(product: GenericOp, value: SSAValue) -> bool:
    """Whether a contraction alone reads a value, by bare loops, and the other factor in windows."""
    if not is_contraction(product) or not is_read_once(value):
        return False
    maps = dict(zip(product.inputs, input_maps(product), strict=True))
    if value not in maps or len(maps) != 2:
        return False
    return bare_dims(maps.pop(value)) is not None and all(bare_dims(other) is None for other in maps.values())
