"""Reductions with lanes along a reduction loop: each lane has a part of the result.

Sums keep `PARTIALS` vectors of partial sums, joined by a fixed tree, and then their lanes, those whose numbers
differ in one bit. Several sums over the same elements are made in one pass, each as it would be alone.
"""

from collections.abc import Callable, Sequence

from cellc.targets.cpu.combiner import Combiner, combine_all, in_pieces
from cellc.targets.cpu.nest_writer import NestWriter

PARTIALS = 4


class AlongWriter:
    """Writes all terms of one index of the parallel loops, lanes along the reduction loop `dim`.

    Carried values are `PARTIALS` times a vector for each result.
    """

    def __init__(self, nest_writer: NestWriter, combiners: Sequence[Combiner], dim: int) -> None:
        self._nest_writer = nest_writer
        self._nest = nest_writer.nest
        self._vectors = nest_writer.vectors
        self._combiners = list(combiners)
        self._dim = dim

    def write(self, initial: Callable[[], list[str]]) -> None:
        """Writes the reduction at the current position, from the values that `initial` writes."""
        start = [self._vectors.constant(each.neutral, each.element) for each in self._combiners]
        outer = [d for d in self._nest.reduced if d != self._dim]
        if not outer:
            self._nest_writer.compute_before([self._dim])
        carried = self._nest_writer.carried_loops(outer, start * PARTIALS, self._types(), self._row)
        partials = [self._partial(carried, number) for number in range(PARTIALS)]
        while len(partials) > 1:
            partials = [self._combine(partials[i], partials[i + 1]) for i in range(0, len(partials), 2)]
        totals = self._combine(initial(), self._horizontal(partials[0]))
        self._nest_writer.masked(1, lambda: self._nest_writer.store(totals, None))

    def _types(self) -> list[str]:
        return [self._vectors.type(each.element) for each in self._combiners] * PARTIALS

    def _partial(self, carried: list[str], number: int) -> list[str]:
        count = len(self._combiners)
        return carried[number * count : (number + 1) * count]

    def _combine(self, first: list[str], second: list[str]) -> list[str]:
        return combine_all(self._combiners, self._vectors, first, second)

    def _horizontal(self, values: list[str]) -> list[str]:
        lanes = self._vectors.lanes
        distance = lanes // 2
        while distance:
            order = [i ^ distance for i in range(lanes)]
            pairs = zip(values, self._combiners, strict=True)
            values = self._combine(values, [self._vectors.shuffle(v, v, order, c.element) for v, c in pairs])
            distance //= 2
        return values

    def _row(self, carried: list[str]) -> list[str]:
        """One pass over the loop."""
        writer, lanes, extent = self._nest_writer.writer, self._vectors.lanes, self._nest.extents[self._dim]
        step = lanes * PARTIALS
        unrolled, full = extent - extent % step, extent - extent % lanes
        carried = list(carried)
        if unrolled:

            def steps(start: str, end: str, values: list[str]) -> list[str]:
                return writer.loop((start, end, step), lambda i, c: self._steps(i, c, PARTIALS), values, self._types())

            carried = in_pieces(self._combiners * PARTIALS, self._vectors, unrolled, step, carried, steps)
        count = (full - unrolled) // lanes
        if count:
            carried = self._steps(writer.index(unrolled), carried, count)
        if extent % lanes:
            carried = self._tail(full, extent % lanes, carried, count % PARTIALS)
        return carried

    def _steps(self, start: str, carried: list[str], count: int) -> list[str]:
        following: list[str] = []
        for i in range(count):
            index = self._nest_writer.writer.linear(i * self._vectors.lanes, [(start, 1)])
            following += self._step(index, self._partial(carried, i))
        return following + carried[len(following) :]

    def _step(self, index: str, accumulators: list[str]) -> list[str]:
        results: list[str] = []

        def body() -> None:
            results.extend(self._nest_writer.body(self._dim, self._nest_writer.arguments(self._dim, accumulators)))

        self._nest_writer.at(self._dim, index, body)
        return results

    def _tail(self, start: int, count: int, carried: list[str], number: int) -> list[str]:
        """The last elements, into partial results `number`."""
        accumulators, following = self._partial(carried, number), list[str]()
        index = self._nest_writer.writer.index(start)
        self._nest_writer.masked(count, lambda: following.extend(self._step(index, accumulators)))
        mask, flags = self._vectors.first_lanes(count), self._vectors.type("i1")
        joined = [
            self._vectors.writer.pure(f"arith.select {mask}, {new}, {old} : {flags}, {self._vectors.type(c.element)}")
            for new, old, c in zip(following, accumulators, self._combiners, strict=True)
        ]
        size, first = len(joined), number * len(joined)
        return [*carried[:first], *joined, *carried[first + size :]]
