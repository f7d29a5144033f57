"""What tiles ask for while they multiply: the source of the panel that will be packed next, or steps to come, and what
the epilogue will read, as an optimizer reads parameters beside their gradients.

A copy waits for memory, a multiplication does not use it. The steps of all tiles of a block ask for a part of the lines
each: many at a time would wait for each other. Where few rows use a panel, it is read where it lies; a reduction step
is often in a page of its own then, which no processor foresees.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, gcd, prod

from cellc.targets.cpu.access import Access, row_major
from cellc.targets.cpu.factor import GROUP, Asking, Factor
from cellc.targets.cpu.footprint import LINE
from cellc.targets.cpu.nest import Nest
from cellc.targets.cpu.nest_writer import NestWriter, Range
from cellc.targets.cpu.pieces import Pieces, extents_of
from cellc.targets.cpu.product import Product
from cellc.targets.cpu.register_tile import Tiling, rows_of
from cellc.targets.cpu.vectors import ITEM_BYTES, TO_L2, bytes_of

# Multiply-adds of a step behind which computing an address is free.
_MANY_SUMS = 16
# The same where lines lie side by side.
_SUMS_BEHIND = 12
# Steps for each line from which on they are asked for slowly: with fewer it is better to ask for all of them soon.
_SLOWLY = 4
# Lines that are asked for at once: more would keep those that are being multiplied waiting.
_FEW_LINES = 4
# Elements after which lines take each other's place in a level 2 cache, and how many then stay.
_PERIOD, _STAY = 1 << 15, 8
# Steps to ask for ahead, of factors that are too large to be in a cache still; few rows are held up by asking.
_STEPS_AHEAD, _CACHE_BYTES, _CACHE_BYTES_FOR_FEW, _FEW_ROWS = 32, 1 << 19, 1 << 20, 4
# Bytes of a factor that is asked for run by run: smaller ones stay in a level 2 cache.
_RUNS_BYTES = 1 << 20
# What an epilogue reads that is at least so large is not in a level 2 cache; with more steps it waits for little.
_FAR_BYTES, _MOST_STEPS = 1 << 18, 1024


@dataclass(frozen=True)
class Rows:
    """The rows of a block: of the loops `shared` those in `ranges`, at most `chunks` of each, in `pieces` of a sum."""

    shared: Sequence[int]
    chunks: Mapping[int, int]
    ranges: dict[int, Range]
    pieces: Pieces | None

    def extents(self, product: Product) -> list[int]:
        """Of the reduction loops, in one piece."""
        return extents_of(product.nest, self.pieces)


@dataclass(frozen=True)
class Lines:
    """Line n of `count` lies at n // `inner` * `outer_stride` + n % `inner` * `inner_stride` elements."""

    count: int
    inner: int
    outer_stride: int
    inner_stride: int


def lines_of_panel(product: Product, tiling: Tiling, source: Access, pieces: Pieces | None) -> Lines | None:
    """The lines of a panel in the order in which they are copied.

    None where the reduction loops do not walk them as one, and where they are too far apart to stay in a cache.
    """
    nest = product.nest
    loops = nest.reduced if pieces is None else nest.reduced[len(pieces.outer(nest)) :]
    step, lane, steps = (
        _step_stride(nest, loops, source),
        source.strides[tiling.lane_dim],
        prod(extents_of(nest, pieces)),
    )
    if step is None:
        return _lines_of_runs(nest, loops, tiling, source, steps)
    if lane == 1 and step >= LINE and steps <= _STAY * _PERIOD // gcd(step, _PERIOD):
        across = ceil(tiling.width / LINE)
        return Lines(across * steps, across, step, LINE)
    if step == 1 and lane >= LINE:
        return Lines(tiling.width * ceil(steps / LINE), tiling.width, LINE, lane)
    return None


