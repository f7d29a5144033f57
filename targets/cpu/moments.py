"""A sum and a centred sum of squares over the same long rows, in one pass over memory.

    s = sum of x            q = sum of (x - m)^2, where m comes from s

read x twice, of rows that fill much of a level 2 cache from further away both times. For blocks of a row that stay in
the level 1 cache, of which b has n_b elements and, but for rounding, the mean m_b,

    q = sum over b of (sum of (x - m_b)^2 + (m_b - m) (2 sum of (x - m_b) + n_b (m_b - m))),

whatever m and m_b are. With the mean of the block the middle term has the rounding of m_b alone, and nothing cancels
(Chan, Golub, LeVeque, Algorithms for Computing the Sample Variance, 1983, where m_b is exact).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil, prod

from xdsl.dialects import arith
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Attribute, Block, Operation

from cellc.passes.linalg_analysis import input_maps, inputs_of, iterators, parallel_count
from cellc.targets.cpu.access import Access, Buffer
from cellc.targets.cpu.kernel import KernelWriter, element_of
from cellc.targets.cpu.nest import Nest, loop_extents
from cellc.targets.cpu.nest_writer import NestWriter
from cellc.targets.cpu.pairs import open_nest
from cellc.targets.cpu.reduction import ReductionWriter, initial_of
from cellc.targets.cpu.reduction_along import PARTIALS
from cellc.targets.cpu.vectors import ITEM_BYTES, literal

# Bytes of a row, at least: a second read of shorter ones costs little beside the first.
_LEAST_BYTES = 1 << 18
# Elements that lie side by side, at least: else a block's sums of lanes would be much of its work.
_LEAST_ELEMENTS = 1 << 9
# Bytes of a block, about: with what is asked for meanwhile it stays in a level 1 cache.
_BLOCK_BYTES = 1 << 12


@dataclass(frozen=True)
class Moments:
    """The generics of s and q."""

    total: linalg.GenericOp
    centred: linalg.GenericOp


def moments_of(kernel: KernelWriter, generics: Sequence[linalg.GenericOp], outer: int) -> list[Moments]:
    """The pairs among a chain's ops that are to be made in one pass, for an index of the `outer` loops at a time."""
    found: list[Moments] = []
    for number, total in enumerate(generics):
        if _is_total(total) and parallel_count(total) == outer and _is_long(kernel, total, outer):
            squares = (op for op in generics[number + 1 :] if _is_centred(op, total))
            found += [Moments(total, centred) for centred in islice(squares, 1)]
    return found


def _terms(op: linalg.GenericOp, inputs: int) -> list[Operation]:
    """The ops of a body with so many inputs that adds something to its only accumulator at the end; else none."""
    *body, end = op.body.block.ops
    added = body[-1] if body else None
    if len(inputs_of(op)) != inputs or len(op.results) != 1 or not isinstance(added, arith.AddfOp):
        return []
    return body if list(end.operands) == [added.result] and op.body.block.args[-1] in added.operands else []


def _is_total(op: linalg.GenericOp) -> bool:
    """Whether the op adds up the elements of a tensor."""
    body = _terms(op, 1)
    return len(body) == 1 and set(body[0].operands) == set(op.body.block.args)


def _is_centred(op: linalg.GenericOp, total: linalg.GenericOp) -> bool:
    """Whether the op adds up squares of differences of the same elements from something that is the same for all."""
    body = _terms(op, 2)
    if [type(each) for each in body] != [arith.SubfOp, arith.MulfOp, arith.AddfOp]:
        return False
    difference, square, _ = body
    (x, m), maps, dims = inputs_of(op), input_maps(op), range(parallel_count(op))
    return (
        x is inputs_of(total)[0]
        and maps[0] == input_maps(total)[0]
        and iterators(op) == iterators(total)
        and loop_extents(op) == loop_extents(total)
        and list(difference.operands) == list(op.body.block.args[:2])
        and list(square.operands) == [difference.results[0]] * 2
        and square.results[0] in body[2].operands
        and maps[1].used_dims() <= set(dims)
        and element_of(x) == element_of(m) == element_of(op.results[0]) == element_of(total.results[0])
    )


