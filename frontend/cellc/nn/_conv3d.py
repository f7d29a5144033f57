"""Convolution over depth, height and width, made of one over height and width.

The elements of the kernel along the depth become channels: with KD of them, an image of (C KD, H, W) for each place
of the kernel along the depth, and a weight that is only reshaped to (K, C KD / group, R, S).
"""

from __future__ import annotations

from typing import Any

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._convolution import Convolution, Ints, Pairs, conv2d_transpose
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

    def flat_weight(self) -> Tensor:
        """The weight with the elements along the depth as channels."""
        first, second, depth, height, width = self.weight.shape
        return ops.reshape(self.weight, (first, second * depth, height, width))


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
        images = self._images(ops.pad(x, ((0, 0), (0, 0), *self.padding_around(x.shape[2:]))))
        n, places, channels, height, width = images.shape
        _, *strides = self.stride
        _, *dilations = self.dilation
        flat = ops.conv2d(
            ops.reshape(images, (n * places, channels, height, width)), self.flat_weight(), "valid", 0,
            (strides[0], strides[1]), (dilations[0], dilations[1]), self.group,
        )  # fmt: skip
        result = ops.reshape(flat, (n, places, *flat.shape[1:]))
        return self.with_bias(ops.transpose(result, (0, 2, 1, 3, 4)))

    def _images(self, x: Tensor) -> Tensor:
        """x (N, C, D, H, W) as (N, O, C KD, H, W): what the kernel meets at each of its O places in depth."""
        kernel, stride, dilation = self.kernel_size[0], self.stride[0], self.dilation[0]
        n, channels, depth, height, width = x.shape
        places = (depth - (kernel - 1) * dilation - 1) // stride + 1
        if places < 1:
            raise bad_argument(
                ValueError,
                f"For '{self.cls_name}', 'kernel_size' {self.kernel_size} must fit into 'x', padded {x.shape}.",
            )
        stop = (places - 1) * stride + 1
        taps = [x[:, :, tap * dilation : tap * dilation + stop : stride] for tap in range(kernel)]
        stacked = ops.stack([ops.transpose(tap, (0, 2, 1, 3, 4)) for tap in taps], 3)
        return ops.reshape(stacked, (n, places, channels * kernel, height, width))

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
        cut = [before for before, _ in self.padding_around(extents)]
        spread = self._spread_over_depth(self._flat_images(x))
        return self.with_bias(_cut(spread, cut, extents, self.output_padding))

    def _flat_images(self, x: Tensor) -> Tensor:
        """The whole result over height and width for each depth of x and of the kernel: (N, D, K, KD, P, Q)."""
        n, channels, depth, height, width = x.shape
        images = ops.reshape(ops.transpose(x, (0, 2, 1, 3, 4)), (n * depth, channels, height, width))
        rows = zip(x.shape[3:], self.kernel_size[1:], self.stride[1:], self.dilation[1:], strict=True)
        whole = tuple((extent - 1) * stride + (kernel - 1) * gap + 1 for extent, kernel, stride, gap in rows)
        none: Pairs = [(0, 0), (0, 0)]
        flat = conv2d_transpose(
            images, self.flat_weight(), self.out_channels * self.kernel_size[0], whole, none, self.stride[1:],
            self.dilation[1:], self.group,
        )  # fmt: skip
        return ops.reshape(flat, (n, depth, self.out_channels, self.kernel_size[0], *whole))

    def _spread_over_depth(self, x: Tensor) -> Tensor:
        """x (N, D, K, KD, P, Q) as (N, K, (D - 1) stride + dilation (KD - 1) + 1, P, Q): the sum along the depth."""
        kernel, stride, dilation = self.kernel_size[0], self.stride[0], self.dilation[0]
        zero, total = ops.zeros((), x.dtype), None
        for tap in range(kernel):
            part = ops.transpose(x[:, :, :, tap], (0, 2, 1, 3, 4))
            around = tap * dilation, (kernel - 1 - tap) * dilation
            part = apply(
                "pad", part, zero, low=(0, 0, around[0], 0, 0), high=(0, 0, around[1], 0, 0),
                interior=(0, 0, stride - 1, 0, 0),
            )  # fmt: skip
            total = part if total is None else ops.add(total, part)
        assert total is not None  # a kernel has elements
        return total


def _cut(x: Tensor, cut: list[int], extents: Ints, more: Ints) -> Tensor:
    """x (N, K, ...) from `cut` on, for `extents` elements and `more`, with zeros where x has ended."""
    wanted = [extent + extra for extent, extra in zip(extents, more, strict=True)]
    there = [min(size, had - first) for size, had, first in zip(wanted, x.shape[2:], cut, strict=True)]
    kept = ops.slice(x, (0, 0, *cut), (*x.shape[:2], *there))
    missing = [(0, size - had) for size, had in zip(wanted, there, strict=True)]
    return ops.pad(kept, ((0, 0), (0, 0), *missing))
