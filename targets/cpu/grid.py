"""Grids: how the iterations of parallel loops are cut into blocks. Shapes alone decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod

from cellc.targets.cpu.writer import Writer

BLOCK_WORK = 16384


@dataclass(frozen=True)
class Grid:
    """Blocks over loops 0..len(extents)-1: one index of each but the last, and `chunk` of the last."""

    extents: tuple[int, ...]
    chunk: int

    @property
    def blocks(self) -> int:
        """The number of blocks; 1 for a grid without loops."""
        if not self.extents:
            return 1
        return prod(self.extents[:-1]) * ceil(self.extents[-1] / self.chunk)

    def ranges(self, writer: Writer, block: str) -> list[tuple[str, str]]:
        """The (lower, upper) of each loop in `block`."""
        if not self.extents:
            return []
        chunks = ceil(self.extents[-1] / self.chunk)
        rest, part = divide(writer, block, chunks)
        lower = writer.linear(0, [(part, self.chunk)])
        upper = writer.linear(self.chunk, [(part, self.chunk)])
        if self.extents[-1] % self.chunk:
            upper = writer.pure(f"arith.minsi {upper}, {writer.index(self.extents[-1])} : index")
        ranges = [(lower, upper)]
        for extent in reversed(self.extents[:-1]):
            rest, index = divide(writer, rest, extent)
            ranges.insert(0, (index, writer.linear(1, [(index, 1)])))
        return ranges


def chunk_ranges(writer: Writer, block: str, loops: Sequence[tuple[int, int]]) -> tuple[int, list[tuple[str, str]]]:
    """The number of blocks of chunks, given (extent, chunk) of each loop, and the (lower, upper) of each in `block`."""
    blocks, ranges = 1, list[tuple[str, str]]()
    for extent, chunk in reversed(loops):
        parts = ceil(extent / chunk)
        blocks *= parts
        block, part = divide(writer, block, parts)
        upper = writer.linear(chunk, [(part, chunk)])
        if extent % chunk:
            upper = writer.pure(f"arith.minsi {upper}, {writer.index(extent)} : index")
        ranges.insert(0, (writer.linear(0, [(part, chunk)]), upper))
    return blocks, ranges


def divide(writer: Writer, value: str, by: int) -> tuple[str, str]:
    """Quotient and remainder of an index."""
    if by == 1:
        return value, writer.index(0)
    divisor = writer.index(by)
    quotient = writer.pure(f"arith.divui {value}, {divisor} : index")
    return quotient, writer.pure(f"arith.remui {value}, {divisor} : index")


def make_grid(extents: Sequence[int], inner: int = 1, step: int = 1, work: int = BLOCK_WORK) -> Grid:
    """Blocks of about `work` units.

    Every iteration of `extents` costs `inner` units. Where the last loop is cut, the chunk is a
    multiple of `step`.
    """
    for last in range(len(extents)):
        size = prod(extents[last + 1 :]) * inner
        final = last == len(extents) - 1
        if size <= work or final:
            return Grid(tuple(extents[: last + 1]), _chunk(extents[last], size, step if final else 1, work))
    return Grid((), 1)


def _chunk(extent: int, size: int, step: int, work: int) -> int:
    most = max(1, work // max(1, size))
    parts = max(1, ceil(extent / most))
    return max(1, ceil(ceil(extent / parts) / step) * step)
