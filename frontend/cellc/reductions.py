"""Reductions over axes: functions of a tensor that are also its methods."""

from __future__ import annotations

import builtins
import math
from typing import TYPE_CHECKING, Any

from cellc import arithmetic, errors
from cellc import dtype as dtypes
from cellc.trace import apply

if TYPE_CHECKING:
    from cellc.tensor import Tensor

Axis = int | tuple[int, ...] | list[int] | None


def normalize_axis(axis: int, ndim: int) -> int:
    """`axis` counted from the front.

    Raises:
        ValueError: it is outside [-ndim, ndim).
    """
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise errors.bad_argument(TypeError, f"axis must be an int, got {axis!r} of type {type(axis).__name__}")
    if not -ndim <= axis < ndim:
        raise errors.bad_argument(ValueError, f"axis {axis} is out of range for a tensor of rank {ndim}")
    return axis % ndim


def normalize_axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Axes in ascending order, counted from the front; None and () mean all of them."""
    if axis is None or axis == () or axis == []:
        return tuple(range(ndim))
    given = axis if isinstance(axis, tuple | list) else (axis,)
    axes = sorted(normalize_axis(item, ndim) for item in given)
    if len(set(axes)) != len(axes):
        raise errors.bad_argument(ValueError, f"axis {axis} names an axis twice")
    return tuple(axes)


def _reduce(op: str, tensor: Tensor, axis: Axis, keep: bool) -> Tensor:
    __tracebackhide__ = True
    return apply(op, tensor, axes=normalize_axes(axis, tensor.ndim), keep_dims=bool(keep))


def sum(
    self: Tensor, axis: Axis = None, dtype: Any = None, keepdims: bool = False, initial: Any = None, **aliases: bool
) -> Tensor:
    """Sum over `axis` (default: all); bools are counted in int32."""
    __tracebackhide__ = True
    if dtype is not None:
        self = self.astype(dtype)
    elif self.dtype is dtypes.bool_:
        self = self.astype(dtypes.int32)
    total = _reduce("reduce_sum", self, axis, _keep(keepdims, aliases))
    return total if initial is None else total + initial


def _keep(keepdims: bool, aliases: dict[str, bool]) -> bool:
    keep = aliases.pop("keep_dims", keepdims)
    if aliases:
        raise TypeError(f"unexpected keyword argument {next(iter(aliases))!r}")
    return keep


def mean(self: Tensor, axis: Axis = None, keep_dims: bool = False, **aliases: bool) -> Tensor:
    """Arithmetic mean over `axis` (default: all); integers are averaged in float32.

    float16 and bfloat16 are averaged in float32 too: the sum and the number of elements may be too large for float16.
    """
    __tracebackhide__ = True
    keep = aliases.pop("keepdims", keep_dims)
    wide = _wide(self)
    axes = normalize_axes(axis, wide.ndim)
    count = float(_count(self, axes))
    found = arithmetic.divide(_reduce("reduce_sum", wide, axes, keep) if axes else wide, count)
    return _narrow(found, self)


def _wide(tensor: Tensor) -> Tensor:
    """In float32 or float64, in which sums are neither too large nor inexact."""
    return tensor if tensor.dtype is dtypes.float64 else arithmetic.cast(tensor, dtypes.float32)


def _narrow(wide: Tensor, like: Tensor) -> Tensor:
    return arithmetic.cast(wide, like.dtype) if like.dtype.is_float else wide


def _count(tensor: Tensor, axes: tuple[int, ...]) -> int:
    return math.prod([tensor.shape[axis] for axis in axes])


def prod(self: Tensor, axis: Axis = None, keepdims: bool = False, **aliases: bool) -> Tensor:
    """Product over `axis` (default: all)."""
    return _reduce("reduce_prod", self, axis, _keep(keepdims, aliases))


def _extreme(self: Tensor, kind: str, axis: Axis, keep: bool, initial: float | None, where: Tensor | bool) -> Tensor:
    if initial is None:
        if where is not True:
            raise errors.bad_argument(ValueError, f"'{kind}' with 'where' needs 'initial' for the other elements")
        return _reduce(f"reduce_{kind}", self, axis, keep)
    chosen = self if where is True else arithmetic.where(where, self, arithmetic.full((), initial, self.dtype))
    return arithmetic.binary(f"{kind}imum", _reduce(f"reduce_{kind}", chosen, axis, keep), initial)


def max(
    self: Tensor, axis: Axis = None, keepdims: bool = False, initial: float | None = None,
    where: Tensor | bool = True, **aliases: bool,
) -> Tensor:  # fmt: skip
    """Largest element over `axis` (default: all), not below `initial`; of those alone where `where` is true.

    Raises:
        ValueError: `where` is given without `initial`.
    """
    return _extreme(self, "max", axis, _keep(keepdims, aliases), initial, where)


def min(
    self: Tensor, axis: Axis = None, keepdims: bool = False, initial: float | None = None,
    where: Tensor | bool = True, **aliases: bool,
) -> Tensor:  # fmt: skip
    """Smallest element over `axis` (default: all), not above `initial`; of those alone where `where` is true.

    Raises:
        ValueError: `where` is given without `initial`.
    """
    return _extreme(self, "min", axis, _keep(keepdims, aliases), initial, where)


def ptp(self: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Largest less smallest element over `axis` (default: all): peak to peak."""
    return max(self, axis, keepdims) - min(self, axis, keepdims)


