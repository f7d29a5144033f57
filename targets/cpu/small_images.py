"""Chains over images of few places, as the last ones of a network: a vector has all places of some channels.

Lanes along an image would be mostly empty, and what is computed for a channel would take a vector of its own. So a
vector of channels is done at a time, as their places lie in memory, one channel after the other: sums are added up
lane by lane over all images, and then those of a channel's lanes; what a channel has one of is picked for its lanes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, prod

from xdsl.dialects import tensor
from xdsl.dialects.builtin import AffineMapAttr
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineMap

from cellc.passes.linalg_analysis import is_all_parallel, reduction_loops
from cellc.targets.cpu.access import Access, row_major
from cellc.targets.cpu.body import BodyWriter, widest_item
from cellc.targets.cpu.combiner import Combiner, in_pieces
from cellc.targets.cpu.fetch_ahead import pieces_ahead
from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.nest import Nest, loop_extents, restrict
from cellc.targets.cpu.nest_writer import NestWriter
from cellc.targets.cpu.reduction import initial_of

# Vectors of channels that there are at least: each is done by one thread.
_FEWEST = 8
# Vectors of places that are done at a time.
_GROUP = 4


@dataclass(frozen=True)
class SmallImages:
    """The ops of a chain that read or make images: their loops are one over channels, some, and `inner` over places."""

    ops: Sequence[linalg.GenericOp]
    lanes: int
    inner: int

    def write(self, kernel: KernelWriter, op: linalg.GenericOp, lower: str, count: int) -> None:
        """Writes one of the ops for `count` channels from `lower` on, at most as many as lanes."""
        nest = restrict(kernel.nest_of(op), 0, lower, count)
        writer = _ImageWriter(kernel, nest, self.lanes, self.inner)
        if nest.reduced:
            writer.write_sums(kernel, op)
        else:
            writer.write_elements()


def small_images(kernel: KernelWriter, generics: Sequence[linalg.GenericOp], outer: int) -> SmallImages | None:
    """The images of a chain, where each of them has fewer places than a vector has lanes, or as many; else None."""
    ops = [op for op in generics if len(op.iterator_types) > 1]
    if outer != 1 or not ops:
        return None
    lanes, extents = kernel.level.lanes(max(widest_item(op.body.block) for op in ops)), loop_extents(ops[0])
    if extents[0] < _FEWEST * lanes or any(loop_extents(op) != extents for op in ops):
        return None
    strides = [kernel.views[v].access(m.data).strides for v, m in _operands(ops[0]) if v in kernel.views]
    for inner in range(1, len(extents) - 1):  # without a loop over images they are rows
        places = prod(extents[-inner:])
        if 1 < places <= lanes and lanes % places == 0 and any(_is_image(s, extents, inner) for s in strides):
            fits = all(_fits(kernel, op, extents, inner) for op in ops)
            return SmallImages(ops, lanes, inner) if fits else None
    return None


def _operands(op: linalg.GenericOp) -> Iterator[tuple[SSAValue, AffineMapAttr]]:
    return zip((*op.inputs, *op.results), op.indexing_maps, strict=True)


def _is_image(strides: Sequence[int], extents: Sequence[int], inner: int) -> bool:
    """Whether places lie one after the other, and channels too."""
    sizes = extents[-inner:]
    places = zip(sizes, strides[-inner:], row_major(sizes), strict=True)
    return strides[0] == prod(sizes) and all(size == 1 or stride == step for size, stride, step in places)


def _fits(kernel: KernelWriter, op: linalg.GenericOp, extents: Sequence[int], inner: int) -> bool:
    """Whether an op sums over all that a channel has, or makes its elements; reading images and channels' numbers."""
    reduced, rank = reduction_loops(op), len(extents)
    if reduced and (reduced != list(range(1, rank)) or not Combiner.of_body(op.body.block, len(op.inputs))):
        return False
    if any(isinstance(inner_op, linalg.IndexOp | tensor.ExtractOp) for inner_op in op.body.block.ops):
        return False
    return (bool(reduced) or is_all_parallel(op)) and all(
        _suits(kernel, value, indexing.data, extents, inner) for value, indexing in _operands(op)
    )