def _lines_of_runs(nest: Nest, loops: list[int], tiling: Tiling, source: Access, steps: int) -> Lines | None:
    """The same where inner steps, as the taps of a window, lie side by side and a column's behind those of the one
    before it: a panel's columns are one run of memory for each step of the outer loops."""
    strides, inner, outer = source.strides, 1, list(loops)
    while outer and strides[outer[-1]] == inner:
        inner *= nest.extents[outer.pop()]
    if not outer or inner == 1 or strides[tiling.lane_dim] != inner:
        return None
    apart, merged = strides[outer[-1]], row_major([nest.extents[d] for d in outer])
    if any(strides[d] != apart * number for d, number in zip(outer, merged, strict=True)):
        return None
    if bytes_of(source.buffer) < _RUNS_BYTES:
        return None
    if apart < inner * tiling.width or steps // inner > _STAY * _PERIOD // gcd(apart, _PERIOD):
        return None
    across = ceil(tiling.width * inner / LINE)
    return Lines(across * (steps // inner), across, apart, LINE)


def _step_stride(nest: Nest, loops: list[int], source: Access) -> int | None:
    """How far apart the steps of these reduction loops lie, if all of them walk them as one."""
    strides = source.strides
    step = strides[loops[-1]] if loops else 0
    merged = row_major([nest.extents[d] for d in loops])
    same = all(strides[d] == step * number for d, number in zip(loops, merged, strict=True))
    return step if same else None


def steps_ahead(nest_writer: NestWriter, product: Product, tiling: Tiling, factor: Factor) -> Asking | None:
    """What is asked for of a panel that is read where it lies; None where it is near, or where a single row multiplies
    no longer than it asks: a factor that the product makes itself takes longer."""
    far = [access for access in factor.accesses if _steps_are_far(product, tiling, access)]
    if not far or factor.panel is not None or (tiling.tile == 1 and factor.prologue is None):
        return None

    def ask() -> None:
        for access in far:
            line = LINE * ITEM_BYTES["f32"] // ITEM_BYTES[access.buffer.element]
            further = nest_writer.located(access.shifted(product.nest.reduced[-1], _STEPS_AHEAD))
            for start in range(0, tiling.width, line):
                nest_writer.vectors.fetch(further, start, TO_L2)

    return Asking(ask)


def _steps_are_far(product: Product, tiling: Tiling, access: Access) -> bool:
    """Whether each reduction step is a run of lines elsewhere in a matrix that is not in a cache."""
    step = _step_stride(product.nest, product.nest.reduced, access)
    least = _CACHE_BYTES if tiling.tile > _FEW_ROWS else _CACHE_BYTES_FOR_FEW
    far = bytes_of(access.buffer) > least
    return step is not None and step >= LINE and access.strides[tiling.lane_dim] == 1 and far


def _is_far(access: Access) -> bool:
    return bytes_of(access.buffer) >= _FAR_BYTES


def together(first: Asking | None, others: Sequence[Asking]) -> Asking | None:
    """All of them, one after the other."""
    asked = [*others] if first is None else [first, *others]
    if len(asked) < 2:
        return asked[0] if asked else None
    groups = [asking.group for asking in asked if asking.group is not None]

    def step() -> None:
        for asking in asked:
            asking.step()

    def group() -> None:
        for ask in groups:
            ask()

    return Asking(step, group if len(groups) == len(asked) else None)


def _begin(factor: Factor, part: dict[int, Range]) -> Access:
    """Where the steps `part` of a factor begin."""
    return factor.access.moved(*((lower, factor.access.strides[d]) for d, (lower, _) in part.items()))


class NextPanel:
    """Writes what the tiles of a block, `rows` of it and `panels` wide, ask for."""

    def __init__(self, nest_writer: NestWriter, product: Product, tiling: Tiling, rows: Rows, panels: int) -> None:
        self._nest_writer, self._writer = nest_writer, nest_writer.writer
        self._product, self._tiling, self._rows, self._panels = product, tiling, rows, panels
        self._steps = prod(rows.extents(product))
        self._sizes = {d: size for d, size in rows_of(tiling) if d is not None}
        self._tiles = [ceil(rows.chunks[d] / self._sizes.get(d, 1)) for d in rows.shared]

    def after(self, factor: Factor, part: dict[int, Range]) -> Asking | None:
        """What is asked for while a panel of `factor` is read; `part` are the steps."""
        dim, pieces = self._tiling.lane_dim, self._rows.pieces
        lines = lines_of_panel(self._product, self._tiling, factor.access, pieces)
        last = pieces is None and self._product.nest.extents[dim] <= self._tiling.width
        if lines is None or last:
            return None
        side_by_side = lines.inner_stride == LINE and lines.inner <= ceil(self._tiling.width / LINE)
        if self._tiling.sums < _MANY_SUMS and not side_by_side:
            return None  # a step has no time for lines that are not its own
        source = _begin(factor, part)
        if self._panels == 1 and pieces is not None:
            source = source.shifted(pieces.dim, pieces.steps)
        else:
            source = source.shifted(dim, self._tiling.width)
        if self._tiling.sums < _MANY_SUMS:
            return Asking(lambda: self._ask_in_order(self._at_any_step(source), lines, part))
        return self._evenly(source, lines, part)

    def behind(self, factor: Factor, part: dict[int, Range]) -> Asking | None:
        """The same for a factor that is stored in panels: the next steps, or the next panel, lie behind these steps."""
        if factor.panel is None or not factor.streamed or self._tiling.sums < _SUMS_BEHIND:
            return None
        lines = Lines(ceil(self._steps * factor.panel / LINE), 1, LINE, 0)
        source = _begin(factor, part)
        source = replace(source, offset=source.offset + self._steps * factor.panel)
        return self._evenly(source, lines, part)

    def around(self, panel: str, turned: Sequence[int], part: dict[int, Range]) -> list[Asking]:
        """The same for what the epilogue reads of the columns from `panel` on, where the block's rows are one loop or
        walked as one (`turned`). Where a sum has few steps, memory has no time to spare for asking ahead."""
        if self._rows.pieces is not None or self._tiling.sums < _MANY_SUMS or self._steps > _MOST_STEPS:
            return []
        asked = []
        for access in dict.fromkeys(a for a in self._product.nest.inputs[2:] if a is not None and _is_far(a)):
            lines = self._lines_of_rows(access, turned)
            if lines is not None and prod(self._tiles) * self._steps >= _SLOWLY * lines.count:
                source = access.at(self._tiling.lane_dim, panel)
                for dim in self._rows.shared:
                    source = source.at(dim, self._rows.ranges[dim][0])
                asked.append(self._evenly(replace(source, strides=(0,) * len(access.strides)), lines, part))
        return asked

    def _lines_of_rows(self, access: Access, turned: Sequence[int]) -> Lines | None:
        """The lines of a panel's columns in the block's rows, in the order in which tiles come to them, about."""
        shared, chunks, width = self._rows.shared, self._rows.chunks, self._tiling.width
        strides, lane = access.strides, access.strides[self._tiling.lane_dim]
        if lane == 1 and len(shared) == 1 and strides[shared[0]] >= LINE:
            across = ceil(width / LINE)
            return Lines(across * chunks[shared[0]], across, strides[shared[0]], LINE)
        if turned and list(turned) == list(shared) and strides[shared[-1]] == 1 and lane >= LINE:
            along = ceil(prod(chunks[d] for d in shared) / LINE)
            return Lines(along * width, along, lane, LINE)
        return None

    def _at_any_step(self, source: Access) -> Access:
        """The access that does not move with the reduction loops."""
        reduced = self._product.nest.reduced
        return replace(source, strides=tuple(0 if d in reduced else stride for d, stride in enumerate(source.strides)))

    def _evenly(self, source: Access, lines: Lines, part: dict[int, Range]) -> Asking:
        """`each` line of a step, or one for 2^shift steps; tiles behind the last ask again."""
        tiles, shift = prod(self._tiles), 0
        each, slow = ceil(lines.count / (tiles * self._steps)), tiles * self._steps >= _SLOWLY * lines.count
        while slow and tiles * (self._steps >> (shift + 1)) >= lines.count:
            shift += 1

        def ask(count: int) -> None:
            step = self._step(part)
            if shift:
                step = self._writer.pure(f"arith.shrui {step}, {self._writer.index(shift)} : index")
            first = self._first(lines, each * (self._steps >> shift))
            for more in range(count):
                number = self._writer.linear(more, [(first, 1), (step, each)])
                self._ask_line(self._at_any_step(source), lines, *self._split(number, lines.inner))

        few = each * max(1, GROUP >> shift)
        return Asking(lambda: ask(each), (lambda: ask(few)) if few <= _FEW_LINES else None)

    def _first(self, lines: Lines, count: int) -> str:
        """The number of the first of the `count` lines that the current tile asks for."""
        writer = self._writer
        first = writer.linear(0, [(self._tile(), count)])
        first = writer.pure(f"arith.remui {first}, {writer.index(lines.count)} : index")
        return writer.pure(f"arith.minui {first}, {writer.index(max(0, lines.count - count))} : index")

    def _ask_in_order(self, source: Access, lines: Lines, part: dict[int, Range]) -> None:
        """For a step with little time: a tile asks for the same line of each step, or a few of them."""
        each = ceil(lines.inner / prod(self._tiles))
        for more in range(each):
            _, inner = self._split(self._writer.linear(more, [(self._tile(), each)]), lines.inner)
            self._ask_line(source, lines, self._step(part), inner)

    def _ask_line(self, source: Access, lines: Lines, outer: str, inner: str) -> None:
        place = source.moved((outer, lines.outer_stride), (inner, lines.inner_stride))
        self._nest_writer.vectors.fetch(self._nest_writer.located(place), 0, TO_L2)

    def _split(self, number: str, by: int) -> tuple[str, str]:
        """Quotient and remainder."""
        divisor = self._writer.index(by)
        quotient = self._writer.pure(f"arith.divui {number}, {divisor} : index")
        return quotient, self._writer.pure(f"arith.remui {number}, {divisor} : index")

    def _step(self, part: dict[int, Range]) -> str:
        """The number of the current reduction step in `part`."""
        nest, terms = self._product.nest, []
        for dim, stride in zip(nest.reduced, row_major([nest.extents[d] for d in nest.reduced]), strict=True):
            position = self._nest_writer.position[dim]
            assert position is not None
            terms.append((position, stride))
            if dim in part:
                terms.append((part[dim][0], -stride))
        return self._writer.linear(0, terms)

    def _tile(self) -> str:
        """The number of the current tile in the block."""
        terms = []
        for dim, stride in zip(self._rows.shared, row_major(self._tiles), strict=True):
            position, size = self._nest_writer.position[dim], self._sizes.get(dim, 1)
            assert position is not None
            row = self._writer.linear(0, [(position, 1), (self._rows.ranges[dim][0], -1)])
            number = row if size == 1 else self._writer.pure(f"arith.divui {row}, {self._writer.index(size)} : index")
            terms.append((number, stride))
        return self._writer.linear(0, terms)
