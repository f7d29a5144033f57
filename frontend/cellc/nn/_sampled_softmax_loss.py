"""Softmax cross entropy over the true classes and a few drawn ones."""

from __future__ import annotations

from typing import Any

from cellc import ops
from cellc.dtype import float32, int32, int64
from cellc.errors import bad_argument
from cellc.nn._loss import LossBase
from cellc.nn._precision import tensor_input, wide
from cellc.ops import _validate
from cellc.seed import uniform
from cellc.tensor import Tensor


class SampledSoftmaxLoss(LossBase):
    """-log(softmax) of the true classes against `num_sampled` other classes that are drawn at each call.

    Jean et al., On Using Very Large Target Vocabulary for Neural Machine Translation
    (https://arxiv.org/abs/1412.2007). For row n, the logit of class c is logits[n] . weights[c] + biases[c] minus the
    logarithm of how often c is expected in a sample; the loss is -sum of log(p + 1e-20) / num_true over its true
    classes. Without `sampled_values` classes are drawn evenly and without repetition, so that they are all expected
    equally often and the logarithms cancel.

    Args:
        num_sampled: number of classes to draw.
        num_classes: C.
        num_true: number of true classes in each row.
        sampled_values: None, or a tuple or list of Tensors: the drawn classes (S,), and how often the true classes
            (N, num_true) and those drawn (S,) are expected.
        remove_accidental_hits: whether true classes are drawn only when there are too few others.
        seed: kept for MindSpore's sake; `cellc.set_seed` and the number of calls decide what is drawn.
        reduction: "none", "mean" or "sum" (MindSpore 1.7 never reduces).

    Inputs:
        weights: a floating-point Tensor (C, dim).
        biases: a Tensor (C,).
        labels: a Tensor (N, num_true) of int32 or int64, or one that can be reshaped to that.
        logits: a Tensor (N, dim), the outputs of the network.

    Outputs:
        A Tensor (N,), or of rank 0 with a reduction, in the dtype of `logits`.

    Raises:
        TypeError: an argument or input has another type than said above.
        ValueError: a number is below 1 (`seed`: below 0) or above `num_classes`, `sampled_values` does not have three
            entries, `reduction` is something else, or the shapes do not fit.

    Examples:
        >>> loss = nn.SampledSoftmaxLoss(num_sampled=4, num_classes=7)
        >>> loss(ops.ones((7, 10)), ops.zeros((7,)), Tensor([0, 1, 2]), ops.ones((3, 10))).asnumpy()
        array([1.609438, 1.609438, 1.609438], dtype=float32)
    """

    num_sampled: int
    num_classes: int
    num_true: int

    def __init__(
        self,
        num_sampled: int,
        num_classes: int,
        num_true: int = 1,
        sampled_values: tuple[Tensor, Tensor, Tensor] | list[Tensor] | None = None,
        remove_accidental_hits: bool = True,
        seed: int = 0,
        reduction: str = "none",
    ) -> None:
        super().__init__(reduction)
        owner = self.cls_name
        self.num_classes = _validate.positive_int("num_classes", num_classes, owner)
        self.num_sampled = _validate.int_in("num_sampled", num_sampled, 1, num_classes, owner)
        self.num_true = _validate.int_in("num_true", num_true, 1, num_classes, owner)
        self.sampled_values = _checked_sample(sampled_values, owner)
        self.remove_accidental_hits = _validate.boolean("remove_accidental_hits", remove_accidental_hits, owner)
        self.seed = _validate.non_negative_int("seed", seed, owner)

    def construct(self, weights: Tensor, biases: Tensor, labels: Tensor, logits: Tensor) -> Tensor:
        self._check(weights, biases, labels, logits)
        x, table, offsets = wide(logits), wide(weights), wide(biases)
        true = ops.reshape(ops.cast(labels, int32), (-1, self.num_true))
        sampled, expected = self._sample(true)
        rows = ops.reduce_sum(ops.mul(ops.expand_dims(x, 1), ops.gather(table, true)), 2)
        of_true = ops.add(rows, ops.gather(offsets, true))
        of_sampled = ops.add(ops.matmul(x, ops.gather(table, sampled), transpose_b=True), ops.gather(offsets, sampled))
        if expected is not None:
            of_true = ops.sub(of_true, ops.log(ops.cast(expected[0], x.dtype)))
            of_sampled = ops.sub(of_sampled, ops.log(ops.cast(expected[1], x.dtype)))
        p = ops.softmax(ops.concat((of_true, of_sampled), 1), 1)
        log_p = ops.log(ops.add(p[:, : self.num_true], 1e-20))
        loss = ops.neg(ops.div(ops.reduce_sum(log_p, 1), float(self.num_true)))
        return ops.cast(self.get_loss(loss), logits.dtype)

    def _sample(self, true: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
        """The drawn classes, and how often the true classes and they are expected."""
        if self.sampled_values is not None:
            sampled, of_true, of_sampled = self.sampled_values
            return ops.cast(sampled, int32), (of_true, of_sampled)
        excluded = ops.reshape(true, (-1,)) if self.remove_accidental_hits else None
        return draw_classes(self.num_sampled, self.num_classes, excluded), None

    def _check(self, weights: Tensor, biases: Tensor, labels: Tensor, logits: Tensor) -> None:
        owner = self.cls_name
        for name, value in (("weights", weights), ("biases", biases), ("labels", labels), ("logits", logits)):
            tensor_input(name, value, owner)
        if labels.dtype not in (int32, int64):
            raise bad_argument(TypeError, f"For '{owner}', 'labels' must be Int32 or Int64, but got {labels.dtype}.")
        _validate.one_dtype(owner, weights=_validate.float_tensor("weights", weights, owner), logits=logits)
        fits = weights.ndim == logits.ndim == 2 and weights.shape[1] == logits.shape[1]
        fits = fits and biases.shape == weights.shape[:1] and labels.size == logits.shape[0] * self.num_true
        if not fits or weights.shape[0] != self.num_classes:
            message = f"For '{owner}', 'weights', 'biases', 'labels' and 'logits' must have shapes "
            expected = f"({self.num_classes}, dim), ({self.num_classes},), (N, {self.num_true}) and (N, dim), but got "
            shapes = f"{weights.shape}, {biases.shape}, {labels.shape} and {logits.shape}."
            raise bad_argument(ValueError, message + expected + shapes)


def _checked_sample(values: Any, owner: str) -> tuple[Tensor, ...] | None:
    if values is None:
        return None
    _validate.of_type("sampled_values", values, (list, tuple), owner)
    if len(values) != 3:
        message = f"For '{owner}', 'sampled_values' must have three entries, but got {len(values)}."
        raise bad_argument(ValueError, message)
    return tuple(tensor_input("sampled_values", value, owner) for value in values)


def draw_classes(count: int, classes: int, excluded: Tensor | None) -> Tensor:
    """`count` different numbers of [0, classes), int32, drawn evenly; those of `excluded` only if others are too few.

    With many classes for each number drawn, numbers are drawn with repetition, and repeated and excluded ones are
    thrown away: of 4 count + 64 draws, each of which is kept with probability 1/2 at least, fewer than `count` are
    kept less often than once in 2^64 calls (the missing numbers would be 0). Otherwise all classes are shuffled.
    """
    hits = 0 if excluded is None else excluded.size
    if classes >= 2 * (4 * count + 64 + hits):
        candidates = ops.cast(ops.mul(uniform((4 * count + 64,), float32), float(classes)), int32)
        places = ops.arange(candidates.size)
        same = ops.equal(ops.expand_dims(candidates, 1), candidates)
        earlier = ops.less(places, ops.expand_dims(places, 1))
        usable = ops.logical_not(ops.reduce_any(ops.logical_and(same, earlier), 1))
        if excluded is not None:
            usable = ops.logical_and(usable, ops.logical_not(_among(candidates, excluded)))
        # The place among the usable ones; those thrown away get a place that nobody asks for.
        before = ops.cast(ops.logical_and(earlier, usable), int32)
        rank = ops.select(usable, ops.reduce_sum(before, 1), -1)
    else:
        candidates, rank = ops.arange(classes), _shuffled_ranks(classes, excluded)
    chosen = ops.equal(ops.expand_dims(ops.arange(count), 1), rank)
    return ops.reduce_sum(ops.select(chosen, candidates, 0), 1)


def _among(numbers: Tensor, others: Tensor) -> Tensor:
    return ops.reduce_any(ops.equal(ops.expand_dims(numbers, 1), others), 1)


def _shuffled_ranks(classes: int, excluded: Tensor | None) -> Tensor:
    """The place of each class in a random order in which the excluded ones are last."""
    places, key = ops.arange(classes), uniform((classes,), float32)
    if excluded is not None:
        key = ops.add(key, ops.cast(_among(places, excluded), float32))
    other, own = ops.expand_dims(key, 0), ops.expand_dims(key, 1)
    tie = ops.logical_and(ops.equal(other, own), ops.less(places, ops.expand_dims(places, 1)))
    return ops.reduce_sum(ops.cast(ops.logical_or(ops.less(other, own), tie), int32), 1)
