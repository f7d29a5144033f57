"""Padding and spreading of [N, C, ...] tensors, shared by convolution and pooling."""

from __future__ import annotations

from collections.abc import Sequence

from cellc.passes.convert_nn_to_linalg.layout import pad
from cellc.passes.convert_nn_to_linalg.shape import slice_axes
from cellc.passes.convert_nn_to_linalg.tensors import Tensor, TensorBuilder


def pad_spatial(b: TensorBuilder, x: Tensor, padding: Sequence[int], value: float = 0) -> Tensor:
    """x with (before, after) elements of the value along each spatial axis."""
    rows = zip(x.shape[2:], padding[::2], padding[1::2], strict=True)
    extents = [before + extent + after for extent, before, after in rows]
    return pad(b, x, value, (0, 0, *padding[::2]), (*x.shape[:2], *extents))


def spread_spatial(
    b: TensorBuilder, x: Tensor, low: Sequence[int], extents: Sequence[int], strides: Sequence[int], value: float = 0
) -> Tensor:
    """A tensor of the spatial extents with x[:, :, i, j] at `low + stride * (i, j)` and the value elsewhere.

    What falls outside is left out; `low` may be negative. This is how the gather form of a gradient
    reads the windows that an element of the input belongs to.
    """
    starts, shape, offsets = [0, 0], list(x.shape[:2]), [0, 0]
    for axis in range(len(extents)):
        first = max(0, -(low[axis] // strides[axis]))
        end = min(x.shape[2 + axis], max(first, (extents[axis] - 1 - low[axis]) // strides[axis] + 1))
        starts.append(first)
        shape.append(end - first)
        offsets.append(low[axis] + first * strides[axis])
    kept = slice_axes(b, x, starts, shape, (1,) * len(shape))
    return pad(b, kept, value, offsets, (*x.shape[:2], *extents), (1, 1, *strides))
