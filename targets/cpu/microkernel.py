"""The inner loops of a product: a register tile of sums, one reduction step at a time."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import ceil

from cellc.targets.cpu.access import Access
from cellc.targets.cpu.body import BodyWriter
from cellc.targets.cpu.factor import GROUP, Factor, Prologue
from cellc.targets.cpu.footprint import LINE
from cellc.targets.cpu.nest_writer import NestWriter, Range
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.register_tile import Tiling
from cellc.targets.cpu.scratch_copies import PAGE
from cellc.targets.cpu.sliding_rows import at_tap, lines_of, slides, taps_of
from cellc.targets.cpu.vectors import ITEM_BYTES, bytes_of

# The innermost reduction loop is written out where it is this short; with few registers, what is then loaded
# ahead would push sums out of them.
_UNROLLED, _MANY_REGISTERS = 4, 32
# Steps from which on loops are in groups.
_LONG = 32
# Rows that so many panels read are in the level 2 cache for all but the first; what is larger is not there before.
_FEW_PANELS, _L2_BYTES = 4, 1 << 20
# What does not stay in the L1 cache is asked for so many bytes before it is read.
_AHEAD_BYTES = 2048


# (Number of the factor, index of the tile's loop, index of its second loop), and the vectors read there.
Place = tuple[int, int, int]
Loaded = dict[Place, list[str]]


class MicroKernel:
    """Writes sums at the current position of `nest_writer`.

    `vector` is read along lanes, `scalar` is broadcast unless it has a stride along lanes too.
    """

    def __init__(self, nest_writer: NestWriter, product: Product, tiling: Tiling) -> None:
        self._nest_writer = nest_writer
        self._writer = nest_writer.writer
        self._vectors = nest_writer.vectors
        self._product = product
        self._tiling = tiling
        self._type = self._vectors.type(product.element)
        self._unrolled = _UNROLLED if tiling.registers >= _MANY_REGISTERS else 1

    def sums(
        self, vector: Factor, scalar: Factor, rows: int, width: int, initial: list[str], ranges: dict[int, Range]
    ) -> list[str]:
        """`initial` plus the reduction in `ranges`, in the order of `Tiling`'s loops: second, tile, lanes.

        `rows` are those of `tile_dim`, fewer in the last tile. A range is as long as a vector has lanes, or a multiple,
        or ends where the loop does.
        """

        if slides(self._product, self._tiling):
            return self._sliding_sums(vector, scalar, rows, width, initial)
        asks: Sequence[Callable[[], None]] | None = None
        if width < self._tiling.width:
            vector = replace(vector, following=None)  # the last panel
        elif rows == self._tiling.tile and vector.kept is None and self._in_groups(ranges) and not self._is_far(vector):
            vector, asks = _asking_in_groups(vector)
            if self._rows_wait(scalar):
                asks = (*asks, lambda: self._ask_next_tile(scalar.access))

        def step(carried: list[str]) -> list[str]:
            return self._multiply_add(vector, scalar, rows, width, carried)

        return self._loops(self._product.nest.reduced, ranges, initial, step, asks)

    def _in_groups(self, ranges: dict[int, Range]) -> bool:
        """Whether `GROUP` steps of the innermost reduction loop are written out."""
        reduced = self._product.nest.reduced
        extent = self._product.nest.extents[reduced[-1]] if reduced else 1
        whole = not reduced or reduced[-1] not in ranges or self._tiling.lanes % GROUP == 0  # f64 may have two lanes
        return whole and extent >= _LONG and extent % GROUP == 0

    def _is_far(self, vector: Factor) -> bool:
        """Whether steps are read from pages of their own, of a matrix that no level 2 cache holds.

        Processors foresee what one load reads, step after step, and not what the loads of several steps do in turn."""
        access = vector.access
        own = access.buffer == self._product.factors[self._tiling.vector_factor].access.buffer
        apart = all(access.strides[d] >= PAGE for d in self._product.nest.reduced)
        return own and apart and bytes_of(access.buffer) > _L2_BYTES

    def _sliding_sums(self, vector: Factor, scalar: Factor, rows: int, width: int, initial: list[str]) -> list[str]:
        """All taps of windows that slide over an image, line by line (`sliding_rows.py`)."""
        reduced, dim = self._product.nest.reduced, self._tiling.tile_dim
        sums, count = list(initial), len(initial) // rows
        assert dim is not None
        taps = {
            tap: self.broadcast(scalar.moved(partial(at_tap, reduced=reduced, tap=tap)))
            for tap in taps_of(self._product)
        }
        for readers in lines_of(self._product, self._tiling, rows):
            row, tap = readers[0]
            place = vector.shifted(dim, row).moved(partial(at_tap, reduced=reduced, tap=tap))
            loaded = [self._lanes_of(place, j, width) for j in range(count)]
            for row, tap in readers:
                for j in range(count):
                    number = row * count + j
                    sums[number] = self.multiply_add(taps[tap], loaded[j], sums[number])
        return sums

    def _loops(
        self,
        dims: Sequence[int],
        ranges: dict[int, Range],
        carried: list[str],
        inner: Callable[[list[str]], list[str]],
        asks: Sequence[Callable[[], None]] | None = None,
    ) -> list[str]:
        """Loops around `inner`; the innermost one in groups of steps, which begin with `asks`, if there are groups."""
        if not dims:
            return inner(carried)
        dim, extent = dims[0], self._product.nest.extents[dims[0]]

        def body(index: str, values: list[str]) -> list[str]:
            saved, self._nest_writer.position[dim] = self._nest_writer.position[dim], index
            following = self._loops(dims[1:], ranges, values, inner, asks)
            self._nest_writer.position[dim] = saved
            return following

        if dim not in ranges and len(dims) == 1 and extent <= self._unrolled:
            for i in range(extent):
                carried = body(self._writer.index(i), carried)
            return carried
        lower, upper = ranges.get(dim) or self._nest_writer.whole(dim)
        types = [self._type] * len(carried)
        if len(dims) > 1 or asks is None:
            return self._writer.loop((lower, upper, 1), body, carried, types)

        def group(start: str, values: list[str]) -> list[str]:
            for ask in asks:
                self._nest_writer.at(dim, start, ask)
            for number in range(GROUP):
                values = body(self._writer.linear(number, [(start, 1)]), values)
            return values

        return self._writer.loop((lower, upper, GROUP), group, carried, types)

    def _multiply_add(self, vector: Factor, scalar: Factor, rows: int, width: int, sums: list[str]) -> list[str]:
        count = len(sums) // (rows * self._tiling.second)
        for factor, size in ((vector, width), (scalar, rows)):
            if factor.streamed:
                self._ask_lines(self._nest_writer.located(factor.access), size, _AHEAD_BYTES)
        if vector.following is not None:
            vector.following.step()
        following: list[str] = []
        loaded: Loaded = {}
        for second in range(self._tiling.second):
            for row in range(rows):
                left, right = (
                    self._row_of(factor, loaded, (number, row, second), count, width)
                    for number, factor in enumerate((vector, scalar))
                )
                for j in range(count):
                    following.append(self.multiply_add(right[j], left[j], sums[len(following)]))
        return following

    def _rows_wait(self, scalar: Factor) -> bool:
        """Whether rows that lie apart come from memory for each panel, or do not stay in the L1 cache."""
        tile, nest, dim, rows = self._tiling, self._product.nest, self._tiling.tile_dim, scalar.access
        if dim is None or tile.second_dim is not None or not 1 < tile.tile <= LINE or scalar.streamed:
            return False
        if rows.strides[nest.reduced[-1]] != 1 or rows.strides[dim] < LINE:
            return False
        seldom = nest.extents[tile.lane_dim] <= _FEW_PANELS * tile.width or rows.strides[dim] % PAGE == 0
        return seldom and bytes_of(rows.buffer) > _L2_BYTES

    def _ask_next_tile(self, rows: Access) -> None:
        """Prefetches the rows of the next tile: in every `LINE` steps a line of each of them, some in each group."""
        writer, dim, nest, tile = self._writer, self._tiling.tile_dim, self._product.nest, self._tiling.tile
        position = self._nest_writer.position[nest.reduced[-1]]
        assert dim is not None
        assert position is not None
        each = ceil(tile * GROUP / LINE)
        step = writer.pure(f"arith.andi {position}, {writer.index(LINE - 1)} : index")
        group = writer.pure(f"arith.shrui {step}, {writer.index(GROUP.bit_length() - 1)} : index")
        first = writer.linear(0, [(group, each)])
        first = writer.pure(f"arith.minui {first}, {writer.index(tile - each)} : index")
        place = self._nest_writer.located(rows).moved((first, rows.strides[dim]), (step, -1))
        for row in range(each):
            self._vectors.fetch(place, (tile + row) * rows.strides[dim])

    def _ask_lines(self, access: Access, count: int, ahead: int) -> None:
        """Prefetches the cache lines of `count` elements that lie `ahead` bytes further on."""
        item = ITEM_BYTES[access.buffer.element]
        for start in range(0, count * item, LINE * ITEM_BYTES["f32"]):
            self._vectors.fetch(access, (ahead + start) // item)

    def _row_of(self, factor: Factor, loaded: Loaded, place: Place, count: int, width: int) -> list[str]:
        """The vectors of a factor in one row of a tile, each loaded once."""
        strides, key, moved = factor.access.strides, [place[0]], factor
        for dim, index in zip((self._tiling.tile_dim, self._tiling.second_dim), place[1:], strict=True):
            varies = dim is not None and strides[dim] != 0
            key.append(index if varies else 0)
            moved = moved.shifted(dim, index) if dim is not None and varies else moved
        number, row, second = key
        if (number, row, second) not in loaded:
            if strides[self._tiling.lane_dim] == 0:
                vectors = [self.broadcast(moved)] * count
            else:
                vectors = [self._lanes_of(moved, j, width) for j in range(count)]
            if factor.kept is not None:
                self._keep(factor.kept, vectors)
            loaded[number, row, second] = vectors
        return loaded[number, row, second]

    def _keep(self, panel: Access, vectors: list[str]) -> None:
        """Stores a step of a panel."""
        for j, vector in enumerate(vectors):
            place = panel.shifted(self._tiling.lane_dim, j * self._tiling.lanes)
            self._vectors.store(vector, self._nest_writer.located(place), 1)

    def _lanes_of(self, factor: Factor, j: int, width: int) -> str:
        """Vector `j` of a panel of `width` columns."""
        lanes, dim = self._tiling.lanes, self._tiling.lane_dim
        rest = width < (j + 1) * lanes and factor.access.buffer.name[:2] != "%s"
        return self.load(factor.shifted(dim, j * lanes), dim, width - j * lanes if rest else None)

    def load(self, factor: Factor, dim: int, count: int | None = None) -> str:
        """A vector along loop `dim`, widened or made; the first `count` lanes only, if given."""
        if factor.prologue is not None:
            return self._made(factor, factor.prologue, lambda access: self._load(access, access.strides[dim], count))
        loaded = self._load(factor.access, factor.access.strides[dim], count)
        return factor.widened(self._writer, loaded, self._tiling.lanes, self._product.element)

    def _load(self, access: Access, stride: int, count: int | None = None) -> str:
        located = self._nest_writer.located(access)
        if count is None:
            return self._vectors.load(located, stride)
        with self._vectors.masked(count):
            return self._vectors.load(located, stride)

    def _made(self, factor: Factor, prologue: Prologue, load: Callable[[Access], str]) -> str:
        """A vector of what the ops of a prologue make; the argument for what its output holds is not used."""
        arguments = ["" if access is None else load(access) for access in prologue.inputs]
        (made,) = BodyWriter(self._vectors).write(prologue.body, [*arguments, ""])
        return factor.widened(self._writer, made, self._tiling.lanes, self._product.element)

    def broadcast(self, factor: Factor) -> str:
        """One element, widened or made, in all lanes."""
        if factor.prologue is not None:
            return self._made(factor, factor.prologue, lambda access: self._load(access, 0))
        located, buffer = self._nest_writer.located(factor.access), factor.access.buffer
        base = self._writer.linear(located.offset, located.terms)
        scalar = self._writer.pure(f"memref.load {buffer.name}[{base}] : {buffer.type}")
        if factor.extension is not None:
            scalar = self._writer.pure(f"{factor.extension} {scalar} : {buffer.element} to {self._product.element}")
        return self._vectors.broadcast(scalar, self._product.element)

    def multiply_add(self, left: str, right: str, total: str) -> str:
        """left * right + total."""
        if self._product.element[0] != "i":
            return self._writer.pure(f"vector.fma {left}, {right}, {total} : {self._type}")
        product = self._writer.pure(f"arith.muli {left}, {right} : {self._type}")
        return self._writer.pure(f"arith.addi {total}, {product} : {self._type}")

    def add(self, left: str, right: str) -> str:
        """left + right."""
        kind = "arith.addi" if self._product.element[0] == "i" else "arith.addf"
        return self._writer.pure(f"{kind} {left}, {right} : {self._type}")

    def dots(self, vector: Factor, scalar: Factor, width: int) -> str:
        """One vector of `width` sums, each taken with lanes along the reduction loop `dot_dim`."""
        dim, lanes = self._tiling.dot_dim, self._tiling.lanes
        assert dim is not None
        zero = self._vectors.constant(0, self._product.element)
        outer = [d for d in self._product.nest.reduced if d != dim]
        sums = self._loops(outer, {}, [zero] * width, lambda carried: self._dot_row(vector, scalar, dim, carried))
        columns = self._vectors.transpose(sums + [zero] * (lanes - width), self._product.element)
        while len(columns) > 1:
            columns = [self.add(a, b) for a, b in zip(columns[::2], columns[1::2], strict=True)]
        return self.add(self._vectors.constant(self._product.initial, self._product.element), columns[0])

    def _dot_row(self, vector: Factor, scalar: Factor, dim: int, carried: list[str]) -> list[str]:
        lanes, extent = self._tiling.lanes, self._product.nest.extents[dim]
        full, rest = extent - extent % lanes, extent % lanes

        def body(index: str, values: list[str], count: int | None = None) -> list[str]:
            saved, self._nest_writer.position[dim] = self._nest_writer.position[dim], index
            common = self.load(scalar, dim, count)
            following = []
            for column, total in enumerate(values):
                other = self.load(vector.shifted(self._tiling.lane_dim, column), dim, count)
                following.append(self.multiply_add(common, other, total))
            self._nest_writer.position[dim] = saved
            return following

        bounds = (self._writer.index(0), self._writer.index(full), lanes)
        carried = self._writer.loop(bounds, body, carried, [self._type] * len(carried))
        if not rest:
            return carried
        mask = self._vectors.first_lanes(rest)
        types = f"{self._vectors.type('i1')}, {self._type}"
        pairs = zip(body(self._writer.index(full), carried, rest), carried, strict=True)
        return [self._writer.pure(f"arith.select {mask}, {added}, {kept} : {types}") for added, kept in pairs]


def _asking_in_groups(vector: Factor) -> tuple[Factor, Sequence[Callable[[], None]]]:
    """A factor, and what is asked for once for a group of steps and no longer in each of them."""
    if vector.following is None or vector.following.group is None:
        return vector, ()
    return replace(vector, following=None), (vector.following.group,)