def _is_long(kernel: KernelWriter, op: linalg.GenericOp, outer: int) -> bool:
    """Whether rows are long, and in pieces that are."""
    view, extents = kernel.view_of(inputs_of(op)[0]), loop_extents(op)
    strides = view.access(input_maps(op)[0]).strides
    along, piece = [d for d in range(outer, len(extents)) if extents[d] > 1], 1
    while along and strides[along[-1]] == piece:
        piece *= extents[along.pop()]
    return piece >= _LEAST_ELEMENTS and prod(extents[outer:]) * ITEM_BYTES[view.buffer.storage] >= _LEAST_BYTES


class MomentsWriter:
    """Writes both sums of a pair for an index of the shared loops.

    What q is made of, one of each for a block, waits in scratch memory for what the chain does between the two.
    """

    def __init__(self, kernel: KernelWriter, pair: Moments, outer: int) -> None:
        self._kernel = kernel
        self._writer = kernel.writer
        self._pair = pair
        self._element = element_of(inputs_of(pair.total)[0])
        self._lanes = kernel.level.lanes(ITEM_BYTES[self._element])
        *self._others, self._length = self._opened(
            pair.total, dict.fromkeys(range(outer), kernel.writer.index(0))
        ).extents
        blocks, unit = max(1, round(self._length * ITEM_BYTES[self._element] / _BLOCK_BYTES)), self._lanes * PARTIALS
        self._block = ceil(self._length / blocks / unit) * unit
        self._whole = (self._length - 1) // self._block  # and the rest, which is not nothing
        count = prod(self._others) * (self._whole + 1)
        self._totals, self._means, self._sizes = (kernel.scratch(self._element, count) for _ in range(3))
        self._squares, self._differences = (kernel.scratch(self._element, count) for _ in range(2))

    def _opened(self, op: linalg.GenericOp, fixed: Mapping[int, str]) -> Nest:
        nest = self._kernel.nest_of(op)
        return open_nest(self._writer, nest, self._lanes, fixed).nest

    def write_total(self, fixed: Mapping[int, str]) -> None:
        """Writes s and what q is made of, for the shared loops at `fixed`."""
        nest, last = self._opened(self._pair.total, fixed), len(self._others)
        shell = Nest((*self._others, self._whole), (False,) * (last + 1), (), (), self._pair.total.body.block)
        loops = NestWriter(self._writer, shell, 1)
        x, rest = nest.inputs[0], self._length - self._whole * self._block
        assert x is not None

        def piece() -> None:
            """The blocks of what lies side by side."""
            if self._whole:
                loops.loops([last], {}, lambda: self._write_block(x, loops.position, self._block))
            loops.at(last, self._writer.index(self._whole), lambda: self._write_block(x, loops.position, rest))

        loops.loops(list(range(last)), {}, piece)
        self._sum_blocks(self._pair.total, (self._totals,), nest.outputs[0], nest.body)

    def write_centred(self, fixed: Mapping[int, str]) -> None:
        """Writes q, after what gives m."""
        nest = self._opened(self._pair.centred, fixed)
        m = nest.inputs[1]
        assert m is not None
        parts = (self._squares, self._differences, self._sizes, self._means)
        self._sum_blocks(self._pair.centred, parts, nest.outputs[0], _joining_body(nest.body.args[0].type), (m,))

    def _write_block(self, x: Access, position: Sequence[str | None], count: int) -> None:
        """A block of `count` elements, at `position`: the index of each of the other loops, then its number there."""
        indices = [index for index in position if index is not None]
        steps = [prod(self._others[d + 1 :]) * (self._whole + 1) for d in range(len(self._others))]
        number = self._writer.linear(0, list(zip(indices, (*steps, 1), strict=True)))
        elements = x.select([len(self._others)]).moved(*zip(indices, (*x.strides[:-1], self._block), strict=True))
        total, mean, squares, differences = (
            Access(buffer, 0, (0,), ((number, 1),))
            for buffer in (self._totals, self._means, self._squares, self._differences)
        )
        self._sum(self._pair.total.body.block, (elements,), (total,), count)
        divisor = self._writer.pure(f"arith.constant {literal(count, self._element)} : {self._element}")
        loaded = self._writer.value(f"memref.load {self._totals.name}[{number}] : {self._totals.type}")
        quotient = self._writer.value(f"arith.divf {loaded}, {divisor} : {self._element}")
        self._writer.line(f"memref.store {quotient}, {self._means.name}[{number}] : {self._means.type}")
        self._writer.line(f"memref.store {divisor}, {self._sizes.name}[{number}] : {self._sizes.type}")
        ahead = {x.buffer.name: self._to_next(x, count)}
        body = _block_body(self._pair.total.body.block.args[0].type)
        self._sum(body, (elements, mean), (squares, differences), count, ahead)

    def _to_next(self, x: Access, count: int) -> int:
        """How far it is from a block to the one after it, of the same piece or the next."""
        if count == self._block or not self._others:
            return self._block
        return x.strides[-2] - self._whole * self._block

    def _sum(
        self,
        body: Block,
        inputs: tuple[Access, ...],
        outputs: tuple[Access, ...],
        count: int,
        ahead: Mapping[str, int] = {},
    ) -> None:
        """Sums of `count` terms from 0."""
        nest_writer = NestWriter(self._writer, Nest((count,), (True,), inputs, outputs, body), self._lanes)
        nest_writer.fetched_ahead.update(ahead)
        zero = nest_writer.vectors.constant(0, self._element)
        ReductionWriter(nest_writer, lambda _: [zero] * len(outputs)).write({})

    def _sum_blocks(
        self,
        op: linalg.GenericOp,
        parts: Sequence[Buffer],
        output: Access,
        body: Block,
        further: Sequence[Access] = (),
    ) -> None:
        """The sum of an op over all blocks, of which `parts` has one element each; `further` is the same for all."""
        inputs = [Access(buffer, 0, (1,)) for buffer in parts]
        same, target = ([Access(a.buffer, a.offset, (0,), a.terms) for a in each] for each in (further, [output]))
        nest = Nest((parts[0].size,), (True,), (*inputs, *same), tuple(target), body)
        nest_writer = NestWriter(self._writer, nest, self._lanes)
        ReductionWriter(nest_writer, initial_of(self._kernel, op, nest_writer)).write({})


def _block_body(element: Attribute) -> Block:
    """squares = squares + (x - mean)^2, differences = differences + (x - mean)."""
    block = Block(arg_types=[element] * 4)
    x, mean, squares, differences = block.args
    difference = arith.SubfOp(x, mean)
    square = arith.MulfOp(difference, difference)
    sums = [arith.AddfOp(squares, square), arith.AddfOp(differences, difference)]
    block.add_ops([difference, square, *sums, linalg.YieldOp(*sums)])
    return block


def _joining_body(element: Attribute) -> Block:
    """q = q + (squares + (mean - m) (2 differences + size (mean - m)))."""
    block = Block(arg_types=[element] * 6)
    squares, differences, size, mean, m, q = block.args
    apart = arith.SubfOp(mean, m)
    twice = arith.AddfOp(differences, differences)
    scaled = arith.MulfOp(size, apart)
    both = arith.AddfOp(twice, scaled)
    between = arith.MulfOp(apart, both)
    joined = arith.AddfOp(squares, between)
    total = arith.AddfOp(q, joined)
    block.add_ops([apart, twice, scaled, both, between, joined, total, linalg.YieldOp(total)])
    return block
