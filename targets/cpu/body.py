"""Bodies: the scalar ops inside a linalg.generic, written as vector ops."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import FloatAttr, IntegerAttr
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Attribute, Block, Operation, SSAValue

from cellc.targets.cpu import vector_math
from cellc.targets.cpu.access import Access, View
from cellc.targets.cpu.lane_numbers import LaneNumber, LaneNumbers
from cellc.targets.cpu.vectors import ITEM_BYTES, Vectors
from cellc.targets.target import UnsupportedKernelError

FLOAT_PREDICATES = (
    "false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord",
    "ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true",
)  # fmt: skip
INTEGER_PREDICATES = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")

_CASTS = frozenset(
    "arith." + name
    for name in (
        "extf", "truncf", "sitofp", "uitofp", "fptosi", "fptoui", "extsi", "extui", "trunci", "bitcast", "index_cast",
        "index_castui",
    )
)  # fmt: skip
# The math ops that are one instruction or a short, exact sequence of them.
_NATIVE_MATH = frozenset(
    "math." + name
    for name in (
        "absf", "absi", "ceil", "copysign", "ctlz", "ctpop", "cttz", "floor", "fma", "roundeven", "sqrt", "trunc",
    )
)  # fmt: skip

EITHER_ZERO = ("arith.maximumf", "arith.minimumf")
"""Of zeros of both signs these may give either, as NumPy's: an instruction or two less each on x86."""


def widest_item(block: Block) -> int:
    """Bytes of the widest type in a body, at least 4: narrower ones are widened to compute."""
    values = [*block.args, *(result for op in block.ops for result in op.results)]
    sizes = [ITEM_BYTES[str(v.type)] for v in values if str(v.type) in ITEM_BYTES and str(v.type) != "index"]
    return max([4, *sizes])


def _adds_one(op: Operation) -> Operation | None:
    """The `math.erf` to which the op adds 1, or None."""
    if op.name != "arith.addf":
        return None
    for value, other in ((op.operands[0], op.operands[1]), (op.operands[1], op.operands[0])):
        constant = other.owner.value if isinstance(other.owner, arith.ConstantOp) else None
        is_one = isinstance(constant, FloatAttr) and constant.value.data == 1
        if is_one and isinstance(value.owner, Operation) and value.owner.name == "math.erf":
            return value.owner
    return None


@cache
def type_text(type_: Attribute) -> str:
    """The type as text; printing one takes longer than writing the op."""
    return str(type_)


def rounded_to_bf16(vectors: Vectors, value: str) -> str:
    """The op that gives the upper half of the bits of an f32, rounded to nearest even; a NaN stays one.

    Written out because `arith.truncf` merges with a conversion before it into one that needs a library.
    """
    pure = vectors.writer.pure
    wide, narrow = vectors.type("i32"), vectors.type("i16")
    bits = pure(f"arith.bitcast {value} : {vectors.type('f32')} to {wide}")
    sixteen = vectors.constant(16, "i32")
    upper = pure(f"arith.shrui {bits}, {sixteen} : {wide}")
    odd = pure(f"arith.andi {upper}, {vectors.constant(1, 'i32')} : {wide}")
    bias = pure(f"arith.addi {odd}, {vectors.constant(0x7FFF, 'i32')} : {wide}")
    rounded = pure(f"arith.shrui {pure(f'arith.addi {bits}, {bias} : {wide}')}, {sixteen} : {wide}")
    quiet = pure(f"arith.ori {upper}, {vectors.constant(0x40, 'i32')} : {wide}")
    unordered = pure(f"arith.cmpf uno, {value}, {value} : {vectors.type('f32')}")
    chosen = pure(f"arith.select {unordered}, {quiet}, {rounded} : {vectors.type('i1')}, {wide}")
    half = pure(f"arith.trunci {chosen} : {wide} to {narrow}")
    return f"arith.bitcast {half} : {narrow} to {vectors.type('bf16')}"


