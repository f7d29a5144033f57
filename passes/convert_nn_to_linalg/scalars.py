"""Scalars: what the bodies of generics are written with.

A `Scalar` knows its dtype, so that `x * y`, `x < y` or `x.cast("f16")` choose
signed, unsigned or float arithmetic, which an MLIR type alone cannot tell
(u8 is `i8` there). Besides our dtypes there are `u32` and `u64` (random
numbers) and `index` (loop counters).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import (
    BFloat16Type,
    Float16Type,
    Float32Type,
    Float64Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    LocationAttr,
    i64,
)
from xdsl.dialects.linalg.ops import IndexOp
from xdsl.dialects.tensor import ExtractOp
from xdsl.ir import Attribute, Block, Operation, SSAValue

ELEMENT_TYPES: dict[str, Any] = {
    "f16": Float16Type(), "bf16": BFloat16Type(), "f32": Float32Type(), "f64": Float64Type(),
    "i8": IntegerType(8), "i16": IntegerType(16), "i32": IntegerType(32), "i64": IntegerType(64),
    "u8": IntegerType(8), "u32": IntegerType(32), "u64": IntegerType(64),
    "bool": IntegerType(1), "index": IndexType(),
}  # fmt: skip
WIDTH = {"f16": 16, "bf16": 16, "f32": 32, "f64": 64, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "u8": 8, "u32": 32,
         "u64": 64, "bool": 1}  # fmt: skip

_NO_FASTMATH = {"fastmath": arith.FastMathFlagsAttr("none")}
_MAY_WRAP = {"overflowFlags": arith.IntegerOverflowAttr("none")}
_FLOAT_PREDICATES = {"eq": 1, "gt": 2, "ge": 3, "lt": 4, "le": 5, "ne": 13}  # ordered; ne is unordered, so NaN != NaN
_SIGNED_PREDICATES = {"eq": 0, "ne": 1, "lt": 2, "le": 3, "gt": 4, "ge": 5}
_UNSIGNED_PREDICATES = {"eq": 0, "ne": 1, "lt": 6, "le": 7, "gt": 8, "ge": 9}
_PREDICATES = {value: {"predicate": IntegerAttr(value, i64)} for value in range(16)}


def is_float(dtype: str) -> bool:
    return dtype in ("f16", "bf16", "f32", "f64")


def is_unsigned(dtype: str) -> bool:
    return dtype in ("u8", "u32", "u64", "bool")


def wide(dtype: str) -> str:
    """The dtype that values of this one are computed and accumulated in."""
    return "f32" if dtype in ("f16", "bf16") else dtype


@lru_cache(maxsize=64)
def limits(dtype: str) -> tuple[int | float, int | float]:
    """The least and the greatest value: identities of maximum and minimum."""
    if is_float(dtype):
        return float("-inf"), float("inf")
    if is_unsigned(dtype):
        return 0, 2 ** WIDTH[dtype] - 1
    return -(2 ** (WIDTH[dtype] - 1)), 2 ** (WIDTH[dtype] - 1) - 1


@lru_cache(maxsize=1024)
def constant_attribute(value: float, dtype: str, negative_zero: bool) -> FloatAttr | IntegerAttr:
    """The attribute of a constant. -0.0 equals 0.0 as a key of the cache, so its sign is a key of its own."""
    element_type = ELEMENT_TYPES[dtype]
    if is_float(dtype):
        return FloatAttr(float(value), element_type)
    if dtype != "index" and value >= 2 ** (WIDTH[dtype] - 1):
        value -= 2 ** WIDTH[dtype]  # the bits of an unsigned constant, written as MLIR prints them
    return IntegerAttr(int(value), element_type)


class Body:
    """Writes scalar operations into a block, all with one location."""

    def __init__(self, block: Block, location: LocationAttr) -> None:
        self.block = block
        self.location = location
        self._constants: dict[tuple[str, str], Scalar] = {}
        self._indices: dict[int, Scalar] = {}

    def emit(
        self,
        op_class: type[Operation],
        operands: tuple[SSAValue, ...],
        result_type: Attribute,
        properties: dict[str, Attribute],
    ) -> SSAValue:
        op = op_class.create(
            operands=operands, result_types=(result_type,), properties=properties, location=self.location
        )
        self.block.add_op(op)
        return op.results[0]

    def constant(self, value: float, dtype: str) -> Scalar:
        """A constant; equal ones of a body are one op. Python's `repr` tells -0.0 from 0.0."""
        key = (repr(value), dtype)
        if (known := self._constants.get(key)) is None:
            attribute = constant_attribute(value, dtype, key[0] == "-0.0")
            result = self.emit(arith.ConstantOp, (), ELEMENT_TYPES[dtype], {"value": attribute})
            known = self._constants[key] = Scalar(self, result, dtype)
        return known

    def index(self, loop: int) -> Scalar:
        """The counter of a loop of the generic."""
        if (known := self._indices.get(loop)) is None:
            result = self.emit(IndexOp, (), IndexType(), {"dim": IntegerAttr(loop, i64)})
            known = self._indices[loop] = Scalar(self, result, "index")
        return known

    def extract(self, tensor: SSAValue, dtype: str, indices: tuple[Scalar, ...]) -> Scalar:
        """Reads an element of a tensor that is not an operand; every index must be in range."""
        operands = (tensor, *(index.value for index in indices))
        return Scalar(self, self.emit(ExtractOp, operands, ELEMENT_TYPES[dtype], {}), dtype)


