"""The end of a register tile: the epilogue on its sums, and the stores."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from xdsl.ir import Block

from cellc.targets.cpu.access import Access, Buffer
from cellc.targets.cpu.body import BodyWriter
from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.nest_writer import NestWriter
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.register_tile import Tiling

# Longer epilogues are a loop over the tile's vectors, which then wait in scratch; shorter ones are written for each.
# After so many terms that the wait takes no time beside them, fewer ops are a loop: it is much less code.
_SHORT_EPILOGUE, _SHORT_AFTER_MANY_TERMS = 8, 4
_MANY_TERMS = 256

# Where a vector of sums belongs: constant offsets from the tile's start along some loops, and its number across.
Place = tuple[Mapping[int, int], int]


@dataclass(frozen=True)
class Offsets:
    """From a tile's start, along some loops: constants, and index values that are added to them."""

    constant: Mapping[int, int]
    added: Mapping[int, str] = field(default_factory=dict)


class TileFinisher:
    """Writes what becomes of the sums of the tile at the current position of `nest_writer`."""

    def __init__(self, kernel: KernelWriter, product: Product, tiling: Tiling, nest_writer: NestWriter) -> None:
        self._kernel = kernel
        self._product, self._nest = product, product.nest
        self._tiling = tiling
        self._nest_writer = nest_writer
        self._writer = nest_writer.writer
        self._vectors = nest_writer.vectors
        size = max(tiling.sums, tiling.lanes) * tiling.lanes
        self._waiting = kernel.scratch(product.element, size) if _is_long(product) else None
        self._panel_start = ""
        self._width = 0

    def panel(self, start: str, width: int) -> None:
        """Says which columns follow."""
        self._panel_start, self._width = start, width

    @contextmanager
    def part(self, start: str, width: int) -> Iterator[None]:
        """Inside, the panel is `width` of its columns, from the index value `start` on."""
        saved = self._panel_start, self._width
        self.panel(self._writer.add(self._panel_start, start), width)
        yield
        self.panel(*saved)

    def finish(self, rows: int, places: Sequence[Place], sums: Sequence[str]) -> None:
        """Stores a tile of sums, lanes along the loop that the result is contiguous in."""
        lane_dim, tile_dim, output = self._tiling.lane_dim, self._tiling.tile_dim, self._nest.outputs[0]
        if output.strides[lane_dim] != 1 and tile_dim is not None and output.strides[tile_dim] == 1 and rows > 1:
            self._turned(tile_dim, places, sums)
        elif self._waiting is not None and tile_dim is not None and rows > 1:
            self._row_by_row(self._waiting, tile_dim, rows, sums)
        else:
            for value, (offsets, number) in zip(sums, places, strict=True):
                self._across(value, number, Offsets(offsets))

    def _across(self, value: str, number: int, offsets: Offsets) -> None:
        """Vector `number` of a row, lanes along the loop of the panel."""
        lanes, dim = self._tiling.lanes, self._tiling.lane_dim
        place = Offsets({**offsets.constant, dim: number * lanes}, offsets.added)
        self._vector(value, dim, place, min(lanes, self._width - number * lanes))

    def _row_by_row(self, waiting: Buffer, tile_dim: int, rows: int, sums: Sequence[str]) -> None:
        lanes, second_dim = self._tiling.lanes, self._tiling.second_dim
        count = len(sums) // (rows * self._tiling.second)
        self._store_waiting(waiting, sums)
        for second in range(self._tiling.second):
            constant = {} if second_dim is None else {second_dim: second}

            def row(index: str, _: list[str], second: int = second, constant: dict[int, int] = constant) -> list[str]:
                for number in range(count):
                    first = (second * rows * count + number) * lanes
                    value = self._vectors.load(Access(waiting, first, (), ((index, count * lanes),)), 1)
                    self._across(value, number, Offsets(constant, {tile_dim: index}))
                return []

            self._writer.loop((self._writer.index(0), self._writer.index(rows), 1), row)

    def _turned(self, tile_dim: int, places: Sequence[Place], sums: Sequence[str]) -> None:
        """Turns lanes x rows in registers, for each vector across and each index of the second loop."""
        lane_dim, lanes = self._tiling.lane_dim, self._tiling.lanes
        groups: dict[tuple[tuple[tuple[int, int], ...], int], list[str]] = {}
        for value, (offsets, number) in zip(sums, places, strict=True):
            start = {**offsets, tile_dim: offsets[tile_dim] // lanes * lanes, lane_dim: number * lanes}
            groups.setdefault((tuple(start.items()), number), []).append(value)
        for (items, number), group in groups.items():
            self.turn(tile_dim, dict(items), number, group)

    def turn(self, dim: int, start: Mapping[int, int], number: int, rows: list[str]) -> None:
        """Stores vector `number` of at most `lanes` rows along loop `dim`, from offsets `start` on."""
        lanes = self._tiling.lanes
        if len(rows) == 1:
            # Not turned: LLVM 22 for AVX-512 can store wrong lanes of a vector that is shuffled with itself.
            self._across(rows[0], number, Offsets(start))
            return
        turned = self._vectors.transpose(rows + [rows[0]] * (lanes - len(rows)), self._product.element)
        self._columns(dim, start, len(rows), turned[: self._width - number * lanes])

    def _columns(self, tile_dim: int, start: Mapping[int, int], valid: int, columns: Sequence[str]) -> None:
        """Columns from `start` on, lanes along the tile's loop."""
        lane_dim, waiting = self._tiling.lane_dim, self._waiting
        if waiting is None:
            for i, column in enumerate(columns):
                self._vector(column, tile_dim, Offsets({**start, lane_dim: start[lane_dim] + i}), valid)
            return
        self._store_waiting(waiting, columns)

        def column_at(index: str, _: list[str]) -> list[str]:
            value = self._vectors.load(Access(waiting, 0, (), ((index, self._tiling.lanes),)), 1)
            self._vector(value, tile_dim, Offsets(start, {lane_dim: index}), valid)
            return []

        self._writer.loop((self._writer.index(0), self._writer.index(len(columns)), 1), column_at)

    def _store_waiting(self, waiting: Buffer, values: Sequence[str]) -> None:
        for i, value in enumerate(values):
            self._vectors.store(value, Access(waiting, i * self._tiling.lanes, ()), 1)

    def _vector(self, value: str, dim: int, offsets: Offsets, valid: int) -> None:
        """The epilogue and store of `valid` lanes along loop `dim`."""
        with self._vectors.masked(valid):
            values = [value]
            if self._product.epilogue is not None:
                values = self._epilogue(self._product.epilogue, value, dim, offsets)
            for result, access in zip(values, self._nest.outputs, strict=True):
                if not access.buffer.name:
                    continue  # a result that nothing reads
                self._vectors.store(result, self._moved(access, offsets), access.strides[dim])

    def _epilogue(self, body: Block, value: str, dim: int, offsets: Offsets) -> list[str]:
        arguments = []
        for i, access in enumerate(self._nest.inputs[2:]):
            if i in self._product.sums:
                arguments.append(value)
            elif access is None:
                arguments.append("")
            else:
                arguments.append(self._vectors.load(self._moved(access, offsets), access.strides[dim]))
        arguments += [""] * len(self._nest.outputs)
        nest = self._nest
        writer = BodyWriter(self._vectors, lambda d: self._loop_index(d, dim, offsets), nest.captured, nest.scalars)
        return writer.write(body, arguments)

    def _moved(self, access: Access, offsets: Offsets) -> Access:
        for dim, offset in offsets.constant.items():
            access = access.shifted(dim, offset)
        for dim, index in offsets.added.items():
            access = access.at(dim, index)
        return self._nest_writer.located(access.at(self._tiling.lane_dim, self._panel_start))

    def _loop_index(self, asked: int, dim: int, offsets: Offsets) -> str:
        start = self._panel_start if asked == self._tiling.lane_dim else self._nest_writer.position[asked]
        assert start is not None
        start = self._writer.linear(offsets.constant.get(asked, 0), [(start, 1)])
        for more in (offsets.added.get(asked), self._nest.starts.get(asked)):
            start = start if more is None else self._writer.add(start, more)
        return self._vectors.lane_indices(start) if asked == dim else self._vectors.broadcast(start, "index")


def _is_long(product: Product) -> bool:
    """Whether the epilogue is written once, in a loop."""
    many = product.nest.terms >= _MANY_TERMS
    short = _SHORT_AFTER_MANY_TERMS if many else _SHORT_EPILOGUE
    return product.epilogue is not None and len(list(product.epilogue.ops)) > short
