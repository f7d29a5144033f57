"""Rows too short to fill vectors, written as they lie in memory: a vector has the end of one row and the next ones.

What each row has one of (a maximum, a norm) is computed once for a vector of rows, and its lanes are picked for the
elements; what all rows have alike repeats with the period of a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil

from xdsl.ir import SSAValue

from cellc.targets.cpu.access import Access
from cellc.targets.cpu.body import BodyWriter
from cellc.targets.cpu.nest import Nest
from cellc.targets.cpu.nest_writer import NestWriter
from cellc.targets.cpu.writer import Writer

# Ops of all vectors of some rows at most.
_UNROLLED_OPS = 512


def column_loop(nest: Nest, rows: int) -> int | None:
    """The loop over a row's elements, the only long one after `rows`, of a nest that suits flat vectors; else None."""
    long = [d for d, extent in enumerate(nest.extents) if d > rows and extent != 1]
    if nest.reduced or nest.captured or len(long) != 1:
        return None
    columns, width = long[0], nest.extents[long[0]]
    if len(list(nest.body.ops)) * width > _UNROLLED_OPS:
        return None
    inputs = [(a.strides[rows], a.strides[columns]) for a in nest.inputs if a is not None]
    suit = all(strides in ((width, 1), (0, 1)) or strides[1] == 0 for strides in inputs)
    return columns if suit and all((a.strides[rows], a.strides[columns]) == (width, 1) for a in nest.outputs) else None


class FlatRows(NestWriter):
    """Writes `lanes` rows at a time: lane l of vector k is element k * lanes + l of them."""

    lanes_along_one_loop = False

    def __init__(
        self, writer: Writer, nest: Nest, lanes: int, rows: int, columns: int, fixed: Mapping[int, str]
    ) -> None:
        super().__init__(writer, nest, lanes)
        self._rows = rows
        self._columns = columns
        self._width = nest.extents[columns]
        self._number = 0
        for dim in range(len(nest.extents)):
            if dim not in (rows, columns):
                self.position[dim] = fixed.get(dim, writer.index(0))

    def write(self) -> None:
        """Writes all rows."""
        self.vector_loop(self._rows, self._some_rows)

    def _some_rows(self) -> None:
        """All vectors of one vector of rows."""
        count = self.vectors.count or self.vectors.lanes
        by_row = self._known_by_row()
        for number in range(ceil(count * self._width / self.vectors.lanes)):
            self._number = number
            elements = min(self.vectors.lanes, count * self._width - number * self.vectors.lanes)
            with self.vectors.masked(elements):
                self._known = {value: self._picked(row, str(value.type)) for value, row in by_row.items()}
                self.store(self.body(self._rows, self.arguments(self._rows)), self._rows)
        self._known = {}

    def _known_by_row(self) -> dict[SSAValue, str]:
        """What does not change along a row, one lane for each row."""
        same: dict[SSAValue, str] = {}
        for access, argument in zip(self.nest.inputs, self.nest.body.args, strict=False):
            if access is not None and access.strides[self._columns] == 0:
                same[argument] = super().load(access, self._rows)
        return BodyWriter(self.vectors, None, {}, self.nest.scalars).write_known(self.nest.body, same)

    def _picked(self, row: str, element: str) -> str:
        return self.vectors.assembled([row], [(0, place[0]) for place in self._places()], element)

    def _places(self) -> list[tuple[int, int]]:
        """The row and the column of each lane."""
        start = self._number * self.vectors.lanes
        return [divmod(element, self._width) for element in range(start, start + self.vectors.lanes)]

    def load(self, access: Access, dim: int | None) -> str:
        """Elements as they lie in memory, or those of all rows."""
        if access.strides[self._rows] == 0:
            return self._repeated(access)
        return self.vectors.load(self._flat(access), 1)

    def _flat(self, access: Access) -> Access:
        located = self.located(access)
        return replace(located, offset=located.offset + self._number * self.vectors.lanes)

    def _repeated(self, access: Access) -> str:
        """One row's elements, for each row again."""
        lanes, located = self.vectors.lanes, self.located(access)
        storage = access.buffer.storage
        stored, pieces = replace(located, buffer=replace(located.buffer, element=storage)), list[str]()
        for start in range(0, self._width, lanes):
            with self.vectors.masked(min(lanes, self._width - start)):
                pieces.append(self.vectors.load(replace(stored, offset=stored.offset + start), 1))
        places = [divmod(column, lanes) for _, column in self._places()]
        return self.vectors.from_storage(self.vectors.assembled(pieces, places, storage), access)

    def store_one(self, value: str, access: Access, dim: int | None) -> None:
        """Results as they lie in memory."""
        self.vectors.store(value, self._flat(access), 1)

    def loop_index(self, asked: int, dim: int | None) -> str:
        """The values of a loop, one per lane."""
        if asked not in (self._rows, self._columns):
            return super().loop_index(asked, None)
        kind, first = self.vectors.type("index"), self._start(asked)
        places = [place[asked == self._columns] for place in self._places()]
        steps = self.writer.pure(f"arith.constant dense<{places}> : {kind}")
        return self.writer.pure(f"arith.addi {self.vectors.broadcast(first, 'index')}, {steps} : {kind}")
