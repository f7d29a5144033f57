"""Combiners: the associative op by which a reduction adds one contribution to what it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Operation, SSAValue

from cellc.targets.cpu.body import EITHER_ZERO
from cellc.targets.cpu.nest import Nest
from cellc.targets.cpu.vectors import Vectors

_NEUTRAL = {
    "arith.addf": 0.0,
    "arith.mulf": 1.0,
    "arith.maximumf": float("-inf"),
    "arith.minimumf": float("inf"),
    "arith.maxnumf": float("-inf"),
    "arith.minnumf": float("inf"),
    "arith.addi": 0,
    "arith.muli": 1,
    "arith.andi": -1,
    "arith.ori": 0,
    "arith.xori": 0,
}

# Combiners whose order shows in the result, with what a first term is combined with at no cost.
_ROUNDING = {"arith.addf": -0.0, "arith.mulf": 1.0}

# Terms of a partial sum, after which it joins a sum of such sums.
_PIECE = 64

# Writes a loop from a start to an end over carried values.
Steps = Callable[[str, str, list[str]], list[str]]


@dataclass(frozen=True)
class Combiner:
    """The op called `name` on values of type `element`."""

    name: str
    element: str

    @staticmethod
    def of(nest: Nest) -> Combiner | None:
        """The op that adds one contribution to the only accumulator of a nest, or None."""
        yielded = nest.body.last_op
        if not isinstance(yielded, linalg.YieldOp) or len(yielded.operands) != 1:
            return None
        op, accumulator = yielded.operands[0].owner, nest.body.args[-1]
        uses = list(accumulator.uses)
        if len(uses) != 1 or not isinstance(op, Operation) or uses[0].operation is not op:
            return None
        if op.name not in (*_NEUTRAL, "arith.maxsi", "arith.minsi"):
            return None
        return Combiner(op.name, nest.element_type)

    def term(self, nest: Nest) -> SSAValue:
        """What the body combines with the accumulator."""
        assert isinstance(nest.body.last_op, linalg.YieldOp)
        op, accumulator = nest.body.last_op.operands[0].owner, nest.body.args[-1]
        assert isinstance(op, Operation)
        return next(value for value in op.operands if value is not accumulator)

    @property
    def rounds(self) -> bool:
        """Whether the order of terms shows in the result."""
        return self.name in _ROUNDING

    @property
    def neutral(self) -> float | int:
        """The value that does not change what it is combined with."""
        if self.name in _NEUTRAL:
            return _NEUTRAL[self.name]
        bits = int(self.element[1:])
        return -(1 << (bits - 1)) if self.name == "arith.maxsi" else (1 << (bits - 1)) - 1

    @property
    def first(self) -> float | int:
        """What a first term is combined with at no cost."""
        return _ROUNDING[self.name]

    def combine(self, vectors: Vectors, first: str, second: str) -> str:
        """Both operands combined, lane by lane."""
        flags = " fastmath<nsz>" if self.name in EITHER_ZERO else ""
        return vectors.writer.pure(f"{self.name} {first}, {second}{flags} : {vectors.type(self.element)}")

    def in_pieces(self, vectors: Vectors, extent: int, step: int, carried: list[str], steps: Steps) -> list[str]:
        """`steps(start, end, carried)` from 0 to `extent`; long sums as a sum of sums of `_PIECE` terms each."""
        writer, size = vectors.writer, _PIECE * step
        main = extent - extent % size
        if self.name != "arith.addf" or main <= size:
            return steps(writer.index(0), writer.index(extent), carried)
        zeros = [vectors.constant(0, self.element)] * len(carried)

        def piece(start: str, totals: list[str]) -> list[str]:
            sums = steps(start, writer.linear(size, [(start, 1)]), zeros)
            return [self.combine(vectors, total, part) for total, part in zip(totals, sums, strict=True)]

        types = [vectors.type(self.element)] * len(carried)
        carried = writer.loop((writer.index(0), writer.index(main), size), piece, carried, types)
        return steps(writer.index(main), writer.index(extent), carried) if main < extent else carried
