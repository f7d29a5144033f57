"""Elementwise ops: one all-parallel generic each, whose body is the table's entry."""

from __future__ import annotations

from collections.abc import Callable

from cellc.dialects.nn.definition import TensorType
from cellc.passes.convert_nn_to_linalg import scalars
from cellc.passes.convert_nn_to_linalg.casts import cast
from cellc.passes.convert_nn_to_linalg.division import floor_divide, modulo
from cellc.passes.convert_nn_to_linalg.rules import lowering_of
from cellc.passes.convert_nn_to_linalg.scalars import Scalar, is_float, is_unsigned
from cellc.passes.convert_nn_to_linalg.tensors import Tensor, TensorBuilder


def _absolute(x: Scalar) -> Scalar:
    if is_float(x.dtype):
        return scalars.absolute(x)
    return x if is_unsigned(x.dtype) else x.maximum(-x)


def _sign(x: Scalar) -> Scalar:
    """x itself where it is neither above nor below 0: 0 or NaN."""
    if is_unsigned(x.dtype):
        return x.minimum(1)
    return (x > 0).select(1, (x < 0).select(-1, x))


def sigmoid(x: Scalar) -> Scalar:
    """1 / (1 + e^-x) for x >= 0 and e^x / (1 + e^x) below, so that the exponential never overflows."""
    exponential = scalars.exp(-scalars.absolute(x))
    return (x >= 0).select(1, exponential) / (exponential + 1)


UNARY: dict[str, Callable[[Scalar], Scalar]] = {
    "neg": lambda x: -x,
    "abs": _absolute,
    "sign": _sign,
    "exp": scalars.exp,
    "log": scalars.log,
    "log1p": scalars.log1p,
    "expm1": scalars.expm1,
    "sqrt": scalars.sqrt,
    "rsqrt": scalars.rsqrt,
    "reciprocal": lambda x: 1 / x,
    "sin": scalars.sin,
    "cos": scalars.cos,
    "tanh": scalars.tanh,
    "sigmoid": sigmoid,
    "erf": scalars.erf,
    "relu": lambda x: x.maximum(0),
    "floor": scalars.floor,
    "ceil": scalars.ceil,
    "round": scalars.round_even,
    "logical_not": lambda x: ~x,
    "isnan": lambda x: x.is_nan(),
    "isfinite": lambda x: scalars.absolute(x) < float("inf"),
}

BINARY: dict[str, Callable[[Scalar, Scalar], Scalar]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "pow": lambda x, y: x.power(y),
    "maximum": lambda x, y: x.maximum(y),
    "minimum": lambda x, y: x.minimum(y),
    "mod": modulo,
    "floor_div": floor_divide,
    "logical_and": lambda x, y: x & y,
    "logical_or": lambda x, y: x | y,
}


def _register(name: str, body: Callable[..., Scalar]) -> None:
    @lowering_of(name)
    def rule(b: TensorBuilder, result: TensorType, *operands: Tensor) -> Tensor:
        return b.elementwise(body, operands, result)


for _name, _body in {**UNARY, **BINARY}.items():
    _register(_name, _body)


@lowering_of("compare")
def _compare(b: TensorBuilder, result: TensorType, lhs: Tensor, rhs: Tensor, *, predicate: str) -> Tensor:
    return b.elementwise(lambda x, y: x.compare(predicate, y), [lhs, rhs], result)


@lowering_of("select")
def _select(b: TensorBuilder, result: TensorType, condition: Tensor, on_true: Tensor, on_false: Tensor) -> Tensor:
    return b.elementwise(lambda c, x, y: c.select(x, y), [condition, on_true, on_false], result, raw=True)


@lowering_of("cast")
def _cast(b: TensorBuilder, result: TensorType, x: Tensor, *, dtype: str) -> Tensor:
    if x.dtype == dtype:
        return x
    return b.elementwise(lambda element: cast(element, dtype), [x], result, raw=True)