def cumsum(self: Tensor, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Sums of the elements up to each along `axis` (default: of the flattened tensor).

    Integers of less than 32 bits and bools are summed in int32, float16 and bfloat16 in float32; the result is
    converted to `dtype`, or that of a float tensor.
    """
    if self.dtype in (dtypes.bool_, dtypes.int8, dtypes.int16, dtypes.uint8):
        self = self.astype(dtypes.int32)
    if axis is None:
        self, axis = self.reshape((self.size,)), 0
    summed = self if dtype is None or not self.dtype.is_float else _wide(self)
    total = apply("cumsum", summed, axis=normalize_axis(axis, self.ndim), reverse=False)
    return total if dtype is None else total.astype(dtype)


def any(self: Tensor, axis: Axis = None, keep_dims: bool = False) -> Tensor:
    """Whether some element over `axis` is true (not zero)."""
    return _reduce("reduce_any", arithmetic.cast(self, dtypes.bool_), axis, keep_dims)


def all(self: Tensor, axis: Axis = None, keep_dims: bool = False) -> Tensor:
    """Whether every element over `axis` is true (not zero)."""
    return _reduce("reduce_all", arithmetic.cast(self, dtypes.bool_), axis, keep_dims)


def _arg(op: str, tensor: Tensor, axis: int | None) -> Tensor:
    if axis is None:
        tensor, axis = tensor.reshape((tensor.size,)), 0
    return apply(op, tensor, axis=normalize_axis(axis, tensor.ndim))


def argmax(self: Tensor, axis: int | None = None) -> Tensor:
    """Index (int32) of the first largest element along `axis`, or in the flattened tensor."""
    return _arg("argmax", self, axis)


def argmin(self: Tensor, axis: int | None = None) -> Tensor:
    """Index (int32) of the first smallest element along `axis`, or in the flattened tensor."""
    return _arg("argmin", self, axis)


def var(self: Tensor, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
    """Variance over `axis` (default: all): mean of squared distances from the mean, divided by n - ddof.

    float16 and bfloat16 are computed in float32; that of integers is float32.
    """
    return _narrow(_variance(self, axis, ddof, keepdims), self)


def _variance(self: Tensor, axis: Axis, ddof: int, keepdims: bool) -> Tensor:
    wide = _wide(self)
    axes = normalize_axes(axis, wide.ndim)
    centred = wide - mean(wide, axes, True) if axes else wide - wide
    squares = centred * centred
    total = _reduce("reduce_sum", squares, axes, keepdims) if axes else squares
    return arithmetic.divide(total, float(builtins.max(_count(self, axes) - ddof, 0)))


def std(self: Tensor, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
    """Standard deviation over `axis`: the square root of `var`."""
    return _narrow(apply("sqrt", _variance(self, axis, ddof, keepdims)), self)
