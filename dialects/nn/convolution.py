"""Convolution over two and three axes, and its two gradients.

It is bilinear, so the three ops are closed under differentiation: each one's
gradient is another of them. The gradients are ops because the composition (dilate
the gradient, pad, reverse the weight, convolve) hides from the target what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import mul
from typing import ClassVar

import numpy as np

from cellc.dialects.nn.arrays import wide
from cellc.dialects.nn.checks import (
    require_at_least,
    require_dtype,
    require_length,
    require_rank,
    require_same_dtype,
    require_shape,
    require_type,
)
from cellc.dialects.nn.definition import FLOATS, InferenceError, OpDefinition, TensorType, nn_op
from cellc.dialects.nn.windows import crop_spatial, output_extents, pad_spatial, require_window_attributes, tap

Ints = tuple[int, ...]
ATTRIBUTES = {"strides": "ints", "padding": "ints", "dilation": "ints", "groups": "int"}


class ConvolutionDefinition(OpDefinition):
    """What the three ops of each number of spatial axes share."""

    attributes: ClassVar = ATTRIBUTES
    axes: ClassVar[int]

    @classmethod
    def convolved(
        cls, x: TensorType, weight: TensorType, strides: Ints, padding: Ints, dilation: Ints, groups: int
    ) -> TensorType:
        """The type of the convolution's result, which its gradients' operands must match."""
        op = cls.name
        require_rank(op, "input", x, 2 + cls.axes)
        require_rank(op, "weight", weight, 2 + cls.axes)
        require_window_attributes(op, strides, padding, cls.axes)
        require_length(op, "dilation", dilation, cls.axes)
        require_at_least(op, "dilation", dilation, 1)
        _require_channels(op, x, weight, groups)
        out = output_extents(op, x.shape[2:], weight.shape[2:], strides, padding, dilation)
        return TensorType((x.shape[0], weight.shape[0], *out), x.dtype)

    @classmethod
    def of(cls, x: TensorType, weight: TensorType) -> str:
        """What an operand's type follows from, for errors."""
        return f"conv{cls.axes}d of {x} and {weight}"


def _require_channels(op: str, x: TensorType, weight: TensorType, groups: int) -> None:
    require_at_least(op, "groups", (groups,), 1)
    if 0 in weight.shape[2:]:
        raise InferenceError(f"{op}: the kernel is empty (weight {weight})")
    if weight.shape[0] % groups:
        raise InferenceError(f"{op}: {weight.shape[0]} output channels cannot be split into {groups} groups")
    if x.shape[1] != weight.shape[1] * groups:
        grouped = f" in {groups} groups" if groups > 1 else ""
        raise InferenceError(
            f"{op}: input has {x.shape[1]} channels, "
            f"weight expects {weight.shape[1] * groups}{grouped} (weight {weight})"
        )


def _groups(channels: int, groups: int) -> Iterator[slice]:
    size = channels // groups
    return (slice(g * size, (g + 1) * size) for g in range(groups))


