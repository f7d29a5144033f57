"""Tensors with some of another's elements, or with some elements replaced: functions that are also Tensor methods."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cellc import arithmetic, errors, indexing
from cellc import dtype as dtypes
from cellc.reductions import normalize_axis
from cellc.trace import apply

if TYPE_CHECKING:
    from cellc.tensor import Tensor


def narrow(self: Tensor, axis: int, start: int, length: int) -> Tensor:
    """The `length` slices along `axis` that begin at `start`.

    Raises:
        TypeError: an argument is not an int.
        ValueError: the slices are not all in the tensor.
    """
    axis = normalize_axis(axis, self.ndim)
    for name, value in (("start", start), ("length", length)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise errors.bad_argument(TypeError, f"For 'narrow', '{name}' must be an int, but got {value!r}.")
    if not 0 <= start <= start + length <= self.shape[axis]:
        raise errors.bad_argument(
            ValueError,
            f"For 'narrow', 'start' and 'length' must stay in the extent {self.shape[axis]} of axis {axis}, "
            f"but got {start} and {length}.",
        )
    return self[(*(slice(None),) * axis, slice(start, start + length))]


def resize(self: Tensor, *new_shape: Any) -> Tensor:
    """The elements in order, cut off or followed by zeros as `new_shape` has room; the tensor itself is unchanged."""
    shape = new_shape[0] if len(new_shape) == 1 and isinstance(new_shape[0], tuple | list) else new_shape
    if not shape:
        return self
    flat, size = self.ravel(), prod(shape)
    if size > flat.size:
        zero = arithmetic.full((), 0, self.dtype)
        flat = apply("pad", flat, zero, low=(0,), high=(size - flat.size,), interior=(0,))
    return flat[:size].reshape(tuple(shape))


def repeat(self: Tensor, repeats: int | Sequence[int], axis: int | None = None) -> Tensor:
    """Each slice along `axis` (default: each element of the flattened tensor) `repeats` times.

    Args:
        repeats: one count for all, or one for each slice.

    Raises:
        TypeError: a count is not an int.
        ValueError: the counts are negative, or neither one nor as many as slices.
    """
    if axis is None:
        self, axis = self.ravel(), 0
    axis = normalize_axis(axis, self.ndim)
    counts: tuple[Any, ...] = tuple(repeats) if isinstance(repeats, tuple | list) else (repeats,)
    for count in counts:
        if isinstance(count, bool) or not isinstance(count, int):
            raise errors.bad_argument(TypeError, f"For 'repeat', 'repeats' must hold ints, but got {count!r}.")
    if min(counts, default=0) < 0 or len(counts) not in (1, self.shape[axis]):
        raise errors.bad_argument(
            ValueError,
            f"For 'repeat', 'repeats' must be one count or {self.shape[axis]} counts of at least 0, but got {repeats}.",
        )
    rows = np.repeat(np.arange(self.shape[axis], dtype=np.int32), counts)
    return self.take(rows, axis)


def diagonal(self: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The elements whose index along `axis2` is that along `axis1` plus `offset`, as the last axis of the result.

    Raises:
        ValueError: the tensor has less than two axes, or `axis1` and `axis2` are one.
    """
    if self.ndim < 2:
        raise errors.bad_argument(ValueError, f"a diagonal needs at least two axes, but got shape {self.shape}")
    first, second = normalize_axis(axis1, self.ndim), normalize_axis(axis2, self.ndim)
    if first == second:
        raise errors.bad_argument(ValueError, f"axis1 and axis2 of a diagonal must differ, but both are {first}")
    others = tuple(axis for axis in range(self.ndim) if axis not in (first, second))
    rows, columns = self.shape[first], self.shape[second]
    count = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    begin = offset if offset >= 0 else -offset * columns
    flat = self.transpose(*others, first, second).reshape((*(self.shape[axis] for axis in others), rows * columns))
    return flat[..., begin : begin + count * (columns + 1) : columns + 1] if count else flat[..., :0]


