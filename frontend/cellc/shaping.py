"""Shape operations: functions of a tensor that are also its methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cellc import arithmetic, errors
from cellc import dtype as dtypes
from cellc.reductions import normalize_axis
from cellc.trace import apply

if TYPE_CHECKING:
    from cellc.tensor import Tensor


def _ints(values: tuple[Any, ...]) -> tuple[int, ...]:
    """`f(2, 3)` and `f((2, 3))` mean the same."""
    if len(values) == 1 and isinstance(values[0], tuple | list):
        values = tuple(values[0])
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int):
            raise errors.bad_argument(
                TypeError, f"a shape or axis must be an int, got {value!r} of type {type(value).__name__}"
            )
    return values


def reshape(self: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape; one extent may be -1 (inferred).

    Raises:
        ValueError: the number of elements differs.
    """
    __tracebackhide__ = True
    wanted = _ints(shape)
    known = 1
    for extent in wanted:
        known *= extent if extent != -1 else 1
    if wanted.count(-1) == 1 and known > 0 and self.size % known == 0:
        wanted = tuple(self.size // known if extent == -1 else extent for extent in wanted)
    elif -1 in wanted or known != self.size:
        raise errors.bad_argument(
            ValueError, f"cannot reshape {self.size} elements of shape {self.shape} into {wanted}"
        )
    return self if wanted == self.shape else apply("reshape", self, shape=wanted)


def transpose(self: Tensor, *axes: Any) -> Tensor:
    """The axes in another order; without arguments, reversed."""
    __tracebackhide__ = True
    order = tuple(normalize_axis(axis, self.ndim) for axis in _ints(axes)) or tuple(range(self.ndim))[::-1]
    if sorted(order) != list(range(self.ndim)):
        raise errors.bad_argument(ValueError, f"axes {order} are not a permutation of a rank-{self.ndim} tensor's")
    return self if order == tuple(range(self.ndim)) else apply("transpose", self, permutation=order)


def swapaxes(self: Tensor, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged."""
    order = list(range(self.ndim))
    first, second = normalize_axis(axis1, self.ndim), normalize_axis(axis2, self.ndim)
    order[first], order[second] = second, first
    return transpose(self, *order)


def squeeze(self: Tensor, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Without axes of extent 1: all of them, or those named.

    Raises:
        ValueError: a named axis has another extent.
    """
    __tracebackhide__ = True
    if axis is None:
        return reshape(self, tuple(extent for extent in self.shape if extent != 1))
    axes = {normalize_axis(item, self.ndim) for item in (axis if isinstance(axis, tuple | list) else (axis,))}
    for item in axes:
        if self.shape[item] != 1:
            raise errors.bad_argument(ValueError, f"cannot squeeze axis {item} of shape {self.shape}: it is not 1")
    return reshape(self, tuple(extent for item, extent in enumerate(self.shape) if item not in axes))


def expand_dims(self: Tensor, axis: int) -> Tensor:
    """With a new axis of extent 1 at position `axis` of the result."""
    axis = normalize_axis(axis, self.ndim + 1)
    return reshape(self, (*self.shape[:axis], 1, *self.shape[axis:]))


def flatten(self: Tensor, order: str = "C") -> Tensor:
    """All elements in one axis, in C order ("F": Fortran order)."""
    if order not in ("C", "F"):
        raise ValueError(f"order must be 'C' or 'F', got {order!r}")
    return reshape(self if order == "C" else transpose(self), (self.size,))


def ravel(self: Tensor) -> Tensor:
    """All elements in one axis, in C order."""
    return reshape(self, (self.size,))


def broadcast_to(self: Tensor, *shape: Any) -> Tensor:
    """Repeated to `shape`, aligned at the last axis; -1 keeps the extent."""
    __tracebackhide__ = True
    wanted = _ints(shape)
    offset = len(wanted) - self.ndim
    if offset >= 0:
        wanted = tuple(
            self.shape[axis - offset] if extent == -1 and axis >= offset else extent
            for axis, extent in enumerate(wanted)
        )
    if arithmetic.broadcast_shape(self.shape, wanted) != wanted:
        raise errors.bad_argument(ValueError, f"cannot broadcast shape {self.shape} to {wanted}")
    return arithmetic.broadcast_to(self, wanted)


def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """Broadcast to the shape of `other`."""
    return broadcast_to(self, other.shape)


def take(self: Tensor, indices: Any, axis: int | None = None, mode: str = "clip") -> Tensor:
    """Slices at `indices` (a Tensor or ints, not negative) along `axis`, or of the flattened tensor."""
    __tracebackhide__ = True
    if axis is None:
        self, axis = ravel(self), 0
    axis = normalize_axis(axis, self.ndim)
    indices = arithmetic.as_tensor(indices)
    if not indices.dtype.is_integer:
        raise errors.bad_argument(TypeError, f"indices must be integers, got {indices.dtype}")
    if indices.dtype not in (dtypes.int32, dtypes.int64):
        indices = indices.astype(dtypes.int32)
    order = (axis, *(item for item in range(self.ndim) if item != axis))
    taken = apply("take", transpose(self, *order), indices)
    back = list(range(indices.ndim, taken.ndim))
    back[axis:axis] = list(range(indices.ndim))
    return transpose(taken, *back) if taken.ndim else taken