class Scalar:
    """A value of a body. Operators take Scalars of the same dtype or Python numbers."""

    __slots__ = ("body", "dtype", "value")

    def __init__(self, body: Body, value: SSAValue, dtype: str) -> None:
        self.body = body
        self.value = value
        self.dtype = dtype

    def _coerce(self, other: Scalar | float) -> Scalar:
        if not isinstance(other, Scalar):
            return self.body.constant(other, self.dtype)
        if other.dtype != self.dtype:
            raise TypeError(f"a body combines {self.dtype} with {other.dtype}")
        return other

    def _emit(self, op_class: type[Operation], *others: Scalar, **properties: Attribute) -> Scalar:
        operands = (self.value, *(other.value for other in others))
        return Scalar(self.body, self.body.emit(op_class, operands, self.value.type, properties), self.dtype)

    def _arithmetic(self, other: Scalar | float, on_floats: Any, on_integers: Any) -> Scalar:
        if is_float(self.dtype):
            return self._emit(on_floats, self._coerce(other), **_NO_FASTMATH)
        return self._emit(on_integers, self._coerce(other), **_MAY_WRAP)

    def __add__(self, other: Scalar | float) -> Scalar:
        return self._arithmetic(other, arith.AddfOp, arith.AddiOp)

    def __sub__(self, other: Scalar | float) -> Scalar:
        return self._arithmetic(other, arith.SubfOp, arith.SubiOp)

    def __rsub__(self, other: float) -> Scalar:
        return self._coerce(other) - self

    def __mul__(self, other: Scalar | float) -> Scalar:
        return self._arithmetic(other, arith.MulfOp, arith.MuliOp)

    def __truediv__(self, other: Scalar | float) -> Scalar:
        return self._emit(arith.DivfOp, self._coerce(other), **_NO_FASTMATH)

    def __rtruediv__(self, other: float) -> Scalar:
        return self._coerce(other) / self

    def __neg__(self) -> Scalar:
        if is_float(self.dtype):
            return self._emit(arith.NegfOp, **_NO_FASTMATH)
        return 0 - self

    def __and__(self, other: Scalar | int) -> Scalar:
        return self._emit(arith.AndIOp, self._coerce(other))

    def __or__(self, other: Scalar | int) -> Scalar:
        return self._emit(arith.OrIOp, self._coerce(other))

    def __xor__(self, other: Scalar | int) -> Scalar:
        return self._emit(arith.XOrIOp, self._coerce(other))

    def __invert__(self) -> Scalar:
        return self ^ (1 if self.dtype == "bool" else -1)

    def __lshift__(self, bits: int) -> Scalar:
        return self._emit(arith.ShLIOp, self._coerce(bits), **_MAY_WRAP)

    def __rshift__(self, bits: int) -> Scalar:
        return self._emit(arith.ShRUIOp if is_unsigned(self.dtype) else arith.ShRSIOp, self._coerce(bits))

    def compare(self, predicate: str, other: Scalar | float) -> Scalar:
        """`predicate` is eq, ne, lt, le, gt or ge; with a NaN only ne holds."""
        if is_float(self.dtype):
            op_class, codes, properties = arith.CmpfOp, _FLOAT_PREDICATES, _NO_FASTMATH
        else:
            codes = _UNSIGNED_PREDICATES if is_unsigned(self.dtype) else _SIGNED_PREDICATES
            op_class, properties = arith.CmpiOp, {}
        operands = (self.value, self._coerce(other).value)
        properties = {**_PREDICATES[codes[predicate]], **properties}
        return Scalar(self.body, self.body.emit(op_class, operands, ELEMENT_TYPES["bool"], properties), "bool")

    def __lt__(self, other: Scalar | float) -> Scalar:
        return self.compare("lt", other)

    def __le__(self, other: Scalar | float) -> Scalar:
        return self.compare("le", other)

    def __gt__(self, other: Scalar | float) -> Scalar:
        return self.compare("gt", other)

    def __ge__(self, other: Scalar | float) -> Scalar:
        return self.compare("ge", other)

    def eq(self, other: Scalar | float) -> Scalar:
        return self.compare("eq", other)

    def ne(self, other: Scalar | float) -> Scalar:
        return self.compare("ne", other)

    def is_nan(self) -> Scalar:
        return self.ne(self)

    def select(self, on_true: Scalar | float, on_false: Scalar | float) -> Scalar:
        """`on_true` where this bool holds, else `on_false`; at most one of them may be a Python number."""
        if not isinstance(on_true, Scalar):
            assert isinstance(on_false, Scalar)
            on_true = on_false._coerce(on_true)
        on_false = on_true._coerce(on_false)
        operands = (self.value, on_true.value, on_false.value)
        return Scalar(self.body, self.body.emit(arith.SelectOp, operands, on_true.value.type, {}), on_true.dtype)

    def maximum(self, other: Scalar | float) -> Scalar:
        """The larger; NaN if either is."""
        if is_float(self.dtype):
            return self._emit(arith.MaximumfOp, self._coerce(other), **_NO_FASTMATH)
        return self._emit(arith.MaxUIOp if is_unsigned(self.dtype) else arith.MaxSIOp, self._coerce(other))

    def minimum(self, other: Scalar | float) -> Scalar:
        """The smaller; NaN if either is."""
        if is_float(self.dtype):
            return self._emit(arith.MinimumfOp, self._coerce(other), **_NO_FASTMATH)
        return self._emit(arith.MinUIOp if is_unsigned(self.dtype) else arith.MinSIOp, self._coerce(other))

    def divided_by(self, divisor: Scalar | int) -> Scalar:
        """Integer quotient, truncated. The divisor is not 0, and not -1 where it is signed."""
        return self._emit(arith.DivUIOp if is_unsigned(self.dtype) else arith.DivSIOp, self._coerce(divisor))

    def power(self, exponent: Scalar | float) -> Scalar:
        return self._emit(math.PowFOp, self._coerce(exponent), **_NO_FASTMATH)

    def converted(self, op_class: type[Operation] | None, dtype: str) -> Scalar:
        """One conversion op; None where only the view of the same bits changes."""
        if op_class is None:
            return Scalar(self.body, self.value, dtype)
        result = self.body.emit(op_class, (self.value,), ELEMENT_TYPES[dtype], {})
        return Scalar(self.body, result, dtype)

    def widened(self) -> Scalar:
        """f16 and bf16 are computed in f32."""
        return self.converted(arith.ExtFOp, "f32") if self.dtype in ("f16", "bf16") else self


def _math_function(op_class: Any) -> Callable[[Scalar], Scalar]:
    def function(self: Scalar) -> Scalar:
        return self._emit(op_class, **_NO_FASTMATH)

    return function


exp = _math_function(math.ExpOp)
log = _math_function(math.LogOp)
log1p = _math_function(math.Log1pOp)
expm1 = _math_function(math.ExpM1Op)
sqrt = _math_function(math.SqrtOp)
rsqrt = _math_function(math.RsqrtOp)
sin = _math_function(math.SinOp)
cos = _math_function(math.CosOp)
tanh = _math_function(math.TanhOp)
erf = _math_function(math.ErfOp)
floor = _math_function(math.FloorOp)
ceil = _math_function(math.CeilOp)
round_even = _math_function(math.RoundEvenOp)
absolute = _math_function(math.AbsFOp)