def _taps(weight_shape: Ints, dilation: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Each place in the kernel, and its offset in the image."""
    return ((at, tuple(map(mul, at, dilation))) for at in np.ndindex(*weight_shape[2:]))


class ForwardDefinition(ConvolutionDefinition):
    """input, weight -> result."""

    operands = ("input", "weight")

    @classmethod
    def infer(
        cls, input: TensorType, weight: TensorType, *, strides: Ints, padding: Ints, dilation: Ints, groups: int
    ) -> TensorType:
        require_dtype(cls.name, "input", input, FLOATS)
        require_same_dtype(cls.name, ("input", "weight"), input, weight)
        return cls.convolved(input, weight, strides, padding, dilation, groups)

    @classmethod
    def evaluate(
        cls, input: np.ndarray, weight: np.ndarray, *, strides: Ints, padding: Ints, dilation: Ints, groups: int
    ) -> np.ndarray:
        x, w = pad_spatial(wide(input), padding), wide(weight)
        out = output_extents(cls.name, input.shape[2:], weight.shape[2:], strides, padding, dilation)
        result = np.zeros((x.shape[0], w.shape[0], *out), x.dtype)
        for ks, cs in zip(_groups(w.shape[0], groups), _groups(x.shape[1], groups), strict=True):
            for at, offset in _taps(w.shape, dilation):
                view = tap(x[:, cs], offset, out, strides)
                result[:, ks] += np.einsum("nc...,kc->nk...", view, w[ks, :, *at])
        return result.astype(input.dtype)


class InputGradientDefinition(ConvolutionDefinition):
    """gradient, weight -> d(sum(convolution * gradient)) / d input."""

    operands = ("gradient", "weight")
    attributes: ClassVar = ATTRIBUTES | {"input_shape": "ints"}

    @classmethod
    def infer(
        cls, gradient: TensorType, weight: TensorType, *,
        strides: Ints, padding: Ints, dilation: Ints, groups: int, input_shape: Ints,
    ) -> TensorType:  # fmt: skip
        op = cls.name
        require_dtype(op, "gradient", gradient, FLOATS)
        require_same_dtype(op, ("gradient", "weight"), gradient, weight)
        require_shape(op, "input_shape", input_shape)
        x = TensorType(tuple(input_shape), gradient.dtype)
        expected = cls.convolved(x, weight, strides, padding, dilation, groups)
        require_type(op, "gradient", gradient, expected, cls.of(x, weight))
        return x

    @classmethod
    def evaluate(
        cls, gradient: np.ndarray, weight: np.ndarray, *,
        strides: Ints, padding: Ints, dilation: Ints, groups: int, input_shape: Ints,
    ) -> np.ndarray:  # fmt: skip
        g, w = wide(gradient), wide(weight)
        dx = pad_spatial(np.zeros(input_shape, g.dtype), padding)
        for ks, cs in zip(_groups(w.shape[0], groups), _groups(input_shape[1], groups), strict=True):
            for at, offset in _taps(w.shape, dilation):
                view = tap(dx[:, cs], offset, g.shape[2:], strides)
                view += np.einsum("nk...,kc->nc...", g[:, ks], w[ks, :, *at])
        return crop_spatial(dx, padding).astype(gradient.dtype)


class WeightGradientDefinition(ConvolutionDefinition):
    """input, gradient -> d(sum(convolution * gradient)) / d weight."""

    operands = ("input", "gradient")
    attributes: ClassVar = ATTRIBUTES | {"weight_shape": "ints"}

    @classmethod
    def infer(
        cls, input: TensorType, gradient: TensorType, *,
        strides: Ints, padding: Ints, dilation: Ints, groups: int, weight_shape: Ints,
    ) -> TensorType:  # fmt: skip
        op = cls.name
        require_dtype(op, "input", input, FLOATS)
        require_same_dtype(op, ("input", "gradient"), input, gradient)
        require_shape(op, "weight_shape", weight_shape)
        weight = TensorType(tuple(weight_shape), input.dtype)
        expected = cls.convolved(input, weight, strides, padding, dilation, groups)
        require_type(op, "gradient", gradient, expected, cls.of(input, weight))
        return weight

    @classmethod
    def evaluate(
        cls, input: np.ndarray, gradient: np.ndarray, *,
        strides: Ints, padding: Ints, dilation: Ints, groups: int, weight_shape: Ints,
    ) -> np.ndarray:  # fmt: skip
        x, g = pad_spatial(wide(input), padding), wide(gradient)
        dw, places = np.zeros(weight_shape, x.dtype), "zyx"[-cls.axes :]
        for ks, cs in zip(_groups(weight_shape[0], groups), _groups(x.shape[1], groups), strict=True):
            for at, offset in _taps(weight_shape, dilation):
                view = tap(x[:, cs], offset, g.shape[2:], strides)
                dw[ks, :, *at] = np.einsum(f"nc{places},nk{places}->kc", view, g[:, ks])
        return dw.astype(input.dtype)


@nn_op
class Conv2d(ForwardDefinition):
    """result[n,k,y,x] = sum over c,r,s of padded[n,c,y*sh+r*dh,x*sw+s*dw] * weight[k,c,r,s], group by group.

    `%r = nn.conv2d %x, %w {strides = [1, 1], padding = [2, 2, 2, 2], dilation = [1, 1],
    groups = 1} : (tensor<1x1x28x28xf32>, tensor<6x1x5x5xf32>) -> tensor<1x6x28x28xf32>`
    """

    name = "conv2d"
    axes = 2


@nn_op
class Conv2dInputGradient(InputGradientDefinition):
    """The transpose of conv2d in its input: d(sum(conv2d(x, weight) * gradient)) / dx.

    Conv2dTranspose is this op too.
    `%r = nn.conv2d_input_gradient %g, %w {..., input_shape = [1, 1, 28, 28]}
    : (tensor<1x6x28x28xf32>, tensor<6x1x5x5xf32>) -> tensor<1x1x28x28xf32>`
    """

    name = "conv2d_input_gradient"
    axes = 2


@nn_op
class Conv2dWeightGradient(WeightGradientDefinition):
    """The transpose of conv2d in its weight: d(sum(conv2d(input, w) * gradient)) / dw.

    `%r = nn.conv2d_weight_gradient %x, %g {..., weight_shape = [6, 1, 5, 5]}
    : (tensor<1x1x28x28xf32>, tensor<1x6x28x28xf32>) -> tensor<6x1x5x5xf32>`
    """

    name = "conv2d_weight_gradient"
    axes = 2


@nn_op
class Conv3d(ForwardDefinition):
    """conv2d with the depth before height and width; made of 2-D ones, it copies the input for each of their places.

    `%r = nn.conv3d %x, %w {strides = [1, 1, 1], padding = [1, 1, 1, 1, 1, 1], dilation = [1, 1, 1],
    groups = 1} : (tensor<1x2x4x8x8xf32>, tensor<6x2x3x3x3xf32>) -> tensor<1x6x4x8x8xf32>`
    """

    name = "conv3d"
    axes = 3


@nn_op
class Conv3dInputGradient(InputGradientDefinition):
    """The transpose of conv3d in its input, and Conv3dTranspose.

    `%r = nn.conv3d_input_gradient %g, %w {..., input_shape = [1, 2, 4, 8, 8]}
    : (tensor<1x6x4x8x8xf32>, tensor<6x2x3x3x3xf32>) -> tensor<1x2x4x8x8xf32>`
    """

    name = "conv3d_input_gradient"
    axes = 3


@nn_op
class Conv3dWeightGradient(WeightGradientDefinition):
    """The transpose of conv3d in its weight.

    `%r = nn.conv3d_weight_gradient %x, %g {..., weight_shape = [6, 2, 3, 3, 3]}
    : (tensor<1x2x4x8x8xf32>, tensor<1x6x4x8x8xf32>) -> tensor<6x2x3x3x3xf32>`
    """

    name = "conv3d_weight_gradient"
    axes = 3
