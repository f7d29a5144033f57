"""Activation layers made of exponentials. They compute in float32 for float16 and bfloat16."""

from __future__ import annotations

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.nn._precision import float_input, wide
from cellc.ops import _validate
from cellc.ops._loss import log_sigmoid
from cellc.tensor import Tensor


def _celu(x: Tensor, alpha: float) -> Tensor:
    # The exponential sees no positive x: what overflows there would make gradients 0 * inf.
    positive = ops.greater(x, 0.0)
    tail = ops.mul(ops.expm1(ops.div(ops.select(positive, 0.0, x), alpha)), alpha)
    return ops.select(positive, x, tail)


class CELU(Cell):
    """max(x, 0) + min(0, alpha (exp(x / alpha) - 1)), elementwise.

    Barron, Continuously Differentiable Exponential Linear Units (https://arxiv.org/abs/1704.07483).

    Args:
        alpha: a float other than 0.

    Inputs:
        x: a floating-point Tensor of any shape.

    Outputs:
        A Tensor of the shape and dtype of x.

    Raises:
        TypeError: `alpha` is not a float, or x is not a floating-point Tensor.
        ValueError: `alpha` is 0.

    Examples:
        >>> nn.CELU()(Tensor([-2.0, -1.0, 1.0])).asnumpy()
        array([-0.86466473, -0.63212055,  1.        ], dtype=float32)
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = _validate.of_type("alpha", alpha, float, self.cls_name)
        if alpha == 0:
            raise bad_argument(ValueError, f"For '{self.cls_name}', 'alpha' must not be 0, but got {alpha}.")

    def construct(self, x: Tensor) -> Tensor:
        return ops.cast(_celu(wide(float_input("x", x, self.cls_name)), self.alpha), x.dtype)


class ELU(Cell):
    """x where x >= 0, else exp(x) - 1, elementwise.

    Clevert, Unterthiner and Hochreiter, Fast and Accurate Deep Network Learning by Exponential Linear Units
    (https://arxiv.org/abs/1511.07289), whose factor alpha must be 1 here. Inputs and outputs are as for CELU.

    Args:
        alpha: 1.0.

    Raises:
        TypeError: `alpha` is not a float, or x is not a floating-point Tensor.
        ValueError: `alpha` is not 1.0.

    Examples:
        >>> nn.ELU()(Tensor([-1.0, 0.0, 2.0])).asnumpy()
        array([-0.63212055,  0.        ,  2.        ], dtype=float32)
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = _validate.of_type("alpha", alpha, float, self.cls_name)
        if alpha != 1.0:
            raise bad_argument(ValueError, f"For '{self.cls_name}', 'alpha' must be 1.0, but got {alpha}.")

    def construct(self, x: Tensor) -> Tensor:
        return ops.cast(_celu(wide(float_input("x", x, self.cls_name)), self.alpha), x.dtype)


class FastGelu(Cell):
    """x sigmoid(1.702 x), elementwise; equal to x / (1 + exp(-1.702 |x|)) exp(0.851 (x - |x|)).

    The second form is MindSpore's; the approximation is from Hendrycks and Gimpel, Gaussian Error Linear Units
    (https://arxiv.org/abs/1606.08415). Inputs and outputs are as for CELU.

    Raises:
        TypeError: x is not a floating-point Tensor.

    Examples:
        >>> nn.FastGelu()(Tensor([0.0, 10.0])).asnumpy()
        array([ 0., 10.], dtype=float32)
    """

    def construct(self, x: Tensor) -> Tensor:
        wider = wide(float_input("x", x, self.cls_name))
        return ops.cast(ops.mul(wider, ops.sigmoid(ops.mul(wider, 1.702))), x.dtype)


class LogSigmoid(Cell):
    """log(1 / (1 + exp(-x))), elementwise; does not overflow. (MindSpore 1.7 gives -inf for x below -88.)

    Inputs and outputs are as for CELU.

    Raises:
        TypeError: x is not a floating-point Tensor.

    Examples:
        >>> nn.LogSigmoid()(Tensor([-200.0, 0.0, 200.0])).asnumpy()
        array([-200.       ,   -0.6931472,    0.       ], dtype=float32)
    """

    def construct(self, x: Tensor) -> Tensor:
        return ops.cast(log_sigmoid(wide(float_input("x", x, self.cls_name))), x.dtype)
