"""Cross entropy of logits with class numbers or probabilities."""

from __future__ import annotations

from cellc import ops
from cellc.dtype import int64
from cellc.errors import bad_argument
from cellc.nn._loss import LossBase
from cellc.nn._precision import float_input, tensor_input, wide
from cellc.ops import _validate
from cellc.ops._indexing import one_hot_mask
from cellc.tensor import Tensor


class CrossEntropyLoss(LossBase):
    """-sum over classes of weight * target * log(softmax(logits)), reduced. (MindSpore has it since 1.9.)

    The target of a class is (1 - label_smoothing) * label + label_smoothing / C, where a class number stands for the
    label 1 of its class and 0 of the others. With class numbers, "mean" divides by the sum of their weights.

    Args:
        weight: a factor for each class: a floating-point Tensor (C,), or None.
        ignore_index: the class number whose places make no loss and do not count.
        reduction: "mean", "sum" or "none".
        label_smoothing: a float in [0, 1].

    Inputs:
        logits: a floating-point Tensor of shape (C,), (N, C) or (N, C, d1, ...).
        labels: class numbers, a Tensor of integers in the shape of `logits` without the axis of classes; or
            probabilities, a floating-point Tensor in the shape of `logits`. A number outside [0, C) makes no loss and
            does not count.

    Outputs:
        A Tensor of rank 0, or without reduction in the shape of `logits` without the axis of classes.

    Raises:
        TypeError: an argument or input has another type than said above.
        ValueError: `reduction` is something else, `label_smoothing` is outside [0, 1], or the shapes do not fit.

    Examples:
        >>> nn.CrossEntropyLoss()(Tensor([[0.0, 0.0]]), Tensor([1])).asnumpy()
        array(0.6931472, dtype=float32)
    """

    ignore_index: int
    label_smoothing: float

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        owner = self.cls_name
        self.weight = None if weight is None else float_input("weight", weight, owner)
        self.ignore_index = _validate.integer("ignore_index", ignore_index, owner)
        self.label_smoothing = _validate.of_type("label_smoothing", label_smoothing, float, owner)
        if not 0 <= label_smoothing <= 1:
            message = f"For '{owner}', 'label_smoothing' must be in [0, 1], but got {label_smoothing}."
            raise bad_argument(ValueError, message)

    def construct(self, logits: Tensor, labels: Tensor) -> Tensor:
        axis = 0 if float_input("logits", logits, self.cls_name).ndim == 1 else 1
        self._check(logits, labels, axis)
        log_p = ops.log_softmax(wide(logits), axis)
        weights = ops.ones((), log_p.dtype) if self.weight is None else ops.cast(self.weight, log_p.dtype)
        weights = ops.reshape(weights, (-1,) + (1,) * (log_p.ndim - 1 - axis))
        of_numbers = labels.shape != logits.shape
        loss = (self._of_numbers if of_numbers else self._of_probabilities)(log_p, labels, weights, axis)
        return ops.cast(loss, logits.dtype)

    def _of_probabilities(self, log_p: Tensor, labels: Tensor, weights: Tensor, axis: int) -> Tensor:
        target = ops.cast(labels, log_p.dtype)
        if self.label_smoothing:
            target = ops.add(ops.mul(target, 1 - self.label_smoothing), self.label_smoothing / log_p.shape[axis])
        return self.get_loss(ops.neg(ops.reduce_sum(ops.mul(ops.mul(log_p, target), weights), axis)))

    def _of_numbers(self, log_p: Tensor, labels: Tensor, weights: Tensor, axis: int) -> Tensor:
        classes = log_p.shape[axis]
        hit = one_hot_mask(labels, classes, axis)
        hit = ops.logical_and(hit, ops.expand_dims(ops.not_equal(labels, self.ignore_index), axis))
        weighted = ops.mul(log_p, weights)
        # Selects and not products: 0 * -inf would be NaN.
        loss = ops.neg(ops.reduce_sum(ops.select(hit, weighted, 0.0), axis))
        if self.label_smoothing:
            spread = ops.select(ops.reduce_any(hit, axis), ops.neg(ops.reduce_sum(weighted, axis)), 0.0)
            spread = ops.mul(spread, self.label_smoothing / classes)
            loss = ops.add(ops.mul(loss, 1 - self.label_smoothing), spread)
        if self.reduction != "mean":
            return self.get_loss(loss)
        return ops.div(ops.reduce_sum(loss), ops.reduce_sum(self._counted(hit, labels, weights, axis)))

    def _counted(self, hit: Tensor, labels: Tensor, weights: Tensor, axis: int) -> Tensor:
        """The weight of each place: that of its class, 0 where its number is not of a class."""
        if self.weight is not None:
            return ops.reduce_sum(ops.select(hit, weights, 0.0), axis)
        if labels.dtype.itemsize < 4:
            labels = ops.cast(labels, int64)  # whose numbers include that of the classes
        of_a_class = ops.logical_and(ops.greater_equal(labels, 0), ops.less(labels, hit.shape[axis]))
        counted = ops.logical_and(of_a_class, ops.not_equal(labels, self.ignore_index))
        return ops.cast(counted, weights.dtype)

    def _check(self, logits: Tensor, labels: Tensor, axis: int) -> None:
        owner = self.cls_name
        tensor_input("labels", labels, owner)
        if logits.ndim == 0 or labels.shape not in (logits.shape, logits.shape[:axis] + logits.shape[axis + 1 :]):
            message = f"For '{owner}', 'labels' must have the shape of 'logits', with or without axis {axis}, but got "
            raise bad_argument(ValueError, f"{message}shapes {labels.shape} and {logits.shape}.")
        probabilities = labels.shape == logits.shape
        if not (labels.dtype.is_float if probabilities else labels.dtype.is_integer):
            kind = "probabilities must be floats" if probabilities else "class numbers must be integers"
            raise bad_argument(TypeError, f"For '{owner}', 'labels' that are {kind}, but got {labels.dtype}.")
        if self.weight is not None and self.weight.shape != logits.shape[axis : axis + 1]:
            message = f"For '{owner}', 'weight' must have shape {logits.shape[axis : axis + 1]}, but got shape "
            raise bad_argument(ValueError, f"{message}{self.weight.shape}.")
