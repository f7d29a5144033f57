"""Writes loop nests: the loops, the loads, the body and the stores, one vector at a time."""

from collections.abc import Callable, Sequence

from xdsl.ir import SSAValue

from cellc.targets.cpu.access import Access
from cellc.targets.cpu.body import BodyWriter
from cellc.targets.cpu.lane_numbers import LaneNumbers
from cellc.targets.cpu.nest import Nest
from cellc.targets.cpu.vectors import ITEM_BYTES, TO_L1, TO_L2, Vectors
from cellc.targets.cpu.writer import Writer

# What is fetched from less far away goes to the first-level cache, else to the second.
_NEAR_BYTES = 1 << 13

Range = tuple[str, str]


class NestWriter:
    """Writes one nest; `position[d]` is the SSA index of loop d once it is known, `steps` those that are not 1.

    Attributes:
        made: writes the vector at the current position of a buffer that is filled in the loops that read it.
        lanes_along_one_loop: whether the lanes of a vector are iterations of one loop.
    """

    lanes_along_one_loop = True

    def __init__(self, writer: Writer, nest: Nest, lanes: int) -> None:
        self.writer = writer
        self.nest = nest
        self.vectors = Vectors(writer, lanes)
        self.position: list[str | None] = [None] * len(nest.extents)
        self.steps: dict[int, int] = {}
        self._known: dict[SSAValue, str] = {}
        self.fetched_ahead: dict[str, int] = {}
        self.made: dict[str, Callable[[], str]] = {}
        self._numbers: LaneNumbers | None = None

    def whole(self, dim: int) -> Range:
        """All iterations of a loop."""
        return self.writer.index(0), self.writer.index(self.nest.extents[dim])

    def loops(self, dims: Sequence[int], ranges: dict[int, Range], inner: Callable[[], None]) -> None:
        """Loops over `dims`, outermost first, around what `inner` writes."""
        if not dims:
            inner()
            return
        dim = dims[0]
        lower, upper = ranges.get(dim) or self.whole(dim)
        if dim not in ranges and self.nest.extents[dim] == 1:
            self.at(dim, lower, lambda: self.loops(dims[1:], ranges, inner))
            return

        def body(index: str, _: list[str]) -> list[str]:
            self.at(dim, index, lambda: self.loops(dims[1:], ranges, inner))
            return []

        self.writer.loop((lower, upper, self.steps.get(dim, 1)), body)

    def carried_loops(
        self, dims: Sequence[int], initial: list[str], types: list[str], inner: Callable[[list[str]], list[str]]
    ) -> list[str]:
        """Loops over `dims` around `inner`, which maps the carried values to the next ones."""
        if not dims:
            return inner(initial)
        dim, *rest = dims

        def following(carried: list[str]) -> list[str]:
            return self.carried_loops(rest, carried, types, inner)

        return self.carried_loop(dim, self.whole(dim), initial, types, following)

    def carried_loop(
        self, dim: int, bounds: Range, initial: list[str], types: list[str], inner: Callable[[list[str]], list[str]]
    ) -> list[str]:
        """A loop over `dim` around `inner`."""

        def body(index: str, carried: list[str]) -> list[str]:
            saved, self.position[dim] = self.position[dim], index
            following = inner(carried)
            self.position[dim] = saved
            return following

        if self.nest.extents[dim] == 1:
            return body(bounds[0], initial)
        return self.writer.loop((*bounds, 1), body, initial, types)

    def at(self, dim: int, index: str, inner: Callable[[], None]) -> None:
        """Runs `inner` with loop `dim` at `index`."""
        saved, self.position[dim] = self.position[dim], index
        inner()
        self.position[dim] = saved

    def together(self, dim: int, start: str, count: int, inner: Callable[[], None]) -> None:
        """Runs `inner` for the vectors of `count` iterations of `dim`, a power of two, from a multiple of it on."""
        for offset in range(0, count, self.vectors.lanes):
            self._numbers = LaneNumbers(self.vectors, dim, start, offset, count.bit_length() - 1)
            self.at(dim, self.writer.linear(offset, [(start, 1)]), inner)
        self._numbers = None

    def masked(self, count: int, inner: Callable[[], None]) -> None:
        """Runs `inner` with only the first `count` lanes active."""
        with self.vectors.masked(count):
            inner()

    def located(self, access: Access) -> Access:
        """`access` at the current position."""
        pairs = zip(self.position, access.strides, strict=True)
        return access.moved(*((index, stride) for index, stride in pairs if index is not None and stride != 0))

    def stride(self, access: Access, dim: int | None) -> int:
        """The stride along the vector loop; a single element counts as contiguous."""
        return 0 if dim is None else access.strides[dim]

    @property
    def open_parallel(self) -> list[int]:
        """The parallel loops still to be written."""
        return [d for d in self.nest.parallel if self.position[d] is None]

    def lane_loops(self, dim: int) -> tuple[int, ...]:
        """The loops of which the lanes of a vector along loop `dim` are iterations, the innermost last."""
        return (dim,)

    def vector_loop_dim(self) -> int | None:
        """The parallel loop to put lanes on: contiguous in the output, else the last one."""
        dims = self.open_parallel
        contiguous = [d for d in dims if self.nest.outputs[0].strides[d] == 1 and self.nest.extents[d] > 1]
        return contiguous[-1] if contiguous else (dims[-1] if dims else None)

    def arguments(self, dim: int | None, accumulators: Sequence[str] = ()) -> list[str]:
        """Loads the operands that the body uses, lanes along loop `dim`; then the outs arguments."""
        loaded = []
        for access, argument in zip(self.nest.inputs, self.nest.body.args, strict=False):
            loaded.append("" if access is None or argument in self._known else self.load(access, dim))
        return [*loaded, *(accumulators or [""] * len(self.nest.outputs))]

    def load(self, access: Access, dim: int | None) -> str:
        """Elements of an operand, lanes along loop `dim`."""
        if access.buffer.name in self.made:
            return self.made[access.buffer.name]()
        located = self.located(access)
        ahead = self.fetched_ahead.get(access.buffer.name)
        if ahead is not None:
            near = ahead * ITEM_BYTES[access.buffer.storage] <= _NEAR_BYTES
            self.vectors.fetch(located, ahead, TO_L1 if near else TO_L2)
        return self.vectors.load(located, self.stride(access, dim))

    def body(self, dim: int | None, arguments: Sequence[str], values: Sequence[SSAValue] | None = None) -> list[str]:
        """Writes the body with lanes along loop `dim`; returns what it yields, or the values in it that are given."""
        nest = self.nest
        lanes = None if dim is None else self.lane_loop_at(dim)
        writer = BodyWriter(
            self.vectors, lambda d: self.loop_index(d, dim), nest.captured, nest.scalars, lanes, self._numbers
        )
        return writer.write(nest.body, arguments, self._known, values)

    def compute_before(self, dims: Sequence[int]) -> None:
        """Loads and computes here what does not change along the loops `dims`, which follow; lanes run along the last.

        LLVM would leave it in the loops: it cannot see that the stores there go elsewhere.
        """
        inputs = zip(self.nest.inputs, self.nest.body.args, strict=False)
        for access, argument in inputs:
            if access is not None and argument not in self._known and not any(access.strides[d] for d in dims):
                self._known[argument] = self.load(access, dims[-1])
        self._known = BodyWriter(self.vectors, None, {}, self.nest.scalars).write_known(self.nest.body, self._known)

    def lane_loop_at(self, dim: int) -> tuple[int, str] | None:
        """The loop of which the lanes are iterations, and that of the first lane; None where they run along two."""
        return (dim, self._start(dim)) if self.lanes_along_one_loop else None

    def _start(self, dim: int) -> str:
        start = self.position[dim] or self.writer.index(0)
        return self.writer.add(start, self.nest.starts[dim]) if dim in self.nest.starts else start

    def loop_index(self, asked: int, dim: int | None) -> str:
        """The values of loop `asked`, one per lane."""
        start = self._start(asked)
        if asked == dim:
            return self.vectors.lane_indices(start)
        return self.vectors.broadcast(start, "index")

    def store(self, values: Sequence[str], dim: int | None) -> None:
        """Stores one vector per output that has memory."""
        for value, access in zip(values, self.nest.outputs, strict=True):
            if access.buffer.name:
                self.store_one(value, access, dim)

    def store_one(self, value: str, access: Access, dim: int | None) -> None:
        """Stores lanes along loop `dim`."""
        located = self.located(access)
        self.vectors.store(value, located, 1 if dim is None else self.stride(access, dim))
        ahead = self.fetched_ahead.get(access.buffer.name)
        if ahead is not None:
            self.vectors.fetch(located, ahead, TO_L1)

    def vector_loop(self, dim: int | None, inner: Callable[[], None], bounds: Range | None = None) -> None:
        """Runs `inner` for every vector of loop `dim`: full ones, then the masked rest.

        `bounds` must start at a multiple of the lanes and end at another or at the loop's end.
        """
        if dim is None:
            self.masked(1, inner)
            return
        self.lane_loop(dim, self.vectors.lanes, 1, inner, bounds)

    def lane_loop(self, dim: int, step: int, lanes: int, inner: Callable[[], None], bounds: Range | None) -> None:
        """Runs `inner` for each `step` iterations of `dim`, of `lanes` lanes each; then for the masked rest."""
        extent = self.nest.extents[dim]
        full, rest = extent - extent % step, extent % step
        lower, upper = bounds or (self.writer.index(0), self.writer.index(full))
        if bounds and rest:
            upper = self.writer.value(f"arith.minsi {upper}, {self.writer.index(full)} : index")

        def body(index: str, _: list[str]) -> list[str]:
            self.at(dim, index, inner)
            return []

        def tail() -> None:
            self.at(dim, self.writer.index(full), lambda: self.masked(rest * lanes, inner))

        if full:
            self.writer.loop((lower, upper, step), body)
        if rest and bounds is None:
            tail()
        elif rest and bounds is not None:
            last = self.writer.value(f"arith.cmpi sgt, {bounds[1]}, {self.writer.index(full)} : index")
            self.writer.branch(last, tail)
