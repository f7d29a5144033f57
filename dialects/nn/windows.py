"""Arithmetic of sliding windows, shared by convolution and pooling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cellc.dialects.nn.checks import require_at_least, require_length
from cellc.dialects.nn.definition import InferenceError


def require_window_attributes(op: str, strides: Sequence[int], padding: Sequence[int]) -> None:
    require_length(op, "strides", strides, 2)
    require_at_least(op, "strides", strides, 1)
    require_length(op, "padding", padding, 4)
    require_at_least(op, "padding", padding, 0)


def output_extents(
    op: str, extents: Sequence[int], kernel: Sequence[int], strides: Sequence[int], padding: Sequence[int],
    dilation: Sequence[int] = (1, 1),
) -> tuple[int, int]:  # fmt: skip
    """Height and width of the result: floor((padded - reach) / stride) + 1."""
    out = []
    for axis, letter in enumerate("HW"):
        padded = extents[axis] + padding[2 * axis] + padding[2 * axis + 1]
        reach = (kernel[axis] - 1) * dilation[axis] + 1
        if padded < reach:
            raise InferenceError(
                f"{op}: the window reaches over {reach} elements of {letter}, the padded input has {padded} "
                f"(input {list(extents)}, kernel {list(kernel)}, padding {list(padding)}, dilation {list(dilation)})"
            )
        out.append((padded - reach) // strides[axis] + 1)
    return out[0], out[1]


def pad_spatial(x: np.ndarray, padding: Sequence[int], value: float = 0) -> np.ndarray:
    """x[N,C,H,W] with (top, bottom, left, right) rows and columns of the value added."""
    top, bottom, left, right = padding
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=value)


def tap(padded: np.ndarray, r: int, q: int, out: Sequence[int], strides: Sequence[int]) -> np.ndarray:
    """The view [N,C,OH,OW] of what the window's element at offset (r, q) meets, window by window."""
    rows = slice(r, r + (out[0] - 1) * strides[0] + 1, strides[0])
    columns = slice(q, q + (out[1] - 1) * strides[1] + 1, strides[1])
    return padded[:, :, rows, columns]


def crop_spatial(padded: np.ndarray, padding: Sequence[int]) -> np.ndarray:
    """Undoes `pad_spatial`."""
    top, bottom, left, right = padding
    return padded[:, :, top : padded.shape[2] - bottom, left : padded.shape[3] - right]
