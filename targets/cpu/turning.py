"""Rows of a matrix in memory turned into vectors of its columns, in registers, and back.

Rows are read in pieces of 16 bytes. A vector is made of such pieces, of as many rows, by loads that insert them;
what is left to turn are squares within 16 bytes. The last piece of a row may overlap the one before it. Writing pieces
would fill the store buffer, so rows are turned whole and stored as one. Rows that are shorter than a piece, or hardly
longer, are read and written as whole vectors, and each column is picked from all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cellc.targets.cpu.access import Access
from cellc.targets.cpu.vectors import ITEM_BYTES, WOVEN, Vectors, vector_type

_PIECE_BYTES = 16


@dataclass(frozen=True)
class Turning:
    """Rows of `width` elements of type `storage` that lie one after the other."""

    vectors: Vectors
    width: int
    storage: str

    @property
    def _piece(self) -> int:
        """Elements of a piece."""
        return min(self.vectors.lanes, _PIECE_BYTES // ITEM_BYTES[self.storage])

    @property
    def _is_woven(self) -> bool:
        return self.width < self._piece or self.width <= max(WOVEN, self.vectors.lanes // 3)

    def columns(self, memory: Access, count: int) -> list[str]:
        """Vectors of the columns of `count` rows, the first of which begins at `memory`; more lanes hold anything."""
        if self._is_woven:
            return self._unwoven(memory, count)
        found: dict[int, str] = {}
        for first in range(0, self.width, self.vectors.lanes):
            length = min(self.vectors.lanes, self.width - first)
            if self._is_whole(length):
                found |= dict(enumerate(self._whole(_moved(memory, first), length, count), first))
                continue
            for start in self._starts(first, length):
                lines = [self._line(memory, number, start, count) for number in range(self._piece)]
                found |= dict(enumerate(self._turned(lines), start))
        return [found[column] for column in range(self.width)]

    def _is_whole(self, length: int) -> bool:
        """Whether so many columns are better turned as one square: with more than three quarters of many pieces."""
        lanes = self.vectors.lanes
        return lanes > 2 * self._piece and 4 * length > 3 * lanes

    def _whole(self, memory: Access, length: int, count: int) -> list[str]:
        """The columns of one square; rows after the last are the first."""
        with self.vectors.masked(length):
            lines = [self.vectors.load(_moved(memory, row * self.width), 1) for row in range(count)]
        return self.vectors.transpose(lines + lines[:1] * (self.vectors.lanes - count), self.storage)[:length]

    def store(self, columns: Sequence[str], memory: Access, count: int) -> None:
        """Writes `count` rows, given their columns."""
        if self._is_woven:
            self._store_woven(columns, memory, count)
            return
        lanes = self.vectors.lanes
        for start in range(0, self.width, lanes):
            part = [*columns[start : start + lanes]]
            lines = self.vectors.transpose(part + part[:1] * (lanes - len(part)), self.storage)
            with self.vectors.masked(len(part)):
                for row in range(count):
                    self.vectors.store(lines[row], _moved(memory, row * self.width + start), 1)

    def _starts(self, first: int, length: int) -> list[int]:
        """The columns at which pieces begin that hold `length` columns; the last may begin before the first of them."""
        whole = range(first, first + length - self._piece + 1, self._piece)
        return [*whole, first + length - self._piece] if length % self._piece else [*whole]

    def _rows(self, number: int) -> range:
        """The rows that have a piece in line `number`: after the turn, the lanes of a vector are rows in order."""
        return range(number, self.vectors.lanes, self._piece)

    def _line(self, memory: Access, number: int, start: int, count: int) -> str:
        """One vector of pieces that begin at column `start`; rows after the last are the last."""
        writer, kind, width = self.vectors.writer, memory.buffer.type, self._piece
        places = [memory.offset + min(row, count - 1) * self.width + start for row in self._rows(number)]
        indices = [writer.linear(place, memory.terms) for place in places]
        part = vector_type(width, self.storage)
        parts = [writer.value(f"vector.load {memory.buffer.name}[{i}] : {kind}, {part}") for i in indices]
        while len(parts) > 1:
            part, lanes = vector_type(width, self.storage), list(range(2 * width))
            pairs = zip(parts[::2], parts[1::2], strict=True)
            parts = [writer.pure(f"vector.shuffle {a}, {b} {lanes} : {part}, {part}") for a, b in pairs]
            width *= 2
        return parts[0]

    def _turned(self, lines: Sequence[str], group: int = 1) -> list[str]:
        """The squares within all pieces turned: pairs of lines interleaved, then pairs of pairs, and so on."""
        if len(lines) == 1:
            return list(lines)
        halves = []
        for half in (0, self._piece // 2):
            lanes = self._interleaved(half, group)
            pairs = zip(lines[::2], lines[1::2], strict=True)
            halves.append([self.vectors.shuffle(a, b, lanes, self.storage) for a, b in pairs])
        return [line for half in halves for line in self._turned(half, 2 * group)]

    def _interleaved(self, half: int, group: int) -> list[int]:
        """Groups of lanes of two vectors in turn, of the half of each piece that begins at `half`."""
        lanes: list[int] = []
        for piece in range(0, self.vectors.lanes, self._piece):
            for start in range(piece + half, piece + half + self._piece // 2, group):
                other = self.vectors.lanes + start
                lanes += [*range(start, start + group), *range(other, other + group)]
        return lanes

    def _unwoven(self, memory: Access, count: int) -> list[str]:
        lanes, width = self.vectors.lanes, self.width
        loaded = []
        for start in range(0, count * width, lanes):
            with self.vectors.masked(min(lanes, count * width - start)):
                loaded.append(self.vectors.load(_moved(memory, start), 1))
        last = count * width - 1
        places = [[divmod(min(row * width + c, last), lanes) for row in range(lanes)] for c in range(width)]
        return [self.vectors.assembled(loaded, place, self.storage) for place in places]

    def _store_woven(self, columns: Sequence[str], memory: Access, count: int) -> None:
        lanes, total = self.vectors.lanes, count * self.width
        for start in range(0, total, lanes):
            places = [(element % self.width, element // self.width) for element in range(start, start + lanes)]
            line = self.vectors.assembled(columns, places, self.storage)
            with self.vectors.masked(min(lanes, total - start)):
                self.vectors.store(line, _moved(memory, start), 1)


def _moved(memory: Access, elements: int) -> Access:
    return Access(memory.buffer, memory.offset + elements, (), memory.terms)
