"""Convolution layers."""

from __future__ import annotations

from typing import Any

from cellc import ops
from cellc.errors import bad_argument
from cellc.initializer import initializer
from cellc.nn._cell import Cell
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor


class Conv2d(Cell):
    """Cross-correlation over height and width.

    out[n, k] = bias[k] + sum over c of x[n, c] correlated with weight[k, c]; LeCun et al., Gradient-Based Learning
    Applied to Document Recognition (1998).

    Args:
        in_channels: C, channels of the input.
        out_channels: K, channels of the output.
        kernel_size: (R, S), or one int for both.
        stride: steps in height and width, or one int for both.
        pad_mode: "same", "valid" or "pad". "same" makes P = ceil(H / stride) rows; when the padding that this needs
            is odd, the last row stands at the bottom and the last column at the right.
        padding: with "pad", (top, bottom, left, right) or one int for all; 0 otherwise.
        dilation: distances between the elements of the kernel, or one int for both.
        group: the channels are cut into this many groups that do not see each other.
        has_bias: whether there is a bias.
        weight_init: initial weight of shape (K, C / group, R, S): a Tensor, an Initializer, its name or a number.
        bias_init: the same for the bias of shape (K,).
        data_format: "NCHW"; MindSpore has "NHWC" on GPUs only.

    Inputs:
        x: a Tensor of shape (N, C, H, W).

    Outputs:
        A Tensor of shape (N, K, P, Q); P = floor((H + top + bottom - dilation (R - 1) - 1) / stride) + 1.

    Raises:
        TypeError: an argument has another type than said above.
        ValueError: a size is below 1, a padding below 0 or given without "pad", `group` does not divide the channels,
            or the input does not have C channels.

    Examples:
        >>> nn.Conv2d(3, 8, 4)(ops.ones((1, 3, 10, 7))).shape
        (1, 8, 10, 7)
    """

    in_channels: int
    out_channels: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        pad_mode: str = "same",
        padding: int | tuple[int, int, int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        group: int = 1,
        has_bias: bool = False,
        weight_init: Any = "normal",
        bias_init: Any = "zeros",
        data_format: str = "NCHW",
    ) -> None:
        super().__init__()
        owner = self.cls_name
        self.in_channels = _validate.positive_int("in_channels", in_channels, owner)
        self.out_channels = _validate.positive_int("out_channels", out_channels, owner)
        self.kernel_size = _validate.pair("kernel_size", kernel_size, owner)
        self.stride = _validate.pair("stride", stride, owner)
        self.dilation = _validate.pair("dilation", dilation, owner)
        self.pad_mode = _validate.one_of("pad_mode", pad_mode, ("same", "valid", "pad"), owner)
        sides = _validate.padding("padding", padding, owner)
        if pad_mode != "pad" and any(sides):
            raise bad_argument(
                ValueError, f"For '{owner}', 'padding' must be 0 when 'pad_mode' is '{pad_mode}', but got {padding}."
            )
        self.padding = padding
        self.group = _validate.positive_int("group", group, owner)
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % group:
                raise bad_argument(
                    ValueError, f"For '{owner}', '{name}' {channels} must be divisible by 'group' {group}."
                )
        self.has_bias = _validate.boolean("has_bias", has_bias, owner)
        self.format = _validate.one_of("data_format", data_format, ("NCHW",), owner)
        self.weight_init, self.bias_init = weight_init, bias_init
        shape = [out_channels, in_channels // group, *self.kernel_size]
        self.weight = Parameter(initializer(weight_init, shape), name="weight")
        self.bias = Parameter(initializer(bias_init, [out_channels]), name="bias") if has_bias else None

    def construct(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise bad_argument(
                ValueError,
                f"For '{self.cls_name}', 'x' must have shape (N, {self.in_channels}, H, W), but got shape {x.shape}.",
            )
        result = ops.conv2d(
            x, self.weight, self.pad_mode, self.padding, self.stride, self.dilation, self.group
        )  # fmt: skip
        return result if self.bias is None else ops.bias_add(result, self.bias)

    def extend_repr(self) -> str:
        return (
            f"input_channels={self.in_channels}, output_channels={self.out_channels}, "
            f"kernel_size={self.kernel_size}, stride={self.stride}, pad_mode={self.pad_mode}, "
            f"padding={self.padding}, dilation={self.dilation}, group={self.group}, has_bias={self.has_bias}, "
            f"weight_init={self.weight_init}, bias_init={self.bias_init}, format={self.format}"
        )
