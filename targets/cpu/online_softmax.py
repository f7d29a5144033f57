"""The rows of a softmax, some keys at a time: exponentials in the place of scores, maxima and sums that go on.

As in FlashAttention (Dao et al., 2022): when a row's maximum grows from m to m', what was summed for the keys before is
multiplied by exp(m - m').
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cellc.targets.cpu import vector_math
from cellc.targets.cpu.access import Access, Buffer
from cellc.targets.cpu.kept_weights import KeptKeys
from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.vectors import ITEM_BYTES, Vectors

# Rows at a time: while the lanes of one row are added up, the processor has another row's to do.
ROWS = 4


def joined(vectors: Vectors, combine: Callable[[str, str], str], vector: str, element: str) -> str:
    """All lanes combined, in every lane."""
    distance = vectors.lanes // 2
    while distance:
        lanes = [lane ^ distance for lane in range(vectors.lanes)]
        vector = combine(vector, vectors.shuffle(vector, vector, lanes, element))
        distance //= 2
    return vector


def larger(vectors: Vectors, left: str, right: str, element: str) -> str:
    """The larger of each two lanes, one instruction: the right one where either is NaN."""
    kind, mask = vectors.type(element), vectors.type("i1")
    greater = vectors.writer.pure(f"arith.cmpf ogt, {left}, {right} : {kind}")
    return vectors.writer.pure(f"arith.select {greater}, {left}, {right} : {mask}, {kind}")


def fill(vectors: Vectors, buffer: Buffer, value: float) -> None:
    """Stores a value to all elements of a buffer."""
    writer, rest, filled = vectors.writer, buffer.size % vectors.lanes, vectors.constant(value, buffer.element)

    def body(start: str, _: list[str]) -> list[str]:
        vectors.store(filled, Access(buffer, 0, (), ((start, 1),)), 1)
        return []

    writer.loop((writer.index(0), writer.index(buffer.size - rest), vectors.lanes), body)
    if rest:
        with vectors.masked(rest):
            vectors.store(filled, Access(buffer, buffer.size - rest, ()), 1)


@dataclass(frozen=True)
class RowState:
    """For each row of a part the maximum and the sum of exponentials so far; `first` is the part's first row."""

    maxima: Buffer
    totals: Buffer
    first: str

    def at(self, buffer: Buffer, row: str) -> Access:
        """The element of row `row`."""
        return Access(buffer, 0, (), ((row, 1), (self.first, -1)))


@dataclass(frozen=True)
class Mixed:
    """The sums of e V so far: for a row of the chunk, `vectors` vectors at each of `panels` places `apart`."""

    sums: Access
    panels: int
    apart: int
    vectors: int


