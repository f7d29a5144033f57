"""Losses of two classes: binary cross entropy from probabilities and from logits, and the logistic loss."""

from __future__ import annotations

from typing import Any

from cellc import ops
from cellc.arithmetic import broadcast_shape
from cellc.errors import bad_argument
from cellc.nn._loss import LossBase
from cellc.nn._precision import float_input, same_shape, wide
from cellc.ops import _validate
from cellc.ops._loss import log_sigmoid, logistic_losses
from cellc.parameter import Parameter
from cellc.tensor import Tensor


class BCELoss(LossBase):
    """-weight (labels log(logits) + (1 - labels) log(1 - logits)), reduced.

    Each logarithm is of its argument plus 1e-12, so that the loss is finite at 0 and 1. Computed in float32 for
    float16 and bfloat16.

    Args:
        weight: a factor for each element: a float Tensor of the shape of `logits`, or None.
        reduction: "none", "mean" or "sum".

    Inputs:
        logits: a floating-point Tensor of probabilities, of any shape.
        labels: a Tensor of the shape and dtype of `logits`, in [0, 1].

    Outputs:
        A Tensor of rank 0, or of the shape of `logits` without reduction, in the dtype of `logits`.

    Raises:
        TypeError: `weight` or an input is not a floating-point Tensor, or the dtypes of the inputs differ.
        ValueError: `reduction` is something else, or the shapes differ.

    Examples:
        >>> nn.BCELoss(reduction="mean")(Tensor([0.5, 0.5]), Tensor([0.0, 1.0])).asnumpy()
        array(0.6931472, dtype=float32)
    """

    def __init__(self, weight: Tensor | None = None, reduction: str = "none") -> None:
        super().__init__(reduction)
        self.weight = None if weight is None else float_input("weight", weight, self.cls_name)

    def construct(self, logits: Tensor, labels: Tensor) -> Tensor:
        _check_pair(logits, labels, self.cls_name)
        x, y = wide(logits), wide(labels)
        positive = ops.mul(y, ops.log(ops.add(x, 1e-12)))
        negative = ops.mul(ops.sub(1.0, y), ops.log(ops.add(ops.sub(1.0, x), 1e-12)))
        loss = ops.neg(ops.add(positive, negative))
        if self.weight is not None:
            same_shape(self.cls_name, logits=logits, weight=self.weight)
            loss = ops.mul(loss, ops.cast(self.weight, loss.dtype))
        return ops.cast(self.get_loss(loss), logits.dtype)


class BCEWithLogitsLoss(LossBase):
    """-weight (pos_weight labels log(p) + (1 - labels) log(1 - p)) with p = sigmoid(logits), reduced.

    Computed as (1 - labels) logits - (1 + (pos_weight - 1) labels) log(p), which does not overflow.

    Args:
        reduction: "mean", "sum" or "none".
        weight: a factor for each element: a float Tensor that broadcasts to the shape of `logits`, or None.
        pos_weight: the same for the positive term.

    Inputs:
        logits: a floating-point Tensor of any shape.
        labels: a Tensor of the shape and dtype of `logits`.

    Outputs:
        A Tensor of rank 0, or of the shape of `logits` without reduction, in the dtype of `logits`.

    Raises:
        TypeError: `weight` or `pos_weight` is a Parameter or not a floating-point Tensor; an input is not a
            floating-point Tensor, or the dtypes of the inputs differ.
        ValueError: `reduction` is something else, the shapes of the inputs differ, or a weight does not broadcast.

    Examples:
        >>> nn.BCEWithLogitsLoss()(Tensor([0.0, 0.0]), Tensor([0.0, 1.0])).asnumpy()
        array(0.6931472, dtype=float32)
    """

    def __init__(self, reduction: str = "mean", weight: Tensor | None = None, pos_weight: Tensor | None = None) -> None:
        super().__init__(reduction)
        self.weight = _plain_weight("weight", weight, self.cls_name)
        self.pos_weight = _plain_weight("pos_weight", pos_weight, self.cls_name)

    def construct(self, logits: Tensor, labels: Tensor) -> Tensor:
        _check_pair(logits, labels, self.cls_name)
        x, y = wide(logits), wide(labels)
        factors = [None if weight is None else self._fitting(name, weight, x)
                   for name, weight in (("weight", self.weight), ("pos_weight", self.pos_weight))]  # fmt: skip
        loss = logistic_losses(x, y, *factors)
        return ops.cast(self.get_loss(loss), logits.dtype)

    def _fitting(self, name: str, weight: Tensor, x: Tensor) -> Tensor:
        if broadcast_shape(weight.shape, x.shape) != x.shape:
            raise bad_argument(
                ValueError,
                f"For '{self.cls_name}', '{name}' must broadcast to the shape of 'logits', but got shapes "
                f"{weight.shape} and {x.shape}.",
            )
        return ops.cast(weight, x.dtype)


class SoftMarginLoss(LossBase):
    """log(1 + exp(-labels logits)), reduced; does not overflow.

    Args:
        reduction: "mean", "sum" or "none".

    Inputs:
        logits: a floating-point Tensor of any shape.
        labels: a Tensor of the shape and dtype of `logits`, with elements 1 and -1.

    Outputs:
        A Tensor of rank 0, or of the shape of `logits` without reduction, in the dtype of `logits`.

    Raises:
        TypeError: an input is not a floating-point Tensor, or the dtypes differ.
        ValueError: `reduction` is something else, or the shapes differ.

    Examples:
        >>> nn.SoftMarginLoss()(Tensor([0.0, 0.0]), Tensor([-1.0, 1.0])).asnumpy()
        array(0.6931472, dtype=float32)
    """

    def construct(self, logits: Tensor, labels: Tensor) -> Tensor:
        _check_pair(logits, labels, self.cls_name)
        loss = ops.neg(log_sigmoid(ops.mul(wide(labels), wide(logits))))
        return ops.cast(self.get_loss(loss), logits.dtype)


def _check_pair(logits: Tensor, labels: Tensor, owner: str) -> None:
    _validate.one_dtype(owner, logits=float_input("logits", logits, owner), labels=float_input("labels", labels, owner))
    same_shape(owner, logits=logits, labels=labels)


def _plain_weight(name: str, weight: Any, owner: str) -> Tensor | None:
    if isinstance(weight, Parameter):
        raise bad_argument(TypeError, f"For '{owner}', '{name}' must not be a Parameter, but got {weight.name}.")
    return None if weight is None else float_input(name, weight, owner)
