"""Pooling over one axis: windows of height 1 over x as an image of height 1."""

from __future__ import annotations

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.ops import _validate
from cellc.tensor import Tensor


class _Pool1d(Cell):
    """What both pooling layers have; as in MindSpore `kernel_size` and `stride` are kept as those of an image."""

    def __init__(self, kernel_size: int = 1, stride: int = 1, pad_mode: str = "valid") -> None:
        super().__init__()
        owner = self.cls_name
        self.kernel_size = (1, _validate.positive_int("kernel_size", kernel_size, owner))
        self.stride = (1, _validate.positive_int("stride", stride, owner))
        _validate.of_type("pad_mode", pad_mode, str, owner)
        self.pad_mode = _validate.one_of("pad_mode", pad_mode.upper(), ("VALID", "SAME"), owner)

    def _check_input(self, x: Tensor, fits: bool) -> None:
        """`fits` says that the kernel must not be wider than x."""
        owner, width = self.cls_name, self.kernel_size[1]
        if x.ndim != 3:
            raise bad_argument(ValueError, f"For '{owner}', 'x' must have shape (N, C, L), but got shape {x.shape}.")
        if fits and width > x.shape[2]:
            raise bad_argument(
                ValueError, f"For '{owner}', 'kernel_size' {width} must not exceed the last extent of {x.shape}."
            )

    def extend_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, pad_mode={self.pad_mode}"


class MaxPool1d(_Pool1d):
    """The greatest element of each window over the last axis: out[n, c, l] = max over i of x[n, c, l stride + i].

    Args:
        kernel_size: width of the window.
        stride: distance between windows; unlike in PyTorch the default is 1.
        pad_mode: "valid" drops windows that do not fit; "same" makes ceil(L / stride) windows and never chooses an
            element of the padding. Upper and lower case are one.

    Inputs:
        x: a floating-point Tensor of shape (N, C, L).

    Outputs:
        A Tensor of shape (N, C, P); with "valid" P = floor((L - kernel_size) / stride) + 1.

    Raises:
        TypeError: `kernel_size` or `stride` is not an int, or `pad_mode` is not a str.
        ValueError: a size is below 1, a mode is unknown, the input does not have rank 3 or no window fits.

    Examples:
        >>> nn.MaxPool1d(kernel_size=3, stride=1)(ops.ones((1, 2, 4))).shape
        (1, 2, 2)
    """

    def construct(self, x: Tensor) -> Tensor:
        self._check_input(x, self.pad_mode == "VALID")
        pooled = ops.max_pool(ops.expand_dims(x, 2), self.kernel_size, self.stride, self.pad_mode)
        return ops.squeeze(pooled, 2)


class AvgPool1d(_Pool1d):
    """The mean of each window over the last axis; elements of the padding are not counted.

    As in MindSpore there is one window, the first one, where a second of "valid" would not fit
    (L - kernel_size < stride): then `pad_mode` is not looked at.

    Args:
        kernel_size: width of the window.
        stride: distance between windows; unlike in PyTorch the default is 1.
        pad_mode: "valid" drops windows that do not fit; "same" makes ceil(L / stride) windows. Upper and lower case
            are one.

    Inputs:
        x: a floating-point Tensor of shape (N, C, L), L at least `kernel_size`.

    Outputs:
        A Tensor of shape (N, C, P); with "valid" P = floor((L - kernel_size) / stride) + 1.

    Raises:
        TypeError: `kernel_size` or `stride` is not an int, or `pad_mode` is not a str.
        ValueError: a size is below 1, a mode is unknown, the input does not have rank 3 or is too short.

    Examples:
        >>> nn.AvgPool1d(kernel_size=6, stride=1)(ops.ones((1, 3, 6))).shape
        (1, 3, 1)
    """

    def construct(self, x: Tensor) -> Tensor:
        self._check_input(x, True)
        kernel, stride = self.kernel_size[1], self.stride[1]
        if x.shape[2] - kernel < stride:
            return ops.reduce_mean(x[:, :, :kernel], 2, keep_dims=True)
        pooled = ops.avg_pool(ops.expand_dims(x, 2), self.kernel_size, self.stride, self.pad_mode)
        return ops.squeeze(pooled, 2)
