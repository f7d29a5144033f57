"""Class forms of arithmetic, comparison, reduction and contraction."""

from __future__ import annotations

from typing import Any

from cellc.dtype import DType, int32
from cellc.errors import bad_argument
from cellc.ops import _arithmetic, _comparison, _reduction, _validate
from cellc.ops._contraction import matmul
from cellc.ops._primitive import Primitive, class_form
from cellc.tensor import Tensor

Add = class_form("Add", _arithmetic.add)
Sub = class_form("Sub", _arithmetic.sub)
Mul = class_form("Mul", _arithmetic.mul)
Div = class_form("Div", _arithmetic.div)
RealDiv = class_form("RealDiv", _arithmetic.div)
FloorDiv = class_form("FloorDiv", _arithmetic.floor_div)
FloorMod = class_form("FloorMod", _arithmetic.floor_mod)
Pow = class_form("Pow", _arithmetic.pow)
Maximum = class_form("Maximum", _arithmetic.maximum)
Minimum = class_form("Minimum", _arithmetic.minimum)
SquaredDifference = class_form("SquaredDifference", _arithmetic.squared_difference)
AddN = class_form("AddN", _arithmetic.addn)
Neg = class_form("Neg", _arithmetic.neg)
Abs = class_form("Abs", _arithmetic.abs)
Sign = class_form("Sign", _arithmetic.sign)
Square = class_form("Square", _arithmetic.square)
Exp = class_form("Exp", _arithmetic.exp)
Expm1 = class_form("Expm1", _arithmetic.expm1)
Log = class_form("Log", _arithmetic.log)
Log1p = class_form("Log1p", _arithmetic.log1p)
Sqrt = class_form("Sqrt", _arithmetic.sqrt)
Rsqrt = class_form("Rsqrt", _arithmetic.rsqrt)
Reciprocal = class_form("Reciprocal", _arithmetic.reciprocal)
Inv = class_form("Inv", _arithmetic.reciprocal)
Sin = class_form("Sin", _arithmetic.sin)
Cos = class_form("Cos", _arithmetic.cos)
Erf = class_form("Erf", _arithmetic.erf)
Floor = class_form("Floor", _arithmetic.floor)
Ceil = class_form("Ceil", _arithmetic.ceil)
Round = class_form("Round", _arithmetic.round)
Rint = class_form("Rint", _arithmetic.round)
Cast = class_form("Cast", _arithmetic.cast)

Equal = class_form("Equal", _comparison.equal)
NotEqual = class_form("NotEqual", _comparison.not_equal)
Less = class_form("Less", _comparison.less)
LessEqual = class_form("LessEqual", _comparison.less_equal)
Greater = class_form("Greater", _comparison.greater)
GreaterEqual = class_form("GreaterEqual", _comparison.greater_equal)
LogicalAnd = class_form("LogicalAnd", _comparison.logical_and)
LogicalOr = class_form("LogicalOr", _comparison.logical_or)
LogicalNot = class_form("LogicalNot", _comparison.logical_not)
IsNan = class_form("IsNan", _comparison.isnan)
IsFinite = class_form("IsFinite", _comparison.isfinite)
Select = class_form("Select", _comparison.select)


class _Reduce(Primitive):
    """A reduction over the axes given at the call.

    Args:
        keep_dims: keep reduced axes with extent 1.
    """

    _function: Any

    def __init__(self, keep_dims: bool = False) -> None:
        self.keep_dims = _validate.boolean("keep_dims", keep_dims, self.name)

    def __call__(self, x: Tensor, axis: _reduction.Axis = ()) -> Tensor:
        """Reduces `x` over `axis`; `()` stands for all axes."""
        return type(self)._function(x, axis, self.keep_dims)


class ReduceSum(_Reduce):
    """Class form of `reduce_sum`."""

    _function = staticmethod(_reduction.reduce_sum)


class ReduceMean(_Reduce):
    """Class form of `reduce_mean`."""

    _function = staticmethod(_reduction.reduce_mean)


class ReduceProd(_Reduce):
    """Class form of `reduce_prod`."""

    _function = staticmethod(_reduction.reduce_prod)


class ReduceMax(_Reduce):
    """Class form of `reduce_max`."""

    _function = staticmethod(_reduction.reduce_max)


class ReduceMin(_Reduce):
    """Class form of `reduce_min`."""

    _function = staticmethod(_reduction.reduce_min)


class ReduceAny(_Reduce):
    """Class form of `reduce_any`."""

    _function = staticmethod(_reduction.reduce_any)


class ReduceAll(_Reduce):
    """Class form of `reduce_all`."""

    _function = staticmethod(_reduction.reduce_all)


class Argmax(Primitive):
    """Class form of `argmax`: `Argmax(axis, output_type)(x)`."""

    _function = staticmethod(_reduction.argmax)

    def __init__(self, axis: int = -1, output_type: DType = int32) -> None:
        self.axis = _validate.integer("axis", axis, self.name)
        self.output_type = _validate.element_type("output_type", output_type, self.name)

    def __call__(self, x: Tensor) -> Tensor:
        """The index of the first extreme element along the axis."""
        return type(self)._function(x, self.axis, self.output_type)


class Argmin(Argmax):
    """Class form of `argmin`: `Argmin(axis, output_type)(x)`."""

    _function = staticmethod(_reduction.argmin)


class MatMul(Primitive):
    """The product of two matrices: `MatMul(transpose_a, transpose_b)(x1, x2)`."""

    def __init__(self, transpose_a: bool = False, transpose_b: bool = False) -> None:
        self.transpose_a = _validate.boolean("transpose_a", transpose_a, self.name)
        self.transpose_b = _validate.boolean("transpose_b", transpose_b, self.name)

    def __call__(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The product of `x1` and `x2`, transposed as configured.

        Raises:
            ValueError: the ranks are not those of the class, or the shapes do not fit.
        """
        self._check_ranks(x1.ndim, x2.ndim)
        return matmul(x1, x2, self.transpose_a, self.transpose_b)

    def _check_ranks(self, first: int, second: int) -> None:
        if first != 2 or second != 2:
            raise bad_argument(
                ValueError, f"For 'MatMul', 'x1' and 'x2' must have rank 2, but got ranks {first} and {second}."
            )


class BatchMatMul(MatMul):
    """The products of two batches of matrices: `BatchMatMul(transpose_a, transpose_b)(x1, x2)`."""

    def _check_ranks(self, first: int, second: int) -> None:
        if first < 3 or first != second:
            raise bad_argument(
                ValueError,
                f"For 'BatchMatMul', 'x1' and 'x2' must have one rank of at least 3, but got {first} and {second}.",
            )
