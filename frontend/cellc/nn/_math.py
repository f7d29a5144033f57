"""Layers that are one function of `ops`: matrix products, moments, the logarithm of a sum of exponentials."""

from __future__ import annotations

from cellc import ops
from cellc.nn._cell import Cell
from cellc.nn._precision import float_input, wide
from cellc.ops import _validate
from cellc.tensor import Tensor


class MatMul(Cell):
    """The matrix product of two tensors, as `ops.matmul`. (Deprecated in MindSpore.)

    Args:
        transpose_x1, transpose_x2: whether the last two axes of that operand are exchanged.

    Inputs:
        x1, x2: Tensors of one dtype and of rank at least 1, whose leading axes broadcast.

    Outputs:
        A Tensor; the axis of a vector goes, as in NumPy.

    Raises:
        TypeError: an argument is not a bool, or the dtypes differ.
        ValueError: the shapes do not fit.

    Examples:
        >>> nn.MatMul()(ops.ones((2, 3)), ops.ones((3, 4))).shape
        (2, 4)
    """

    transpose_x1: bool
    transpose_x2: bool

    def __init__(self, transpose_x1: bool = False, transpose_x2: bool = False) -> None:
        super().__init__()
        self.transpose_x1 = _validate.boolean("transpose_x1", transpose_x1, self.cls_name)
        self.transpose_x2 = _validate.boolean("transpose_x2", transpose_x2, self.cls_name)

    def construct(self, x1: Tensor, x2: Tensor) -> Tensor:
        return ops.matmul(x1, x2, self.transpose_x1 and x1.ndim > 1, self.transpose_x2 and x2.ndim > 1)


class Moments(Cell):
    """The mean and the biased variance, mean((x - mean)^2), over `axis`. Computed in float32 for half precision.

    Args:
        axis: an int, a tuple of ints, or None for all axes.
        keep_dims: whether the axes stay with extent 1; None stands for False.

    Inputs:
        x: a floating-point Tensor.

    Outputs:
        Two Tensors in the dtype of x: the mean and the variance.

    Raises:
        TypeError: an argument is of another type, or x is not a floating-point Tensor.
        ValueError: x has no such axis.

    Examples:
        >>> nn.Moments(axis=0)(Tensor([[1.0], [5.0]]))[1].asnumpy()
        array([4.], dtype=float32)
    """

    axis: int | tuple[int, ...]
    keep_dims: bool

    def __init__(self, axis: int | tuple[int, ...] | None = None, keep_dims: bool | None = None) -> None:
        super().__init__()
        self.axis = () if axis is None else _validate.of_type("axis", axis, (int, tuple), self.cls_name)
        for item in axis if isinstance(axis, tuple) else ():
            _validate.integer("axis", item, self.cls_name)
        self.keep_dims = keep_dims is not None and _validate.boolean("keep_dims", keep_dims, self.cls_name)

    def construct(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, variance = ops.moments(wide(float_input("x", x, self.cls_name)), self.axis, self.keep_dims)
        return ops.cast(mean, x.dtype), ops.cast(variance, x.dtype)


class ReduceLogSumExp(Cell):
    """log(sum(exp(x))) over `axis`; does not overflow. (MindSpore 1.7 gives inf for x above 88.)

    Args:
        axis: an int, or a tuple or list of ints; () stands for all axes.
        keep_dims: whether the axes stay with extent 1.

    Inputs:
        x: a floating-point Tensor.

    Outputs:
        A Tensor in the dtype of x; -inf where nothing is summed.

    Raises:
        TypeError: an argument is of another type, or x is not a floating-point Tensor.
        ValueError: x has no such axis.

    Examples:
        >>> nn.ReduceLogSumExp(0)(Tensor([1000.0, 1000.0])).asnumpy()
        array(1000.6932, dtype=float32)
    """

    axis: int | tuple[int, ...] | list[int]
    keep_dims: bool

    def __init__(self, axis: int | tuple[int, ...] | list[int], keep_dims: bool = False) -> None:
        super().__init__()
        self.axis = _validate.of_type("axis", axis, (int, list, tuple), self.cls_name)
        self.keep_dims = _validate.boolean("keep_dims", keep_dims, self.cls_name)

    def construct(self, x: Tensor) -> Tensor:
        wider = wide(float_input("x", x, self.cls_name))
        greatest = ops.stop_gradient(ops.reduce_max(wider, self.axis, keep_dims=True))
        # Only a finite number may be subtracted: inf - inf would be NaN.
        shift = ops.select(ops.isfinite(greatest), greatest, 0.0)
        total = ops.log(ops.reduce_sum(ops.exp(ops.sub(wider, shift)), self.axis, keep_dims=True))
        result = ops.add(total, shift)
        if not self.keep_dims:
            axes = _validate.axes_in("axis", self.axis, x.ndim, self.cls_name)
            result = ops.reshape(result, tuple(n for axis, n in enumerate(x.shape) if axis not in axes))
        return ops.cast(result, x.dtype)
