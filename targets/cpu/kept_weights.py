"""Which weights dropout keeps, made from their places for some rows and keys: a byte for each, in scratch.

Numbers of places that share work are made together, from a multiple of so many places on (`lane_numbers.py`). Those of
a row begin anywhere between two such multiples: what is made before its first key and behind its last one lands
between the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir.affine import AffineMap

from cellc.passes.element_places import over_flat_places
from cellc.passes.linalg_analysis import input_maps
from cellc.targets.cpu.access import Access, View, row_major
from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.nest import Nest, shape_of
from cellc.targets.cpu.nest_writer import NestWriter

# Places between rows: at least those of a group, and of a vector that a row ends in.
_BETWEEN = 64


class KeptWeights:
    """Writes what is kept of `rows` rows, as many as lie in scratch at a time, for up to `keys` keys each."""

    def __init__(self, kernel: KernelWriter, keep: GenericOp, rows: int, keys: int) -> None:
        self._writer, self._value = kernel.writer, keep.results[0]
        self._shape = shape_of(self._value)
        self._pitch = -(-(keys + _BETWEEN) // _BETWEEN) * _BETWEEN
        self._buffer = kernel.scratch("i1", _BETWEEN + rows * self._pitch)
        inputs = [
            kernel.view_of(value).access(AffineMap(1, 0, map_.results)) if argument.first_use is not None else None
            for value, map_, argument in zip(keep.inputs, input_maps(keep), keep.body.block.args, strict=False)
        ]
        place = Access(self._buffer, _BETWEEN, (1,))
        nest = Nest((prod(self._shape),), (False,), tuple(inputs), (place,), over_flat_places(keep))
        self._lanes = kernel.lanes(nest)
        self._group = max(self._lanes, nest.shared_iterations(0))
        self._nest_writer = NestWriter(kernel.writer, nest, self._lanes)

    def begin(self) -> None:
        """Computes what is the same for all places; `write` may follow wherever this is known."""
        nest_writer = NestWriter(self._writer, self._nest_writer.nest, self._lanes)
        nest_writer.compute_before([0])
        self._nest_writer = nest_writer

    def write(self, first: str, rows: int, position: Callable[[str], Sequence[str]], columns: str) -> None:
        """Makes rows `first` to `first` + `rows` of a tensor for `columns` keys from `position(row)` on: the indices of
        the row's first key."""

        def of_row(slot: str, _: list[str]) -> list[str]:
            self._row(slot, position(self._writer.add(first, slot)), columns)
            return []

        self._writer.loop((self._writer.index(0), self._writer.index(rows), 1), of_row)

    def _row(self, slot: str, position: Sequence[str], columns: str) -> None:
        writer, nest_writer = self._writer, self._nest_writer
        first = writer.linear(0, list(zip(position, row_major(self._shape), strict=True)))
        behind = writer.pure(f"arith.remui {first}, {writer.index(self._group)} : index")
        start = writer.pure(f"arith.subi {first}, {behind} : index")
        place = Access(self._buffer, _BETWEEN, (1,), ((slot, self._pitch), (first, -1)))
        nest_writer.nest = replace(nest_writer.nest, outputs=(place,))

        def one_vector() -> None:
            nest_writer.store(nest_writer.body(0, nest_writer.arguments(0)), 0)

        def group(index: str, _: list[str]) -> list[str]:
            if self._group > self._lanes:
                nest_writer.together(0, index, self._group, one_vector)
            else:
                nest_writer.at(0, index, one_vector)
            return []

        writer.loop((start, writer.add(first, columns), self._group), group)

    def at(self, slot: int) -> Access:
        """The first key of row `slot` of those that were made last."""
        return Access(self._buffer, _BETWEEN + slot * self._pitch, ())

    def place(self, kernel: KernelWriter, row: str, key: str) -> None:
        """Lets ops read what is kept from the scratch, which begins with that row and that key."""
        strides = (*(0,) * (len(self._shape) - 2), self._pitch, 1)
        terms = ((row, -self._pitch), (key, -1))
        kernel.views[self._value] = View(self._buffer, self._shape, strides, _BETWEEN, terms)


@dataclass(frozen=True)
class KeptKeys:
    """What is kept for a block of keys from `first` on, of the batch indices `batch`."""

    weights: KeptWeights
    batch: Sequence[str]
    first: str

    def write(self, row: str, rows: int, columns: str) -> None:
        """Makes `rows` rows from `row` on, of `columns` keys each."""
        self.weights.write(row, rows, lambda index: [*self.batch, index, self.first], columns)
