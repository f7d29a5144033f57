"""Pooling layers."""

from __future__ import annotations

from cellc import ops
from cellc.nn._cell import Cell
from cellc.ops import _validate
from cellc.tensor import Tensor


class _Pool2d(Cell):
    """What both pooling layers have: a window, its steps and its border."""

    def __init__(
        self,
        kernel_size: int | tuple[int, int] = 1,
        stride: int | tuple[int, int] = 1,
        pad_mode: str = "valid",
        data_format: str = "NCHW",
    ) -> None:
        super().__init__()
        owner = self.cls_name
        _validate.of_type("pad_mode", pad_mode, str, owner)
        self.pad_mode = _validate.one_of("pad_mode", pad_mode.upper(), ("VALID", "SAME"), owner)
        self.format = _validate.one_of("data_format", data_format, ("NCHW",), owner)
        _validate.pair("kernel_size", kernel_size, owner)
        _validate.pair("stride", stride, owner)
        self.kernel_size, self.stride = kernel_size, stride

    def extend_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, pad_mode={self.pad_mode}"


class MaxPool2d(_Pool2d):
    """The greatest element of each window over height and width.

    Args:
        kernel_size: height and width of the window, or one int for both.
        stride: steps in height and width, or one int for both; unlike in PyTorch the default is 1.
        pad_mode: "valid" drops windows that do not fit; "same" makes ceil(H / stride) rows of windows and never
            chooses an element of the padding. Upper and lower case are one.
        data_format: "NCHW"; MindSpore has "NHWC" on GPUs only.

    Inputs:
        x: a Tensor of shape (N, C, H, W).

    Outputs:
        A Tensor of shape (N, C, P, Q); with "valid" P = floor((H - kernel) / stride) + 1.

    Raises:
        TypeError: `kernel_size` or `stride` is neither an int nor a tuple, or `pad_mode` is not a str.
        ValueError: a size is below 1, a mode is unknown, the input does not have rank 4 or no window fits.

    Examples:
        >>> nn.MaxPool2d(kernel_size=3, stride=1)(ops.ones((1, 2, 4, 4))).shape
        (1, 2, 2, 2)
    """

    def construct(self, x: Tensor) -> Tensor:
        return ops.max_pool(x, self.kernel_size, self.stride, self.pad_mode)


class AvgPool2d(_Pool2d):
    """The mean of each window over height and width; elements of the padding are not counted.

    Arguments, inputs, outputs and errors are as for MaxPool2d.

    Examples:
        >>> nn.AvgPool2d(kernel_size=3, stride=1)(ops.ones((1, 2, 4, 4))).shape
        (1, 2, 2, 2)
    """

    def construct(self, x: Tensor) -> Tensor:
        return ops.avg_pool(x, self.kernel_size, self.stride, self.pad_mode)
