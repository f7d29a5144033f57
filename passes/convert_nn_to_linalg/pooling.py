"""Pooling and its gradients.

A window is two reduction loops (r, q) whose extents come from an operand that is
only a shape: `tensor.empty` of the kernel's. Gradients are in gather form: each
input element sums over the windows it belongs to, which a padded and spread
gradient turns into a read through an affine map. Where windows tile the input
(strides equal to the kernel, no padding) nothing is spread: a window's elements
are two axes of the reshaped result. Where they overlap at a stride, `pooling_phases`
takes the rows and columns of the input apart by their remainder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from xdsl.ir.affine import AffineExpr

from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg.casts import cast
from cellc.passes.convert_nn_to_linalg.layout import insert, reshape
from cellc.passes.convert_nn_to_linalg.maps import dims
from cellc.passes.convert_nn_to_linalg.pooling_phases import Place, phases_of, sum_phases
from cellc.passes.convert_nn_to_linalg.rules import lowering_of
from cellc.passes.convert_nn_to_linalg.scalars import Body, Scalar, wide
from cellc.passes.convert_nn_to_linalg.tensors import Read, Tensor, TensorBuilder
from cellc.passes.convert_nn_to_linalg.windows import pad_spatial, spread_spatial

Ints = Sequence[int]
_N, _C, _Y, _X, _R, _Q = dims(6)
_WINDOW = (_R, _Q)


def _offset(body: Body, width: int) -> Scalar:
    """r * kernel width + q of the current element of the window, as i32."""
    return cast(body.index(4) * width + body.index(5), "i32")


def _reduce_windows(
    b: TensorBuilder,
    body: Callable[..., Scalar | tuple[Scalar, ...]],
    inputs: Sequence[Read],
    shape: Ints,
    kernel: Ints,
    inits: Sequence[tuple[str, float]],
) -> tuple[Tensor, ...]:
    """Reduces over a window for each element of the shape; `body` does not get the window's operand."""
    window = Read(b.empty(TensorType(tuple(kernel), wide(inits[0][0]))), _WINDOW)
    count = len(inputs)
    return b.reduction(
        lambda *scalars: body(*scalars[:count], *scalars[count + 1 :]), [*inputs, window], (*shape, *kernel), 4, inits
    )


def _windows(x: Tensor, strides: Ints) -> Read:
    """x at element (r, q) of the window of result (y, x)."""
    return Read(x, (_N, _C, _Y * strides[0] + _R, _X * strides[1] + _Q))


@lowering_of("max_pool2d")
def _max_pool2d(
    b: TensorBuilder, results: tuple[TensorType, TensorType], x: Tensor, *, kernel: Ints, strides: Ints, padding: Ints
) -> tuple[Tensor, Tensor]:
    """The pair (maximum, offset) in the order of the window, or the one that is used."""
    result, index_type = results
    reads = [_windows(pad_spatial(b, x, padding, float("-inf")), strides)]
    init = (x.dtype, float("-inf"))
    if not b.used[1]:
        (best,) = _reduce_windows(b, lambda x, best: best.maximum(x), reads, result.shape, kernel, [init])
        return b.narrow(best, x.dtype), b.empty(index_type)

    def body(element: Scalar, best: Scalar, index: Scalar) -> tuple[Scalar, Scalar]:
        """A NaN is the largest, and the first of several stays: not smaller or equal includes NaN."""
        better = ~(element <= best) & best.eq(best)
        return better.select(element, best), better.select(_offset(element.body, kernel[1]), index)

    inits = [init, ("i32", -1 if any(padding) else 0)]
    best, index = _reduce_windows(b, body, reads, result.shape, kernel, inits)
    index = _never_padding(b, index, kernel, strides, padding) if any(padding) else index
    return b.narrow(best, x.dtype), index