class BodyWriter:
    """Writes a body for all lanes at once.

    `index_of(dim)` gives the vector of values of loop `dim`; `captured` has the tensors that
    `tensor.extract` reads, `scalars` the names of other values from outside the body; `lane_loop` the loop that
    the lanes run along and where it is, `numbers` what is known of the bits of its index.
    """

    def __init__(
        self,
        vectors: Vectors,
        index_of: Callable[[int], str] | None = None,
        captured: Mapping[SSAValue, View] = {},
        scalars: Mapping[SSAValue, str] = {},
        lane_loop: tuple[int, str] | None = None,
        numbers: LaneNumbers | None = None,
    ) -> None:
        self.vectors = vectors
        self._numbers = numbers
        self._lane_numbers: dict[SSAValue, LaneNumber] = {}
        self._lane_loop = lane_loop
        self._known: Mapping[SSAValue, str] = {}
        self._index_of = index_of
        self._captured = captured
        self._scalars = scalars
        self._values: dict[SSAValue, str] = {}

    def write(
        self,
        block: Block,
        arguments: Sequence[str],
        known: Mapping[SSAValue, str] = {},
        values: Sequence[SSAValue] | None = None,
    ) -> list[str]:
        """Writes the ops of `block` that are not known yet and returns the yielded vectors.

        With `values`, those are returned, and what uses the last argument alone, an accumulator, is left out.
        """
        self._values.update(zip(block.args, arguments, strict=True))
        self._values.update(known)
        self._known = known
        for op in block.ops:
            if isinstance(op, linalg.YieldOp):
                return [self._operand(v) for v in (values or op.operands)]
            if values is not None and block.args[-1] in op.operands:
                continue
            if op.results[0] not in self._values and not self._is_lane_number(op):
                self._values[op.results[0]] = self._write_op(op)
        raise UnsupportedKernelError("a body without linalg.yield")

    def _is_lane_number(self, op: Operation) -> bool:
        """Whether the op's result is known lane by lane; it is written where it is used."""
        number = None if self._numbers is None else self._numbers.of(op, self._lane_numbers, self._operand)
        if number is not None:
            self._lane_numbers[op.results[0]] = number
        return number is not None

    def write_known(self, block: Block, arguments: Mapping[SSAValue, str]) -> dict[SSAValue, str]:
        """Writes the ops of `block` that depend on some of its values alone; returns what is then known."""
        known = dict(arguments)
        for op in block.ops:
            if (
                op.operands
                and not known.keys() & set(op.results)
                and op.name.startswith(("arith.", "math."))
                and all(self._is_known(v, known) for v in op.operands)
            ):
                self._values.update(known)
                known[op.results[0]] = self._write_op(op)
        return known

    def _is_known(self, value: SSAValue, known: Mapping[SSAValue, str]) -> bool:
        return value in known or isinstance(value.owner, arith.ConstantOp)

    def _operand(self, value: SSAValue) -> str:
        if value in self._lane_numbers:
            assert self._numbers is not None
            return self._numbers.vector(value, self._lane_numbers[value])
        if value not in self._values:
            self._values[value] = self._outer_scalar(value)
        return self._values[value]

    def _outer_scalar(self, value: SSAValue) -> str:
        if value in self._scalars:
            return self.vectors.broadcast(self._scalars[value], str(value.type))
        if isinstance(value.owner, arith.ConstantOp):
            return self._constant(value.owner)
        raise UnsupportedKernelError(f"a body uses a value from outside: {value}")

    def _type(self, value: SSAValue) -> str:
        return self.vectors.type(type_text(value.type))

    def _write_op(self, op: Operation) -> str:
        if isinstance(op, arith.ConstantOp):
            return self._constant(op)
        if isinstance(op, linalg.IndexOp):
            return self._index(op)
        if isinstance(op, tensor.ExtractOp):
            return self._extract(op)
        if self._lane_loop is not None and self._casts_lane_loop(op):
            return self.vectors.lane_numbers(self._lane_loop[1], type_text(op.results[0].type))
        if op.name == "math.erf" and all(_adds_one(use.operation) for use in op.results[0].uses):
            return ""  # what adds 1 to it is written as one function
        if erf := _adds_one(op):
            return self.vectors.writer.pure(self._call(erf, [self._operand(v) for v in erf.operands], "one_plus_erf"))
        operands = [self._operand(v) for v in op.operands]
        return self.vectors.writer.pure(self._text(op, operands))

    def _text(self, op: Operation, operands: list[str]) -> str:
        joined, kind = ", ".join(operands), self._type(op.results[0])
        if isinstance(op, arith.CmpfOp):
            return f"arith.cmpf {FLOAT_PREDICATES[op.predicate.value.data]}, {joined} : {self._type(op.operands[0])}"
        if isinstance(op, arith.CmpiOp):
            return f"arith.cmpi {INTEGER_PREDICATES[op.predicate.value.data]}, {joined} : {self._type(op.operands[0])}"
        if isinstance(op, arith.SelectOp):
            return f"arith.select {joined} : {self._type(op.operands[0])}, {kind}"
        if op.name in _CASTS:
            if kind.endswith("xbf16>") and op.name != "arith.bitcast":
                return rounded_to_bf16(self.vectors, self._as_f32(op, operands[0]))
            if kind.endswith("xf16>") and str(op.operands[0].type) != "f32" and op.name != "arith.bitcast":
                return f"arith.truncf {self._as_f32(op, operands[0])} : {self.vectors.type('f32')} to {kind}"
            return f"{op.name} {joined} : {self._type(op.operands[0])} to {kind}"
        if op.name == "math.rsqrt":
            return self._reciprocal_root(op, operands[0])
        if op.name in EITHER_ZERO:
            return f"{op.name} {joined} fastmath<nsz> : {kind}"
        if op.name.startswith("arith.") or op.name in _NATIVE_MATH:
            return f"{op.name} {joined} : {kind}"
        if op.name == "math.powf" and (power := self._power(op)):
            return self._called(power, op, operands[:1])
        if op.name.startswith("math."):
            return self._call(op, operands)
        raise UnsupportedKernelError(f"{op.name} in a body")

    def _as_f32(self, op: Operation, operand: str) -> str:
        """The f32 on the way to a narrower float: from other types LLVM would call a library."""
        source = str(op.operands[0].type)
        if source == "f32":
            return operand
        types = f"{self.vectors.type(source)} to {self.vectors.type('f32')}"
        return self.vectors.writer.pure(f"{op.name} {operand} : {types}")

    def _reciprocal_root(self, op: Operation, operand: str) -> str:
        root = self.vectors.writer.pure(f"math.sqrt {operand} : {self._type(op.results[0])}")
        one = self.vectors.constant(1, str(op.results[0].type))
        return f"arith.divf {one}, {root} : {self._type(op.results[0])}"

    def _call(self, op: Operation, operands: list[str], function: str = "") -> str:
        found = vector_math.call(function or op.name, self.vectors.lanes, str(op.results[0].type))
        return self._called(found, op, operands)

    def _called(self, function: tuple[str, str], op: Operation, operands: list[str]) -> str:
        name, text = function
        self.vectors.writer.functions[name] = text
        kind = self._type(op.results[0])
        return f"func.call @{name}({', '.join(operands)}) : ({', '.join([kind] * len(operands))}) -> {kind}"

    def _power(self, op: Operation) -> tuple[str, str] | None:
        """The function for a constant exponent."""
        exponent = op.operands[1].owner
        if not isinstance(exponent, arith.ConstantOp) or not isinstance(exponent.value, FloatAttr):
            return None
        return vector_math.call_power(exponent.value.value.data, self.vectors.lanes, str(op.results[0].type))

    def _constant(self, op: arith.ConstantOp) -> str:
        if not isinstance(op.value, FloatAttr | IntegerAttr):
            raise UnsupportedKernelError("a constant in a body that is not a scalar")
        return self.vectors.constant(op.value.value.data, str(op.result.type))

    def _index(self, op: linalg.IndexOp) -> str:
        if self._index_of is None:
            raise UnsupportedKernelError("linalg.index in a body that is written without loop indices")
        return self._index_of(op.dim.value.data)

    def _casts_lane_loop(self, op: Operation) -> bool:
        """Whether the op gives the index of the loop that lanes run along as integers."""
        assert self._lane_loop is not None
        return isinstance(op, arith.IndexCastOp) and self._loop_of(op.input) == self._lane_loop[0]

    def _extract(self, op: tensor.ExtractOp) -> str:
        if self._reads_row(op):
            return self._row(op)
        view, writer, kind = self._captured[op.tensor], self.vectors.writer, self.vectors.type("index")
        offsets = self.vectors.constant(0, "index")
        for index, stride in zip(op.indices, view.strides, strict=True):
            scale = self.vectors.constant(stride, "index")
            scaled = writer.pure(f"arith.muli {self._operand(index)}, {scale} : {kind}")
            offsets = writer.pure(f"arith.addi {offsets}, {scaled} : {kind}")
        return self.vectors.gather(view.identity(), offsets, "index")

    def _reads_row(self, op: tensor.ExtractOp) -> bool:
        """Whether the lanes read elements side by side: the last index is their loop's, the others are the same."""
        *rows, column = op.indices
        if self._lane_loop is None or self._captured[op.tensor].strides[-1] != 1:
            return False
        return self._loop_of(column) == self._lane_loop[0] and all(map(self._same_in_all_lanes, rows))

    def _same_in_all_lanes(self, value: SSAValue) -> bool:
        assert self._lane_loop is not None
        return value in self._known or self._loop_of(value) not in (None, self._lane_loop[0])

    def _loop_of(self, value: SSAValue) -> int | None:
        """The loop whose index `value` is."""
        return value.owner.dim.value.data if isinstance(value.owner, linalg.IndexOp) else None

    def _row(self, op: tensor.ExtractOp) -> str:
        assert self._lane_loop is not None
        view, kind = self._captured[op.tensor], self.vectors.type("index")
        terms = [(self._lane_loop[1], 1)]
        for row, stride in zip(op.indices[:-1], view.strides, strict=False):
            terms.append(
                (self.vectors.writer.pure(f"vector.extract {self._operand(row)}[0] : index from {kind}"), stride)
            )
        return self.vectors.load(Access(view.buffer, view.offset, (), (*view.terms, *terms)), 1)
