"""Convolution over depth, height and width, and its transpose."""

from __future__ import annotations

from operator import add
from typing import Any

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._convolution import Convolution, transposed_convolution
from cellc.ops import _validate
from cellc.tensor import Tensor
from cellc.trace import apply

Triple = int | tuple[int, int, int]
Sides = int | tuple[int, int, int, int, int, int]


def _triple(name: str, value: Any, owner: str, least: int = 1) -> tuple[int, int, int]:
    """(depth, height, width) from an int, which stands for all three, or a tuple of three; each at least `least`."""
    _validate.of_type(name, value, (int, tuple), owner)
    items = (value,) * 3 if isinstance(value, int) else value
    if len(items) != 3 or not all(isinstance(n, int) and not isinstance(n, bool) and n >= least for n in items):
        raise bad_argument(
            ValueError, f"For '{owner}', '{name}' must be an int of at least {least} or three of them, but got {value}."
        )
    return items


class _Conv3d(Convolution):
    """What both layers take."""

    axes = ("D", "H", "W")

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Triple, stride: Triple, pad_mode: str, padding: Sides,
        dilation: Triple, group: int, has_bias: bool, weight_init: Any, bias_init: Any, data_format: str,
    ) -> None:  # fmt: skip
        owner = type(self).__name__
        sizes = {"kernel_size": kernel_size, "stride": stride, "dilation": dilation}
        kernel, strides, dilations = (_triple(name, value, owner) for name, value in sizes.items())
        _validate.of_type("padding", padding, (int, tuple), owner)
        sides = (padding,) * 6 if isinstance(padding, int) else padding
        if len(sides) != 6:
            raise bad_argument(
                ValueError, f"For '{owner}', 'padding' must be an int or a tuple of six ints, but got {padding}."
            )
        for side in sides:
            _validate.non_negative_int("padding", side, owner)
        super().__init__(
            in_channels, out_channels, kernel, strides, pad_mode, padding, dilations, group, has_bias, weight_init,
            bias_init,
        )  # fmt: skip
        self.format = _validate.one_of("data_format", data_format, ("NCDHW",), owner)


