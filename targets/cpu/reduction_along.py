"""Reductions with lanes along a reduction loop: each lane has a part of the result.

Sums keep `PARTIALS` vectors of partial sums, joined by a fixed tree, and then their lanes, those whose numbers
differ in one bit. Several sums over the same elements are made in one pass, each as it would be alone. So are maxima,
which carry one vector more for NaN (`extremes.py`).
"""

from collections.abc import Callable, Sequence

from xdsl.ir import SSAValue

from cellc.targets.cpu.combiner import Combiner, combine_all, in_pieces
from cellc.targets.cpu.extremes import Extremes
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
        self._extremes = Extremes(self._vectors, combiners[0]) if Extremes.suit(combiners) else None
        self._types = [self._vectors.type(each.element) for each in self._combiners] * PARTIALS
        if self._extremes is not None:
            self._types.append(self._extremes.seen_type)

    def write(self, initial: Callable[[], list[str]]) -> None:
        """Writes the reduction at the current position, from the values that `initial` writes."""
        start = self._neutral() * PARTIALS
        if self._extremes is not None:
            start.append(self._extremes.unseen())
        outer = [d for d in self._nest.reduced if d != self._dim]
        if not outer:
            self._nest_writer.compute_before([self._dim])
        carried = self._nest_writer.carried_loops(outer, start, self._types, self._row)
        totals = combine_all(self._combiners, self._vectors, initial(), self._joined(carried))
        self._nest_writer.masked(1, lambda: self._nest_writer.store(totals, None))

    def _neutral(self) -> list[str]:
        return [self._vectors.constant(each.neutral, each.element) for each in self._combiners]

    def _partial(self, carried: list[str], number: int) -> list[str]:
        count = len(self._combiners)
        return carried[number * count : (number + 1) * count]

    def _joined(self, carried: list[str]) -> list[str]:
        """All lanes of all partial results, in the first lane."""
        partials = [self._partial(carried, number) for number in range(PARTIALS)]
        while len(partials) > 1:
            partials = [self._add(partials[i], partials[i + 1]) for i in range(0, len(partials), 2)]
        totals = self._horizontal(partials[0])
        return totals if self._extremes is None else [self._extremes.with_seen(totals[0], carried[PARTIALS])]

    def _add(self, accumulators: list[str], terms: list[str]) -> list[str]:
        """Both combined, but for NaN, where that is looked for by itself."""
        if self._extremes is not None:
            return [self._extremes.pick(accumulators[0], terms[0])]
        return combine_all(self._combiners, self._vectors, accumulators, terms)

    def _horizontal(self, values: list[str]) -> list[str]:
        lanes = self._vectors.lanes
        distance = lanes // 2
        while distance:
            order = [i ^ distance for i in range(lanes)]
            pairs = zip(values, self._combiners, strict=True)
            values = self._add(values, [self._vectors.shuffle(v, v, order, c.element) for v, c in pairs])
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
                return writer.loop((start, end, step), lambda i, c: self._steps(i, c, PARTIALS), values, self._types)

            carried = in_pieces(self._combiners * PARTIALS, self._vectors, unrolled, step, carried, steps)
        count = (full - unrolled) // lanes
        if count:
            carried = self._steps(writer.index(unrolled), carried, count)
        if extent % lanes:
            carried = self._tail(full, extent % lanes, carried, count % PARTIALS)
        return carried

    def _steps(self, start: str, carried: list[str], count: int) -> list[str]:
        """One vector for each of the first `count` partial results."""
        places = [self._nest_writer.writer.linear(i * self._vectors.lanes, [(start, 1)]) for i in range(count)]
        if self._extremes is not None:
            return self._extreme_steps([self._term(place) for place in places], carried, 0)
        following: list[str] = []
        for number, place in enumerate(places):
            following += self._body(place, self._partial(carried, number))
        return following + carried[len(following) :]

    def _extreme_steps(self, terms: Sequence[str], carried: list[str], first: int) -> list[str]:
        """One term for each partial result from number `first` on."""
        assert self._extremes is not None
        following = list(carried)
        for number, term in enumerate(terms, first):
            following[number] = self._extremes.pick(carried[number], term)
        following[PARTIALS] = self._extremes.look(terms, carried[PARTIALS])
        return following

    def _term(self, index: str) -> str:
        """What a maximum is taken of."""
        return self._body(index, [""], [self._combiners[0].term(self._nest)])[0]

    def _body(self, index: str, accumulators: list[str], values: Sequence[SSAValue] | None = None) -> list[str]:
        results: list[str] = []

        def body() -> None:
            arguments = self._nest_writer.arguments(self._dim, accumulators)
            results.extend(self._nest_writer.body(self._dim, arguments, values))

        self._nest_writer.at(self._dim, index, body)
        return results

    def _tail(self, start: int, count: int, carried: list[str], number: int) -> list[str]:
        """The last `count` elements, into partial results `number`."""
        partial, found, extremes = self._partial(carried, number), list[str](), self._extremes
        index, others = self._nest_writer.writer.index(start), partial if extremes is None else self._neutral()

        def write() -> None:
            found.extend(self._body(index, partial) if extremes is None else [self._term(index)])

        self._nest_writer.masked(count, write)
        mask, flags = self._vectors.first_lanes(count), self._vectors.type("i1")
        chosen = [
            self._vectors.writer.pure(f"arith.select {mask}, {new}, {old} : {flags}, {self._vectors.type(c.element)}")
            for new, old, c in zip(found, others, self._combiners, strict=True)
        ]
        if extremes is not None:
            return self._extreme_steps(chosen, carried, number)
        size, first = len(chosen), number * len(chosen)
        return [*carried[:first], *chosen, *carried[first + size :]]
