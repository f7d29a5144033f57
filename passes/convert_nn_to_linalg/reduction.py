"""Reductions: one generic whose loops are the kept axes, then the reduced ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.ir.affine import AffineExpr

from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg.casts import cast
from cellc.passes.convert_nn_to_linalg.layout import reshape
from cellc.passes.convert_nn_to_linalg.maps import dim
from cellc.passes.convert_nn_to_linalg.rules import lowering_of
from cellc.passes.convert_nn_to_linalg.scalars import Scalar, limits
from cellc.passes.convert_nn_to_linalg.tensors import Read, Tensor, TensorBuilder


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


def first_extreme(predicate: str, x: Scalar, best: Scalar, position: Scalar, index: Scalar) -> tuple[Scalar, Scalar]:
    """Keeps (best, index) unless x is better: then (x, position). A NaN is the extreme and the first one stays."""
    better = x.compare(predicate, best)
    if x.dtype in ("f32", "f64"):
        better = better | (x.is_nan() & best.eq(best))
    return better.select(x, best), better.select(position, index)


@lowering_of("argmax")
def _argmax(b: TensorBuilder, result: TensorType, x: Tensor, *, axis: int) -> Tensor:
    return _arg_extreme(b, x, axis, "gt", limits(x.dtype)[0])


@lowering_of("argmin")
def _argmin(b: TensorBuilder, result: TensorType, x: Tensor, *, axis: int) -> Tensor:
    return _arg_extreme(b, x, axis, "lt", limits(x.dtype)[1])


def _arg_extreme(b: TensorBuilder, x: Tensor, axis: int, predicate: str, initial: float) -> Tensor:
    """A reduction of two results, the extreme and its position, in the order of the axis."""
    order, exprs = axes_last(len(x.shape), [axis])
    parallel = len(order) - 1

    def body(element: Scalar, best: Scalar, index: Scalar) -> tuple[Scalar, Scalar]:
        position = cast(element.body.index(parallel), "i32")
        return first_extreme(predicate, element, best, position, index)

    loops = [x.shape[axis] for axis in order]
    _, index = b.reduction(body, [Read(x, exprs)], loops, parallel, [(x.dtype, initial), ("i32", 0)])
    return index
