"""Norms of tensors: their value, clipping by it, and the penalty of weights by it."""

from __future__ import annotations

import math

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.nn._precision import float_input, number_input, tensor_input, wide
from cellc.ops import _validate
from cellc.tensor import Tensor


class ClipByNorm(Cell):
    """x clip_norm / max(|x|, clip_norm), where |x| is the Euclidean norm over `axis`.

    Args:
        axis: an int, a tuple of ints, or None for all axes.

    Inputs:
        x: a floating-point Tensor.
        clip_norm: a Tensor that broadcasts to the shape of x.

    Outputs:
        A Tensor of the shape of x in float32 (float64 for float64).

    Raises:
        TypeError: `axis` is of another type, x is not a floating-point Tensor, or `clip_norm` is not a Tensor.
        ValueError: x has no such axis, or `clip_norm` does not broadcast to its shape.

    Examples:
        >>> nn.ClipByNorm()(Tensor([3.0, 4.0]), Tensor([1.0])).asnumpy()
        array([0.6, 0.8], dtype=float32)
    """

    axis: int | tuple[int, ...]

    def __init__(self, axis: int | tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.axis = () if axis is None else _validate.of_type("axis", axis, (int, tuple), self.cls_name)
        for item in axis if isinstance(axis, tuple) else ():
            _validate.integer("axis", item, self.cls_name)

    def construct(self, x: Tensor, clip_norm: Tensor) -> Tensor:
        wider = wide(float_input("x", x, self.cls_name))
        limit = ops.cast(tensor_input("clip_norm", clip_norm, self.cls_name), wider.dtype)
        squares = ops.reduce_sum(ops.square(wider), self.axis, keep_dims=True)
        # The root sees no 0, where its slope is infinite.
        positive = ops.not_equal(squares, 0.0)
        norm = ops.select(positive, ops.sqrt(ops.select(positive, squares, 1.0)), 0.0)
        result = ops.div(ops.mul(wider, limit), ops.maximum(norm, limit))
        if result.shape != x.shape and result.size == x.size:
            result = ops.reshape(result, x.shape)
        if result.shape != x.shape:
            raise bad_argument(
                ValueError,
                f"For '{self.cls_name}', 'clip_norm' must broadcast to the shape of 'x', but got shapes "
                f"{clip_norm.shape} and {x.shape}.",
            )
        return result


class Norm(Cell):
    """The Euclidean norm, sqrt(sum(x^2)), over `axis`.

    Args:
        axis: an int or a tuple of ints; () stands for all axes.
        keep_dims: whether the axes stay with extent 1.

    Inputs:
        x: a floating-point Tensor.

    Outputs:
        A Tensor in the dtype of x.

    Raises:
        TypeError: `axis` is neither an int nor a tuple, `keep_dims` is not a bool, or x is not a floating-point Tensor.
        ValueError: x has no such axis.

    Examples:
        >>> nn.Norm(axis=0)(Tensor([[3.0, 0.0], [4.0, 1.0]])).asnumpy()
        array([5., 1.], dtype=float32)
    """

    axis: int | tuple[int, ...]
    keep_dims: bool

    def __init__(self, axis: int | tuple[int, ...] = (), keep_dims: bool = False) -> None:
        super().__init__()
        self.axis = _validate.of_type("axis", axis, (int, tuple), self.cls_name)
        self.keep_dims = _validate.boolean("keep_dims", keep_dims, self.cls_name)

    def construct(self, x: Tensor) -> Tensor:
        squares = ops.square(wide(float_input("x", x, self.cls_name)))
        return ops.cast(ops.sqrt(ops.reduce_sum(squares, self.axis, self.keep_dims)), x.dtype)

    def extend_repr(self) -> str:
        return f"axis={self.axis}, keep_dims={self.keep_dims}"


class L1Regularizer(Cell):
    """scale sum(|weights|).

    Args:
        scale: a finite int or float above 0.

    Inputs:
        weights: a Tensor of numbers of any shape.

    Outputs:
        A Tensor of rank 0 in float32 (float64 for float64).

    Raises:
        TypeError: `scale` is neither an int nor a float, or `weights` is not a Tensor of numbers.
        ValueError: `scale` is not above 0 or not finite.

    Examples:
        >>> nn.L1Regularizer(0.5)(Tensor([[1.0, -2.0], [-3.0, 4.0]])).asnumpy()
        array(5., dtype=float32)
    """

    scale: float

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = _validate.of_type("scale", scale, (int, float), self.cls_name)
        if not 0 < scale < math.inf:
            raise bad_argument(
                ValueError, f"For '{self.cls_name}', 'scale' must be finite and greater than 0, but got {scale}."
            )

    def construct(self, weights: Tensor) -> Tensor:
        absolute = ops.abs(wide(number_input("weights", weights, self.cls_name)))
        return ops.mul(ops.reduce_sum(absolute), self.scale)