def _never_padding(b: TensorBuilder, index: Tensor, kernel: Ints, strides: Ints, padding: Ints) -> Tensor:
    """No element was above -inf where the index is still -1: then the first element that is not padding counts."""

    def body(index: Scalar) -> Scalar:
        row, column = (
            (before - index.body.index(loop) * stride).maximum(0)
            for before, loop, stride in ((padding[0], 2, strides[0]), (padding[2], 3, strides[1]))
        )
        return (index < 0).select(cast(row * kernel[1] + column, "i32"), index)

    return b.elementwise(body, [index], index.type)


@lowering_of("max_pool2d_gather")
def _max_pool2d_gather(
    b: TensorBuilder, result: TensorType, x: Tensor, index: Tensor, *, kernel: Ints, strides: Ints, padding: Ints
) -> Tensor:
    def body(element: Scalar, index: Scalar, chosen: Scalar) -> Scalar:
        return index.eq(_offset(index.body, kernel[1])).select(element, chosen)

    reads = [_windows(pad_spatial(b, x, padding), strides), Read(index, (_N, _C, _Y, _X))]
    (chosen,) = _reduce_windows(b, body, reads, result.shape, kernel, [(x.dtype, 0)])
    return b.narrow(chosen, x.dtype)


@lowering_of("max_pool2d_gradient")
def _max_pool2d_gradient(
    b: TensorBuilder, result: TensorType, gradient: Tensor, index: Tensor, *,
    kernel: Ints, strides: Ints, padding: Ints, input_shape: Ints,
) -> Tensor:  # fmt: skip
    if _tiles(kernel, strides, padding, gradient):
        return _tile(b, result, [gradient, index], kernel, lambda offset, g, i: i.eq(offset).select(g, 0))
    if phases := phases_of(kernel, strides, padding, result.shape):

        def chosen(place: Place, g: Scalar, index: Scalar) -> Scalar:
            hit = index.eq(cast(place.row * kernel[1] + place.column, "i32"))
            return (hit if place.column_inside is None else hit & place.column_inside).select(g, 0)

        return sum_phases(b, result, phases, [(gradient, 0), (index, -1)], chosen)

    def body(g: Scalar, index: Scalar, total: Scalar) -> Scalar:
        return total + index.eq(_offset(index.body, kernel[1])).select(g, 0)

    reads = _spread(b, [(gradient, 0), (index, -1)], result, kernel, strides, padding)
    (total,) = _reduce_windows(b, body, reads, result.shape, kernel, [(gradient.dtype, 0)])
    return b.narrow(total, gradient.dtype)


@lowering_of("avg_pool2d")
def _avg_pool2d(
    b: TensorBuilder, result: TensorType, x: Tensor, *,
    kernel: Ints, strides: Ints, padding: Ints, count_include_pad: bool,
) -> Tensor:  # fmt: skip
    reads = [_windows(pad_spatial(b, x, padding), strides)]
    (total,) = _reduce_windows(b, lambda x, total: total + x, reads, result.shape, kernel, [(x.dtype, 0)])
    return _divide(b, total, x.dtype, x.shape, kernel, strides, padding, count_include_pad)


@lowering_of("avg_pool2d_gradient")
def _avg_pool2d_gradient(
    b: TensorBuilder, result: TensorType, gradient: Tensor, *,
    kernel: Ints, strides: Ints, padding: Ints, count_include_pad: bool, input_shape: Ints,
) -> Tensor:  # fmt: skip
    size, whole = kernel[0] * kernel[1], count_include_pad or not any(padding)
    tiles = _tiles(kernel, strides, padding, gradient)
    if tiles and size & (size - 1) == 0:  # one kernel; a quotient for each element would take longer than both
        return _tile(b, result, [gradient], kernel, lambda offset, g: g * (1 / size))
    if whole and not tiles:
        total = _sum_of_windows(b, gradient, TensorType(result.shape, wide(result.dtype)), kernel, strides, padding)
        return b.elementwise(lambda x: x / size, [total], result)
    share = _divide(b, gradient, wide(gradient.dtype), input_shape, kernel, strides, padding, count_include_pad)
    if tiles:
        return _tile(b, result, [share], kernel, lambda offset, g: g)
    return _sum_of_windows(b, share, result, kernel, strides, padding)


