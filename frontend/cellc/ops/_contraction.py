"""Matrix products, convolution and the addition of a bias."""

from __future__ import annotations

from cellc import arithmetic
from cellc.arithmetic import as_tensor
from cellc.errors import bad_argument
from cellc.ops import _validate
from cellc.ops._arithmetic import Operand, add
from cellc.ops._shape import reshape
from cellc.ops._windows import window_padding
from cellc.tensor import Tensor
from cellc.trace import apply


def matmul(x1: Operand, x2: Operand, transpose_a: bool = False, transpose_b: bool = False) -> Tensor:
    """The matrix product over the last two axes, with NumPy's rules for ranks.

    A vector is a row on the left and a column on the right, and its axis goes; leading axes broadcast.
    `transpose_a` and `transpose_b` exchange the last two axes of an operand without moving its data.

    Raises:
        ValueError: an operand has rank 0, or the shapes do not fit.
        TypeError: the dtypes differ.
    """
    return arithmetic.matmul(x1, x2, transpose_a, transpose_b)


def bias_add(input_x: Operand, bias: Operand) -> Tensor:
    """`input_x` plus `bias` of shape (C,) along axis 1, the channels.

    Raises:
        ValueError: `input_x` has fewer than two axes, or its axis 1 is not as long as `bias`.
    """
    tensor, added = as_tensor(input_x), as_tensor(bias)
    if tensor.ndim < 2 or added.shape != (tensor.shape[1],):
        raise bad_argument(
            ValueError,
            f"For 'bias_add', 'bias' must have the extent of axis 1 of 'input_x', but got shapes "
            f"{added.shape} and {tensor.shape}.",
        )
    return add(tensor, reshape(added, (added.shape[0],) + (1,) * (tensor.ndim - 2)))


def conv2d(
    inputs: Operand,
    weight: Operand,
    pad_mode: str = "valid",
    padding: int | tuple[int, int, int, int] = 0,
    stride: int | tuple[int, int] = 1,
    dilation: int | tuple[int, int] = 1,
    group: int = 1,
) -> Tensor:
    """Cross-correlation of inputs[N, C, H, W] with weight[K, C / group, R, S]; result [N, K, P, Q].

    `pad_mode` is "valid" (no padding), "same" (P = ceil(H / stride), an odd row of padding at the bottom, an odd
    column at the right) or "pad" (`padding` as top, bottom, left, right).

    Raises:
        ValueError: `padding` is not 0 although `pad_mode` is not "pad", or the shapes do not fit.
        TypeError: the dtypes differ.
    """
    tensor, kernel = as_tensor(inputs), as_tensor(weight)
    _validate.one_dtype("conv2d", inputs=tensor, weight=kernel)
    strides, dilations = _validate.pair("stride", stride, "conv2d"), _validate.pair("dilation", dilation, "conv2d")
    if tensor.ndim != 4 or kernel.ndim != 4:
        raise bad_argument(
            ValueError,
            f"For 'conv2d', 'inputs' and 'weight' must have rank 4, but got {tensor.shape} and {kernel.shape}.",
        )
    sides = window_padding(pad_mode, padding, tensor.shape[2:], kernel.shape[2:], strides, dilations, "conv2d")
    return apply(
        "conv2d",
        tensor,
        kernel,
        strides=strides,
        padding=sides,
        dilation=dilations,
        groups=_validate.positive_int("group", group, "conv2d"),
    )
