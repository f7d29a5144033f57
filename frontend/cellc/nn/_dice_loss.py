"""Losses of overlap: the Dice coefficient of two sets, and its mean over classes."""

from __future__ import annotations

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._activation import get_activation
from cellc.nn._cell import Cell
from cellc.nn._loss import LossBase
from cellc.nn._precision import float_input, same_shape, tensor_input, wide
from cellc.ops import _validate
from cellc.tensor import Tensor


def _dice(x: Tensor, y: Tensor, smooth: float, axes: tuple[int, ...]) -> Tensor:
    """1 - 2 sum(x y) / (sum(x^2) + sum(y^2) + smooth) over `axes`."""
    x_y, x_x, y_y = (ops.reduce_sum(product, axes) for product in (ops.mul(x, y), ops.square(x), ops.square(y)))
    return ops.sub(1.0, ops.div(ops.mul(x_y, 2.0), ops.add(ops.add(x_x, y_y), smooth)))


class DiceLoss(LossBase):
    """1 - 2 sum(logits labels) / (sum(logits^2) + sum(labels^2) + smooth), sums over all elements.

    Milletari et al., V-Net (https://arxiv.org/abs/1606.04797). `smooth` is in the denominator only, as in MindSpore.

    Args:
        smooth: a float above 0.

    Inputs:
        logits: a floating-point Tensor of any shape.
        labels: a Tensor of the shape of `logits`.

    Outputs:
        A Tensor of rank 0 in the dtype of `logits`.

    Raises:
        TypeError: `smooth` is not a float, or an input is not a Tensor.
        ValueError: `smooth` is not above 0, or the shapes differ.

    Examples:
        >>> nn.DiceLoss()(Tensor([1.0, 0.0]), Tensor([0.0, 1.0])).asnumpy()
        array(1., dtype=float32)
    """

    smooth: float

    def __init__(self, smooth: float = 1e-5) -> None:
        super().__init__()
        self.smooth = _validate.positive_float("smooth", smooth, self.cls_name)

    def construct(self, logits: Tensor, labels: Tensor) -> Tensor:
        float_input("logits", logits, self.cls_name)
        same_shape(self.cls_name, logits=logits, labels=tensor_input("labels", labels, self.cls_name))
        x = wide(logits)
        return ops.cast(_dice(x, ops.cast(labels, x.dtype), self.smooth, self.get_axis(x)), logits.dtype)


class MultiClassDiceLoss(LossBase):
    """The sum over classes of weight times DiceLoss of that class, divided by the number of classes.

    A class is a slice along axis 1. The number of classes counts the ignored one, as in MindSpore.

    Args:
        weights: a Tensor (C, dim) of factors, or None.
        ignore_indiex: the class that is left out, or None.
        activation: applied to the logits: a Cell, None, or one of softmax, logsoftmax, relu, relu6, tanh, sigmoid.

    Inputs:
        logits: a floating-point Tensor of shape (N, C, ...).
        labels: a Tensor of the shape of `logits`.

    Outputs:
        A Tensor of rank 0, or of shape (dim,) with weights, in the dtype of `logits`.

    Raises:
        TypeError: an argument or input has another type than said above.
        ValueError: `weights` does not have rank 2 and C rows, `activation` is another name, the shapes differ, or the
            rank is below 2.

    Examples:
        >>> nn.MultiClassDiceLoss(activation="relu")(Tensor([[1.0, 0.0]]), Tensor([[1.0, 1.0]])).asnumpy()
        array(0.5000025, dtype=float32)
    """

    ignore_indiex: int | None

    def __init__(
        self,
        weights: Tensor | None = None,
        ignore_indiex: int | None = None,
        activation: str | Cell | None = "softmax",
    ) -> None:
        super().__init__()
        owner = self.cls_name
        self.binarydiceloss = DiceLoss(smooth=1e-5)
        self.weights = _validate.of_type("weights", weights, (Tensor, type(None)), owner)
        if weights is not None and weights.ndim != 2:
            raise bad_argument(ValueError, f"For '{owner}', 'weights' must have rank 2, but got shape {weights.shape}.")
        self.ignore_indiex = _validate.of_type("ignore_indiex", ignore_indiex, (int, type(None)), owner)
        if isinstance(activation, str):
            names = ("softmax", "logsoftmax", "relu", "relu6", "tanh", "sigmoid")
            activation = get_activation(_validate.one_of("activation", activation, names, owner))
        self.activation = _validate.of_type("activation", activation, (str, Cell, type(None)), owner)

    def construct(self, logits: Tensor, labels: Tensor) -> Tensor:
        self._check(logits, labels)
        x = wide(logits if self.activation is None else self.activation(logits))
        axes = tuple(axis for axis in range(x.ndim) if axis != 1)
        dice = _dice(x, ops.cast(labels, x.dtype), self.binarydiceloss.smooth, axes)
        classes = dice.shape[0]
        if self.ignore_indiex is not None:
            dice = ops.select(ops.equal(ops.arange(classes), self.ignore_indiex), 0.0, dice)
        if self.weights is not None:
            dice = ops.mul(ops.reshape(dice, (classes, 1)), ops.cast(self.weights, dice.dtype))
        return ops.cast(ops.div(ops.reduce_sum(dice, 0), float(classes)), logits.dtype)

    def _check(self, logits: Tensor, labels: Tensor) -> None:
        owner = self.cls_name
        float_input("logits", logits, owner)
        same_shape(owner, logits=logits, labels=tensor_input("labels", labels, owner))
        if logits.ndim < 2:
            raise bad_argument(
                ValueError, f"For '{owner}', 'logits' must have rank at least 2, but got shape {logits.shape}."
            )
        if self.weights is not None and self.weights.shape[0] != logits.shape[1]:
            raise bad_argument(
                ValueError,
                f"For '{owner}', 'weights' must have one row for each of {logits.shape[1]} classes, but got shape "
                f"{self.weights.shape}.",
            )
