"""Reductions: one generic with reduction loops, lanes along a parallel or a reduction loop.

Sums along contiguous memory keep some vectors of partial sums, joined by a fixed tree (`reduction_along.py`); and
long ones are sums of sums of some terms (`combiner.py`). So their error grows far slower than their length, and
their order depends on the shape alone.
"""

from collections.abc import Callable, Sequence

from xdsl.dialects.linalg import ops as linalg

from cellc.targets.cpu.access import View
from cellc.targets.cpu.combiner import Combiner, combine_all, in_pieces
from cellc.targets.cpu.extremes import Extremes
from cellc.targets.cpu.grid import Grid, make_grid
from cellc.targets.cpu.kernel import KernelWriter, filled_constant
from cellc.targets.cpu.lane_groups import each_vector, grouped_vectors
from cellc.targets.cpu.nest_writer import NestWriter, Range
from cellc.targets.cpu.reduction_along import PARTIALS, AlongWriter
from cellc.targets.cpu.vectors import WOVEN
from cellc.targets.target import UnsupportedKernelError

_GROUP = 4

# Terms of a sum, and ops of all of them, that are written without loops.
_UNROLLED = 16
_UNROLLED_OPS = 512

# Writes the initial vectors of all accumulators at the current position.
Initial = Callable[[int | None], list[str]]


def windows(
    inputs: Sequence[Sequence[int]], extents: Sequence[int], inner: Sequence[int], dim: int, lanes: int
) -> bool:
    """Whether lanes along loop `dim` read windows side by side or overlapping, each too small to fill a vector.

    `inputs` has the strides of each input, `inner` the loops over a window. Whole vectors with every
    stride-th element taken then beat vectors of one window's few elements.
    """
    close = all(0 <= strides[dim] <= WOVEN for strides in inputs) and any(strides[dim] > 0 for strides in inputs)
    short = all(extents[d] < lanes for d in inner for strides in inputs if strides[d] == 1)
    return close and short and extents[dim] > 1


