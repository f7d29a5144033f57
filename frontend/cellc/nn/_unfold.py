"""Patches of images."""

from __future__ import annotations

from typing import Any

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.ops import _validate
from cellc.ops._windows import same_padding
from cellc.tensor import Tensor

Sizes = tuple[int, ...] | list[int]


class Unfold(Cell):
    """The patches of an image that a sliding window sees, each as one column of channels.

    out[n, (r kc + q) C + c, y, x] = in[n, c, y stride_row + r rate_row, x stride_col + q rate_col] for a window of
    kr x kc elements: the order of TensorFlow's extract_patches, not that of PyTorch's unfold.

    Args:
        ksizes: extents of the window, [1, kr, kc, 1].
        strides: steps between windows, [1, stride_row, stride_col, 1].
        rates: distances between the elements of a window, [1, rate_row, rate_col, 1].
        padding: "valid" drops windows that do not fit; "same" makes ceil(H / stride_row) rows of windows over zeros
            around the image, the odd zero at the bottom and at the right. Upper and lower case are one.

    Inputs:
        x: a Tensor of numbers of shape (N, C, H, W).

    Outputs:
        A Tensor of the dtype of x and shape (N, kr kc C, P, Q); with "valid"
        P = floor((H - rate_row (kr - 1) - 1) / stride_row) + 1.

    Raises:
        TypeError: `ksizes`, `strides` or `rates` is neither a tuple nor a list, or `padding` is not a str.
        ValueError: one of them is not [1, row, col, 1] with positive ints, `padding` is unknown, the input does not
            have rank 4, or no window fits.

    Examples:
        >>> net = nn.Unfold(ksizes=[1, 2, 2, 1], strides=[1, 2, 2, 1], rates=[1, 2, 2, 1])
        >>> net(ops.ones((2, 3, 6, 6), cellc.float16)).shape
        (2, 12, 2, 2)
    """

    def __init__(self, ksizes: Sizes, strides: Sizes, rates: Sizes, padding: str = "valid") -> None:
        super().__init__()
        owner = self.cls_name
        self.kernel = _rows_and_columns("ksizes", ksizes, owner)
        self.strides = _rows_and_columns("strides", strides, owner)
        self.rates = _rows_and_columns("rates", rates, owner)
        _validate.of_type("padding", padding, str, owner)
        self.padding = _validate.one_of("padding", padding.lower(), ("valid", "same"), owner)

    def construct(self, x: Tensor) -> Tensor:
        if x.ndim != 4:
            raise bad_argument(
                ValueError, f"For '{self.cls_name}', 'x' must have shape (N, C, H, W), but got shape {x.shape}."
            )
        if self.padding == "same":
            windows = zip(x.shape[2:], self.kernel, self.strides, self.rates, strict=True)
            x = ops.pad(x, ((0, 0), (0, 0), *(same_padding(*window) for window in windows)))
        reach = [(kernel - 1) * rate + 1 for kernel, rate in zip(self.kernel, self.rates, strict=True)]
        places = [
            (extent - far) // step + 1 for extent, far, step in zip(x.shape[2:], reach, self.strides, strict=True)
        ]
        if min(places) < 1:
            raise bad_argument(
                ValueError,
                f"For '{self.cls_name}', a window over {tuple(reach)} elements must fit into the height and width of "
                f"{x.shape}.",
            )
        taps = [(r, q) for r in range(self.kernel[0]) for q in range(self.kernel[1])]
        return ops.concat([self._patch_elements(x, tap, places) for tap in taps], 1)

    def _patch_elements(self, x: Tensor, tap: tuple[int, int], places: list[int]) -> Tensor:
        """The same element of every window."""
        starts = [at * rate for at, rate in zip(tap, self.rates, strict=True)]
        rows, columns = (
            slice(start, start + (count - 1) * step + 1, step)
            for start, count, step in zip(starts, places, self.strides, strict=True)
        )
        return x[:, :, rows, columns]


def _rows_and_columns(name: str, value: Any, owner: str) -> tuple[int, int]:
    """The two numbers in the middle of [1, row, col, 1]."""
    _validate.of_type(name, value, (tuple, list), owner)
    ints = all(isinstance(item, int) and not isinstance(item, bool) and item > 0 for item in value)
    if len(value) != 4 or not ints or value[0] != 1 or value[3] != 1:
        raise bad_argument(
            ValueError, f"For '{owner}', '{name}' must be [1, row, col, 1] with positive ints, but got {value}."
        )
    return value[1], value[2]
