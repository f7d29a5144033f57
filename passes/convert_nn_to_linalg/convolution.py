"""Convolution and its gradients: each one sum of products over a window, group by group.

With groups the channels are split into (group, channel of the group) by a free
reshape, and the group is a parallel loop of its own. Where each channel is a
group (depthwise), the channel is that loop and there are no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

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


def _split(b: TensorBuilder, x: Tensor, axis: int, groups: int) -> Tensor:
    """The axis as (group, channel of the group); nothing without groups."""
    if groups == 1:
        return x
    before, channels, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    return reshape(b, x, (*before, groups, channels // groups, *after))


def _image_loops(groups: int) -> tuple[AffineExpr, Sequence[AffineExpr], Sequence[AffineExpr]]:
    """The loop over images, that over groups (none without), and the six others."""
    grouped = groups > 1
    image, *others = dims(7 + grouped)
    return image, others[:grouped], others[grouped:]


@lowering_of("conv2d")
def _conv2d(
    b: TensorBuilder, result: TensorType, x: Tensor, weight: Tensor, *,
    strides: Ints, padding: Ints, dilation: Ints, groups: int,
) -> Tensor:  # fmt: skip
    """Loops: n, (g), k, y, x | c, r, s."""
    n, k, oh, ow = result.shape
    padded = pad_spatial(b, x, padding)
    if groups == k == x.shape[1]:
        dn, dg, dy, dx, dr, ds = dims(6)
        at = (dy * strides[0] + dr * dilation[0], dx * strides[1] + ds * dilation[1])
        return _depthwise(b, result, Read(padded, (dn, dg, *at)), weight)
    dn, group, (dk, dy, dx, dc, dr, ds) = _image_loops(groups)
    at = (dy * strides[0] + dr * dilation[0], dx * strides[1] + ds * dilation[1])
    image = Read(_split(b, padded, 1, groups), (dn, *group, dc, *at))
    taps = Read(_split(b, weight, 0, groups), (*group, dk, dc, dr, ds))
    extents = (k // groups, oh, ow, *weight.shape[1:])
    return _contract_images(b, result, image, taps, (n, *_group_extent(groups), *extents))


@lowering_of("conv2d_input_gradient")
def _conv2d_input_gradient(
    b: TensorBuilder, result: TensorType, gradient: Tensor, weight: Tensor, *,
    strides: Ints, padding: Ints, dilation: Ints, groups: int, input_shape: Ints,
) -> Tensor:  # fmt: skip
    """One sum per phase of the strides, each of them a convolution with stride 1 by some of the taps.

    Together they multiply what the forward convolution multiplies, and no zeros between the gradient's elements.
    """
    axes = [
        phases(result.shape[2 + axis], weight.shape[2 + axis], strides[axis], dilation[axis], padding[2 * axis])
        for axis in (0, 1)
    ]
    low = [min((phase.lowest for phase in axis), default=0) for axis in axes]
    high = [max((phase.highest for phase in axis), default=0) for axis in axes]
    extents = [last + 1 - first for first, last in zip(low, high, strict=True)]
    padded = spread_spatial(b, gradient, [-first for first in low], extents, (1, 1))
    pairs = [(row, column) for row in axes[0] for column in axes[1]]
    if len(pairs) == 1 == prod(strides):
        return _input_gradient_phase(b, result, padded, weight, groups, low, pairs[0])
    total = b.empty(result) if len(pairs) == prod(strides) else b.fill(0, result)
    for pair in pairs:
        part = TensorType((*result.shape[:2], pair[0].count, pair[1].count), result.dtype)
        found = _input_gradient_phase(b, part, padded, weight, groups, low, pair)
        total = insert(b, found, total, (0, 0, pair[0].start, pair[1].start), strides=(1, 1, *strides))
    return total


def _input_gradient_phase(
    b: TensorBuilder, result: TensorType, gradient: Tensor, weight: Tensor, groups: int, low: Ints,
    phases: tuple[Phase, Phase],
) -> Tensor:  # fmt: skip
    """Loops: n, (g), c, y, x | k, r, s; the gradient, whose rows count from `low`, is read with the window reversed."""
    n, channels, h, w = result.shape
    k, c, *_ = weight.shape
    taps = [phase.taps for phase in phases]
    starts, steps = ([0, 0, *(getattr(p, name) for p in phases)] for name in ("tap", "step"))
    weight = slice_axes(b, weight, starts, (k, c, *taps), (1, 1, *steps[2:]))
    offsets = [phase.ahead - first for phase, first in zip(phases, low, strict=True)]
    backs = [-phase.back for phase in phases]
    if groups == k == channels:
        dn, dg, dy, dx, dr, ds = dims(6)
        at = (dy + dr * backs[0] + offsets[0], dx + ds * backs[1] + offsets[1])
        return _depthwise(b, result, Read(gradient, (dn, dg, *at)), weight)
    dn, group, (dc, dy, dx, dk, dr, ds) = _image_loops(groups)
    at = (dy + dr * backs[0] + offsets[0], dx + ds * backs[1] + offsets[1])
    image = Read(_split(b, gradient, 1, groups), (dn, *group, dk, *at))
    filters = Read(_split(b, weight, 0, groups), (*group, dk, dc, dr, ds))
    return _contract_images(b, result, image, filters, (n, *_group_extent(groups), c, h, w, k // groups, *taps))


@lowering_of("conv2d_weight_gradient")
def _conv2d_weight_gradient(
    b: TensorBuilder, result: TensorType, x: Tensor, gradient: Tensor, *,
    strides: Ints, padding: Ints, dilation: Ints, groups: int, weight_shape: Ints,
) -> Tensor:  # fmt: skip
    """Loops: (g), k, c, r, s | n, y, x."""
    k, c, r, s = result.shape
    n, _, oh, ow = gradient.shape
    *group, dk, dc, dr, ds, dn, dy, dx = dims(7 + (groups > 1))
    at = (dy * strides[0] + dr * dilation[0], dx * strides[1] + ds * dilation[1])
    image = Read(_split(b, pad_spatial(b, x, padding), 1, groups), (dn, *group, dc, *at))
    outer = Read(_split(b, gradient, 1, groups), (dn, *group, dk, dy, dx))
    extents = (*_group_extent(groups), k // groups, c, r, s, n, oh, ow)
    return reshape(b, b.contraction(image, outer, extents, len(extents) - 3), result.shape)


def _group_extent(groups: int) -> tuple[int, ...]:
    return (groups,) if groups > 1 else ()


def _contract_images(b: TensorBuilder, result: TensorType, image: Read, taps: Read, extents: Ints) -> Tensor:
    """The sum over the last three loops, with (group, channel of the group) merged."""
    return reshape(b, b.contraction(image, taps, extents, len(extents) - 3), result.shape)


def _depthwise(b: TensorBuilder, result: TensorType, image: Read, weight: Tensor) -> Tensor:
    """Loops: n, g, y, x | r, s; each channel is a group, and there is no sum over channels."""
    _, dg, _, _, dr, ds = dims(6)
    window = weight.shape[2:]
    taps = Read(reshape(b, weight, (weight.shape[0], *window)), (dg, dr, ds))
    return b.contraction(image, taps, (*result.shape, *window), 4)
