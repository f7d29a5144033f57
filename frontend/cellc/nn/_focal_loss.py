"""The focal loss."""

from __future__ import annotations

from cellc import dtype as dtypes
from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._loss import LossBase
from cellc.nn._precision import float_input, tensor_input, wide
from cellc.ops import _validate
from cellc.ops._indexing import one_hot_mask
from cellc.tensor import Tensor


class FocalLoss(LossBase):
    """-weight (1 - p)^gamma log(p) with p = softmax(logits) of the right class, averaged over places, then reduced.

    Lin et al., Focal Loss for Dense Object Detection (https://arxiv.org/abs/1708.02002).

    Args:
        weight: a factor for each class: a Tensor (C,), or None.
        gamma: a float; the greater, the less the classes count that are told well.
        reduction: "mean", "sum" or "none".

    Inputs:
        logits: a floating-point Tensor (N, C), (N, C, H) or (N, C, H, W) with C > 1.
        labels: class numbers in [-C, C), a Tensor (N, 1), (N, 1, H) or (N, 1, H, W) of int32, int64 or floats; or
            one factor for each class in the shape of `logits`. Another class number makes no loss.

    Outputs:
        A Tensor of rank 0 in the dtype of `logits`; without reduction of shape (N,) for class numbers, else (N, C).

    Raises:
        TypeError: `gamma` is not a float, `weight` or an input is not a Tensor, `labels` has another dtype.
        ValueError: `weight` does not have rank 1, `reduction` is something else, or the shapes are not those above.

    Examples:
        >>> nn.FocalLoss()(Tensor([[0.0, 0.0]]), Tensor([[1]])).asnumpy()
        array(0.1732868, dtype=float32)
    """

    gamma: float

    def __init__(self, weight: Tensor | None = None, gamma: float = 2.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.gamma = _validate.of_type("gamma", gamma, float, self.cls_name)
        self.weight = _validate.of_type("weight", weight, (Tensor, type(None)), self.cls_name)
        if weight is not None and weight.ndim != 1:
            raise bad_argument(
                ValueError, f"For '{self.cls_name}', 'weight' must have rank 1, but got shape {weight.shape}."
            )

    def construct(self, logits: Tensor, labels: Tensor) -> Tensor:
        self._check(logits, labels)
        classes = logits.shape[1]
        places = (*logits.shape[:2], -1) if logits.size else (*logits.shape[:2], 0)
        log_p = ops.log_softmax(ops.reshape(wide(logits), places), 1)
        targets = ops.reshape(labels, (*labels.shape[:2], log_p.shape[2]))
        weight = ops.ones((1,), log_p.dtype) if self.weight is None else ops.cast(self.weight, log_p.dtype)
        factor = ops.reshape(weight, (-1, 1))
        if labels.shape[1] == 1:
            chosen = self._chosen(targets, classes)
            log_p = ops.reduce_sum(ops.select(chosen, log_p, 0.0), 1)
            factor = 1.0 if self.weight is None else ops.reduce_sum(ops.select(chosen, factor, 0.0), 1)
        else:
            factor = ops.mul(ops.cast(targets, log_p.dtype), factor)
        loss = ops.neg(ops.mul(log_p, factor))
        if self.gamma:
            # 1 - p is not below 0 and exact for small log(p) in this form.
            loss = ops.mul(loss, ops.neg(ops.expm1(log_p)) ** self.gamma)
        return ops.cast(self.get_loss(ops.reduce_mean(loss, -1)), logits.dtype)

    def _chosen(self, labels: Tensor, classes: int) -> Tensor:
        """Where the class along axis 1 is the one that labels (N, 1, L) name; -1 names the last."""
        numbers = ops.cast(ops.reshape(labels, (labels.shape[0], labels.shape[2])), dtypes.int32)
        return one_hot_mask(ops.select(ops.less(numbers, 0), ops.add(numbers, classes), numbers), classes, 1)

    def _check(self, logits: Tensor, labels: Tensor) -> None:
        owner = self.cls_name
        float_input("logits", logits, owner)
        if not (tensor_input("labels", labels, owner).dtype.is_float or labels.dtype in (dtypes.int32, dtypes.int64)):
            message = f"For '{owner}', 'labels' must be Int32, Int64 or floats, but got {labels.dtype}."
            raise bad_argument(TypeError, message)
        shape, given = logits.shape, labels.shape
        if not 2 <= len(shape) <= 4 or len(given) != len(shape):
            message = f"For '{owner}', 'logits' and 'labels' must have one rank in [2, 4], but got shapes "
            raise bad_argument(ValueError, f"{message}{shape} and {given}.")
        if shape[1] == 1 or given[1] not in (1, shape[1]):
            message = f"For '{owner}', 'logits' must have several classes and 'labels' one or as many, but got shapes "
            raise bad_argument(ValueError, f"{message}{shape} and {given}.")
        if labels.size * shape[1] != logits.size * given[1] or given[0] != shape[0]:
            message = f"For '{owner}', 'logits' and 'labels' must have as many rows and places, but got shapes "
            raise bad_argument(ValueError, f"{message}{shape} and {given}.")
        if self.weight is not None and self.weight.shape != shape[1:2]:
            message = f"For '{owner}', 'weight' must have shape {shape[1:2]}, but got shape {self.weight.shape}."
            raise bad_argument(ValueError, message)
