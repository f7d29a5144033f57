"""Losses that are distances of two tensors."""

from __future__ import annotations

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._loss import LossBase, MSELoss
from cellc.nn._precision import float_input, same_shape, tensor_input, wide
from cellc.ops import _validate
from cellc.tensor import Tensor


class RMSELoss(LossBase):
    """The square root of the mean of (logits - labels)^2.

    Inputs:
        logits, labels: Tensors of shapes that broadcast.

    Outputs:
        A Tensor of rank 0.

    Raises:
        TypeError: an input is not a Tensor.
        ValueError: the shapes do not broadcast.

    Examples:
        >>> nn.RMSELoss()(Tensor([1.0, 2.0]), Tensor([1.0, 4.0])).asnumpy()
        array(1.4142135, dtype=float32)
    """

    def __init__(self) -> None:
        super().__init__()
        self.MSELoss = MSELoss()

    def construct(self, logits: Tensor, labels: Tensor) -> Tensor:
        return ops.sqrt(self.MSELoss(logits, labels))


class SmoothL1Loss(LossBase):
    """d^2 / (2 beta) where d = |logits - labels| is below beta, else d - beta / 2.

    Girshick, Fast R-CNN (https://arxiv.org/abs/1504.08083).

    Args:
        beta: where the square ends and the straight line begins.
        reduction: "none", "mean" or "sum" (MindSpore 1.7 has "none" only).

    Inputs:
        logits: a floating-point Tensor of any shape.
        labels: a Tensor of the shape and dtype of `logits`.

    Outputs:
        A Tensor of the shape and dtype of `logits`, or of rank 0 with a reduction.

    Raises:
        TypeError: `beta` is not a float, an input is not a floating-point Tensor, or the dtypes differ.
        ValueError: `beta` is not above 0, the shapes differ, or `reduction` is something else.

    Examples:
        >>> nn.SmoothL1Loss()(Tensor([1.0, 2.0, 3.0]), Tensor([1.0, 2.5, 5.0])).asnumpy()
        array([0.   , 0.125, 1.5  ], dtype=float32)
    """

    beta: float

    def __init__(self, beta: float = 1.0, reduction: str = "none") -> None:
        super().__init__(reduction)
        self.beta = _validate.positive_float("beta", beta, self.cls_name)

    def construct(self, logits: Tensor, labels: Tensor) -> Tensor:
        x, y = (float_input(n, t, self.cls_name) for n, t in (("logits", logits), ("labels", labels)))
        _validate.one_dtype(self.cls_name, logits=x, labels=y)
        same_shape(self.cls_name, logits=x, labels=y)
        distance = ops.abs(ops.sub(wide(x), wide(y)))
        near = ops.less(distance, self.beta)
        # The square sees only what it is chosen for: elsewhere it may overflow.
        square = ops.mul(ops.square(ops.select(near, distance, 0.0)), 0.5 / self.beta)
        loss = ops.select(near, square, ops.sub(distance, 0.5 * self.beta))
        return ops.cast(self.get_loss(loss), logits.dtype)


class CosineEmbeddingLoss(LossBase):
    """1 - cos where the label is 1, max(0, cos - margin) where it is -1, else 0, reduced.

    cos is the cosine of the angle between `logits_x1` and `logits_x2` along axis 1, NaN where one of them is 0.

    Args:
        margin: a float in [-1, 1].
        reduction: "mean", "sum" or "none".

    Inputs:
        logits_x1: a floating-point Tensor of rank at least 2.
        logits_x2: a Tensor of the shape and dtype of `logits_x1`.
        labels: a Tensor of the shape of `logits_x1` without axis 1.

    Outputs:
        A Tensor of rank 0, or of the shape of `labels` without reduction, in the dtype of `logits_x1`.

    Raises:
        TypeError: `margin` is not a float, an input is not a Tensor, or the dtypes of the logits differ.
        ValueError: `margin` is outside [-1, 1], `reduction` is something else, or the shapes are not those above.

    Examples:
        >>> loss = nn.CosineEmbeddingLoss()
        >>> loss(Tensor([[1.0, 0.0]]), Tensor([[0.0, 2.0]]), Tensor([1])).asnumpy()
        array(1., dtype=float32)
    """

    margin: float

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = _validate.of_type("margin", margin, float, self.cls_name)
        if not -1 <= margin <= 1:
            raise bad_argument(ValueError, f"For '{self.cls_name}', 'margin' must be in [-1, 1], but got {margin}.")

    def construct(self, logits_x1: Tensor, logits_x2: Tensor, labels: Tensor) -> Tensor:
        self._check(logits_x1, logits_x2, labels)
        x1, x2 = wide(logits_x1), wide(logits_x2)
        norms = [ops.sqrt(ops.reduce_sum(ops.square(x), 1)) for x in (x1, x2)]
        cosine = ops.div(ops.reduce_sum(ops.mul(x1, x2), 1), ops.mul(*norms))
        apart = ops.maximum(ops.sub(cosine, self.margin), 0.0)
        loss = ops.select(ops.equal(labels, -1), apart, 0.0)
        loss = ops.select(ops.equal(labels, 1), ops.sub(1.0, cosine), loss)
        return ops.cast(self.get_loss(loss), logits_x1.dtype)

    def _check(self, x1: Tensor, x2: Tensor, labels: Tensor) -> None:
        owner = self.cls_name
        _validate.one_dtype(
            owner, logits_x1=float_input("logits_x1", x1, owner), logits_x2=float_input("logits_x2", x2, owner)
        )
        same_shape(owner, logits_x1=x1, logits_x2=x2)
        if x1.ndim < 2 or tensor_input("labels", labels, owner).shape != (x1.shape[0], *x1.shape[2:]):
            raise bad_argument(
                ValueError,
                f"For '{owner}', 'labels' must have the shape of 'logits_x1' without axis 1, but got shapes "
                f"{labels.shape} and {x1.shape}.",
            )
