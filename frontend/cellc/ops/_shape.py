"""Ops that move elements without changing them: shapes, axes, joining, cutting, padding."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from math import prod

from cellc import arithmetic
from cellc.arithmetic import as_tensor
from cellc.dtype import int32
from cellc.errors import bad_argument
from cellc.ops import _validate
from cellc.ops._arithmetic import Operand
from cellc.tensor import Tensor
from cellc.trace import apply


def reshape(input_x: Operand, input_shape: int | Sequence[int]) -> Tensor:
    """The elements of `input_x`, in order, in another shape; one extent may be -1 and is then inferred.

    Raises:
        TypeError: `input_shape` has an element that is not an int.
        ValueError: the numbers of elements differ, or more than one extent is -1.
    """
    return as_tensor(input_x).reshape(input_shape if isinstance(input_shape, int) else tuple(input_shape))


def flatten(input_x: Operand) -> Tensor:
    """(N, ...) as (N, product of the rest); a vector (N,) becomes (N, 1).

    Raises:
        ValueError: `input_x` has rank 0.
    """
    tensor = as_tensor(input_x)
    if tensor.ndim == 0:
        raise bad_argument(ValueError, "For 'flatten', 'input_x' must have at least one axis, but got rank 0.")
    return reshape(tensor, (tensor.shape[0], prod(tensor.shape[1:])))


def transpose(input_x: Operand, input_perm: Sequence[int]) -> Tensor:
    """Axis i of the result is axis `input_perm[i]` of `input_x`.

    Raises:
        ValueError: `input_perm` is not a permutation of the axes.
    """
    tensor = as_tensor(input_x)
    if len(input_perm) != tensor.ndim:
        raise bad_argument(
            ValueError, f"For 'transpose', 'input_perm' {input_perm} must name each axis of shape {tensor.shape} once."
        )
    return tensor.transpose(tuple(input_perm))


def expand_dims(input_x: Operand, axis: int) -> Tensor:
    """`input_x` with a new axis of extent 1 at `axis`, which is in [-rank - 1, rank]."""
    return as_tensor(input_x).expand_dims(axis)


def squeeze(input_x: Operand, axis: int | Sequence[int] = ()) -> Tensor:
    """`input_x` without the axes `axis`, or without all axes of extent 1.

    Raises:
        ValueError: an axis that is named has another extent than 1.
    """
    if isinstance(axis, int):
        return as_tensor(input_x).squeeze(axis)
    return as_tensor(input_x).squeeze(tuple(axis) or None)


def concat(input_x: Sequence[Tensor], axis: int = 0) -> Tensor:
    """The tensors of `input_x`, one after another along `axis`; the other extents are equal.

    Raises:
        TypeError: `input_x` is neither a tuple nor a list.
        ValueError: `input_x` is empty, or the shapes do not fit.
    """
    tensors = _several("concat", input_x)
    at = _validate.axis_in("axis", axis, tensors[0].ndim, "concat")
    return tensors[0] if len(tensors) == 1 else apply("concat", *tensors, axis=at)


def _several(op: str, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    if not isinstance(tensors, tuple | list):
        raise bad_argument(
            TypeError, f"For '{op}', 'input_x' must be a tuple or list of Tensors, but got {type(tensors).__name__}."
        )
    if not tensors:
        raise bad_argument(ValueError, f"For '{op}', 'input_x' must not be empty.")
    return tuple(as_tensor(tensor) for tensor in tensors)


def stack(input_x: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Tensors of one shape, joined along a new axis at `axis`."""
    tensors = _several("stack", input_x)
    at = _validate.axis_in("axis", axis, tensors[0].ndim + 1, "stack")
    return concat([expand_dims(tensor, at) for tensor in tensors], at)


