"""Convolution over two or three axes and its gradients: each one sum of products over a window, group by group.

With groups the channels are split into (group, channel of the group) by a free
reshape, and the group is a parallel loop of its own. Where each channel is a
group (depthwise), the channel is that loop and there are no others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import NamedTuple

from xdsl.ir.affine import AffineExpr

from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg.layout import insert, reshape
from cellc.passes.convert_nn_to_linalg.maps import dims
from cellc.passes.convert_nn_to_linalg.phases import Phase, phases
from cellc.passes.convert_nn_to_linalg.rules import lowering_of
from cellc.passes.convert_nn_to_linalg.shape import slice_axes
from cellc.passes.convert_nn_to_linalg.tensors import Read, Tensor, TensorBuilder
from cellc.passes.convert_nn_to_linalg.windows import pad_spatial, spread_spatial

Ints = Sequence[int]
# Places and taps to where they read an image.
Window = Callable[[Sequence[AffineExpr], Sequence[AffineExpr]], list[AffineExpr]]


def _split(b: TensorBuilder, x: Tensor, axis: int, groups: int) -> Tensor:
    """The axis as (group, channel of the group); nothing without groups."""
    if groups == 1:
        return x
    before, channels, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    return reshape(b, x, (*before, groups, channels // groups, *after))


class _Loops(NamedTuple):
    """Loops of a product: its parallel ones, an outer channel, places and a summed channel, then the window.

    `group` is the loop over groups, which is there only with several of them.
    """

    image: AffineExpr
    group: Sequence[AffineExpr]
    outer: AffineExpr
    places: Sequence[AffineExpr]
    inner: AffineExpr
    window: Sequence[AffineExpr]


def _loops(axes: int, groups: int) -> _Loops:
    """In the order n, (g), outer channel, places | inner channel, window."""
    grouped = groups > 1
    image, *others = dims(3 + grouped + 2 * axes)
    group, (outer, *rest) = others[:grouped], others[grouped:]
    return _Loops(image, group, outer, rest[:axes], rest[axes], rest[axes + 1 :])


def _window(
    places: Sequence[AffineExpr], taps: Sequence[AffineExpr], strides: Ints, dilation: Ints
) -> list[AffineExpr]:
    """Where the windows of a convolution read the padded input."""
    rows = zip(places, taps, strides, dilation, strict=True)
    return [place * stride + tap * gap for place, tap, stride, gap in rows]


@lowering_of("conv2d", "conv3d")
def _convolution(
    b: TensorBuilder, result: TensorType, x: Tensor, weight: Tensor, *,
    strides: Ints, padding: Ints, dilation: Ints, groups: int,
) -> Tensor:  # fmt: skip
    """Loops: n, (g), k, places | c, window."""
    n, k, *out = result.shape
    padded = pad_spatial(b, x, padding)
    if groups == k == x.shape[1]:
        return _depthwise(b, result, padded, weight, lambda places, taps: _window(places, taps, strides, dilation))
    loops = _loops(len(out), groups)
    at = _window(loops.places, loops.window, strides, dilation)
    image = Read(_split(b, padded, 1, groups), (loops.image, *loops.group, loops.inner, *at))
    taps = Read(_split(b, weight, 0, groups), (*loops.group, loops.outer, loops.inner, *loops.window))
    extents = (n, *_group_extent(groups), k // groups, *out, *weight.shape[1:])
    return _contract_images(b, result, image, taps, extents)


@lowering_of("conv2d_input_gradient", "conv3d_input_gradient")
def _input_gradient(
    b: TensorBuilder, result: TensorType, gradient: Tensor, weight: Tensor, *,
    strides: Ints, padding: Ints, dilation: Ints, groups: int, input_shape: Ints,
) -> Tensor:  # fmt: skip
    """One sum per phase of the strides, each of them a convolution with stride 1 by some of the taps.

    Together they multiply what the forward convolution multiplies, and no zeros between the gradient's elements.
    """
    rows = zip(result.shape[2:], weight.shape[2:], strides, dilation, padding[::2], strict=True)
    axes = [phases(*row) for row in rows]
    low = [min((phase.lowest for phase in axis), default=0) for axis in axes]
    high = [max((phase.highest for phase in axis), default=0) for axis in axes]
    extents = [last + 1 - first for first, last in zip(low, high, strict=True)]
    padded = spread_spatial(b, gradient, [-first for first in low], extents, (1,) * len(axes))
    parts = list(product(*axes))
    if len(parts) == 1 == prod(strides):
        return _input_gradient_phase(b, result, padded, weight, groups, low, parts[0])
    total = b.empty(result) if len(parts) == prod(strides) else b.fill(0, result)
    for part in parts:
        type_ = TensorType((*result.shape[:2], *(phase.count for phase in part)), result.dtype)
        found = _input_gradient_phase(b, type_, padded, weight, groups, low, part)
        total = insert(b, found, total, (0, 0, *(phase.start for phase in part)), strides=(1, 1, *strides))
    return total


def _input_gradient_phase(
    b: TensorBuilder, result: TensorType, gradient: Tensor, weight: Tensor, groups: int, low: Ints,
    phases: Sequence[Phase],
) -> Tensor:  # fmt: skip
    """Loops: n, (g), c, places | k, window; the gradient counts from `low` and is read with the window reversed."""
    n, channels, *extents = result.shape
    k, c, *_ = weight.shape
    taps = [phase.taps for phase in phases]
    starts, steps = ([0, 0, *(getattr(p, name) for p in phases)] for name in ("tap", "step"))
    weight = slice_axes(b, weight, starts, (k, c, *taps), (1, 1, *steps[2:]))

    def window(places: Sequence[AffineExpr], taps: Sequence[AffineExpr]) -> list[AffineExpr]:
        rows = zip(places, taps, phases, low, strict=True)
        return [place + tap * -phase.back + (phase.ahead - first) for place, tap, phase, first in rows]

    if groups == k == channels:
        return _depthwise(b, result, gradient, weight, window)
    loops = _loops(len(extents), groups)
    at = window(loops.places, loops.window)
    image = Read(_split(b, gradient, 1, groups), (loops.image, *loops.group, loops.inner, *at))
    filters = Read(_split(b, weight, 0, groups), (*loops.group, loops.inner, loops.outer, *loops.window))
    return _contract_images(b, result, image, filters, (n, *_group_extent(groups), c, *extents, k // groups, *taps))


@lowering_of("conv2d_weight_gradient", "conv3d_weight_gradient")
def _weight_gradient(
    b: TensorBuilder, result: TensorType, x: Tensor, gradient: Tensor, *,
    strides: Ints, padding: Ints, dilation: Ints, groups: int, weight_shape: Ints,
) -> Tensor:  # fmt: skip
    """Loops: (g), k, c, window | n, places."""
    k, c, *kernel = result.shape
    n, _, *out = gradient.shape
    *group, dk, dc = dims(2 + (groups > 1))
    rest = dims(3 + (groups > 1) + 2 * len(out))[2 + (groups > 1) :]
    window, dn, places = rest[: len(out)], rest[len(out)], rest[len(out) + 1 :]
    at = _window(places, window, strides, dilation)
    image = Read(_split(b, pad_spatial(b, x, padding), 1, groups), (dn, *group, dc, *at))
    outer = Read(_split(b, gradient, 1, groups), (dn, *group, dk, *places))
    extents = (*_group_extent(groups), k // groups, c, *kernel, n, *out)
    return reshape(b, b.contraction(image, outer, extents, len(extents) - 1 - len(out)), result.shape)


def _group_extent(groups: int) -> tuple[int, ...]:
    return (groups,) if groups > 1 else ()


def _contract_images(b: TensorBuilder, result: TensorType, image: Read, taps: Read, extents: Ints) -> Tensor:
    """The sum over a channel and the window, with (group, channel of the group) merged."""
    return reshape(b, b.contraction(image, taps, extents, len(extents) - result.rank + 1), result.shape)


def _depthwise(b: TensorBuilder, result: TensorType, image: Tensor, weight: Tensor, window: Window) -> Tensor:
    """Loops: n, g, places | window; each channel is a group, and there is no sum over channels."""
    rank = result.rank
    kernel = weight.shape[2:]
    loops = dims(rank + len(kernel))
    at = window(loops[2:rank], loops[rank:])
    taps = Read(reshape(b, weight, (weight.shape[0], *kernel)), (loops[1], *loops[rank:]))
    return b.contraction(Read(image, (*loops[:2], *at)), taps, (*result.shape, *kernel), rank)