def _suits(kernel: KernelWriter, value: SSAValue, indexing: AffineMap, extents: Sequence[int], inner: int) -> bool:
    """Whether a tensor has one number for each channel, or images, which may lie in padded ones."""
    if value not in kernel.views:
        return len(indexing.results) <= 1 and indexing.used_dims() <= {0}
    view = kernel.views[value]
    strides = view.access(indexing).strides
    apart = strides[-1] == 1 and extents[-1] > 1 and min(strides) >= 0 and view.buffer.element != "i1"
    return not any(strides[1:]) or apart or _is_image(strides, extents, inner)


class _ImageWriter(NestWriter):
    """Lane l of vector k is place (k * lanes + l) % places of channel (k * lanes + l) // places."""

    lanes_along_one_loop = False

    def __init__(self, kernel: KernelWriter, nest: Nest, lanes: int, inner: int) -> None:
        super().__init__(kernel.writer, nest, lanes)
        self._inner, self._count = inner, nest.extents[0]
        self._places = prod(nest.extents[-inner:])
        self._loops = list(range(1, len(nest.extents) - inner))
        for dim in (0, *range(len(nest.extents) - inner, len(nest.extents))):
            self.position[dim] = kernel.writer.index(0)
        self._number = 0
        self._by_channel = self._known_by_channel()
        self._picked: dict[int, dict[SSAValue, str]] = {}

    def write_elements(self) -> None:
        """Writes an op that makes elements."""
        self.fetched_ahead.update(pieces_ahead(self.nest, {0}))

        def one() -> None:
            self.store(self.body(0, self.arguments(0)), 0)

        for group in self._groups():
            self._pick(group)
            self.loops(self._loops, {}, lambda group=group: self._each(group, one))

    def write_sums(self, kernel: KernelWriter, op: linalg.GenericOp) -> None:
        """Writes an op that adds up what each channel has."""
        combiners = Combiner.all_of(self.nest)
        sums = [total for group in self._groups() for total in self._sums(combiners, group)]
        with self.vectors.masked(self._count):
            starts = initial_of(kernel, op, self)(0)
            for i, (each, start, access) in enumerate(zip(combiners, starts, self.nest.outputs, strict=True)):
                total = self._joined(each, sums[i :: len(combiners)])
                value = each.combine(self.vectors, start, total)
                self.vectors.store(value, self.located(access), access.strides[0])

    def _groups(self) -> list[range]:
        """The numbers of the vectors that are done at a time."""
        last = ceil(self._count * self._places / self.vectors.lanes)
        return [range(first, min(first + _GROUP, last)) for first in range(0, last, _GROUP)]

    def _sums(self, combiners: Sequence[Combiner], group: range) -> list[str]:
        """Of each vector of a group the lanes' sums over the loops outside an image, for each combiner."""
        self._pick(group)
        each = list(combiners) * len(group)
        starts = [self.vectors.constant(c.neutral, c.element) for c in each]
        types = [self.vectors.type(c.element) for c in each]

        def step(carried: list[str]) -> list[str]:
            following: list[str] = []

            def one() -> None:
                before = carried[len(following) : len(following) + len(combiners)]
                following.extend(self._among_lanes(before, self.body(0, self.arguments(0, before)), combiners))

            self._each(group, one)
            return following

        if not self._loops:
            return step(starts)
        *outer, last = self._loops

        def row(carried: list[str]) -> list[str]:
            def steps(start: str, end: str, values: list[str]) -> list[str]:
                return self.carried_loop(last, (start, end), values, types, step)

            return in_pieces(each, self.vectors, self.nest.extents[last], 1, carried, steps)

        return self.carried_loops(outer, starts, types, row)

    def _among_lanes(self, before: list[str], after: list[str], combiners: Sequence[Combiner]) -> list[str]:
        """`after`, where lanes are in use."""
        if self.vectors.mask is None:
            return after
        kinds = [f"{self.vectors.type('i1')}, {self.vectors.type(c.element)}" for c in combiners]
        return [
            self.writer.pure(f"arith.select {self.vectors.mask}, {new}, {old} : {kind}")
            for new, old, kind in zip(after, before, kinds, strict=True)
        ]

    def _joined(self, combiner: Combiner, totals: Sequence[str]) -> str:
        """The sums of a channel's lanes, those whose numbers differ in a bit, as a vector of channels."""
        vectors, lanes, joined = self.vectors, self.vectors.lanes, list(totals)
        distance = self._places // 2
        while distance:
            order = [lane ^ distance for lane in range(lanes)]
            turned = [vectors.shuffle(v, v, order, combiner.element) for v in joined]
            joined = [combiner.combine(vectors, *pair) for pair in zip(joined, turned, strict=True)]
            distance //= 2
        places = [divmod(min(channel, self._count - 1) * self._places, lanes) for channel in range(lanes)]
        return vectors.assembled(joined, places, combiner.element)

    def _known_by_channel(self) -> dict[SSAValue, str]:
        """What a channel has one of, one lane for each channel."""
        same: dict[SSAValue, str] = {}
        with self.vectors.masked(self._count):
            for access, argument in zip(self.nest.inputs, self.nest.body.args, strict=False):
                if access is not None and not any(access.strides[1:]):
                    same[argument] = super().load(access, 0)
            return BodyWriter(self.vectors, None, {}, self.nest.scalars).write_known(self.nest.body, same)

    def _pick(self, group: range) -> None:
        """Picks for the lanes of each vector of a group what their channels have one of."""
        lanes = self.vectors.lanes
        for number in group:
            channels = [min((number * lanes + i) // self._places, self._count - 1) for i in range(lanes)]
            self._picked[number] = {
                value: self.vectors.assembled([known], [(0, c) for c in channels], str(value.type))
                for value, known in self._by_channel.items()
            }

    def _each(self, group: range, one: Callable[[], None]) -> None:
        """Runs `one` for each vector of a group."""
        lanes = self.vectors.lanes
        for number in group:
            self._number, self._known = number, self._picked[number]
            with self.vectors.masked(min(lanes, self._count * self._places - number * lanes)):
                one()

    def load(self, access: Access, dim: int | None) -> str:
        """Elements as they lie in memory, or the inner part of padded images."""
        located, offsets = self.located(access), self._offsets(access)
        if offsets == list(range(offsets[0], offsets[0] + len(offsets))):
            return self.vectors.load(located.moved_by(offsets[0]), 1)
        return self.vectors.load_at(located, offsets)

    def _offsets(self, access: Access) -> list[int]:
        """Where the elements of the lanes that are in use lie."""
        first, sizes = self._number * self.vectors.lanes, self.nest.extents[-self._inner :]
        found = []
        for element in range(first, first + (self.vectors.count or self.vectors.lanes)):
            channel, place = divmod(element, self._places)
            at = channel * access.strides[0]
            for size, stride in zip(reversed(sizes), reversed(access.strides), strict=False):
                place, index = divmod(place, size)
                at += index * stride
            found.append(at)
        return found

    def store_one(self, value: str, access: Access, dim: int | None) -> None:
        """Results as they lie in memory, or rows of padded images."""
        located, offsets = self.located(access), self._offsets(access)
        ahead = self.fetched_ahead.get(access.buffer.name)
        if ahead is not None:
            self.vectors.fetch(located, offsets[0] + ahead)
        if offsets == list(range(offsets[0], offsets[0] + len(offsets))):
            self.vectors.store(value, located.moved_by(offsets[0]), 1)
            return
        row = self.nest.extents[-1]
        for lane in range(0, len(offsets), row):
            self.vectors.store_lanes(value, located.moved_by(offsets[lane]), lane, row)
