"""Convolution over one axis: x as an image of height 1."""

from __future__ import annotations

from typing import Any, cast

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._convolution import Convolution, transposed_convolution
from cellc.ops import _validate
from cellc.tensor import Tensor

_Pair = tuple[int, int]
_Sides = tuple[int, int, int, int]


class _Conv1d(Convolution):
    """As in MindSpore, the weight and the sizes that are printed are those of an image of height 1."""

    axes = ("L",)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        pad_mode: str = "same",
        padding: int = 0,
        dilation: int = 1,
        group: int = 1,
        has_bias: bool = False,
        weight_init: Any = "normal",
        bias_init: Any = "zeros",
    ) -> None:
        owner = type(self).__name__
        for name, value in (("kernel_size", kernel_size), ("stride", stride), ("dilation", dilation)):
            _validate.positive_int(name, value, owner)
        _validate.non_negative_int("padding", padding, owner)
        super().__init__(
            in_channels, out_channels, (1, kernel_size), (1, stride), pad_mode, (0, 0, padding, padding),
            (1, dilation), group, has_bias, _with_height(weight_init, owner), bias_init,
        )  # fmt: skip


def _with_height(weight_init: Any, owner: str) -> Any:
    """A weight (K, C, R) as (K, C, 1, R); what is no Tensor stays."""
    if not isinstance(weight_init, Tensor):
        return weight_init
    if weight_init.ndim != 3:
        raise bad_argument(
            ValueError, f"For '{owner}', 'weight_init' must have rank 3, but got shape {weight_init.shape}."
        )
    return ops.expand_dims(weight_init, 2)


class Conv1d(_Conv1d):
    """Cross-correlation over the last axis.

    out[n, k] = bias[k] + sum over c of x[n, c] correlated with weight[k, c]; LeCun et al., Gradient-Based Learning
    Applied to Document Recognition (1998).

    Args:
        in_channels: C, channels of the input.
        out_channels: K, channels of the output.
        kernel_size: R, width of the kernel.
        stride: distance between the kernel's places.
        pad_mode: "same", "valid" or "pad". "same" makes P = ceil(L / stride) columns; when the padding that this needs
            is odd, the last column stands at the right.
        padding: with "pad", zeros on both sides; 0 otherwise.
        dilation: distance between the elements of the kernel.
        group: the channels are cut into this many groups that do not see each other.
        has_bias: whether there is a bias.
        weight_init: initial weight: a Tensor of shape (K, C / group, R), an Initializer, its name or a number. The
            parameter itself has shape (K, C / group, 1, R), as in MindSpore.
        bias_init: the same for the bias of shape (K,).

    Inputs:
        x: a Tensor of shape (N, C, L) and the dtype of the weight.

    Outputs:
        A Tensor of shape (N, K, P); P = floor((L + 2 padding - dilation (R - 1) - 1) / stride) + 1.

    Raises:
        TypeError: an argument has another type than said above, or the input has another dtype than the weight.
        ValueError: a size is below 1, a padding below 0 or given without "pad", `group` does not divide the channels,
            or the input does not have shape (N, C, L).

    Examples:
        >>> nn.Conv1d(120, 240, 4)(ops.ones((1, 120, 640))).shape
        (1, 240, 640)
    """

    def construct(self, x: Tensor) -> Tensor:
        self.check_input(x)
        padding = cast(_Sides, self.sides) if self.pad_mode == "pad" else 0
        stride, dilation = cast(_Pair, self.stride), cast(_Pair, self.dilation)
        result = ops.conv2d(ops.expand_dims(x, 2), self.weight, self.pad_mode, padding, stride, dilation, self.group)
        return ops.squeeze(self.with_bias(result), 2)


class Conv1dTranspose(_Conv1d):
    """The transpose of Conv1d in its input: each element of x adds a multiple of the kernel to the result.

    Zeiler et al., Deconvolutional Networks (2010).

    Args:
        in_channels: C, channels of the input.
        out_channels: K, channels of the output.
        kernel_size: R, width of the kernel.
        stride: distance between the places where the kernel is added.
        pad_mode: "same", "valid" or "pad": see the outputs.
        padding: with "pad", how many columns of the result are cut off on both sides; 0 otherwise.
        dilation: distance between the elements of the kernel.
        group: the channels are cut into this many groups that do not see each other.
        has_bias: whether there is a bias.
        weight_init: initial weight: a Tensor of shape (C, K / group, R), an Initializer, its name or a number. The
            parameter itself has shape (C, K / group, 1, R), as in MindSpore.
        bias_init: the same for the bias of shape (K,).

    Inputs:
        x: a Tensor of shape (N, C, L) and the dtype of the weight.

    Outputs:
        A Tensor of shape (N, K, P). With E = dilation (R - 1) + 1, P is L stride for "same",
        L stride + max(E - stride, 0) for "valid" and (L - 1) stride + E - 2 padding for "pad".

    Raises:
        TypeError: an argument has another type than said above, or the input has another dtype than the weight.
        ValueError: a size is below 1, a padding below 0, too great or given without "pad", `group` does not divide the
            channels, or the input does not have shape (N, C, L).

    Examples:
        >>> nn.Conv1dTranspose(3, 64, 4, pad_mode="pad")(ops.ones((1, 3, 50))).shape
        (1, 64, 53)
    """

    transposed = True

    def construct(self, x: Tensor) -> Tensor:
        self.check_input(x)
        image = ops.expand_dims(x, 2)
        extents = self.transposed_extents(image.shape[2:])
        result = transposed_convolution(
            image, self.weight, self.out_channels, extents, self.padding_around(extents), self.stride, self.dilation,
            self.group,
        )  # fmt: skip
        return ops.squeeze(self.with_bias(result), 2)
