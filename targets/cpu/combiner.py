"""Combiners: the associative op by which a reduction adds one contribution to what it has, for each of its results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Operation, SSAValue

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
    "arith.maxui": 0,
    "arith.minui": -1,
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
    def all_of(nest: Nest) -> list[Combiner]:
        """The op that adds one contribution to each accumulator of a nest; none where one of them has no such op."""
        return Combiner.of_body(nest.body, len(nest.inputs))

    @staticmethod
    def of_body(body: Block, inputs: int) -> list[Combiner]:
        """The same of a body whose first arguments are so many inputs."""
        yielded = body.last_op
        assert isinstance(yielded, linalg.YieldOp)
        found: list[Combiner] = []
        for value, accumulator in zip(yielded.operands, body.args[inputs:], strict=True):
            op, uses = value.owner, list(accumulator.uses)
            if len(uses) != 1 or not isinstance(op, Operation) or uses[0].operation is not op:
                return []
            if op.name not in (*_NEUTRAL, "arith.maxsi", "arith.minsi") or len(list(value.uses)) != 1:
                return []
            found.append(Combiner(op.name, str(accumulator.type)))
        return found

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
        return _ROUNDING.get(self.name, self.neutral)

    def combine(self, vectors: Vectors, first: str, second: str) -> str:
        """Both operands combined, lane by lane."""
        flags = " fastmath<nsz>" if self.name in EITHER_ZERO else ""
        return vectors.writer.pure(f"{self.name} {first}, {second}{flags} : {vectors.type(self.element)}")


def combine_all(combiners: Sequence[Combiner], vectors: Vectors, first: list[str], second: list[str]) -> list[str]:
    """Two lists of operands combined, each pair by its combiner."""
    return [c.combine(vectors, one, two) for c, one, two in zip(combiners, first, second, strict=True)]


def in_pieces(
    combiners: Sequence[Combiner], vectors: Vectors, extent: int, step: int, carried: list[str], steps: Steps
) -> list[str]:
    """`steps(start, end, carried)` from 0 to `extent`; long sums as sums of sums of `_PIECE` terms each.

    `combiners` has the combiner of each carried value.
    """
    writer, size = vectors.writer, _PIECE * step
    main = extent - extent % size
    if any(each.name != "arith.addf" for each in combiners) or main <= size:
        return steps(writer.index(0), writer.index(extent), carried)
    zeros = [vectors.constant(0, each.element) for each in combiners]

    def piece(start: str, totals: list[str]) -> list[str]:
        sums = steps(start, writer.linear(size, [(start, 1)]), zeros)
        return combine_all(combiners, vectors, totals, sums)

    types = [vectors.type(each.element) for each in combiners]
    carried = writer.loop((writer.index(0), writer.index(main), size), piece, carried, types)
    return steps(writer.index(main), writer.index(extent), carried) if main < extent else carried