def _sum_of_windows(
    b: TensorBuilder, x: Tensor, result: TensorType, kernel: Ints, strides: Ints, padding: Ints
) -> Tensor:
    """For each element of the input the sum of `x` over the windows that it is in."""
    if phases := phases_of(kernel, strides, padding, result.shape):
        return sum_phases(b, result, phases, [(x, 0)], lambda place, g: place.only_inside(g))
    reads = _spread(b, [(x, 0)], result, kernel, strides, padding)
    (total,) = _reduce_windows(b, lambda g, total: total + g, reads, result.shape, kernel, [(wide(x.dtype), 0)])
    return b.narrow(total, result.dtype)


def _divide(
    b: TensorBuilder, total: Tensor, dtype: str, shape: Ints, kernel: Ints, strides: Ints, padding: Ints, whole: bool
) -> Tensor:
    """Sums over windows divided by the number of their elements, all (`whole`) or those that are not padding."""
    result = TensorType(total.shape, dtype)
    if whole or not any(padding):
        return b.elementwise(lambda x: x / (kernel[0] * kernel[1]), [total], result)
    rows, columns = (
        _counts(total.shape[2 + axis], shape[2 + axis], kernel[axis], strides[axis], padding[2 * axis])
        for axis in (0, 1)
    )
    divisor = b.constant(np.outer(rows, columns), wide(dtype))
    return b.elementwise(lambda x, count: x / count, [total, Read(divisor, (_Y, _X))], result)


def _counts(windows: int, extent: int, kernel: int, stride: int, before: int) -> list[int]:
    """How many elements of an axis each window covers."""
    starts = [window * stride - before for window in range(windows)]
    return [min(start + kernel, extent) - max(start, 0) for start in starts]


def _spread(
    b: TensorBuilder,
    values: Sequence[tuple[Tensor, float]],
    result: TensorType,
    kernel: Ints,
    strides: Ints,
    padding: Ints,
) -> list[Read]:
    """Each tensor of windows (and what fills its gaps), read at the window whose element (r, q) is input (y, x)."""
    low = (kernel[0] - 1 - padding[0], kernel[1] - 1 - padding[2])
    extents = (result.shape[2] + kernel[0] - 1, result.shape[3] + kernel[1] - 1)
    at = (_reversed(_Y, _R, kernel[0]), _reversed(_X, _Q, kernel[1]))
    return [Read(spread_spatial(b, x, low, extents, strides, gap), (_N, _C, *at)) for x, gap in values]


def _reversed(position: AffineExpr, offset: AffineExpr, extent: int) -> AffineExpr:
    return position - offset + (extent - 1)


def _tiles(kernel: Ints, strides: Ints, padding: Ints, windows: Tensor) -> bool:
    """Whether windows lie side by side, or there is but one."""
    axes = zip(kernel, strides, windows.shape[2:], strict=True)
    return not any(padding) and all(size == stride or count == 1 for size, stride, count in axes)


def _tile(
    b: TensorBuilder, result: TensorType, values: Sequence[Tensor], kernel: Ints, body: Callable[..., Scalar]
) -> Tensor:
    """Windows side by side: result[n, c, y, r, x, q] = body(offset, values[n, c, y, x]...), the rest zero."""
    n, c, oh, ow = values[0].shape
    d = dims(6)

    def at_offset(*scalars: Scalar) -> Scalar:
        at = scalars[0].body
        return body(cast(at.index(3) * kernel[1] + at.index(5), "i32"), *scalars)

    split = TensorType((n, c, oh, kernel[0], ow, kernel[1]), result.dtype)
    tiled = b.elementwise(at_offset, [Read(x, (d[0], d[1], d[2], d[4])) for x in values], split)
    covered = reshape(b, tiled, (n, c, oh * kernel[0], ow * kernel[1]))
    return covered if covered.shape == result.shape else insert(b, covered, b.fill(0, result), (0, 0, 0, 0))
