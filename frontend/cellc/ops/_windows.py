"""The padding of windows that slide over height and width."""

from __future__ import annotations

from cellc.errors import bad_argument
from cellc.ops import _validate


def window_padding(
    pad_mode: str,
    pad: int | tuple[int, ...],
    extents: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, int],
    dilation: tuple[int, int],
    owner: str,
) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) for `pad_mode` "same", "valid" or "pad".

    Raises:
        ValueError: unknown mode, or `pad` given for a mode that determines the padding itself.
    """
    _validate.one_of("pad_mode", pad_mode, ("valid", "same", "pad"), owner)
    sides = _validate.padding("pad", pad, owner)
    if pad_mode == "pad":
        return sides
    if any(sides):
        raise bad_argument(
            ValueError, f"For '{owner}', 'pad' must be 0 when 'pad_mode' is '{pad_mode}', but got {pad}."
        )
    if pad_mode == "valid":
        return (0, 0, 0, 0)
    rows = zip(extents, kernel, strides, dilation, strict=True)
    (top, bottom), (left, right) = (same_padding(*row) for row in rows)
    return top, bottom, left, right


def same_padding(extent: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Padding that makes ceil(extent / stride) windows; the odd element comes last, as in TensorFlow."""
    windows = -(-extent // stride)
    total = max((windows - 1) * stride + dilation * (kernel - 1) + 1 - extent, 0)
    return total // 2, total - total // 2
