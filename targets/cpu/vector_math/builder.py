"""Writes a function on vectors as MLIR text, with the formulas written as Python expressions."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

# dtype -> (mantissa bits, exponent bias, struct format, integer of the same width)
_FORMATS = {"f32": (23, 127, "f", "i32"), "f64": (52, 1023, "d", "i64")}


@dataclass(frozen=True)
class Value:
    """A vector of floats or integers; operators write the op. Nothing is contracted: `fma` is written by name.

    Python numbers as right or left operands become constants of the same type.
    """

    builder: Builder
    name: str
    element: str

    def __add__(self, other: Value | float) -> Value:
        return self._binary("add", self, other)

    def __radd__(self, other: float) -> Value:
        return self._binary("add", other, self)

    def __sub__(self, other: Value | float) -> Value:
        return self._binary("sub", self, other)

    def __rsub__(self, other: float) -> Value:
        return self._binary("sub", other, self)

    def __mul__(self, other: Value | float) -> Value:
        return self._binary("mul", self, other)

    def __rmul__(self, other: float) -> Value:
        return self._binary("mul", other, self)

    def __truediv__(self, other: Value | float) -> Value:
        return self._binary("div", self, other)

    def __rtruediv__(self, other: float) -> Value:
        return self._binary("div", other, self)

    def __neg__(self) -> Value:
        return self.builder.op(f"arith.negf {self.name}", self.element)

    def __and__(self, other: Value | int) -> Value:
        return self._integer("andi", other)

    def __or__(self, other: Value | int) -> Value:
        return self._integer("ori", other)

    def __xor__(self, other: Value | int) -> Value:
        return self._integer("xori", other)

    def __lshift__(self, other: Value | int) -> Value:
        return self._integer("shli", other)

    def __rshift__(self, other: Value | int) -> Value:
        """Arithmetic: the sign is shifted in."""
        return self._integer("shrsi", other)

    def logical_shift(self, other: Value | int) -> Value:
        """Right, with zeros shifted in."""
        return self._integer("shrui", other)

    def _integer(self, op: str, other: Value | int) -> Value:
        return self.builder.op(f"arith.{op} {self.name}, {self.builder.like(other, self).name}", self.element)

    def _binary(self, op: str, lhs: Value | float, rhs: Value | float) -> Value:
        names = [self.builder.like(v, self).name for v in (lhs, rhs)]
        kind = "f" if self.element.startswith("f") else "i"
        return self.builder.op(f"arith.{op}{kind} {names[0]}, {names[1]}", self.element)


class Builder:
    """The body of one function on vectors of `lanes` elements.

    `registers` is how many registers of the CPU level such a vector takes.
    """

    def __init__(self, name: str, lanes: int, dtype: str, registers: int = 1) -> None:
        self.name = name
        self.lanes = lanes
        self.dtype = dtype
        self.registers = registers
        self.mantissa, self.bias, self._float_format, self.integer = _FORMATS[dtype]
        self._lines: list[str] = []
        self._available: dict[str, str] = {}
        self._globals: dict[str, str] = {}
        self._functions: list[str] = []

    def type(self, element: str) -> str:
        """The MLIR type of values of an element type."""
        return f"vector<{self.lanes}x{element}>"

    def raw(self, text: str, element: str, results: int = 1) -> Value:
        """The result of an op whose text has its types already; equal ops are written once."""
        name = self._available.get(text)
        if name is None:
            name = self._available[text] = f"%{len(self._available)}"
            self._lines.append(f"  {name}{f':{results}' if results > 1 else ''} = {text}")
        return Value(self, name, element)

    def op(self, text: str, element: str) -> Value:
        """The result of an op that is followed by its one type."""
        return self.raw(f"{text} : {self.type(element)}", element)

    def constant(self, value: float, element: str | None = None) -> Value:
        """The number in every lane, rounded to the element type (floats) or wrapped (integers)."""
        element = element or self.dtype
        literal = _hex(value, element) if element.startswith("f") else _wrapped(int(value), element)
        return self.op(f"arith.constant dense<{literal}>", element)

    def rounded(self, value: float) -> float:
        """The nearest number of the dtype."""
        return struct.unpack(self._float_format, struct.pack(self._float_format, value))[0]

    def like(self, value: Value | float, other: Value) -> Value:
        """The value itself, or the number as a constant of the other's type."""
        return value if isinstance(value, Value) else self.constant(value, other.element)

    def fma(self, x: Value, y: Value | float, z: Value | float) -> Value:
        """x * y + z, rounded once."""
        return self.op(f"math.fma {x.name}, {self.like(y, x).name}, {self.like(z, x).name}", x.element)

    def polynomial(self, x: Value, coefficients: Sequence[float]) -> Value:
        """Horner's scheme; coefficients from the lowest degree."""
        result = self.constant(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            result = self.fma(result, x, coefficient)
        return result

    def abs(self, x: Value) -> Value:
        """|x|, for NaN too."""
        return self.op(f"math.absf {x.name}", x.element)

    def sqrt(self, x: Value) -> Value:
        """The square root, rounded once."""
        return self.op(f"math.sqrt {x.name}", x.element)

    def copysign(self, magnitude: Value, sign: Value) -> Value:
        """The magnitude with the other's sign."""
        return self.op(f"math.copysign {magnitude.name}, {sign.name}", magnitude.element)

    def compare(self, predicate: str, lhs: Value, rhs: Value | float) -> Value:
        """Lanewise i1: ordered float predicates such as `olt`, `uno`, or integer ones such as `slt`."""
        kind = "f" if lhs.element.startswith("f") else "i"
        text = f"arith.cmp{kind} {predicate}, {lhs.name}, {self.like(rhs, lhs).name} : {self.type(lhs.element)}"
        return self.raw(text, "i1")

    def select(self, condition: Value, on_true: Value | float, on_false: Value | float) -> Value:
        """Lanewise choice; at least one of the two is a Value."""
        other = on_true if isinstance(on_true, Value) else on_false
        assert isinstance(other, Value)
        names = ", ".join([condition.name, self.like(on_true, other).name, self.like(on_false, other).name])
        return self.raw(f"arith.select {names} : {self.type('i1')}, {self.type(other.element)}", other.element)

    def floor(self, x: Value) -> Value:
        """The largest integer that is not larger."""
        return self.op(f"math.floor {x.name}", x.element)

    def clamp(self, x: Value, low: float, high: float) -> Value:
        """x between the bounds; NaN stays."""
        x = self.select(self.compare("olt", x, low), low, x)
        return self.select(self.compare("ogt", x, high), high, x)

    def bits(self, x: Value) -> Value:
        """The float's bits as an integer."""
        return self.convert("bitcast", x, self.integer)

    def from_bits(self, x: Value) -> Value:
        """The integer's bits as a float."""
        return self.convert("bitcast", x, self.dtype)

    def to_float(self, x: Value) -> Value:
        """A signed integer as the nearest float."""
        return self.convert("sitofp", x, self.dtype)

    def convert(self, op: str, x: Value, element: str) -> Value:
        """One of arith's conversions, such as extf."""
        return self.raw(f"arith.{op} {x.name} : {self.type(x.element)} to {self.type(element)}", element)

    def to_i64(self, x: Value) -> Value:
        """An unsigned integer, wider."""
        return x if x.element == "i64" else self.convert("extui", x, "i64")

    def from_i64(self, x: Value) -> Value:
        """The low bits as an integer as wide as the dtype."""
        return x if self.integer == "i64" else self.convert("trunci", x, self.integer)

    def i64_to_f64(self, x: Value, *, signed: bool) -> Value:
        """The nearest f64."""
        return self.convert("sitofp" if signed else "uitofp", x, "f64")

    def from_f64(self, x: Value) -> Value:
        """The nearest number of the dtype."""
        return x if self.dtype == "f64" else self.convert("truncf", x, self.dtype)

    def extended_product(self, x: Value, y: Value) -> tuple[Value, Value]:
        """Low and high half of a product of unsigned integers."""
        product = self.raw(f"arith.mului_extended {x.name}, {y.name} : {self.type(x.element)}", "", 2).name
        return Value(self, f"{product}#0", x.element), Value(self, f"{product}#1", x.element)

    def gather(self, table: str, words: Sequence[int], indices: Value) -> Value:
        """Elements of a constant table of i64 at i64 indices."""
        kind = f"memref<{len(words)}xi64>"
        content = ", ".join(str(_wrapped(word, "i64")) for word in words)
        self._globals[table] = f'memref.global "private" constant @{table} : {kind} = dense<[{content}]>\n'
        base = self.raw(f"memref.get_global @{table} : {kind}", kind)
        zero = self.raw("arith.constant 0 : index", "index")
        mask = self.op("arith.constant dense<true>", "i1")
        operands = f"{base.name}[{zero.name}] [{indices.name}], {mask.name}, {self.constant(0, 'i64').name}"
        integers = self.type("i64")
        types = f"{kind}, {integers}, {self.type('i1')}, {integers} into {integers}"
        return self.raw(f"vector.gather {operands} : {types}", "i64")

    def call_where(
        self, lanes: Value, body: Builder, argument: Value, results: Sequence[Value], others: Sequence[Value]
    ) -> list[Value]:
        """Results of another body, as a function of one argument, in some lanes, and other values elsewhere.

        The call is in a branch that is taken when there is any such lane.
        """
        self._functions.append(body.function(1, results))
        kinds = ", ".join(self.type(value.element) for value in results)
        taken = self.raw(f"vector.reduction <or>, {lanes.name} : {self.type('i1')} into i1", "i1")
        call = f"func.call @{body.name}({argument.name}) : ({self.type(argument.element)}) -> ({kinds})"
        lines = [f"%called:{len(results)} = {call}"]
        for i, other in enumerate(others):
            types = f"{self.type('i1')}, {self.type(other.element)}"
            lines.append(f"%chosen{i} = arith.select {lanes.name}, %called#{i}, {other.name} : {types}")
        lines.append(f"scf.yield {', '.join(f'%chosen{i}' for i in range(len(others)))} : {kinds}")
        untaken = f"scf.yield {', '.join(value.name for value in others)} : {kinds}"
        then = "".join(f"    {line}\n" for line in lines)
        branch = f"scf.if {taken.name} -> ({kinds}) {{\n{then}  }} else {{\n    {untaken}\n  }}"
        name = self.raw(branch, "", len(results)).name
        return [Value(self, f"{name}#{i}", value.element) for i, value in enumerate(results)]

    def round(self, x: Value) -> tuple[Value, Value]:
        """The nearest integer as float and as integer, for |x| < 2^(mantissa - 1).

        Adding 1.5 * 2^mantissa leaves the integer in the low bits: no conversion, which is undefined for NaN.
        """
        magic = 1.5 * 2.0**self.mantissa
        shifted = x + magic
        return shifted - magic, self.bits(shifted) - self.bits(self.constant(magic))

    def power_of_two(self, exponent: Value) -> Value:
        """2^exponent for normal results."""
        return self.from_bits((exponent + self.bias) << self.mantissa)

    def round_exponent(self, x: Value, factor: float) -> tuple[Value, Value]:
        """The nearest integer to x * factor as float, and in a form for `scale`."""
        magic = 1.5 * 2.0**self.mantissa + 2 * self.bias
        shifted = x + magic if factor == 1 else self.fma(x, factor, magic)
        return shifted - magic, shifted

    def scale(self, x: Value, exponent: Value, shifted: Value) -> Value:
        """x * 2^exponent, which `round_exponent` made, overflowing and becoming denormal as it should.

        Without an instruction for it in two steps: the low bits of `shifted` are the exponent and twice the bias.
        """
        if self.has_avx512:
            return self._scalef(x, exponent)
        both = self.bits(shifted)
        half = both.logical_shift(1)
        return x * self.from_bits(half << self.mantissa) * self.from_bits((both - half) << self.mantissa)

    @property
    def has_avx512(self) -> bool:
        """Whether vectors are whole registers of 64 bytes, which only the level with AVX-512 has."""
        return self.registers == 1 and self.lanes * (4 if self.dtype == "f32" else 8) == 64

    def bounded(self, x: Value, bound: float) -> Value:
        """x with a magnitude of at most `bound`, which NaN has, too: one instruction of AVX-512."""
        smaller_magnitude = self.raw("arith.constant 2 : i32", "i32")
        return self._avx512("range", [x, self.constant(bound), smaller_magnitude], x)

    def _scalef(self, x: Value, exponent: Value) -> Value:
        return self._avx512("scalef", [x, exponent], x)

    def _avx512(self, name: str, operands: Sequence[Value], like: Value) -> Value:
        """A masked instruction in all lanes, rounding as usual."""
        suffix, mask = ("ps", "i16") if self.dtype == "f32" else ("pd", "i8")
        all_lanes = self.raw(f"arith.constant -1 : {mask}", mask)
        current_rounding = self.raw("arith.constant 4 : i32", "i32")
        given = [*operands, like, all_lanes, current_rounding]
        vector = self.type(self.dtype)
        types = ", ".join(vector if value.element == self.dtype else value.element for value in given)
        names = ", ".join(value.name for value in given)
        intrinsic = f"llvm.x86.avx512.mask.{name}.{suffix}.512"
        return self.raw(f'llvm.call_intrinsic "{intrinsic}"({names}) : ({types}) -> {vector}', self.dtype)

    def function(self, arguments: int, results: Sequence[Value], dtype: str | None = None) -> str:
        """The text of a private function of arguments `%x0`, `%x1`..., and of what it uses.

        `dtype` is that of the arguments where it is not the builder's.
        """
        signature = ", ".join(f"%x{i}: {self.type(dtype or self.dtype)}" for i in range(arguments))
        kinds = ", ".join(self.type(value.element) for value in results)
        names = ", ".join(value.name for value in results)
        header = f"func.func private @{self.name}({signature}) -> ({kinds})"
        used = "".join([*self._globals.values(), *self._functions])
        lines = "\n".join(self._lines)
        return f"{used}{header} {{\n{lines}\n  return {names} : {kinds}\n}}\n"

    def argument(self, index: int, dtype: str | None = None) -> Value:
        """The function's argument."""
        return Value(self, f"%x{index}", dtype or self.dtype)


def _hex(value: float, element: str) -> str:
    return f"0x{struct.pack('>' + _FORMATS[element][2], value).hex().upper()}"


def _wrapped(value: int, element: str) -> int:
    bits = int(element[1:])
    return (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
