"""What convolution layers share: parameters, checks, printing, and the extents of transposed convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from cellc import ops
from cellc.errors import bad_argument
from cellc.initializer import initializer
from cellc.nn._cell import Cell
from cellc.ops import _validate
from cellc.ops._windows import same_padding
from cellc.parameter import Parameter
from cellc.tensor import Tensor
from cellc.trace import apply

Ints = tuple[int, ...]
Pairs = list[tuple[int, int]]


class Convolution(Cell):
    """Base of convolution layers: keeps and checks the arguments and makes `weight` and `bias`.

    `axes` names the axes of the input after N and C. The weight has shape (K, C / group, *kernel_size), and
    (C, K / group, *kernel_size) where `transposed`.
    """

    in_channels: int
    out_channels: int
    weight: Parameter
    bias: Parameter | None
    axes: ClassVar[tuple[str, ...]]
    transposed: ClassVar[bool] = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints,
        pad_mode: str,
        padding: int | Ints,
        dilation: Ints,
        group: int,
        has_bias: bool,
        weight_init: Any,
        bias_init: Any,
    ) -> None:
        super().__init__()
        owner = self.cls_name
        self.in_channels = _validate.positive_int("in_channels", in_channels, owner)
        self.out_channels = _validate.positive_int("out_channels", out_channels, owner)
        self.kernel_size, self.stride, self.dilation, self.padding = kernel_size, stride, dilation, padding
        self.pad_mode = _validate.one_of("pad_mode", pad_mode, ("same", "valid", "pad"), owner)
        self.sides: Ints = (padding,) * (2 * len(kernel_size)) if isinstance(padding, int) else padding
        if pad_mode != "pad" and any(self.sides):
            raise bad_argument(
                ValueError, f"For '{owner}', 'padding' must be 0 when 'pad_mode' is '{pad_mode}', but got {padding}."
            )
        self.group = _validate.positive_int("group", group, owner)
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % group:
                raise bad_argument(
                    ValueError, f"For '{owner}', '{name}' {channels} must be divisible by 'group' {group}."
                )
        self.has_bias = _validate.boolean("has_bias", has_bias, owner)
        self.weight_init, self.bias_init = weight_init, bias_init
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        shape = [first, second // group, *kernel_size]
        self.weight = Parameter(initializer(weight_init, shape), name="weight")
        self.bias = Parameter(initializer(bias_init, [out_channels]), name="bias") if has_bias else None

    def check_input(self, x: Tensor) -> None:
        """Raises ValueError unless x has the shape (N, C, *axes)."""
        if x.ndim != 2 + len(self.axes) or x.shape[1] != self.in_channels:
            wanted = ", ".join(["N", str(self.in_channels), *self.axes])
            raise bad_argument(
                ValueError, f"For '{self.cls_name}', 'x' must have shape ({wanted}), but got shape {x.shape}."
            )
        _validate.one_dtype(self.cls_name, x=x, weight=self.weight)

    def with_bias(self, result: Tensor) -> Tensor:
        """`result` plus the bias, if there is one."""
        return result if self.bias is None else ops.bias_add(result, self.bias)

    def extend_repr(self) -> str:
        return (
            f"input_channels={self.in_channels}, output_channels={self.out_channels}, "
            f"kernel_size={self.kernel_size}, stride={self.stride}, pad_mode={self.pad_mode}, "
            f"padding={self.padding}, dilation={self.dilation}, group={self.group}, has_bias={self.has_bias}, "
            f"weight_init={self.weight_init}, bias_init={self.bias_init}"
        )

    def padding_around(self, extents: Sequence[int]) -> Pairs:
        """(before, after) for each axis of an image of these extents that a convolution reads."""
        if self.pad_mode != "same":
            return list(zip(self.sides[::2], self.sides[1::2], strict=True))
        return [same_padding(*row) for row in zip(extents, self.kernel_size, self.stride, self.dilation, strict=True)]

    def transposed_extents(self, extents: Sequence[int]) -> Ints:
        """Extents of the image that a convolution with these arguments turns into one of `extents`.

        Where several do, "valid" and "same" take extent * stride or, with "valid" and a kernel that is wider than its
        stride, what the kernel reaches; "pad" takes the smallest.
        """
        if 0 in extents:
            raise bad_argument(
                ValueError, f"For '{self.cls_name}', 'x' must not be empty along {', '.join(self.axes)}, got {extents}."
            )
        found = []
        for extent, kernel, stride, dilation, (before, after) in zip(
            extents, self.kernel_size, self.stride, self.dilation, self.padding_around(extents), strict=True
        ):
            beyond = dilation * (kernel - 1) + 1 - stride
            extra = {"same": 0, "valid": max(beyond, 0), "pad": beyond - before - after}[self.pad_mode]
            found.append(extent * stride + extra)
        if min(found) < 1:
            raise bad_argument(
                ValueError,
                f"For '{self.cls_name}', 'padding' {self.padding} leaves nothing of the result for an input of extents "
                f"{tuple(extents)}.",
            )
        return tuple(found)


def transposed_convolution(
    x: Tensor, weight: Tensor, channels: int, extents: Ints, padding: Pairs, strides: Ints, dilation: Ints, groups: int
) -> Tensor:
    """The transpose of conv2d or conv3d in its input: x (N, K, ...), weight (K, C / group, ...) to (N, C, *extents)."""
    return apply(
        f"conv{len(extents)}d_input_gradient",
        x,
        weight,
        strides=strides,
        padding=tuple(side for sides in padding for side in sides),
        dilation=dilation,
        groups=groups,
        input_shape=(x.shape[0], channels, *extents),
    )