def trace(self: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Tensor:
    """The sum of each `diagonal`, in `dtype` (default: the tensor's)."""
    return diagonal(self, offset, axis1, axis2).sum(-1, dtype=dtype)


def fill(self: Tensor, value: float | None) -> Tensor:
    """A tensor of the same shape and dtype whose elements are all `value`; None stands for NaN.

    Raises:
        TypeError: `value` is not a number, or is None and the tensor is not of a float dtype.
    """
    if value is None and self.dtype.is_float:
        value = float("nan")
    if not isinstance(value, int | float):
        raise errors.bad_argument(
            TypeError, f"For 'fill', 'value' must be a number (None only in a float tensor), but got {value!r}."
        )
    return arithmetic.full(self.shape, value, self.dtype)


def masked_fill(self: Tensor, mask: Tensor, value: float) -> Tensor:
    """The tensor with `value` where `mask` (broadcast) is true.

    Raises:
        TypeError: `mask` is not a bool Tensor, or `value` is not a number.
    """
    if not arithmetic.is_tensor(mask) or mask.dtype is not dtypes.bool_:
        raise errors.bad_argument(TypeError, f"For 'masked_fill', 'mask' must be a bool Tensor, but got {mask!r}.")
    if not isinstance(value, int | float):
        raise errors.bad_argument(TypeError, f"For 'masked_fill', 'value' must be a number, but got {value!r}.")
    return arithmetic.where(mask, arithmetic.full((), value, self.dtype), self)


def itemset(self: Tensor, *args: Any) -> Tensor:
    """A tensor with one element replaced; the tensor itself is unchanged.

    Args:
        args: `(value,)` for a tensor of one element; else `(index, value)`, the index flat or one for each axis.

    Raises:
        IndexError: the index does not name one element.
    """
    if len(args) not in (1, 2):
        raise errors.bad_argument(TypeError, f"itemset takes a value, or an index and a value, but got {args}")
    index = 0 if len(args) == 1 else args[0]
    if len(args) == 1 and self.size != 1:
        raise errors.bad_argument(IndexError, f"itemset needs an index: the tensor has shape {self.shape}")
    if isinstance(index, int):
        return indexing.updated(self.ravel(), index, args[-1]).reshape(self.shape)
    if len(index) != self.ndim:
        raise errors.bad_argument(
            IndexError, f"the index of itemset must have {self.ndim} entries for shape {self.shape}, but got {index}"
        )
    return indexing.updated(self, tuple(index), args[-1])


def choose(self: Tensor, choices: Any, mode: str = "clip") -> Tensor:
    """At each place the element of the choice that this tensor of integers numbers; everything broadcasts.

    Args:
        choices: a sequence of tensors, or a tensor that is cut along its first axis.
        mode: what a number outside [0, n) does: "clip" to the nearest, or "wrap" round.

    Raises:
        ValueError: another `mode`, or no choices.
    """
    if mode not in ("clip", "wrap"):
        raise errors.bad_argument(ValueError, f"For 'choose', 'mode' must be 'clip' or 'wrap', but got {mode!r}.")
    options = [arithmetic.as_tensor(choice) for choice in choices]
    if not options:
        raise errors.bad_argument(ValueError, "For 'choose', 'choices' must not be empty.")
    number = self % len(options) if mode == "wrap" else self
    result = arithmetic.where(number < 1, options[0], options[0])
    for index, option in enumerate(options[1:], 1):
        result = arithmetic.where(number >= index, option, result)
    return result


def searchsorted(self: Tensor, v: Any, side: str = "left", sorter: Any = None) -> Tensor:
    """Where each value of `v` belongs in this ascending vector: how many elements are before it, in int32.

    Args:
        side: "left": elements less than the value are before it; "right": those equal to it too.
        sorter: indices that sort the vector, if it is not ascending itself.

    Raises:
        ValueError: another `side`, or the tensor or `sorter` is not a vector of the same length.
    """
    if side not in ("left", "right"):
        raise errors.bad_argument(ValueError, f"For 'searchsorted', 'side' must be 'left' or 'right', got {side!r}.")
    order = None if sorter is None else arithmetic.as_tensor(sorter)
    if self.ndim != 1 or (order is not None and order.shape != self.shape):
        raise errors.bad_argument(
            ValueError,
            f"For 'searchsorted', the tensor and 'sorter' must be vectors of one length, but got shape {self.shape}"
            f"{'' if order is None else f' and {order.shape}'}.",
        )
    values = arithmetic.as_tensor(v)
    ascending = (self if order is None else self.take(order)).reshape((-1, *(1,) * values.ndim))
    before = ascending < values if side == "left" else ascending <= values
    return before.astype(dtypes.int32).sum(0)