class ReductionWriter:
    """Writes one nest with reduction loops.

    `across` says that lanes run along a parallel loop in place of a short reduction loop, whose sums then are to have
    the order, and so the bits, that they have with lanes along it.
    """

    def __init__(self, nest_writer: NestWriter, initial: Initial, across: bool = False) -> None:
        self._nest_writer = nest_writer
        self._nest = nest_writer.nest
        self._vectors = nest_writer.vectors
        self._initial = initial
        self._combiners = Combiner.all_of(self._nest)
        self._along_reduction = None if across else self._choose()
        rounds = any(each.rounds for each in self._combiners)
        self._pairwise = across and rounds and len(self._nest.reduced) == 1
        self._lane_dim = None if self._along_reduction is not None else nest_writer.vector_loop_dim()

    @property
    def along(self) -> int | None:
        """The reduction loop that lanes run along, or None."""
        return self._along_reduction

    def _choose(self) -> int | None:
        """The reduction loop to put lanes on, or None."""
        if not self._combiners or not self._nest.reduced:
            return None

        def contiguous(dim: int) -> int:
            return sum(a.strides[dim] == 1 for a in self._nest.inputs if a is not None)

        reduced = max(self._nest.reduced, key=lambda d: (contiguous(d), d))
        lanes = self._nest_writer.vector_loop_dim()
        if lanes is None:
            return reduced
        inputs = [a.strides for a in self._nest.inputs if a is not None]
        if windows(inputs, self._nest.extents, self._nest.reduced, lanes, self._vectors.lanes):
            return None
        return reduced if contiguous(reduced) > contiguous(lanes) else None

    def write_block(self, block: str, work: int) -> Grid:
        """Writes one block of the whole nest, of about `work` iterations."""
        dim = self._lane_dim
        order = [d for d in self._nest_writer.open_parallel if d != dim] + ([dim] if dim is not None else [])
        inner = self._nest.terms
        step = self._vectors.lanes * self._group(dim) if dim is not None else 1
        grid = make_grid([self._nest.extents[d] for d in order], inner, step, work)
        ranges = grid.ranges(self._nest_writer.writer, block)
        self.write(dict(zip(order, ranges, strict=False)))
        return grid

    def write(self, ranges: dict[int, Range]) -> None:
        """Writes the iterations in `ranges`."""
        dim = self._lane_dim
        outer = [d for d in self._nest_writer.open_parallel if d != dim]
        if self._along_reduction is not None:
            along = AlongWriter(self._nest_writer, self._combiners, self._along_reduction)
            self._nest_writer.loops(outer, ranges, lambda: along.write(lambda: self._initial(None)))
            return
        self._nest_writer.loops(outer, ranges, lambda: self._lanes(dim, ranges.get(dim) if dim is not None else None))

    def _group(self, dim: int) -> int:
        """Vectors of results at a time: several use more of each cache line before the next row is read.

        Without reduction loops there are no rows, and lanes may run along two loops (`PairWriter`).
        """
        if self._pairwise or not self._nest.reduced:
            return 1
        return _GROUP if self._nest.extents[dim] >= _GROUP * self._vectors.lanes else 1

    def _lanes(self, dim: int | None, bounds: Range | None) -> None:
        """All vectors of loop `dim`, in groups, then the rest one by one."""
        group = 1 if dim is None else self._group(dim)
        grouped_vectors(self._nest_writer, dim, group, lambda count: self._across(dim, count), bounds)

    def _across(self, dim: int | None, group: int) -> None:
        """Lanes are separate results, `group` vectors of them."""
        types = [self._vectors.type(a.buffer.element) for a in self._nest.outputs] * group
        outputs = len(self._nest.outputs)

        def part(values: list[str], number: int) -> list[str]:
            return values[number * outputs : (number + 1) * outputs]

        def step(carried: list[str]) -> list[str]:
            def one(number: int) -> list[str]:
                return self._nest_writer.body(dim, self._nest_writer.arguments(dim, part(carried, number)))

            return each_vector(self._nest_writer, dim, group, one)

        def store(totals: list[str]) -> None:
            def one(number: int) -> list[str]:
                self._nest_writer.store(part(totals, number), dim)
                return []

            each_vector(self._nest_writer, dim, group, one)

        initial = each_vector(self._nest_writer, dim, group, lambda _: self._initial(dim))
        if not self._nest.reduced:
            store(step(initial))
            return
        if self._pairwise:
            store(combine_all(self._combiners, self._vectors, initial, self._as_along(step)))
            return
        if self._short(group) and Extremes.suit(self._combiners):
            store(self._extremes(self._combiners[0], dim, group, initial))
            return
        if self._short(group):
            store(self._unrolled(self._nest.reduced, initial, step))
            return
        *outer, last = self._nest.reduced
        extent = self._nest.extents[last]

        def row(carried: list[str]) -> list[str]:
            def steps(start: str, end: str, values: list[str]) -> list[str]:
                return self._nest_writer.carried_loop(last, (start, end), values, types, step)

            if not self._combiners:
                return steps(*self._nest_writer.whole(last), carried)
            return in_pieces(self._combiners * group, self._vectors, extent, 1, carried, steps)

        store(self._nest_writer.carried_loops(outer, initial, types, row))

    def _extremes(self, combiner: Combiner, dim: int | None, group: int, initial: list[str]) -> list[str]:
        """Maxima (minima) of few terms, of `group` vectors of results."""
        extremes, found = Extremes(self._vectors, combiner), list[list[str]]()

        def term(_: int) -> list[str]:
            arguments = self._nest_writer.arguments(dim, [""])
            return self._nest_writer.body(dim, arguments, [combiner.term(self._nest)])

        def step(_: list[str]) -> list[str]:
            found.append(each_vector(self._nest_writer, dim, group, term))
            return []

        self._unrolled(self._nest.reduced, [], step)
        results = [extremes.of_few(terms) for terms in zip(*found, strict=True)]
        return [combiner.combine(self._vectors, *pair) for pair in zip(initial, results, strict=True)]

    def _as_along(self, step: Callable[[list[str]], list[str]]) -> list[str]:
        """All terms, joined as `_along` joins them: lane i of vectors, then lanes whose numbers differ in a bit."""
        (dim,), lanes, combiners = self._nest.reduced, self._vectors.lanes, self._combiners
        extent, first = (
            self._nest.extents[dim],
            [self._vectors.constant(each.first, each.element) for each in combiners],
        )
        assert extent <= PARTIALS * lanes

        def both(one: list[str] | None, two: list[str] | None) -> list[str] | None:
            return combine_all(combiners, self._vectors, one, two) if one and two else one or two

        def term(index: int) -> list[str] | None:
            if index >= extent:
                return None
            self._nest_writer.position[dim] = self._nest_writer.writer.index(index)
            return step(first)

        def lane(i: int) -> list[str] | None:
            parts = [term(i + part * lanes) for part in range(PARTIALS)]
            return both(both(parts[0], parts[1]), both(parts[2], parts[3]))

        def total(i: int, distance: int) -> list[str] | None:
            if distance == lanes:
                return lane(i)
            return both(total(i, 2 * distance), total(i + distance, 2 * distance))

        result = total(0, 1)
        self._nest_writer.position[dim] = None
        assert result is not None
        return result

    def _short(self, group: int) -> bool:
        """Whether all terms of `group` vectors of results are few enough to be written one after the other."""
        terms = self._nest.terms
        return terms <= _UNROLLED and terms * group * len(list(self._nest.body.ops)) <= _UNROLLED_OPS

    def _unrolled(self, dims: Sequence[int], carried: list[str], step: Callable[[list[str]], list[str]]) -> list[str]:
        """`step` for each term, at constant indices: LLVM would leave loops around a window of a few elements."""
        if not dims:
            return step(carried)
        dim, *rest = dims
        for index in range(self._nest.extents[dim]):
            self._nest_writer.position[dim] = self._nest_writer.writer.index(index)
            carried = self._unrolled(rest, carried, step)
        self._nest_writer.position[dim] = None
        return carried


def initial_of(kernel: KernelWriter, op: linalg.GenericOp, nest_writer: NestWriter) -> Initial:
    """The start values of a reduction: a filled constant, or the contents of a tensor."""
    nest = nest_writer.nest

    def write(dim: int | None) -> list[str]:
        vectors = nest_writer.vectors
        starts = []
        for value, access in zip(op.outputs, nest.outputs, strict=True):
            constant = filled_constant(value)
            if constant is not None:
                starts.append(vectors.constant(constant, access.buffer.element))
                continue
            source = kernel.view_of(value)
            if source.buffer.name == "":
                raise UnsupportedKernelError(f"kernel {kernel.name}: a reduction that starts from nothing")
            start = nest_writer.located(access)
            moved = View(source.buffer, (), (), start.offset, start.terms).identity()
            starts.append(vectors.load(moved, nest_writer.stride(access, dim)))
        return starts

    return write
