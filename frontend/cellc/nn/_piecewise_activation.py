"""Activation layers made of linear and quadratic pieces. NaN stays NaN in each of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from cellc import ops
from cellc.dtype import float16, float32
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.nn._precision import float_input, number_input, wide
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor


class HShrink(Cell):
    """x where |x| > lambd, else 0, elementwise.

    Args:
        lambd: the threshold, a float.

    Inputs:
        input_x: a floating-point Tensor of any shape.

    Outputs:
        A Tensor of the shape and dtype of `input_x`.

    Raises:
        TypeError: `lambd` is not a float, or `input_x` is not a floating-point Tensor.

    Examples:
        >>> nn.HShrink()(Tensor([-2.0, 0.5, 0.75])).asnumpy()
        array([-2.  ,  0.  ,  0.75], dtype=float32)
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = _validate.of_type("lambd", lambd, float, self.cls_name)

    def construct(self, input_x: Tensor) -> Tensor:
        x = float_input("input_x", input_x, self.cls_name)
        return ops.select(ops.less_equal(ops.abs(x), self.lambd), 0.0, x)


class SoftShrink(Cell):
    """x - lambd where x > lambd, x + lambd where x < -lambd, else 0, elementwise. Inputs and outputs: as for HShrink.

    Args:
        lambd: the threshold, a float of at least 0.

    Raises:
        TypeError: `lambd` is not a float, or `input_x` is not a floating-point Tensor.
        ValueError: `lambd` is negative.

    Examples:
        >>> nn.SoftShrink()(Tensor([-2.0, 0.5, 0.75])).asnumpy()
        array([-1.5 ,  0.  ,  0.25], dtype=float32)
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = _validate.non_negative_float("lambd", lambd, self.cls_name)

    def construct(self, input_x: Tensor) -> Tensor:
        x = float_input("input_x", input_x, self.cls_name)
        nearer = ops.sub(x, ops.select(ops.greater(x, 0.0), self.lambd, ops.fill(x.dtype, x.shape, -self.lambd)))
        return ops.select(ops.less_equal(ops.abs(x), self.lambd), 0.0, nearer)


class HSigmoid(Cell):
    """max(0, min(1, (x + 3) / 6)), elementwise; for integers the fraction is dropped.

    Inputs:
        input_x: a Tensor of numbers of any shape.

    Outputs:
        A Tensor of the shape and dtype of `input_x`.

    Raises:
        TypeError: `input_x` is not a Tensor of numbers.

    Examples:
        >>> nn.HSigmoid()(Tensor([-4.0, 0.0, 1.5])).asnumpy()
        array([0.  , 0.5 , 0.75], dtype=float32)
    """

    def construct(self, input_x: Tensor) -> Tensor:
        x = wide(number_input("input_x", input_x, self.cls_name))
        # Each bound goes last: a tie gives it the slope, so that the ends are flat, as in MindSpore's gradient.
        clipped = ops.minimum(ops.maximum(ops.div(ops.add(x, 3.0), 6.0), 0.0), 1.0)
        return ops.cast(clipped, input_x.dtype)


class HSwish(Cell):
    """x min(max(x + 3, 0), 6) / 6, elementwise; 0 at -inf.

    Howard et al., Searching for MobileNetV3 (https://arxiv.org/abs/1905.02244).

    Inputs:
        x: a floating-point Tensor of any shape.

    Outputs:
        A Tensor of the shape and dtype of x.

    Raises:
        TypeError: x is not a floating-point Tensor.

    Examples:
        >>> nn.HSwish()(Tensor([-4.0, -1.5, 4.0])).asnumpy()
        array([ 0.   , -0.375,  4.   ], dtype=float32)
    """

    def construct(self, x: Tensor) -> Tensor:
        wider = wide(float_input("x", x, self.cls_name))
        low, high = ops.less_equal(wider, -3.0), ops.greater_equal(wider, 3.0)
        # The product sees only what it is chosen for: elsewhere its slope could be 0 * inf.
        middle = ops.select(ops.logical_or(low, high), 0.0, wider)
        curve = ops.div(ops.mul(middle, ops.add(middle, 3.0)), 6.0)
        return ops.cast(ops.select(high, wider, ops.select(low, 0.0, curve)), x.dtype)


class LeakyReLU(Cell):
    """x where x >= 0, else alpha x, elementwise.

    Maas, Hannun and Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models (ICML 2013).

    Args:
        alpha: an int or a float. Beside integers its fraction is dropped.

    Inputs:
        x: a Tensor of numbers of any shape.

    Outputs:
        A Tensor of the shape and dtype of x.

    Raises:
        TypeError: `alpha` is neither an int nor a float, or x is not a Tensor of numbers.

    Examples:
        >>> nn.LeakyReLU()(Tensor([-5.0, 5.0])).asnumpy()
        array([-1.,  5.], dtype=float32)
    """

    def __init__(self, alpha: float = 0.2) -> None:
        super().__init__()
        self.alpha = _validate.of_type("alpha", alpha, (float, int), self.cls_name)

    def construct(self, x: Tensor) -> Tensor:
        slope = self.alpha if number_input("x", x, self.cls_name).dtype.is_float else int(self.alpha)
        return ops.select(ops.greater_equal(x, 0), x, ops.mul(x, slope))


class PReLU(Cell):
    """max(0, x) + w min(0, x) with one learned w for each channel (axis 1), or one for all.

    A negative w counts as 0, and in training is replaced by 0, as in MindSpore. He et al., Delving Deep into
    Rectifiers (https://arxiv.org/abs/1502.01852).

    Args:
        channel: number of elements of `w`: 1, or the extent of axis 1 of the input.
        w: the initial value: a float, a list of `channel` floats, or a Tensor (channel,) of float16 or float32.

    Inputs:
        x: a floating-point Tensor; with more than one channel of rank at least 2.

    Outputs:
        A Tensor of the shape and dtype of x.

    Raises:
        TypeError: `channel` is not an int, `w` is of another type, or x is not a floating-point Tensor.
        ValueError: `channel` is below 1, `w` does not have `channel` floats, or x has another number of channels.

    Examples:
        >>> nn.PReLU()(Tensor([[-1.0, 2.0]])).asnumpy()
        array([[-0.25,  2.  ]], dtype=float32)
    """

    w: Parameter

    def __init__(self, channel: int = 1, w: Any = 0.25) -> None:
        super().__init__()
        _validate.positive_int("channel", channel, self.cls_name)
        self.w = Parameter(_slopes(channel, w, self.cls_name), name="a")

    def construct(self, x: Tensor) -> Tensor:
        float_input("x", x, self.cls_name)
        channels = x.shape[1] if x.ndim > 1 else 1
        if self.w.shape[0] not in (1, channels):
            raise bad_argument(
                ValueError,
                f"For '{self.cls_name}', 'x' must have {self.w.shape[0]} channels (axis 1), but got shape {x.shape}.",
            )
        slope = ops.relu(self.w)
        if self.training:
            ops.assign(self.w, slope)
        shape = (-1,) + (1,) * (x.ndim - 2) if x.ndim > 1 else (1,) * x.ndim
        scaled = ops.mul(x, ops.cast(ops.reshape(slope, shape), x.dtype))
        return ops.select(ops.greater(x, 0.0), x, scaled)


def _slopes(channel: int, w: Any, owner: str) -> Tensor:
    if isinstance(w, float | np.floating):
        return Tensor(np.full(channel, w, np.float32))
    if isinstance(w, list):
        if len(w) != channel or not all(isinstance(item, float | np.floating) for item in w):
            raise bad_argument(ValueError, f"For '{owner}', a list 'w' must have {channel} floats, but got {w}.")
        return Tensor(np.array(w, np.float32))
    if not isinstance(w, Tensor):
        message = f"For '{owner}', 'w' must be a float, a list of floats or a Tensor, but got {w!r} of type "
        raise bad_argument(TypeError, f"{message}{type(w).__name__}.")
    if w.dtype not in (float16, float32) or w.shape != (channel,):
        message = f"For '{owner}', a Tensor 'w' must be Float16 or Float32 of shape {(channel,)}, but got "
        raise bad_argument(ValueError, f"{message}{w.dtype} of shape {w.shape}.")
    return w
