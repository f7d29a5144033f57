"""Reductions with lanes along a reduction loop: each lane has a part of the result.

Sums keep `PARTIALS` vectors of partial sums, joined by a fixed tree, and then their lanes, those whose numbers
differ in one bit.
"""

from collections.abc import Callable, Sequence

from cellc.targets.cpu.combiner import Combiner
from cellc.targets.cpu.nest_writer import NestWriter

PARTIALS = 4


class AlongWriter:
    """Writes all terms of one result, lanes along the reduction loop `dim`."""

    def __init__(self, nest_writer: NestWriter, combiner: Combiner, dim: int) -> None:
        self._nest_writer = nest_writer
        self._nest = nest_writer.nest
        self._vectors = nest_writer.vectors
        self._combiner = combiner
        self._dim = dim

    def write(self, initial: Callable[[], str]) -> None:
        """Writes the reduction at the current position, from the value that `initial` writes."""
        combiner = self._combiner
        start = self._vectors.constant(combiner.neutral, combiner.element)
        outer = [d for d in self._nest.reduced if d != self._dim]
        if not outer:
            self._nest_writer.compute_before([self._dim])
        types = [self._vectors.type(combiner.element)] * PARTIALS
        partials = self._nest_writer.carried_loops(outer, [start] * PARTIALS, types, self._row)
        while len(partials) > 1:
            partials = [self._combine(partials[i], partials[i + 1]) for i in range(0, len(partials), 2)]
        total = self._combine(initial(), self._horizontal(partials[0]))
        self._nest_writer.masked(1, lambda: self._nest_writer.store([total], None))

    def _combine(self, first: str, second: str) -> str:
        return self._combiner.combine(self._vectors, first, second)

    def _horizontal(self, vector: str) -> str:
        lanes = self._vectors.lanes
        distance = lanes // 2
        while distance:
            other = self._vectors.shuffle(vector, vector, [i ^ distance for i in range(lanes)], self._nest.element_type)
            vector = self._combine(vector, other)
            distance //= 2
        return vector

    def _row(self, carried: Sequence[str]) -> list[str]:
        """One pass over the loop."""
        writer, lanes, extent = self._nest_writer.writer, self._vectors.lanes, self._nest.extents[self._dim]
        step = lanes * PARTIALS
        unrolled, full = extent - extent % step, extent - extent % lanes
        carried = list(carried)
        if unrolled:
            types = [self._vectors.type(self._nest.element_type)] * PARTIALS

            def steps(start: str, end: str, values: list[str]) -> list[str]:
                return writer.loop((start, end, step), lambda i, c: self._steps(i, c, PARTIALS), values, types)

            carried = self._combiner.in_pieces(self._vectors, unrolled, step, carried, steps)
        count = (full - unrolled) // lanes
        if count:
            carried = self._steps(writer.index(unrolled), carried, count)
        if extent % lanes:
            carried[count % PARTIALS] = self._tail(full, extent % lanes, carried[count % PARTIALS])
        return carried

    def _steps(self, start: str, carried: Sequence[str], count: int) -> list[str]:
        following = list(carried)
        for i in range(count):
            index = self._nest_writer.writer.linear(i * self._vectors.lanes, [(start, 1)])
            following[i] = self._step(index, carried[i])
        return following

    def _step(self, index: str, accumulator: str) -> str:
        results: list[str] = []

        def body() -> None:
            results.extend(self._nest_writer.body(self._dim, self._nest_writer.arguments(self._dim, [accumulator])))

        self._nest_writer.at(self._dim, index, body)
        return results[0]

    def _tail(self, start: int, count: int, accumulator: str) -> str:
        following: list[str] = []
        index = self._nest_writer.writer.index(start)
        self._nest_writer.masked(count, lambda: following.append(self._step(index, accumulator)))
        kind = self._vectors.type(self._nest.element_type)
        mask = self._vectors.first_lanes(count)
        return self._vectors.writer.pure(
            f"arith.select {mask}, {following[0]}, {accumulator} : {self._vectors.type('i1')}, {kind}"
        )
