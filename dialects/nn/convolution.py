"""2-D convolution and its two gradients.

conv2d is bilinear, so the three ops are closed under differentiation: each one's
gradient is another of them. The gradients are ops because the composition (dilate
the gradient, pad, reverse the weight, convolve) hides from the target what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
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


def _convolved(
    op: str, x: TensorType, weight: TensorType, strides: Ints, padding: Ints, dilation: Ints, groups: int
) -> TensorType:
    """The type of conv2d's result, which its gradients' operands must match."""
    require_rank(op, "input", x, 4)
    require_rank(op, "weight", weight, 4)
    require_window_attributes(op, strides, padding)
    require_length(op, "dilation", dilation, 2)
    require_at_least(op, "dilation", dilation, 1)
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
    out = output_extents(op, x.shape[2:], weight.shape[2:], strides, padding, dilation)
    return TensorType((x.shape[0], weight.shape[0], *out), x.dtype)


def _groups(channels: int, groups: int) -> Iterator[slice]:
    size = channels // groups
    return (slice(g * size, (g + 1) * size) for g in range(groups))


def _taps(weight_shape: Ints) -> Iterator[tuple[int, int]]:
    return ((r, s) for r in range(weight_shape[2]) for s in range(weight_shape[3]))


@nn_op
class Conv2d(OpDefinition):
    """result[n,k,y,x] = sum over c,r,s of padded[n,c,y*sh+r*dh,x*sw+s*dw] * weight[k,c,r,s], group by group.

    `%r = nn.conv2d %x, %w {strides = [1, 1], padding = [2, 2, 2, 2], dilation = [1, 1],
    groups = 1} : (tensor<1x1x28x28xf32>, tensor<6x1x5x5xf32>) -> tensor<1x6x28x28xf32>`
    """

    name = "conv2d"
    operands = ("input", "weight")
    attributes: ClassVar = ATTRIBUTES

    @staticmethod
    def infer(
        input: TensorType, weight: TensorType, *, strides: Ints, padding: Ints, dilation: Ints, groups: int
    ) -> TensorType:
        require_dtype("conv2d", "input", input, FLOATS)
        require_same_dtype("conv2d", ("input", "weight"), input, weight)
        return _convolved("conv2d", input, weight, strides, padding, dilation, groups)

    @staticmethod
    def evaluate(
        input: np.ndarray, weight: np.ndarray, *, strides: Ints, padding: Ints, dilation: Ints, groups: int
    ) -> np.ndarray:
        x, w = pad_spatial(wide(input), padding), wide(weight)
        out = output_extents("conv2d", input.shape[2:], weight.shape[2:], strides, padding, dilation)
        result = np.zeros((x.shape[0], w.shape[0], *out), x.dtype)
        for ks, cs in zip(_groups(w.shape[0], groups), _groups(x.shape[1], groups), strict=True):
            for r, s in _taps(w.shape):
                view = tap(x[:, cs], r * dilation[0], s * dilation[1], out, strides)
                result[:, ks] += np.einsum("ncyx,kc->nkyx", view, w[ks, :, r, s])
        return result.astype(input.dtype)


@nn_op
class Conv2dInputGradient(OpDefinition):
    """The transpose of conv2d in its input: d(sum(conv2d(x, weight) * gradient)) / dx.

    Conv2dTranspose is this op too.
    `%r = nn.conv2d_input_gradient %g, %w {..., input_shape = [1, 1, 28, 28]}
    : (tensor<1x6x28x28xf32>, tensor<6x1x5x5xf32>) -> tensor<1x1x28x28xf32>`
    """

    name = "conv2d_input_gradient"
    operands = ("gradient", "weight")
    attributes: ClassVar = ATTRIBUTES | {"input_shape": "ints"}

    @staticmethod
    def infer(
        gradient: TensorType, weight: TensorType, *,
        strides: Ints, padding: Ints, dilation: Ints, groups: int, input_shape: Ints,
    ) -> TensorType:  # fmt: skip
        op = "conv2d_input_gradient"
        require_dtype(op, "gradient", gradient, FLOATS)
        require_same_dtype(op, ("gradient", "weight"), gradient, weight)
        require_shape(op, "input_shape", input_shape)
        x = TensorType(tuple(input_shape), gradient.dtype)
        expected = _convolved(op, x, weight, strides, padding, dilation, groups)
        require_type(op, "gradient", gradient, expected, f"conv2d of {x} and {weight}")
        return x

    @staticmethod
    def evaluate(
        gradient: np.ndarray, weight: np.ndarray, *,
        strides: Ints, padding: Ints, dilation: Ints, groups: int, input_shape: Ints,
    ) -> np.ndarray:  # fmt: skip
        g, w = wide(gradient), wide(weight)
        dx = pad_spatial(np.zeros(input_shape, g.dtype), padding)
        for ks, cs in zip(_groups(w.shape[0], groups), _groups(input_shape[1], groups), strict=True):
            for r, s in _taps(w.shape):
                view = tap(dx[:, cs], r * dilation[0], s * dilation[1], g.shape[2:], strides)
                view += np.einsum("nkyx,kc->ncyx", g[:, ks], w[ks, :, r, s])
        return crop_spatial(dx, padding).astype(gradient.dtype)


@nn_op
class Conv2dWeightGradient(OpDefinition):
    """The transpose of conv2d in its weight: d(sum(conv2d(input, w) * gradient)) / dw.

    `%r = nn.conv2d_weight_gradient %x, %g {..., weight_shape = [6, 1, 5, 5]}
    : (tensor<1x1x28x28xf32>, tensor<1x6x28x28xf32>) -> tensor<6x1x5x5xf32>`
    """

    name = "conv2d_weight_gradient"
    operands = ("input", "gradient")
    attributes: ClassVar = ATTRIBUTES | {"weight_shape": "ints"}

    @staticmethod
    def infer(
        input: TensorType, gradient: TensorType, *,
        strides: Ints, padding: Ints, dilation: Ints, groups: int, weight_shape: Ints,
    ) -> TensorType:  # fmt: skip
        op = "conv2d_weight_gradient"
        require_dtype(op, "input", input, FLOATS)
        require_same_dtype(op, ("input", "gradient"), input, gradient)
        require_shape(op, "weight_shape", weight_shape)
        weight = TensorType(tuple(weight_shape), input.dtype)
        expected = _convolved(op, input, weight, strides, padding, dilation, groups)
        require_type(op, "gradient", gradient, expected, f"conv2d of {input} and {weight}")
        return weight

    @staticmethod
    def evaluate(
        input: np.ndarray, gradient: np.ndarray, *,
        strides: Ints, padding: Ints, dilation: Ints, groups: int, weight_shape: Ints,
    ) -> np.ndarray:  # fmt: skip
        x, g = pad_spatial(wide(input), padding), wide(gradient)
        dw = np.zeros(weight_shape, x.dtype)
        for ks, cs in zip(_groups(weight_shape[0], groups), _groups(x.shape[1], groups), strict=True):
            for r, s in _taps(weight_shape):
                view = tap(x[:, cs], r * dilation[0], s * dilation[1], g.shape[2:], strides)
                dw[ks, :, r, s] = np.einsum("ncyx,nkyx->kc", view, g[:, ks])
        return dw.astype(input.dtype)
