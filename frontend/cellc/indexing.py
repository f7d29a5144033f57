"""`tensor[index]` and `tensor[index] = value`, as slices, reshapes, takes and selects.

An index is a tuple of ints, slices, None, one Ellipsis, and integer tensors or lists. Ints and slices are resolved
while tracing; integer tensors become `nn.take`. A bool mask has no static result shape and is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cellc import arithmetic, errors
from cellc import dtype as dtypes
from cellc.tensor_base import TensorBase
from cellc.trace import apply

if TYPE_CHECKING:
    from cellc.tensor import Tensor


class _Plan(NamedTuple):
    """What an index does to each axis of the tensor.

    Attributes:
        slices: per axis (start, limit, step > 0, reversed).
        shape: result shape of the slicing; ints are dropped and None adds an axis of 1.
        gathers: result axis -> index tensor.
    """

    slices: list[tuple[int, int, int, bool]]
    shape: tuple[int, ...]
    gathers: dict[int, Tensor]


def _is_int(item: Any) -> bool:
    return isinstance(item, int | np.integer) and not isinstance(item, bool | np.bool_)


def _expand(tensor: Tensor, index: Any) -> list[Any]:
    """The index with its Ellipsis (or its missing end) written out as full slices."""
    items = list(index) if isinstance(index, tuple) else [index]
    used = sum(item is not None and item is not Ellipsis for item in items)
    if sum(item is Ellipsis for item in items) > 1:
        raise errors.bad_argument(IndexError, "an index has at most one '...'")
    if used > tensor.ndim:
        raise errors.bad_argument(
            IndexError, f"too many indices: {used} for a tensor of rank {tensor.ndim} (shape {tensor.shape})"
        )
    at = next((i for i, item in enumerate(items) if item is Ellipsis), len(items))
    items[at : at + 1] = [slice(None)] * (tensor.ndim - used)
    return items


def _index_tensor(item: Any, extent: int) -> Tensor:
    """An integer tensor or list as indices in [0, extent)."""
    indices = arithmetic.as_tensor(item)
    if indices.dtype is dtypes.bool_:
        raise errors.bad_argument(
            IndexError,
            "a bool tensor as an index gives a result whose shape depends on values",
            "use cellc.ops.select(mask, x, y), or multiply by the mask",
        )
    if not indices.dtype.is_integer:
        raise errors.bad_argument(IndexError, f"tensor indices must be integers, got {indices.dtype}")
    return arithmetic.where(indices < 0, indices + extent, indices)


def _resolve_slice(item: slice, extent: int) -> tuple[int, int, int, bool]:
    start, stop, step = item.indices(extent)
    count = len(range(start, stop, step))
    if step > 0:
        return start, max(start, stop), step, False
    last = start + (count - 1) * step
    return (last, start + 1, -step, True) if count else (0, 0, 1, False)


def _plan(tensor: Tensor, index: Any) -> _Plan:
    slices: list[tuple[int, int, int, bool]] = []
    shape: list[int] = []
    gathers: dict[int, Tensor] = {}
    for item in _expand(tensor, index):
        if item is None:
            shape.append(1)
            continue
        axis = len(slices)
        extent = tensor.shape[axis]
        if _is_int(item):
            if not -extent <= item < extent:
                raise errors.bad_argument(
                    IndexError, f"index {item} is out of range for axis {axis} of extent {extent}"
                )
            slices.append((int(item) % extent, int(item) % extent + 1, 1, False))
        elif isinstance(item, slice):
            resolved = _resolve_slice(item, extent)
            slices.append(resolved)
            shape.append(len(range(resolved[0], resolved[1], resolved[2])))
        elif isinstance(item, TensorBase | np.ndarray | list | tuple):
            gathers[len(shape)] = _index_tensor(item, extent)
            slices.append((0, extent, 1, False))
            shape.append(extent)
        else:
            raise errors.bad_argument(
                IndexError,
                f"an index is made of ints, slices, None, '...' and integer tensors, got {item!r} "
                f"of type {type(item).__name__}",
            )
    return _Plan(slices, tuple(shape), gathers)


def get(tensor: Tensor, index: Any) -> Tensor:
    """`tensor[index]`.

    Raises:
        IndexError: out of range, too many indices, or an index of a kind that is not supported.
    """
    __tracebackhide__ = True
    plan = _plan(tensor, index)
    result = tensor
    if any((start, limit, step) != (0, extent, 1)
           for (start, limit, step, _), extent in zip(plan.slices, tensor.shape, strict=True)):  # fmt: skip
        starts, limits, strides, _ = zip(*plan.slices, strict=True)
        result = apply("slice", result, starts=starts, limits=limits, strides=strides)
    reversed_axes = tuple(axis for axis, item in enumerate(plan.slices) if item[3])
    if reversed_axes:
        result = apply("reverse", result, axes=reversed_axes)
    result = result.reshape(plan.shape)
    return _gather(result, plan.gathers) if plan.gathers else result


def _gather(tensor: Tensor, gathers: dict[int, Tensor]) -> Tensor:
    """Takes at the broadcast index tensors; neighbouring indexed axes become one, as in NumPy."""
    axes = sorted(gathers)
    adjacent = axes == list(range(axes[0], axes[-1] + 1))
    front = [*axes, *(axis for axis in range(tensor.ndim) if axis not in axes)]
    extents = [tensor.shape[axis] for axis in axes]
    moved = tensor.transpose(front)
    rows = 1
    for extent in extents:
        rows *= extent
    moved = moved.reshape((rows, *moved.shape[len(axes) :]))
    linear = gathers[axes[0]]
    for axis, extent in zip(axes[1:], extents[1:], strict=True):
        linear = linear * extent + gathers[axis]
    if linear.dtype not in (dtypes.int32, dtypes.int64):
        linear = linear.astype(dtypes.int32)
    taken = apply("take", moved, linear)
    if not adjacent or not axes[0]:
        return taken
    back = list(range(linear.ndim, taken.ndim))
    back[axes[0] : axes[0]] = list(range(linear.ndim))
    return taken.transpose(back)


def updated(tensor: Tensor, index: Any, value: Any) -> Tensor:
    """`tensor` after `tensor[index] = value`: a new tensor, `value` broadcast and cast to fit.

    Raises:
        IndexError: as for `get`; and for an integer tensor as index, where repeated rows would be ambiguous.
    """
    __tracebackhide__ = True
    if isinstance(index, TensorBase) and index.dtype is dtypes.bool_:
        return arithmetic.where(index, arithmetic.cast(arithmetic.as_tensor(value), tensor.dtype), tensor)
    plan = _plan(tensor, index)
    if plan.gathers:
        raise errors.bad_argument(
            IndexError,
            "assignment through an integer tensor is not supported",
            "assign to slices, or build the tensor with cellc.ops.select",
        )
    counts = tuple(len(range(start, limit, step)) for start, limit, step, _ in plan.slices)
    part = arithmetic.cast(arithmetic.as_tensor(value), tensor.dtype)
    part = part.broadcast_to(plan.shape).reshape(counts)
    reversed_axes = tuple(axis for axis, item in enumerate(plan.slices) if item[3])
    if reversed_axes:
        part = apply("reverse", part, axes=reversed_axes)
    if 0 in counts:
        return tensor
    mask = arithmetic.full(counts, 1, dtypes.bool_)
    return arithmetic.where(_spread(mask, plan, tensor.shape), _spread(part, plan, tensor.shape), tensor)


def _spread(part: Tensor, plan: _Plan, shape: tuple[int, ...]) -> Tensor:
    """`part` at the places of the slices, zero elsewhere."""
    low, high, interior = [], [], []
    for (start, _, step, _), count, extent in zip(plan.slices, part.shape, shape, strict=True):
        low.append(start)
        interior.append(step - 1)
        high.append(extent - start - (count + (count - 1) * (step - 1)))
    zero = arithmetic.full((), 0, part.dtype)
    return apply("pad", part, zero, low=tuple(low), high=tuple(high), interior=tuple(interior))
