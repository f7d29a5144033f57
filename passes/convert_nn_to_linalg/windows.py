"""Padding and spreading of [N, C, H, W] tensors, shared by convolution and pooling."""

from __future__ import annotations

from collections.abc import Sequence

from cellc.passes.convert_nn_to_linalg.layout import pad
from cellc.passes.convert_nn_to_linalg.shape import slice_axes
from cellc.passes.convert_nn_to_linalg.tensors import Tensor, TensorBuilder


def pad_spatial(b: TensorBuilder, x: Tensor, padding: Sequence[int], value: float = 0) -> Tensor:
    """x with (top, bottom, left, right) rows and columns of the value around it."""
    top, bottom, left, right = padding
    n, c, h, w = x.shape
    return pad(b, x, value, (0, 0, top, left), (n, c, top + h + bottom, left + w + right))


def spread_spatial(
    b: TensorBuilder, x: Tensor, low: Sequence[int], extents: Sequence[int], strides: Sequence[int], value: float = 0
) -> Tensor:
    """A tensor of the spatial extents with x[:, :, i, j] at `low + stride * (i, j)` and the value elsewhere.

    What falls outside is left out; `low` may be negative. This is how the gather form of a gradient
    reads the windows that an element of the input belongs to.
    """
    starts, shape, offsets = [0, 0], list(x.shape[:2]), [0, 0]
    for axis in (0, 1):
        first = max(0, -(low[axis] // strides[axis]))
        end = min(x.shape[2 + axis], max(first, (extents[axis] - 1 - low[axis]) // strides[axis] + 1))
        starts.append(first)
        shape.append(end - first)
        offsets.append(low[axis] + first * strides[axis])
    kept = slice_axes(b, x, starts, shape, (1, 1, 1, 1))
    return pad(b, kept, value, offsets, (*x.shape[:2], *extents), (1, 1, *strides))
