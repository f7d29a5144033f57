"""Transposed convolution over height and width."""

from __future__ import annotations

from typing import Any

from cellc.nn._convolution import Convolution, transposed_convolution
from cellc.ops import _validate
from cellc.tensor import Tensor


class Conv2dTranspose(Convolution):
    """The transpose of Conv2d in its input: each element of x adds a multiple of the kernel to the result.

    Zeiler et al., Deconvolutional Networks (2010).

    Args:
        in_channels: C, channels of the input.
        out_channels: K, channels of the output.
        kernel_size: (R, S), or one int for both.
        stride: distances between the places where the kernel is added, or one int for both axes.
        pad_mode: "same", "valid" or "pad": see the outputs.
        padding: with "pad", what is cut off the result: (top, bottom, left, right) or one int for all; 0 otherwise.
        dilation: distances between the elements of the kernel, or one int for both axes.
        group: the channels are cut into this many groups that do not see each other.
        has_bias: whether there is a bias.
        weight_init: initial weight of shape (C, K / group, R, S): a Tensor, an Initializer, its name or a number.
        bias_init: the same for the bias of shape (K,).

    Inputs:
        x: a Tensor of shape (N, C, H, W) and the dtype of the weight.

    Outputs:
        A Tensor of shape (N, K, P, Q). With E = dilation (R - 1) + 1, P is H stride for "same",
        H stride + max(E - stride, 0) for "valid" and (H - 1) stride + E - top - bottom for "pad".

    Raises:
        TypeError: an argument has another type than said above, or the input has another dtype than the weight.
        ValueError: a size is below 1, a padding below 0, too great or given without "pad", `group` does not divide the
            channels, or the input does not have shape (N, C, H, W).

    Examples:
        >>> nn.Conv2dTranspose(3, 64, 4, pad_mode="pad")(ops.ones((1, 3, 16, 50))).shape
        (1, 64, 19, 53)
    """

    axes = ("H", "W")
    transposed = True

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
    ) -> None:
        owner = type(self).__name__
        sizes = {"kernel_size": kernel_size, "stride": stride, "dilation": dilation}
        kernel, strides, dilations = (_validate.pair(name, value, owner) for name, value in sizes.items())
        _validate.padding("padding", padding, owner)
        super().__init__(
            in_channels, out_channels, kernel, strides, pad_mode, padding, dilations, group, has_bias, weight_init,
            bias_init,
        )  # fmt: skip

    def construct(self, x: Tensor) -> Tensor:
        self.check_input(x)
        extents = self.transposed_extents(x.shape[2:])
        result = transposed_convolution(
            x, self.weight, self.out_channels, extents, self.padding_around(extents), self.stride, self.dilation,
            self.group,
        )  # fmt: skip
        return self.with_bias(result)