class Conv3d(_Conv3d):
    """Cross-correlation over depth, height and width; the formula is that of Conv2d with one axis more.

    Args:
        in_channels: C, channels of the input.
        out_channels: K, channels of the output.
        kernel_size: (KD, R, S), or one int for all.
        stride: steps in depth, height and width, or one int for all.
        pad_mode: "same", "valid" or "pad". "same" makes ceil(D / stride) places, the odd zero at the end.
        padding: with "pad", (head, tail, top, bottom, left, right) or one int for all; 0 otherwise.
        dilation: distances between the elements of the kernel, or one int for all axes.
        group: the channels are cut into this many groups that do not see each other (MindSpore allows 1 only).
        has_bias: whether there is a bias.
        weight_init: initial weight of shape (K, C / group, KD, R, S): a Tensor, an Initializer, its name or a number.
        bias_init: the same for the bias of shape (K,).
        data_format: "NCDHW".

    Inputs:
        x: a Tensor of shape (N, C, D, H, W) and the dtype of the weight.

    Outputs:
        A Tensor of shape (N, K, O, P, Q); O = floor((D + head + tail - dilation (KD - 1) - 1) / stride) + 1.

    Raises:
        TypeError: an argument has another type than said above, or the input has another dtype than the weight.
        ValueError: a size is below 1, a padding below 0 or given without "pad", `group` does not divide the channels,
            the input does not have shape (N, C, D, H, W), or the kernel does not fit.

    Examples:
        >>> nn.Conv3d(in_channels=3, out_channels=8, kernel_size=(4, 3, 3))(ops.ones((2, 3, 5, 8, 8))).shape
        (2, 8, 5, 8, 8)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Triple,
        stride: Triple = 1,
        pad_mode: str = "same",
        padding: Sides = 0,
        dilation: Triple = 1,
        group: int = 1,
        has_bias: bool = False,
        weight_init: Any = "normal",
        bias_init: Any = "zeros",
        data_format: str = "NCDHW",
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, pad_mode, padding, dilation, group, has_bias, weight_init,
            bias_init, data_format,
        )  # fmt: skip

    def construct(self, x: Tensor) -> Tensor:
        self.check_input(x)
        around = self.padding_around(x.shape[2:])
        padded = [before + extent + after for extent, (before, after) in zip(x.shape[2:], around, strict=True)]
        rows = zip(padded, self.kernel_size, self.dilation, strict=True)
        if any(extent <= (kernel - 1) * gap for extent, kernel, gap in rows):
            raise bad_argument(
                ValueError,
                f"For '{self.cls_name}', 'kernel_size' {self.kernel_size} must fit into 'x', padded "
                f"{(*x.shape[:2], *padded)}.",
            )
        sides = tuple(side for sides in around for side in sides)
        result = apply(
            "conv3d", x, self.weight, strides=self.stride, padding=sides, dilation=self.dilation, groups=self.group
        )
        return self.with_bias(result)

    def extend_repr(self) -> str:
        return f"{super().extend_repr()}, format={self.format}"


class Conv3dTranspose(_Conv3d):
    """The transpose of Conv3d in its input: each element of x adds a multiple of the kernel to the result.

    Zeiler et al., Deconvolutional Networks (2010).

    Args:
        in_channels: C, channels of the input.
        out_channels: K, channels of the output.
        kernel_size: (KD, R, S), or one int for all.
        stride: distances between the places where the kernel is added, or one int for all axes.
        pad_mode: "same", "valid" or "pad": see the outputs.
        padding: with "pad", what is cut off the result, (head, tail, top, bottom, left, right) or one int for all;
            0 otherwise.
        dilation: distances between the elements of the kernel, or one int for all axes.
        group: the channels are cut into this many groups that do not see each other (MindSpore allows 1 only).
        output_padding: with "pad", how much longer the result is at the end of each axis: three ints or one for all,
            below stride or dilation; 0 otherwise.
        has_bias: whether there is a bias.
        weight_init: initial weight of shape (C, K / group, KD, R, S): a Tensor, an Initializer, its name or a number.
        bias_init: the same for the bias of shape (K,).
        data_format: "NCDHW".

    Inputs:
        x: a Tensor of shape (N, C, D, H, W) and the dtype of the weight.

    Outputs:
        A Tensor of shape (N, K, O, P, Q). With E = dilation (KD - 1) + 1, O is D stride for "same",
        D stride + max(E - stride, 0) for "valid" and (D - 1) stride + E - head - tail + output_padding for "pad".

    Raises:
        TypeError: an argument has another type than said above, or the input has another dtype than the weight.
        ValueError: a size is below 1, a padding below 0, too great or given without "pad", `group` does not divide the
            channels, or the input does not have shape (N, C, D, H, W).

    Examples:
        >>> nn.Conv3dTranspose(4, 3, (4, 6, 2), pad_mode="pad")(ops.ones((2, 4, 5, 8, 8))).shape
        (2, 3, 8, 13, 9)
    """

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Triple,
        stride: Triple = 1,
        pad_mode: str = "same",
        padding: Sides = 0,
        dilation: Triple = 1,
        group: int = 1,
        output_padding: Triple = 0,
        has_bias: bool = False,
        weight_init: Any = "normal",
        bias_init: Any = "zeros",
        data_format: str = "NCDHW",
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, pad_mode, padding, dilation, group, has_bias, weight_init,
            bias_init, data_format,
        )  # fmt: skip
        owner = self.cls_name
        self.output_padding = _triple("output_padding", output_padding, owner, 0)
        limits = tuple(map(max, self.stride, self.dilation))
        if any(extra >= limit for extra, limit in zip(self.output_padding, limits, strict=True)):
            raise bad_argument(
                ValueError, f"For '{owner}', 'output_padding' must be below {limits}, but got {output_padding}."
            )
        if pad_mode != "pad" and any(self.output_padding):
            raise bad_argument(
                ValueError,
                f"For '{owner}', 'output_padding' must be 0 when 'pad_mode' is '{pad_mode}', but got {output_padding}.",
            )

    def construct(self, x: Tensor) -> Tensor:
        self.check_input(x)
        extents = self.transposed_extents(x.shape[2:])
        # `output_padding` takes back what `padding` cuts off the end; beyond that there are zeros.
        rows = list(zip(self.padding_around(extents), self.output_padding, strict=True))
        kept = [min(after, extra) for (_, after), extra in rows]
        result = transposed_convolution(
            x, self.weight, self.out_channels, tuple(map(add, extents, kept)),
            [(before, after - back) for ((before, after), _), back in zip(rows, kept, strict=True)],
            self.stride, self.dilation, self.group,
        )  # fmt: skip
        missing = [(0, extra - back) for (_, extra), back in zip(rows, kept, strict=True)]
        return self.with_bias(ops.pad(result, ((0, 0), (0, 0), *missing)))
