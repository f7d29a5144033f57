"""The fully connected layer."""

from __future__ import annotations

from typing import Any

from cellc import ops
from cellc.errors import bad_argument
from cellc.initializer import initializer
from cellc.nn._activation import get_activation
from cellc.nn._cell import Cell
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor


class Dense(Cell):
    """activation(x weight^T + bias).

    Args:
        in_channels: extent of the last axis of the input.
        out_channels: extent of the last axis of the output.
        weight_init: initial weight, (out_channels, in_channels): a Tensor, an Initializer, its name or a number.
        bias_init: the same for the bias, (out_channels,).
        has_bias: whether there is a bias.
        activation: a name (see `get_activation`), a Cell or a Primitive applied to the result, or None.

    Inputs:
        x: a Tensor of shape (..., in_channels) and rank at least 2.

    Outputs:
        A Tensor of shape (..., out_channels).

    Raises:
        TypeError: an argument has another type than said above.
        ValueError: a channel count is below 1, an initial Tensor or the input has another shape.
        KeyError: no activation has that name.

    Examples:
        >>> nn.Dense(3, 4)(ops.ones((2, 3))).shape
        (2, 4)
    """

    in_channels: int
    out_channels: int
    has_bias: bool
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        weight_init: Any = "normal",
        bias_init: Any = "zeros",
        has_bias: bool = True,
        activation: str | Cell | ops.Primitive | None = None,
    ) -> None:
        super().__init__()
        owner = self.cls_name
        self.in_channels = _validate.positive_int("in_channels", in_channels, owner)
        self.out_channels = _validate.positive_int("out_channels", out_channels, owner)
        self.has_bias = _validate.boolean("has_bias", has_bias, owner)
        _check_initial("weight_init", weight_init, (out_channels, in_channels), owner)
        self.weight = Parameter(initializer(weight_init, [out_channels, in_channels]), name="weight")
        self.bias = None
        if has_bias:
            _check_initial("bias_init", bias_init, (out_channels,), owner)
            self.bias = Parameter(initializer(bias_init, [out_channels]), name="bias")
        self.activation = get_activation(activation, owner) if isinstance(activation, str) else activation
        if not isinstance(self.activation, Cell | ops.Primitive | None):
            raise bad_argument(
                TypeError,
                f"For '{owner}', 'activation' must be a str, a Cell, a Primitive or None, "
                f"but got {activation!r} of type {type(activation).__name__}.",
            )
        self.activation_flag = self.activation is not None

    def construct(self, x: Tensor) -> Tensor:
        if x.ndim < 2 or x.shape[-1] != self.in_channels:
            raise bad_argument(
                ValueError,
                f"For '{self.cls_name}', 'x' must have shape (..., {self.in_channels}) and rank at least 2, "
                f"but got shape {x.shape}.",
            )
        rows = x if x.ndim == 2 else ops.reshape(x, (-1, self.in_channels))
        result = ops.matmul(rows, self.weight, transpose_b=True)
        if self.bias is not None:
            result = ops.add(result, self.bias)
        if self.activation is not None:
            result = self.activation(result)
        return result if x.ndim == 2 else ops.reshape(result, (*x.shape[:-1], self.out_channels))

    def extend_repr(self) -> str:
        parts = [f"input_channels={self.in_channels}", f"output_channels={self.out_channels}"]
        if self.has_bias:
            parts.append(f"has_bias={self.has_bias}")
        if self.activation is not None:
            parts.append(f"activation={self.activation}")
        return ", ".join(parts)


def _check_initial(name: str, value: Any, shape: tuple[int, ...], owner: str) -> None:
    if isinstance(value, Tensor) and value.shape != shape:
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must have shape {shape}, but got shape {value.shape}.")
