"""Reductions over axes: functions of a tensor that are also its methods."""

from __future__ import annotations

import builtins
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
    """Arithmetic mean over `axis` (default: all); integers are averaged in float32."""
    __tracebackhide__ = True
    keep = aliases.pop("keepdims", keep_dims)
    if not self.dtype.is_float:
        self = self.astype(dtypes.float32)
    axes = normalize_axes(axis, self.ndim)
    count = 1
    for item in axes:
        count *= self.shape[item]
    return arithmetic.divide(_reduce("reduce_sum", self, axes, keep) if axes else self, float(count))


def prod(self: Tensor, axis: Axis = None, keepdims: bool = False, **aliases: bool) -> Tensor:
    """Product over `axis` (default: all)."""
    return _reduce("reduce_prod", self, axis, _keep(keepdims, aliases))


def max(self: Tensor, axis: Axis = None, keepdims: bool = False, **aliases: bool) -> Tensor:
    """Largest element over `axis` (default: all)."""
    return _reduce("reduce_max", self, axis, _keep(keepdims, aliases))


def min(self: Tensor, axis: Axis = None, keepdims: bool = False, **aliases: bool) -> Tensor:
    """Smallest element over `axis` (default: all)."""
    return _reduce("reduce_min", self, axis, _keep(keepdims, aliases))


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
    """Variance over `axis` (default: all): mean of squared distances from the mean, divided by n - ddof."""
    axes = normalize_axes(axis, self.ndim)
    centred = self - mean(self, axes, True) if axes else self - self
    count = 1
    for item in axes:
        count *= self.shape[item]
    squares = centred * centred
    return arithmetic.divide(_reduce("reduce_sum", squares, axes, keepdims) if axes else squares,
                             float(builtins.max(count - ddof, 0)))  # fmt: skip


def std(self: Tensor, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
    """Standard deviation over `axis`: the square root of `var`."""
    return apply("sqrt", var(self, axis, ddof, keepdims))
