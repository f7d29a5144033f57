"""Arithmetic of sliding windows, shared by convolution and pooling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cellc.dialects.nn.checks import require_at_least, require_length
from cellc.dialects.nn.definition import InferenceError

Ints = Sequence[int]


def require_window_attributes(op: str, strides: Ints, padding: Ints, axes: int = 2) -> None:
    require_length(op, "strides", strides, axes)
    require_at_least(op, "strides", strides, 1)
    require_length(op, "padding", padding, 2 * axes)
    require_at_least(op, "padding", padding, 0)


def output_extents(
    op: str, extents: Ints, kernel: Ints, strides: Ints, padding: Ints, dilation: Ints = (1, 1)
) -> tuple[int, ...]:
    """Extents of the result, (depth,) height and width: floor((padded - reach) / stride) + 1."""
    out = []
    for axis, letter in enumerate("DHW"[-len(extents) :]):
        padded = extents[axis] + padding[2 * axis] + padding[2 * axis + 1]
        reach = (kernel[axis] - 1) * dilation[axis] + 1
        if padded < reach:
            raise InferenceError(
                f"{op}: the window reaches over {reach} elements of {letter}, the padded input has {padded} "
                f"(input {list(extents)}, kernel {list(kernel)}, padding {list(padding)}, dilation {list(dilation)})"
            )
        out.append((padded - reach) // strides[axis] + 1)
    return tuple(out)


def pad_spatial(x: np.ndarray, padding: Ints, value: float = 0) -> np.ndarray:
    """x[N,C,...] with (before, after) elements of the value added along each spatial axis."""
    return np.pad(x, ((0, 0), (0, 0), *zip(padding[::2], padding[1::2], strict=True)), constant_values=value)


def tap(padded: np.ndarray, at: Ints, out: Ints, strides: Ints) -> np.ndarray:
    """The view [N,C,*out] of what the window's element at the offset `at` meets, window by window."""
    rows = zip(at, out, strides, strict=True)
    return padded[:, :, *(slice(first, first + (count - 1) * stride + 1, stride) for first, count, stride in rows)]


def crop_spatial(padded: np.ndarray, padding: Ints) -> np.ndarray:
    """Undoes `pad_spatial`."""
    rows = zip(padding[::2], padding[1::2], padded.shape[2:], strict=True)
    return padded[:, :, *(slice(before, extent - after) for before, after, extent in rows)]
