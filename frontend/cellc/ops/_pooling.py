"""Pooling over height and width."""

from __future__ import annotations

from typing import Any

from cellc.arithmetic import as_tensor
from cellc.errors import bad_argument
from cellc.ops import _validate
from cellc.ops._arithmetic import Operand
from cellc.ops._windows import window_padding
from cellc.tensor import Tensor
from cellc.trace import apply

Window = int | tuple[int, int]


def _windows(op: str, x: Operand, kernel_size: Window, strides: Window, pad_mode: str) -> tuple[Tensor, dict[str, Any]]:
    tensor = as_tensor(x)
    if tensor.ndim != 4:
        raise bad_argument(ValueError, f"For '{op}', 'x' must have rank 4 (N, C, H, W), but got shape {tensor.shape}.")
    kernel, steps = _validate.pair("kernel_size", kernel_size, op), _validate.pair("strides", strides, op)
    _validate.of_type("pad_mode", pad_mode, str, op)
    mode = _validate.one_of("pad_mode", pad_mode.lower(), ("valid", "same"), op)
    sides = window_padding(mode, 0, tensor.shape[2:], kernel, steps, (1, 1), op)
    if mode == "valid" and (kernel[0] > tensor.shape[2] or kernel[1] > tensor.shape[3]):
        raise bad_argument(
            ValueError, f"For '{op}', 'kernel_size' {kernel} must fit into the height and width of {tensor.shape}."
        )
    return tensor, {"kernel": kernel, "strides": steps, "padding": sides}


def max_pool(x: Operand, kernel_size: Window = 1, strides: Window = 1, pad_mode: str = "valid") -> Tensor:
    """The greatest element of each window of x[N, C, H, W]; padding never wins.

    `pad_mode` "valid" drops windows that do not fit, "same" makes ceil(H / stride) windows.
    """
    tensor, windows = _windows("max_pool", x, kernel_size, strides, pad_mode)
    result, _ = apply("max_pool2d", tensor, **windows)
    return result


def avg_pool(x: Operand, kernel_size: Window = 1, strides: Window = 1, pad_mode: str = "valid") -> Tensor:
    """The mean of each window of x[N, C, H, W]; padding is not counted.

    `pad_mode` "valid" drops windows that do not fit, "same" makes ceil(H / stride) windows.
    """
    tensor, windows = _windows("avg_pool", x, kernel_size, strides, pad_mode)
    return apply("avg_pool2d", tensor, **windows, count_include_pad=False)
