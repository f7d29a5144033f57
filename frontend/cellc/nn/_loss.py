"""Loss functions."""

from __future__ import annotations

from cellc import dtype as dtypes
from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.ops import _validate
from cellc.ops._indexing import one_hot_mask
from cellc.tensor import Tensor


class LossBase(Cell):
    """Base of loss functions: `get_loss` reduces element losses as `reduction` says.

    Args:
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: `reduction` is something else.

    Examples:
        >>> class Absolute(nn.LossBase):
        ...     def construct(self, logits, labels):
        ...         return self.get_loss(ops.abs(logits - labels))
    """

    reduction: str

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = _validate.one_of("reduction", reduction, ("mean", "sum", "none"), self.cls_name)
        self.average = reduction != "sum"
        self.reduce = reduction != "none"

    def get_axis(self, x: Tensor) -> tuple[int, ...]:
        """All axes of `x`."""
        return tuple(range(x.ndim))

    def get_loss(self, x: Tensor, weights: Tensor | float = 1.0) -> Tensor:
        """`weights * x`, reduced.

        Args:
            x: the loss of each element.
            weights: a number, or a Tensor that broadcasts with `x`.

        Returns:
            A Tensor of rank 0, or of the shape of `weights * x` without reduction. It is computed in float32 (float64
            for float64) and has the dtype of `x`.
        """
        wide = dtypes.float64 if x.dtype is dtypes.float64 else dtypes.float32
        loss = ops.cast(x, wide)
        if isinstance(weights, Tensor) or weights != 1.0:
            loss = ops.mul(loss, weights)
        if self.reduce:
            reduced = ops.reduce_mean if self.average else ops.reduce_sum
            loss = reduced(loss, self.get_axis(loss))
        return ops.cast(loss, x.dtype)

    def construct(self, logits: Tensor, labels: Tensor) -> Tensor:
        raise NotImplementedError(f"{self.cls_name} must define construct(logits, labels)")

    def _check_tensors(self, logits: Tensor, labels: Tensor) -> None:
        _validate.of_type("logits", logits, Tensor, self.cls_name)
        _validate.of_type("labels", labels, Tensor, self.cls_name)


class L1Loss(LossBase):
    """|logits - labels|, reduced.

    Args:
        reduction: "mean", "sum" or "none".

    Inputs:
        logits, labels: Tensors of shapes that broadcast.

    Outputs:
        A Tensor of rank 0, or of the broadcast shape without reduction.

    Raises:
        TypeError: an input is not a Tensor.
        ValueError: `reduction` is something else, or the shapes do not broadcast.

    Examples:
        >>> nn.L1Loss()(Tensor([1.0, 2.0]), Tensor([1.0, 4.0])).asnumpy()
        array(1., dtype=float32)
    """

    def construct(self, logits: Tensor, labels: Tensor) -> Tensor:
        self._check_tensors(logits, labels)
        return self.get_loss(ops.abs(ops.sub(logits, labels)))


class MSELoss(LossBase):
    """(logits - labels) squared, reduced. Arguments, inputs, outputs and errors are as for L1Loss.

    Examples:
        >>> nn.MSELoss()(Tensor([1.0, 2.0]), Tensor([1.0, 4.0])).asnumpy()
        array(2., dtype=float32)
    """

    def construct(self, logits: Tensor, labels: Tensor) -> Tensor:
        self._check_tensors(logits, labels)
        return self.get_loss(ops.squared_difference(logits, labels))


class SoftmaxCrossEntropyWithLogits(LossBase):
    """-sum over classes of labels * log(softmax(logits)).

    The gradient is that of this formula. (MindSpore's own has softmax - labels for the logits, which differs where the
    labels of a row do not sum to 1, and zeros for the labels.)

    Args:
        sparse: True for labels that are class numbers, False for one probability for each class.
        reduction: "mean", "sum" or "none" over the rows.

    Inputs:
        logits: a floating-point Tensor (N, C).
        labels: int32 or int64 (N,) when sparse, else a Tensor of the shape of `logits`. A class number outside [0, C)
            makes no loss.

    Outputs:
        A Tensor of rank 0, or of shape (N,) without reduction, in the dtype of `logits`.

    Raises:
        TypeError: `sparse` is not a bool, an input is not a Tensor, sparse labels are not int32 or int64.
        ValueError: `reduction` is something else, or the shapes are not those above.

    Examples:
        >>> loss = nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean")
        >>> loss(Tensor([[0.0, 0.0]]), Tensor([1], cellc.int32)).asnumpy()
        array(0.6931472, dtype=float32)
    """

    sparse: bool

    def __init__(self, sparse: bool = False, reduction: str = "none") -> None:
        super().__init__(reduction)
        self.sparse = _validate.boolean("sparse", sparse, self.cls_name)

    def construct(self, logits: Tensor, labels: Tensor) -> Tensor:
        self._check_tensors(logits, labels)
        self._check_shapes(logits, labels)
        wide = dtypes.float64 if logits.dtype is dtypes.float64 else dtypes.float32
        log_probability = ops.log_softmax(ops.cast(logits, wide))
        if self.sparse:
            # A select and not a product: 0 * -inf would be NaN.
            chosen = ops.select(one_hot_mask(labels, logits.shape[1]), log_probability, 0.0)
        else:
            chosen = ops.mul(log_probability, labels)
        loss = ops.neg(ops.reduce_sum(chosen, -1))
        return ops.cast(self.get_loss(loss), logits.dtype)

    def _check_shapes(self, logits: Tensor, labels: Tensor) -> None:
        owner = self.cls_name
        if self.sparse and labels.dtype not in (dtypes.int32, dtypes.int64):
            message = f"For '{owner}', sparse 'labels' must be Int32 or Int64, but got {labels.dtype}."
            raise bad_argument(TypeError, message)
        expected = logits.shape[:1] if self.sparse else logits.shape
        if logits.ndim != 2 or labels.shape != expected:
            kind = "(N,)" if self.sparse else "(N, C)"
            message = f"For '{owner}', 'logits' must have shape (N, C) and 'labels' {kind}, but got shapes "
            raise bad_argument(ValueError, f"{message}{logits.shape} and {labels.shape}.")