class OnlineSoftmax:
    """Writes a chunk of rows; the scores of its row i begin at `scores` + i * `pitch`, `columns` of them.

    `mixed` is given where other keys came before. Without it, maxima are stored only where `keep_maxima` says so.
    With dropout `kept` says which exponentials are kept: others become 0 when they are in the sum.
    """

    def __init__(
        self,
        kernel: KernelWriter,
        scores: Buffer,
        pitch: int,
        columns: int,
        state: RowState,
        mixed: Mixed | None,
        *,
        keep_maxima: bool = False,
        kept: KeptKeys | None = None,
    ) -> None:
        self._writer, self._element = kernel.writer, scores.element
        self._vectors = Vectors(kernel.writer, kernel.level.lanes(ITEM_BYTES[scores.element]))
        self._scores, self._pitch, self._columns, self._state, self._mixed = scores, pitch, columns, state, mixed
        self._type = self._vectors.type(scores.element)
        self._keep_maxima, self._kept = keep_maxima, kept

    def write(self, first: str, rows: int, columns: str) -> None:
        """Does rows `first` to `first` + `rows` with their first `columns` columns, all of them or whole vectors."""
        writer, rest = self._writer, rows % ROWS

        def some(count: int) -> Callable[[str, list[str]], list[str]]:
            def body(row: str, _: list[str]) -> list[str]:
                self._some_rows(first, [writer.linear(i, [(row, 1)]) for i in range(count)], columns)
                return []

            return body

        writer.loop((writer.index(0), writer.index(rows - rest), ROWS), some(ROWS))
        writer.loop((writer.index(rows - rest), writer.index(rows), 1), some(1))

    def _some_rows(self, first: str, rows: list[str], columns: str) -> None:
        infinity, zero = (self._vectors.constant(value, self._element) for value in (float("-inf"), 0.0))
        places = [Access(self._scores, 0, (), ((row, self._pitch),)) for row in rows]
        self._end_rows(places)

        def largest(column: str, carried: list[str]) -> list[str]:
            # A NaN may get lost here: it is in the sum of exponentials, which all results of the row are divided by.
            return [self._larger(self._load(p, column), c) for p, c in zip(places, carried, strict=True)]

        found = self._for_vectors(columns, largest, [infinity] * len(rows))
        maxima = [joined(self._vectors, self._larger, m, self._element) for m in found]
        known = [self._writer.add(first, row) for row in rows]
        bases, factors = self._new_maxima(known, maxima)
        kept = self._keep(known, columns)

        def exponentials(column: str, carried: list[str]) -> list[str]:
            made = [self._exp(self._op("subf", self._load(p, column), b)) for p, b in zip(places, bases, strict=True)]
            for place, value, chosen in zip(places, made, kept, strict=True):
                self._vectors.store(self._chosen(value, chosen, column), place.moved((column, 1)), 1)
            return [self._op("addf", c, value) for c, value in zip(carried, made, strict=True)]

        found = self._for_vectors(columns, exponentials, [zero] * len(rows))
        totals = [joined(self._vectors, lambda a, b: self._op("addf", a, b), t, self._element) for t in found]
        for row, place, total, factor in zip(rows, known, totals, factors, strict=True):
            self._add(row, self._state.at(self._state.totals, place), total, factor)

    def _for_vectors(self, columns: str, body: Callable[[str, list[str]], list[str]], initial: list[str]) -> list[str]:
        bounds = (self._writer.index(0), columns, self._vectors.lanes)
        return self._writer.loop(bounds, body, initial, [self._type] * len(initial))

    def _load(self, row: Access, column: str) -> str:
        return self._vectors.load(row.moved((column, 1)), 1)

    def _keep(self, rows: list[str], columns: str) -> list[Access | None]:
        """Finds out what of some rows is kept, and says where that is."""
        if self._kept is None:
            return [None] * len(rows)
        self._kept.write(rows[0], len(rows), columns)
        return [self._kept.weights.at(slot) for slot in range(len(rows))]

    def _chosen(self, value: str, kept: Access | None, column: str) -> str:
        """The exponentials that are kept, 0 for the others."""
        if kept is None:
            return value
        types = f"{self._vectors.type('i1')}, {self._type}"
        zero = self._vectors.constant(0.0, self._element)
        return self._writer.pure(f"arith.select {self._load(kept, column)}, {value}, {zero} : {types}")

    def _end_rows(self, places: list[Access]) -> None:
        """Stores -inf, which counts for nothing, in the lanes behind the last columns."""
        lanes, rest = self._vectors.lanes, self._columns % self._vectors.lanes
        if not rest:
            return
        behind = ", ".join(["false"] * rest + ["true"] * (lanes - rest))
        infinity = self._vectors.constant(float("-inf"), self._element)
        self._vectors.mask = self._writer.pure(f"arith.constant dense<[{behind}]> : {self._vectors.type('i1')}")
        for place in places:
            self._vectors.store(infinity, Access(place.buffer, self._columns - rest, (), place.terms), 1)
        self._vectors.mask = None

    def _new_maxima(self, rows: list[str], maxima: list[str]) -> tuple[list[str], list[str | None]]:
        """What to subtract from each row's scores, and by what to multiply its sums so far."""
        if self._mixed is None:
            for row, maximum in zip(rows if self._keep_maxima else (), maxima, strict=False):
                self._store_one(maximum, self._state.at(self._state.maxima, row))
            return maxima, [None] * len(maxima)
        infinity, zero = (self._vectors.constant(value, self._element) for value in (float("-inf"), 0.0))
        bases, factors = list[str](), list[str | None]()
        for row, maximum in zip(rows, maxima, strict=True):
            place = self._state.at(self._state.maxima, row)
            before = self._vectors.load(place, 0)
            new = self._larger(maximum, before)
            self._store_one(new, place)
            # Of a row that has seen no key yet exp(-inf - 0) is 0, where exp(-inf - -inf) is not.
            none = self._writer.pure(f"arith.cmpf oeq, {new}, {infinity} : {self._type}")
            base = self._writer.pure(f"arith.select {none}, {zero}, {new} : {self._vectors.type('i1')}, {self._type}")
            bases.append(base)
            factors.append(self._exp(self._op("subf", before, base)))
        return bases, factors

    def _add(self, row: str, place: Access, total: str, factor: str | None) -> None:
        """Adds to a row's sum; multiplies it and what is mixed so far by `factor` before."""
        if factor is None or self._mixed is None:
            self._store_one(total, place)
            return
        self._store_one(self._op("addf", self._op("mulf", self._vectors.load(place, 0), factor), total), place)
        mixed = self._mixed
        for panel in range(mixed.panels):
            for vector in range(mixed.vectors):
                start = panel * mixed.apart + vector * self._vectors.lanes
                width = mixed.vectors * self._vectors.lanes
                sums = Access(mixed.sums.buffer, mixed.sums.offset + start, (), (*mixed.sums.terms, (row, width)))
                self._vectors.store(self._op("mulf", self._vectors.load(sums, 1), factor), sums, 1)

    def _store_one(self, value: str, place: Access) -> None:
        with self._vectors.masked(1):
            self._vectors.store(value, place, 1)

    def _larger(self, left: str, right: str) -> str:
        return larger(self._vectors, left, right, self._element)

    def _op(self, name: str, left: str, right: str) -> str:
        return self._writer.pure(f"arith.{name} {left}, {right} : {self._type}")

    def _exp(self, value: str) -> str:
        name, text = vector_math.call("exp", self._vectors.lanes, self._element)
        self._writer.functions[name] = text
        return self._writer.pure(f"func.call @{name}({value}) : ({self._type}) -> {self._type}")
