"""Dropout."""

from __future__ import annotations

from cellc import ops
from cellc.dtype import DType, bool_, float32
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.ops import _validate
from cellc.tensor import Tensor


class Dropout(Cell):
    """While training, keeps each element with probability `keep_prob` and divides it by that, else makes it zero.

    In evaluation, the identity. Hinton et al., Improving neural networks by preventing co-adaptation of feature
    detectors (https://arxiv.org/abs/1207.0580). The choice depends on `cellc.set_seed` and the number of calls, and
    not on the number of threads. (MindSpore 1.7 ignores the seed on CPUs.)

    Args:
        keep_prob: probability that an element stays, in (0, 1].
        dtype: kept for MindSpore's sake; the result has the dtype of the input.

    Inputs:
        x: a floating-point Tensor of any shape.

    Outputs:
        A Tensor of the shape and dtype of x.

    Raises:
        TypeError: `keep_prob` is not a float, or `dtype` is no dtype of numbers.
        ValueError: `keep_prob` is not in (0, 1].

    Examples:
        >>> nn.Dropout(keep_prob=0.8)
        Dropout<keep_prob=0.8>
    """

    keep_prob: float

    def __init__(self, keep_prob: float = 0.5, dtype: DType = float32) -> None:
        super().__init__()
        _validate.of_type("keep_prob", keep_prob, float, self.cls_name)
        if not 0 < keep_prob <= 1:
            raise bad_argument(
                ValueError, f"For '{self.cls_name}', 'keep_prob' must be in (0, 1], but got {keep_prob}."
            )
        if _validate.element_type("dtype", dtype, self.cls_name) is bool_:
            raise bad_argument(
                TypeError, f"For '{self.cls_name}', 'dtype' must be a dtype of numbers, but got {dtype}."
            )
        self.keep_prob = keep_prob
        self.dropout = ops.Dropout(keep_prob)

    def construct(self, x: Tensor) -> Tensor:
        if not self.training or self.keep_prob == 1:
            return x
        return self.dropout(x)[0]

    def extend_repr(self) -> str:
        return f"keep_prob={self.keep_prob}"