def unstack(input_x: Operand, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices of `input_x` along `axis`, without that axis."""
    tensor = as_tensor(input_x)
    at = _validate.axis_in("axis", axis, tensor.ndim, "unstack")
    return tuple(squeeze(part, at) for part in split(tensor, at, tensor.shape[at]))


def split(input_x: Operand, axis: int = 0, output_num: int = 1) -> tuple[Tensor, ...]:
    """`output_num` equal parts along `axis`.

    Raises:
        ValueError: the extent of `axis` is not a multiple of `output_num`.
    """
    tensor = as_tensor(input_x)
    at = _validate.axis_in("axis", axis, tensor.ndim, "split")
    extent = tensor.shape[at]
    if extent % _validate.positive_int("output_num", output_num, "split"):
        raise bad_argument(
            ValueError, f"For 'split', extent {extent} of axis {at} must be a multiple of 'output_num' {output_num}."
        )
    part = extent // output_num
    size = (*tensor.shape[:at], part, *tensor.shape[at + 1 :])
    starts = ((0,) * at + (index * part,) + (0,) * (tensor.ndim - at - 1) for index in range(output_num))
    return tuple(slice(tensor, begin, size) for begin in starts)


def slice(input_x: Operand, begin: Sequence[int], size: Sequence[int]) -> Tensor:
    """The box of `size` that starts at `begin`; a size of -1 reaches to the end of its axis.

    Raises:
        ValueError: `begin` or `size` does not have one entry for each axis, or the box leaves the tensor.
    """
    tensor = as_tensor(input_x)
    if len(begin) != tensor.ndim or len(size) != tensor.ndim:
        raise bad_argument(
            ValueError, f"For 'slice', 'begin' {begin} and 'size' {size} must have {tensor.ndim} entries."
        )
    rows = zip(begin, size, tensor.shape, strict=True)
    limits = tuple(extent if length == -1 else start + length for start, length, extent in rows)
    return apply("slice", tensor, starts=tuple(begin), limits=limits, strides=(1,) * tensor.ndim)


def strided_slice(input_x: Operand, begin: Sequence[int], end: Sequence[int], strides: Sequence[int]) -> Tensor:
    """Every `strides`-th element from `begin` up to `end`, for the leading axes that are named.

    Negative positions count from the end and positions beyond an axis stop at its border, as in Python; so
    does a negative stride, which runs backwards.
    """
    check_bounds(begin, end, strides)
    return as_tensor(input_x)[tuple(builtins.slice(*bounds) for bounds in zip(begin, end, strides, strict=True))]


def check_bounds(begin: Sequence[int], end: Sequence[int], strides: Sequence[int]) -> None:
    """Raises a ValueError where the three differ in length."""
    if not len(begin) == len(end) == len(strides):
        raise bad_argument(
            ValueError, f"For 'strided_slice', 'begin' {begin}, 'end' {end} and 'strides' {strides} differ in length."
        )


def tile(input_x: Operand, multiples: Sequence[int]) -> Tensor:
    """`input_x` repeated `multiples[i]` times along axis i; missing leading axes are added.

    Raises:
        ValueError: fewer multiples than axes, or one that is below 1.
    """
    tensor = as_tensor(input_x)
    if len(multiples) < tensor.ndim:
        raise bad_argument(ValueError, f"For 'tile', 'multiples' {multiples} must have at least {tensor.ndim} entries.")
    for count in multiples:
        _validate.positive_int("multiples", count, "tile")
    shape = (1,) * (len(multiples) - tensor.ndim) + tensor.shape
    paired = [extent for count, length in zip(multiples, shape, strict=True) for extent in (count, length)]
    spread = [extent for length in shape for extent in (1, length)]
    repeated = broadcast_to(reshape(tensor, spread), paired)
    return reshape(repeated, tuple(count * length for count, length in zip(multiples, shape, strict=True)))


def broadcast_to(x: Operand, shape: Sequence[int]) -> Tensor:
    """`x` repeated to `shape`, aligned at the last axis; an extent of -1 keeps that of `x`.

    Raises:
        ValueError: `x` does not broadcast to `shape`.
    """
    return as_tensor(x).broadcast_to(tuple(shape))


def pad(input_x: Operand, paddings: Sequence[Sequence[int]]) -> Tensor:
    """Zeros around `input_x`: `paddings[i]` is (before, after) for axis i.

    Raises:
        ValueError: not one non-negative pair for each axis.
    """
    tensor = as_tensor(input_x)
    sides = [tuple(side) for side in paddings]
    if len(sides) != tensor.ndim or any(len(side) != 2 or min(side) < 0 for side in sides):
        raise bad_argument(
            ValueError,
            f"For 'pad', 'paddings' must be one (before, after) for each of {tensor.ndim} axes, but got {paddings}.",
        )
    low, high = tuple(side[0] for side in sides), tuple(side[1] for side in sides)
    zero = arithmetic.full((), 0, tensor.dtype)
    return apply("pad", tensor, zero, low=low, high=high, interior=(0,) * tensor.ndim)


def reverse(x: Operand, axis: int | Sequence[int]) -> Tensor:
    """`x` with the order along each axis of `axis` turned round."""
    tensor = as_tensor(x)
    return apply("reverse", tensor, axes=_validate.axes_in("axis", axis, tensor.ndim, "reverse"))


def reverse_sequence(x: Operand, seq_lengths: Tensor, seq_dim: int, batch_dim: int = 0) -> Tensor:
    """`x` with the first `seq_lengths[b]` elements along `seq_dim` turned round for each b of `batch_dim`.

    Raises:
        ValueError: `seq_dim` equals `batch_dim`, or `seq_lengths` does not have one entry for each b.
    """
    tensor = as_tensor(x)
    time = _validate.axis_in("seq_dim", seq_dim, tensor.ndim, "reverse_sequence")
    batch = _validate.axis_in("batch_dim", batch_dim, tensor.ndim, "reverse_sequence")
    lengths = arithmetic.cast(as_tensor(seq_lengths), int32)
    return apply("reverse_sequence", tensor, lengths, time_axis=time, batch_axis=batch)
