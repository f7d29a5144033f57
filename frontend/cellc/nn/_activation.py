"""Activation layers: cells without parameters that change each element, or normalise along an axis."""

from __future__ import annotations

from cellc import ops
from cellc.nn._cell import Cell
from cellc.nn._piecewise_activation import HShrink, HSigmoid, HSwish, LeakyReLU, PReLU, SoftShrink
from cellc.nn._smooth_activation import ELU, FastGelu, LogSigmoid
from cellc.ops import _validate
from cellc.tensor import Tensor


class ReLU(Cell):
    """max(x, 0), elementwise.

    Inputs:
        x: a Tensor of numbers of any shape.

    Outputs:
        A Tensor of the shape and dtype of x.

    Examples:
        >>> nn.ReLU()(Tensor([-1.0, 2.0])).asnumpy()
        array([0., 2.], dtype=float32)
    """

    def construct(self, x: Tensor) -> Tensor:
        return ops.relu(x)


class ReLU6(Cell):
    """min(max(x, 0), 6), elementwise; from Howard et al., MobileNets (https://arxiv.org/abs/1704.04861).

    Inputs and outputs are as for ReLU.

    Examples:
        >>> nn.ReLU6()(Tensor([-1.0, 2.0, 7.0])).asnumpy()
        array([0., 2., 6.], dtype=float32)
    """

    def construct(self, x: Tensor) -> Tensor:
        return ops.relu6(x)


class Sigmoid(Cell):
    """1 / (1 + exp(-x)), elementwise.

    Inputs:
        x: a floating-point Tensor of any shape.

    Outputs:
        A Tensor of the shape and dtype of x.

    Examples:
        >>> nn.Sigmoid()(Tensor([0.0])).asnumpy()
        array([0.5], dtype=float32)
    """

    def construct(self, x: Tensor) -> Tensor:
        return ops.sigmoid(x)


class Tanh(Cell):
    """The hyperbolic tangent, elementwise. Inputs and outputs are as for Sigmoid.

    Examples:
        >>> nn.Tanh()(Tensor([0.0])).asnumpy()
        array([0.], dtype=float32)
    """

    def construct(self, x: Tensor) -> Tensor:
        return ops.tanh(x)


class GELU(Cell):
    """The Gaussian error linear unit of Hendrycks and Gimpel (https://arxiv.org/abs/1606.08415), elementwise.

    Args:
        approximate: True for 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), False for 0.5 x (1 + erf(x / sqrt(2))).

    Inputs and outputs are as for Sigmoid.

    Raises:
        TypeError: `approximate` is not a bool.

    Examples:
        >>> nn.GELU()(Tensor([0.0, 1.0])).asnumpy()
        array([0.      , 0.841192], dtype=float32)
    """

    approximate: bool

    def __init__(self, approximate: bool = True) -> None:
        super().__init__()
        self.approximate = _validate.boolean("approximate", approximate, self.cls_name)

    def construct(self, x: Tensor) -> Tensor:
        return ops.gelu(x, self.approximate)


class Softmax(Cell):
    """exp(x) / sum(exp(x)) along an axis.

    Args:
        axis: the axis, counted from the end when negative; a tuple of one axis stands for the axis.

    Inputs:
        x: a floating-point Tensor with that axis.

    Outputs:
        A Tensor of the shape and dtype of x.

    Raises:
        TypeError: `axis` is neither an int nor a tuple.
        ValueError: `axis` is a tuple of more than one axis, or x has no such axis.

    Examples:
        >>> nn.Softmax()(Tensor([[0.0, 0.0]])).asnumpy()
        array([[0.5, 0.5]], dtype=float32)
    """

    def __init__(self, axis: int | tuple[int] = -1) -> None:
        super().__init__()
        self.softmax = ops.Softmax(axis)

    def construct(self, x: Tensor) -> Tensor:
        return self.softmax(x)


class LogSoftmax(Cell):
    """x - log(sum(exp(x))) along an axis. Arguments, inputs, outputs and errors are as for Softmax.

    Examples:
        >>> nn.LogSoftmax()(Tensor([[0.0, 0.0]])).asnumpy()
        array([[-0.6931472, -0.6931472]], dtype=float32)
    """

    def __init__(self, axis: int | tuple[int] = -1) -> None:
        super().__init__()
        self.log_softmax = ops.LogSoftmax(axis)

    def construct(self, x: Tensor) -> Tensor:
        return self.log_softmax(x)


_ACTIVATIONS: dict[str, type[Cell]] = {
    "softmax": Softmax,
    "logsoftmax": LogSoftmax,
    "relu": ReLU,
    "relu6": ReLU6,
    "tanh": Tanh,
    "gelu": GELU,
    "fast_gelu": FastGelu,
    "elu": ELU,
    "sigmoid": Sigmoid,
    "prelu": PReLU,
    "leakyrelu": LeakyReLU,
    "hswish": HSwish,
    "hsigmoid": HSigmoid,
    "logsigmoid": LogSigmoid,
    "softshrink": SoftShrink,
    "hshrink": HShrink,
}


def get_activation(name: str | None, prim_name: str | None = None) -> Cell | None:
    """A new activation layer by its name; None for None.

    Args:
        name: one of softmax, logsoftmax, relu, relu6, tanh, gelu, fast_gelu, elu, sigmoid, prelu, leakyrelu, hswish,
            hsigmoid, logsigmoid, softshrink, hshrink.
        prim_name: the layer that asks, for the message.

    Raises:
        KeyError: there is no activation of that name.
    """
    if name is None:
        return None
    if name not in _ACTIVATIONS:
        owner = f"For '{prim_name}', the" if prim_name else "The"
        raise KeyError(f"{owner} activation must be one of {', '.join(_ACTIVATIONS)}, but got {name!r}.")
    return _ACTIVATIONS[name]()
