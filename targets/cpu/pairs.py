"""Lanes along two loops: a short innermost one and the next, as in images that are windows side by side."""

from collections.abc import Callable, Mapping, Sequence

from cellc.targets.cpu.access import Access
from cellc.targets.cpu.nest import Nest, collapse
from cellc.targets.cpu.nest_writer import NestWriter, Range
from cellc.targets.cpu.vectors import Vectors
from cellc.targets.cpu.writer import Writer


def open_nest(writer: Writer, nest: Nest, lanes: int, fixed: Mapping[int, str] = {}) -> NestWriter:
    """A writer for `nest` with the loops in `fixed` at given indices and the others simplified."""
    if nest.uses_index:
        opened = NestWriter(writer, nest, lanes)
        for dim, index in fixed.items():
            opened.position[dim] = index
        return paired(opened)
    kept = [d for d in range(len(nest.extents)) if d not in fixed]

    def move(access: Access) -> Access:
        for dim, index in fixed.items():
            access = access.at(dim, index)
        return access.select(kept)

    rest = nest.with_loops([nest.extents[d] for d in kept], [nest.reductions[d] for d in kept], move)
    return paired(NestWriter(writer, collapse(rest), lanes))


def paired(opened: NestWriter) -> NestWriter:
    """A writer with lanes along two loops, where the results are contiguous over both and the inner one is short."""
    nest, dims = opened.nest, opened.open_parallel
    if len(dims) < 2 or nest.reduced:
        return opened
    results, inner, lanes = [a.strides for a in nest.outputs], dims[-1], opened.vectors.lanes
    outer = next((d for d in reversed(dims[:-1]) if contiguous_over(results, nest.extents, d, inner, lanes)), None)
    if outer is None and _in_rows_apart(nest, dims[-2], inner, lanes):
        outer = dims[-2]
    return opened if outer is None else PairWriter(opened, outer, inner)


def _in_rows_apart(nest: Nest, outer: int, inner: int, lanes: int) -> bool:
    """Whether results are short rows that lie apart, as in a padded image, and operands need no gathers."""
    short, extents = nest.extents[inner], nest.extents
    if not 1 < short < lanes or lanes % short or extents[outer] % (lanes // short):
        return False
    if any(a.strides[inner] != 1 or a.buffer.element == "i1" for a in nest.outputs):
        return False
    reads = [(a.strides[outer], a.strides[inner]) for a in nest.inputs if a is not None]
    apart = lanes // short - 1
    near = all(min(pair) >= 0 and pair[0] * apart + pair[1] * (short - 1) < 2 * lanes for pair in reads)
    return near and (short, 1) in reads


def contiguous_over(
    results: Sequence[Sequence[int]], extents: Sequence[int], outer: int, inner: int, lanes: int
) -> bool:
    """Whether results with these strides are contiguous over two loops, the inner one a fraction of a vector."""
    short = extents[inner]
    if not 1 < short < lanes or lanes % short or extents[outer] == 1:
        return False
    return all(strides[inner] == 1 and strides[outer] == short for strides in results)


class PairWriter(NestWriter):
    """Lane l is at index l // short of loop `outer` and l % short of loop `inner`, whose extent is `short`."""

    lanes_along_one_loop = False

    def __init__(self, opened: NestWriter, outer: int, inner: int) -> None:
        super().__init__(opened.writer, opened.nest, opened.vectors.lanes)
        self.position = opened.position
        self.position[inner] = opened.writer.index(0)
        self._outer = outer
        self._inner = inner
        self._short = opened.nest.extents[inner]
        self._long = self.vectors.lanes // self._short

    def vector_loop_dim(self) -> int | None:
        """The outer one of the two loops."""
        return self._outer

    def lane_loops(self, dim: int) -> tuple[int, ...]:
        """Both loops."""
        return self._outer, self._inner

    def load(self, access: Access, dim: int | None) -> str:
        """Elements of an operand; repeated in registers where only the outer loop moves it."""
        assert dim is not None
        stride, inner = access.strides[dim], access.strides[self._inner]
        if stride == self._short * inner:
            return self.vectors.load(self.located(access), inner)
        if (stride, inner) == (1, 0):
            return self._repeated(access)
        if stride >= 0 and inner >= 0 and self._reach(access, dim) <= 2 * self.vectors.lanes:
            return self.vectors.load_at(self.located(access), self._places(access, dim))
        return self.vectors.gather(self.located(access), self._offsets(access, dim))

    def _repeated(self, access: Access) -> str:
        narrow, element = Vectors(self.writer, self._long), access.buffer.element
        count = self._long if self.vectors.count is None else self.vectors.count // self._short
        with narrow.masked(count):
            loaded = narrow.load(self.located(access), 1)
        kind, lanes = narrow.type(element), [lane // self._short for lane in range(self.vectors.lanes)]
        return self.writer.pure(f"vector.shuffle {loaded}, {loaded} {lanes} : {kind}, {kind}")

    def _reach(self, access: Access, dim: int) -> int:
        """How many elements lie from the first that a vector reads to the last."""
        return max(self._places(access, dim)) + 1

    def store_one(self, value: str, access: Access, dim: int | None) -> None:
        """Results are contiguous over both loops, or rows that lie apart."""
        assert dim is not None
        located, vectors = self.located(access), self.vectors
        if access.strides[dim] == self._short:
            vectors.store(value, located, 1)
            return
        for row in range((vectors.count or vectors.lanes) // self._short):
            vectors.store_lanes(value, located.moved_by(row * access.strides[dim]), row * self._short, self._short)

    def _places(self, access: Access, dim: int, lanes: int | None = None) -> list[int]:
        """Where the elements of the lanes (those that are written) lie after the first."""
        places = (divmod(lane, self._short) for lane in range(lanes or self.vectors.count or self.vectors.lanes))
        return [access.strides[dim] * i + access.strides[self._inner] * j for i, j in places]

    def _offsets(self, access: Access, dim: int) -> str:
        offsets = self._places(access, dim, self.vectors.lanes)
        return self.writer.pure(f"arith.constant dense<{offsets}> : {self.vectors.type('i64')}")

    def loop_index(self, asked: int, dim: int | None) -> str:
        """The values of a loop, one per lane."""
        if asked not in (dim, self._inner):
            return super().loop_index(asked, None)
        kind = self.vectors.type("index")
        places = [divmod(lane, self._short)[asked == self._inner] for lane in range(self.vectors.lanes)]
        steps = self.writer.pure(f"arith.constant dense<{places}> : {kind}")
        return self.writer.pure(f"arith.addi {super().loop_index(asked, None)}, {steps} : {kind}")

    def vector_loop(self, dim: int | None, inner: Callable[[], None], bounds: Range | None = None) -> None:
        """Runs `inner` for all vectors of the two loops; `bounds` are those of the outer one."""
        assert dim is not None
        self.lane_loop(dim, self._long, self._short, inner, bounds)
