"""Reductions. `axis` is an int, a tuple or a list; `()` and None stand for all axes.

With `keep_dims` a reduced axis stays with extent 1, else it goes.
"""

from __future__ import annotations

from cellc import reductions
from cellc.arithmetic import as_tensor, cast
from cellc.dtype import DType, float32, float64, int32
from cellc.ops import _validate
from cellc.ops._arithmetic import Operand
from cellc.reductions import Axis
from cellc.tensor import Tensor


def reduce_sum(x: Operand, axis: Axis = (), keep_dims: bool = False) -> Tensor:
    """The sum over `axis`."""
    return reductions.sum(as_tensor(x), axis, keep_dims=_validate.boolean("keep_dims", keep_dims, "reduce_sum"))


def reduce_mean(x: Operand, axis: Axis = (), keep_dims: bool = False) -> Tensor:
    """The mean over `axis`: the sum divided by the number of elements.

    float16 and bfloat16 are summed as float32; the mean of integers is float32.
    """
    tensor = as_tensor(x)
    wide = tensor.dtype if tensor.dtype in (float32, float64) else float32
    mean = reductions.mean(cast(tensor, wide), axis, _validate.boolean("keep_dims", keep_dims, "reduce_mean"))
    return cast(mean, tensor.dtype) if tensor.dtype.is_float else mean


def reduce_prod(x: Operand, axis: Axis = (), keep_dims: bool = False) -> Tensor:
    """The product over `axis`."""
    return reductions.prod(as_tensor(x), axis, keep_dims=_validate.boolean("keep_dims", keep_dims, "reduce_prod"))


def reduce_max(x: Operand, axis: Axis = (), keep_dims: bool = False) -> Tensor:
    """The greatest element over `axis`."""
    return reductions.max(as_tensor(x), axis, keep_dims=_validate.boolean("keep_dims", keep_dims, "reduce_max"))


def reduce_min(x: Operand, axis: Axis = (), keep_dims: bool = False) -> Tensor:
    """The smallest element over `axis`."""
    return reductions.min(as_tensor(x), axis, keep_dims=_validate.boolean("keep_dims", keep_dims, "reduce_min"))


def reduce_any(x: Operand, axis: Axis = (), keep_dims: bool = False) -> Tensor:
    """Whether any element over `axis` is true (not zero)."""
    return reductions.any(as_tensor(x), axis, keep_dims=_validate.boolean("keep_dims", keep_dims, "reduce_any"))


def reduce_all(x: Operand, axis: Axis = (), keep_dims: bool = False) -> Tensor:
    """Whether every element over `axis` is true (not zero)."""
    return reductions.all(as_tensor(x), axis, keep_dims=_validate.boolean("keep_dims", keep_dims, "reduce_all"))


def argmax(x: Operand, axis: int = -1, output_type: DType = int32) -> Tensor:
    """The index along `axis` of the first greatest element; the axis goes."""
    return cast(reductions.argmax(as_tensor(x), axis), _validate.element_type("output_type", output_type, "argmax"))


def argmin(x: Operand, axis: int = -1, output_type: DType = int32) -> Tensor:
    """The index along `axis` of the first smallest element; the axis goes."""
    return cast(reductions.argmin(as_tensor(x), axis), _validate.element_type("output_type", output_type, "argmin"))


def max(x: Operand, axis: int = 0, keep_dims: bool = False) -> tuple[Tensor, Tensor]:
    """`(index, value)` of the first greatest element along `axis`."""
    index = argmax(x, axis)
    return index.expand_dims(axis) if keep_dims else index, reduce_max(x, axis, keep_dims)


def min(x: Operand, axis: int = 0, keep_dims: bool = False) -> tuple[Tensor, Tensor]:
    """`(index, value)` of the first smallest element along `axis`."""
    index = argmin(x, axis)
    return index.expand_dims(axis) if keep_dims else index, reduce_min(x, axis, keep_dims)
