"""2-D pooling and its gradients.

The maximum's position is a result (`index`), so that the backward pass neither keeps
nor searches the input again. `max_pool2d_gradient` (spread by index) and
`max_pool2d_gather` (read by index) are each other's transpose, as are `avg_pool2d`
and its gradient: all are closed under differentiation.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from cellc.dialects.nn.arrays import wide
from cellc.dialects.nn.checks import (
    require_at_least,
    require_dtype,
    require_length,
    require_rank,
    require_shape,
    require_type,
)
from cellc.dialects.nn.definition import FLOATS, InferenceError, OpDefinition, TensorType, nn_op
from cellc.dialects.nn.windows import crop_spatial, output_extents, pad_spatial, require_window_attributes, tap

Ints = tuple[int, ...]
ATTRIBUTES = {"kernel": "ints", "strides": "ints", "padding": "ints"}


def _pooled(op: str, x: TensorType, kernel: Ints, strides: Ints, padding: Ints) -> TensorType:
    """The type of the pooled result; every window meets at least one element of the input."""
    require_dtype(op, "input", x, FLOATS)
    require_rank(op, "input", x, 4)
    require_length(op, "kernel", kernel, 2)
    require_at_least(op, "kernel", kernel, 1)
    require_window_attributes(op, strides, padding)
    if max(padding[:2]) >= kernel[0] or max(padding[2:]) >= kernel[1]:
        raise InferenceError(f"{op}: padding {list(padding)} must be smaller than the kernel {list(kernel)}")
    if 0 in x.shape[2:]:
        raise InferenceError(f"{op}: input has no elements to pool over ({x})")
    return TensorType((*x.shape[:2], *output_extents(op, x.shape[2:], kernel, strides, padding)), x.dtype)


def _taps(kernel: Ints) -> list[tuple[int, int]]:
    return [(r, q) for r in range(kernel[0]) for q in range(kernel[1])]


@nn_op
class MaxPool2d(OpDefinition):
    """The maximum of each window and where it is: index = r * kernel width + q of the first maximum.

    NaN counts as the largest. Padding is never chosen.
    `%r, %i = nn.max_pool2d %x {kernel = [2, 2], strides = [2, 2], padding = [0, 0, 0, 0]}
    : (tensor<1x6x28x28xf32>) -> (tensor<1x6x14x14xf32>, tensor<1x6x14x14xi32>)`
    """

    name = "max_pool2d"
    operands = ("input",)
    attributes: ClassVar = ATTRIBUTES
    results = ("result", "index")

    @staticmethod
    def infer(input: TensorType, *, kernel: Ints, strides: Ints, padding: Ints) -> tuple[TensorType, TensorType]:
        result = _pooled("max_pool2d", input, kernel, strides, padding)
        return result, TensorType(result.shape, "i32")

    @staticmethod
    def evaluate(input: np.ndarray, *, kernel: Ints, strides: Ints, padding: Ints) -> tuple[np.ndarray, np.ndarray]:
        x = pad_spatial(wide(input), padding, -np.inf)
        inside = pad_spatial(np.ones(input.shape, bool), padding, False)
        out = output_extents("max_pool2d", input.shape[2:], kernel, strides, padding)
        best = np.full((*input.shape[:2], *out), -np.inf, x.dtype)
        index = np.full(best.shape, -1, np.int32)
        for r, q in _taps(kernel):
            view, valid = tap(x, (r, q), out, strides), tap(inside, (r, q), out, strides)
            better = valid & ((index < 0) | (view > best) | (np.isnan(view) & ~np.isnan(best)))
            best, index = np.where(better, view, best), np.where(better, np.int32(r * kernel[1] + q), index)
        return best.astype(input.dtype), index


@nn_op
class MaxPool2dGradient(OpDefinition):
    """Adds each window's gradient to the element its index names.

    `%r = nn.max_pool2d_gradient %g, %i {..., input_shape = [1, 6, 28, 28]}
    : (tensor<1x6x14x14xf32>, tensor<1x6x14x14xi32>) -> tensor<1x6x28x28xf32>`
    """

    name = "max_pool2d_gradient"
    operands = ("gradient", "index")
    attributes: ClassVar = ATTRIBUTES | {"input_shape": "ints"}

    @staticmethod
    def infer(
        gradient: TensorType, index: TensorType, *, kernel: Ints, strides: Ints, padding: Ints, input_shape: Ints
    ) -> TensorType:
        op = "max_pool2d_gradient"
        require_shape(op, "input_shape", input_shape)
        x = TensorType(tuple(input_shape), gradient.dtype)
        expected = _pooled(op, x, kernel, strides, padding)
        require_type(op, "gradient", gradient, expected, f"max_pool2d of {x}")
        require_type(op, "index", index, TensorType(expected.shape, "i32"), f"max_pool2d of {x}")
        return x

    @staticmethod
    def evaluate(
        gradient: np.ndarray, index: np.ndarray, *, kernel: Ints, strides: Ints, padding: Ints, input_shape: Ints
    ) -> np.ndarray:
        g = wide(gradient)
        dx = pad_spatial(np.zeros(input_shape, g.dtype), padding)
        for r, q in _taps(kernel):
            view = tap(dx, (r, q), g.shape[2:], strides)
            view += np.where(index == r * kernel[1] + q, g, 0)
        return crop_spatial(dx, padding).astype(gradient.dtype)


@nn_op
class MaxPool2dGather(OpDefinition):
    """Reads, for each window, the element its index names: the transpose of `max_pool2d_gradient`.

    `%r = nn.max_pool2d_gather %x, %i {kernel = ..., strides = ..., padding = ...}
    : (tensor<1x6x28x28xf32>, tensor<1x6x14x14xi32>) -> tensor<1x6x14x14xf32>`
    """

    name = "max_pool2d_gather"
    operands = ("input", "index")
    attributes: ClassVar = ATTRIBUTES

    @staticmethod
    def infer(input: TensorType, index: TensorType, *, kernel: Ints, strides: Ints, padding: Ints) -> TensorType:
        result = _pooled("max_pool2d_gather", input, kernel, strides, padding)
        require_type("max_pool2d_gather", "index", index, TensorType(result.shape, "i32"), f"max_pool2d of {input}")
        return result

    @staticmethod
    def evaluate(input: np.ndarray, index: np.ndarray, *, kernel: Ints, strides: Ints, padding: Ints) -> np.ndarray:
        x = pad_spatial(input, padding)
        result = np.zeros(index.shape, input.dtype)
        for r, q in _taps(kernel):
            view = tap(x, (r, q), index.shape[2:], strides)
            result = np.where(index == r * kernel[1] + q, view, result)
        return result


def _divisor(shape: Ints, kernel: Ints, strides: Ints, padding: Ints, count_include_pad: bool) -> np.ndarray:
    """How many elements each window divides by, [1,1,OH,OW]."""
    counted = pad_spatial(np.ones((1, 1, *shape[2:])), padding, 1 if count_include_pad else 0)
    out = output_extents("avg_pool2d", shape[2:], kernel, strides, padding)
    return sum((tap(counted, (r, q), out, strides) for r, q in _taps(kernel)), np.zeros((1, 1, *out)))


@nn_op
class AvgPool2d(OpDefinition):
    """The mean of each window, over the whole kernel or over what is not padding.

    It is an op, not a sum and a division, for its gradient: the counts near a border depend on the position.
    `%r = nn.avg_pool2d %x {kernel = ..., strides = ..., padding = ..., count_include_pad = false}
    : (tensor<1x6x28x28xf32>) -> tensor<1x6x14x14xf32>`
    """

    name = "avg_pool2d"
    operands = ("input",)
    attributes: ClassVar = ATTRIBUTES | {"count_include_pad": "bool"}

    @staticmethod
    def infer(input: TensorType, *, kernel: Ints, strides: Ints, padding: Ints, count_include_pad: bool) -> TensorType:
        return _pooled("avg_pool2d", input, kernel, strides, padding)

    @staticmethod
    def evaluate(
        input: np.ndarray, *, kernel: Ints, strides: Ints, padding: Ints, count_include_pad: bool
    ) -> np.ndarray:
        x = pad_spatial(wide(input), padding)
        divisor = _divisor(input.shape, kernel, strides, padding, count_include_pad).astype(x.dtype)
        out = divisor.shape[2:]
        total = sum((tap(x, (r, q), out, strides) for r, q in _taps(kernel)), np.zeros((*x.shape[:2], *out), x.dtype))
        return (total / divisor).astype(input.dtype)


@nn_op
class AvgPool2dGradient(OpDefinition):
    """Spreads each window's gradient evenly: the transpose of `avg_pool2d`.

    `%r = nn.avg_pool2d_gradient %g {..., count_include_pad = false, input_shape = [1, 6, 28, 28]}
    : (tensor<1x6x14x14xf32>) -> tensor<1x6x28x28xf32>`
    """

    name = "avg_pool2d_gradient"
    operands = ("gradient",)
    attributes: ClassVar = ATTRIBUTES | {"count_include_pad": "bool", "input_shape": "ints"}

    @staticmethod
    def infer(
        gradient: TensorType, *,
        kernel: Ints, strides: Ints, padding: Ints, count_include_pad: bool, input_shape: Ints,
    ) -> TensorType:  # fmt: skip
        op = "avg_pool2d_gradient"
        require_shape(op, "input_shape", input_shape)
        x = TensorType(tuple(input_shape), gradient.dtype)
        expected = _pooled(op, x, kernel, strides, padding)
        require_type(op, "gradient", gradient, expected, f"avg_pool2d of {x}")
        return x

    @staticmethod
    def evaluate(
        gradient: np.ndarray, *,
        kernel: Ints, strides: Ints, padding: Ints, count_include_pad: bool, input_shape: Ints,
    ) -> np.ndarray:  # fmt: skip
        g = wide(gradient)
        share = g / _divisor(input_shape, kernel, strides, padding, count_include_pad).astype(g.dtype)
        dx = pad_spatial(np.zeros(input_shape, g.dtype), padding)
        for r, q in _taps(kernel):
            view = tap(dx, (r, q), g.shape[2:], strides)
            view += share
        return crop_spatial(dx, padding).astype(gradient.dtype)
