"""Reductions: one generic whose loops are the kept axes, then the reduced ones; and running sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from xdsl.dialects.builtin import UnitAttr
from xdsl.ir.affine import AffineExpr

from cellc.dialects.linalg_ext import CumsumOp
from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg.casts import cast
from cellc.passes.convert_nn_to_linalg.layout import reshape
from cellc.passes.convert_nn_to_linalg.maps import dim, dims
from cellc.passes.convert_nn_to_linalg.rules import lowering_of
from cellc.passes.convert_nn_to_linalg.scalars import Scalar, is_float, limits
from cellc.passes.convert_nn_to_linalg.tensors import Read, Tensor, TensorBuilder

# Results in a row from which on vectors of them are full.
_SIDE_BY_SIDE = 16


def axes_last(rank: int, axes: Sequence[int]) -> tuple[list[int], list[AffineExpr]]:
    """The order of the axes with these last, and the loop that runs over each axis in that order."""
    order = [axis for axis in range(rank) if axis not in axes] + sorted(axes)
    return order, [dim(order.index(axis)) for axis in range(rank)]


def reduce_axes(
    b: TensorBuilder, x: Tensor, axes: Sequence[int], combine: Callable[[Scalar, Scalar], Scalar], initial: float
) -> Tensor:
    """x without the axes, accumulated in (and left in) the wide dtype. `combine(accumulator, element)`."""
    order, exprs = axes_last(len(x.shape), axes)
    loops = [x.shape[axis] for axis in order]
    (total,) = b.reduction(
        lambda element, total: combine(total, element),
        [Read(x, exprs)],
        loops,
        len(loops) - len(axes),
        [(x.dtype, initial)],
    )
    return total


COMBINE: dict[str, Callable[[Scalar, Scalar], Scalar]] = {
    "reduce_sum": lambda total, x: total + x,
    "reduce_prod": lambda total, x: total * x,
    "reduce_max": lambda total, x: total.maximum(x),
    "reduce_min": lambda total, x: total.minimum(x),
    "reduce_any": lambda total, x: total | x,
    "reduce_all": lambda total, x: total & x,
}


def _initial(name: str, dtype: str) -> float:
    least, greatest = limits(dtype)
    return {
        "reduce_sum": 0, "reduce_prod": 1, "reduce_max": least, "reduce_min": greatest, "reduce_any": 0, "reduce_all": 1
    }[name]  # fmt: skip


def _register(name: str) -> None:
    @lowering_of(name)
    def rule(b: TensorBuilder, result: TensorType, x: Tensor, *, axes: Sequence[int], keep_dims: bool) -> Tensor:
        if not axes:
            return x
        total = reduce_axes(b, x, axes, COMBINE[name], _initial(name, x.dtype))
        return reshape(b, b.narrow(total, x.dtype), result.shape)


for _name in COMBINE:
    _register(_name)


@lowering_of("cumsum")
def _cumsum(b: TensorBuilder, result: TensorType, x: Tensor, *, axis: int, reverse: bool) -> Tensor:
    """Along the middle of three dimensions, which is all that `linalg_ext.cumsum` knows."""
    if x.type.size == 0 or x.shape[axis] == 1:
        return x
    flat = reshape(b, x, (prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :])))
    properties = {"reverse": UnitAttr()} if reverse else {}
    op = b.emit(CumsumOp, operands=(flat.value,), result_types=(flat.value.type,), properties=properties)
    return reshape(b, Tensor(op.results[0], flat.type), result.shape)


@lowering_of("argmax")
def _argmax(b: TensorBuilder, result: TensorType, x: Tensor, *, axis: int) -> Tensor:
    least = limits(x.dtype)[0]
    if _in_one_pass(x, axis):
        return _position_so_far(b, x, axis, least, lambda element, best: ~(element <= best))
    return _first_position(b, x, axis, reduce_axes(b, x, [axis], COMBINE["reduce_max"], least))


@lowering_of("argmin")
def _argmin(b: TensorBuilder, result: TensorType, x: Tensor, *, axis: int) -> Tensor:
    greatest = limits(x.dtype)[1]
    if _in_one_pass(x, axis):
        return _position_so_far(b, x, axis, greatest, lambda element, best: ~(element >= best))
    return _first_position(b, x, axis, reduce_axes(b, x, [axis], COMBINE["reduce_min"], greatest))


def _in_one_pass(x: Tensor, axis: int) -> bool:
    """Whether many results lie side by side, so that each may go through its elements in order.

    Along the last axis the elements themselves are side by side: finding the extreme first needs no order.
    """
    return prod(x.shape[axis + 1 :]) >= _SIDE_BY_SIDE


def _position_so_far(
    b: TensorBuilder, x: Tensor, axis: int, initial: float, better: Callable[[Scalar, Scalar], Scalar]
) -> Tensor:
    """The first position of the best element; NaN is the best."""
    order, exprs = axes_last(len(x.shape), [axis])
    parallel = len(order) - 1

    def body(element: Scalar, best: Scalar, position: Scalar) -> tuple[Scalar, Scalar]:
        new = better(element, best) & best.eq(best)
        return new.select(element, best), new.select(cast(element.body.index(parallel), "i32"), position)

    loops = [x.shape[axis] for axis in order]
    _, position = b.reduction(body, [Read(x, exprs)], loops, parallel, [(x.dtype, initial), ("i32", 0)])
    return position


def _first_position(b: TensorBuilder, x: Tensor, axis: int, extreme: Tensor) -> Tensor:
    """The least position whose element is the extreme; the order of the loop does not matter."""
    order, exprs = axes_last(len(x.shape), [axis])
    parallel = len(order) - 1

    def body(element: Scalar, extreme: Scalar, least: Scalar) -> Scalar:
        position = cast(element.body.index(parallel), "i32")
        return least.minimum(is_extreme(element, extreme).select(position, limits("i32")[1]))

    reads = [Read(x, exprs), Read(extreme, dims(parallel))]
    loops = [x.shape[axis] for axis in order]
    (position,) = b.reduction(body, reads, loops, parallel, [("i32", limits("i32")[1])])
    return position


def is_extreme(x: Scalar, extreme: Scalar) -> Scalar:
    """Whether x is the maximum or minimum found, which is NaN where any element is."""
    return x.eq(extreme) | x.is_nan() if is_float(x.dtype) else x.eq(extreme)
