"""Reductions with lanes along a reduction loop: each lane has a part of the result.

Sums keep `PARTIALS` vectors of partial sums, joined by a fixed tree, and then their lanes, those whose numbers
differ in one bit. So do maxima, which carry one vector more for NaN (`extremes.py`).
"""

from collections.abc import Callable, Sequence

from xdsl.ir import SSAValue

from cellc.targets.cpu.combiner import Combiner
from cellc.targets.cpu.extremes import Extremes
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
        self._extremes = Extremes(self._vectors, combiner) if Extremes.suit(combiner) else None
        self._types = [self._vectors.type(combiner.element)] * PARTIALS
        if self._extremes is not None:
            self._types.append(self._extremes.seen_type)

    def write(self, initial: Callable[[], str]) -> None:
        """Writes the reduction at the current position, from the value that `initial` writes."""
        start = [self._vectors.constant(self._combiner.neutral, self._combiner.element)] * PARTIALS
        if self._extremes is not None:
            start.append(self._extremes.unseen())
        outer = [d for d in self._nest.reduced if d != self._dim]
        if not outer:
            self._nest_writer.compute_before([self._dim])
        partials = self._nest_writer.carried_loops(outer, start, self._types, self._row)
        total = self._combine(initial(), self._joined(partials))
        self._nest_writer.masked(1, lambda: self._nest_writer.store([total], None))

    def _joined(self, carried: Sequence[str]) -> str:
        """All lanes of all partial results, in the first lane."""
        partials = list(carried[:PARTIALS])
        while len(partials) > 1:
            partials = [self._add(partials[i], partials[i + 1]) for i in range(0, len(partials), 2)]
        total = self._horizontal(partials[0])
        return total if self._extremes is None else self._extremes.with_seen(total, carried[PARTIALS])

    def _combine(self, first: str, second: str) -> str:
        return self._combiner.combine(self._vectors, first, second)

    def _add(self, accumulator: str, term: str) -> str:
        """As `_combine`, but for NaN, where that is looked for by itself."""
        if self._extremes is not None:
            return self._extremes.pick(accumulator, term)
        return self._combine(accumulator, term)

    def _horizontal(self, vector: str) -> str:
        lanes = self._vectors.lanes
        distance = lanes // 2
        while distance:
            other = self._vectors.shuffle(vector, vector, [i ^ distance for i in range(lanes)], self._nest.element_type)
            vector = self._add(vector, other)
            distance //= 2
        return vector

    def _row(self, carried: Sequence[str]) -> list[str]:
        """One pass over the loop."""
        writer, lanes, extent = self._nest_writer.writer, self._vectors.lanes, self._nest.extents[self._dim]
        step = lanes * PARTIALS
        unrolled, full = extent - extent % step, extent - extent % lanes
        carried = list(carried)
        if unrolled:

            def steps(start: str, end: str, values: list[str]) -> list[str]:
                return writer.loop((start, end, step), lambda i, c: self._steps(i, c, PARTIALS), values, self._types)

            carried = self._combiner.in_pieces(self._vectors, unrolled, step, carried, steps)
        count = (full - unrolled) // lanes
        if count:
            carried = self._steps(writer.index(unrolled), carried, count)
        if extent % lanes:
            carried = self._tail(full, extent % lanes, carried, count % PARTIALS)
        return carried

    def _steps(self, start: str, carried: Sequence[str], count: int) -> list[str]:
        """One vector for each of the first `count` accumulators."""
        places = [self._nest_writer.writer.linear(i * self._vectors.lanes, [(start, 1)]) for i in range(count)]
        if self._extremes is None:
            return [*map(self._step, places, carried), *carried[count:]]
        return self._extreme_steps([self._term(place) for place in places], carried, 0)

    def _extreme_steps(self, terms: Sequence[str], carried: Sequence[str], first: int) -> list[str]:
        """One term for each accumulator from number `first` on."""
        assert self._extremes is not None
        following = list(carried)
        for number, term in enumerate(terms, first):
            following[number] = self._extremes.pick(carried[number], term)
        following[PARTIALS] = self._extremes.look(terms, carried[PARTIALS])
        return following

    def _step(self, index: str, accumulator: str) -> str:
        return self._body(index, accumulator, None)

    def _term(self, index: str) -> str:
        return self._body(index, "", [self._combiner.term(self._nest)])

    def _body(self, index: str, accumulator: str, values: Sequence[SSAValue] | None) -> str:
        results: list[str] = []

        def body() -> None:
            arguments = self._nest_writer.arguments(self._dim, [accumulator])
            results.extend(self._nest_writer.body(self._dim, arguments, values))

        self._nest_writer.at(self._dim, index, body)
        return results[0]

    def _tail(self, start: int, count: int, carried: Sequence[str], number: int) -> list[str]:
        """The last `count` elements, for accumulator `number`."""
        accumulator, found = carried[number], list[str]()
        index = self._nest_writer.writer.index(start)
        write = self._term if self._extremes is not None else lambda index: self._step(index, accumulator)
        self._nest_writer.masked(count, lambda: found.append(write(index)))
        kind = self._vectors.type(self._nest.element_type)
        other = (
            accumulator
            if self._extremes is None
            else self._vectors.constant(self._combiner.neutral, self._combiner.element)
        )
        mask = self._vectors.first_lanes(count)
        chosen = self._vectors.writer.pure(
            f"arith.select {mask}, {found[0]}, {other} : {self._vectors.type('i1')}, {kind}"
        )
        if self._extremes is not None:
            return self._extreme_steps([chosen], carried, number)
        return [*carried[:number], chosen, *carried[number + 1 :]]
