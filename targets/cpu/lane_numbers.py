"""Numbers made of loop indices whose bits are known lane by lane, for vectors that are written one after the other.

Random numbers are such: `number / 32 * 8 + number % 8` names a counter, `number / 8 % 4` one of its words. Where a
vector starts `offset` after a multiple of 32, the second is a constant of each lane, and the first is the same text for
every fourth vector, so that it is written once, with all that follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerAttr
from xdsl.dialects.linalg.ops import IndexOp
from xdsl.ir import Operation, SSAValue

from cellc.targets.cpu.vectors import Vectors

_EXACT = arith.IndexCastOp | arith.AddiOp | arith.MuliOp | arith.ShRUIOp | arith.AndIOp


@dataclass(frozen=True)
class LaneNumber:
    """`rest + lanes[i]` in lane i; `rest` is a vector of equal multiples of 2**aligned, or None for zeros."""

    rest: str | None
    lanes: tuple[int, ...]
    aligned: int


@dataclass(frozen=True)
class LaneNumbers:
    """The numbers where loop `dim`, along which lanes run, is `offset` after `start`, a multiple of 2**aligned."""

    vectors: Vectors
    dim: int
    start: str
    offset: int
    aligned: int

    def of(
        self, op: Operation, known: Mapping[SSAValue, LaneNumber], operand: Callable[[SSAValue], str]
    ) -> LaneNumber | None:
        """What an op gives, where it is such a number; `operand` writes the vector of a value that is none."""
        if isinstance(op, IndexOp) and op.dim.value.data == self.dim:
            lanes = tuple(range(self.offset, self.offset + self.vectors.lanes))
            return LaneNumber(self.vectors.broadcast(self.start, "index"), lanes, self.aligned)
        number = next((known[value] for value in op.operands if value in known), None)
        if number is None or not isinstance(op, _EXACT):
            return None
        if isinstance(op, arith.IndexCastOp):
            return replace(number, rest=self._rest(f"arith.index_cast {number.rest}", number, op, cast=True))
        other = op.rhs if op.lhs in known else op.lhs
        constant = other.owner.value if isinstance(other.owner, arith.ConstantOp) else None
        if isinstance(constant, IntegerAttr) and constant.value.data >= 0 and op.rhs is other:
            return self._with_constant(op, number, constant.value.data, operand(other))
        return self._sum(op, number, known.get(other), other, operand)

    def _with_constant(self, op: Operation, number: LaneNumber, value: int, text: str) -> LaneNumber | None:
        lanes, aligned, rest = number.lanes, number.aligned, f"{op.name} {number.rest}, {text}"
        match op:
            case arith.AddiOp():
                return replace(number, lanes=tuple(lane + value for lane in lanes))
            case arith.MuliOp():
                return LaneNumber(self._rest(rest, number, op), tuple(lane * value for lane in lanes), aligned)
            case arith.AndIOp() if value < 1 << aligned:
                return LaneNumber(None, tuple(lane & value for lane in lanes), aligned)
            case arith.ShRUIOp() if value <= aligned and max(lanes) < 1 << aligned:  # the sum has no carries then
                return LaneNumber(self._rest(rest, number, op), tuple(lane >> value for lane in lanes), aligned - value)
            case _:
                return None

    def _sum(
        self,
        op: Operation,
        number: LaneNumber,
        other: LaneNumber | None,
        value: SSAValue,
        operand: Callable[[SSAValue], str],
    ) -> LaneNumber | None:
        """With another such number, or with what other loops give all lanes alike."""
        if not isinstance(op, arith.AddiOp):
            return None
        if other is None:
            zeros = self._trailing_zeros(value)
            if zeros is None or number.rest is None:
                return None
            rest = self._rest(f"arith.addi {operand(value)}, {number.rest}", number, op)
            return LaneNumber(rest, number.lanes, min(number.aligned, zeros))
        if number.rest is not None and other.rest is not None:
            return None
        lanes = tuple(a + b for a, b in zip(number.lanes, other.lanes, strict=True))
        return LaneNumber(number.rest or other.rest, lanes, min(number.aligned, other.aligned))

    def _trailing_zeros(self, value: SSAValue) -> int | None:
        """Bits that are 0 in what other loops and constants make the value, or None where it is made of more."""
        owner = value.owner
        if isinstance(owner, IndexOp):
            return None if owner.dim.value.data == self.dim else 0
        if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
            number = owner.value.value.data
            return (number & -number).bit_length() - 1 if number else self.aligned
        if isinstance(owner, arith.IndexCastOp):
            return self._trailing_zeros(owner.input)
        if not isinstance(owner, arith.AddiOp | arith.MuliOp):
            return None
        first, second = self._trailing_zeros(owner.lhs), self._trailing_zeros(owner.rhs)
        if first is None or second is None:
            return None
        return min(first, second) if isinstance(owner, arith.AddiOp) else first + second

    def _rest(self, text: str, number: LaneNumber, op: Operation, cast: bool = False) -> str | None:
        if number.rest is None:
            return None
        kind = self.vectors.type(str(op.results[0].type))
        source = f"{self.vectors.type(str(op.operands[0].type))} to " if cast else ""
        return self.vectors.writer.pure(f"{text} : {source}{kind}")

    def vector(self, value: SSAValue, number: LaneNumber) -> str:
        """The number as a vector."""
        kind, pure = self.vectors.type(str(value.type)), self.vectors.writer.pure
        lanes = pure(f"arith.constant dense<{list(number.lanes)}> : {kind}")
        if number.rest is None:
            return lanes
        return number.rest if not any(number.lanes) else pure(f"arith.addi {number.rest}, {lanes} : {kind}")
