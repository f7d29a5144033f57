"""Which tensors are better stored with their channels last: [N, H, W, C] where the program says [N, C, H, W].

A convolution multiplies rows of channels. With the channels last a pixel is such a row, and results fill vectors
whatever the image's width. The ops between convolutions treat all elements alike and can keep that layout; where the
program begins or ends with images, and at ops that need their places side by side, elements are moved. Tensors that
should have one layout are a group, which changes as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from math import prod

from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.dialects.tensor import CollapseShapeOp, InsertSliceOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineMap

from cellc.passes.hoist_constants import constant_values
from cellc.passes.linalg_analysis import (
    bare_dim,
    bare_dims,
    captured_values,
    input_maps,
    inputs_of,
    is_contraction,
    iterations,
    loop_extents,
    output_maps,
    parallel_count,
    shape_of,
    size_of,
    splat_value,
)
from cellc.passes.move_reshapes import reassociation

_RANK = 4
"""Of the tensors that are images: [N, C, H, W], or with more places."""
_LANES = 16
"""Channels that a vector holds, on the widest CPU; filters are padded to whole vectors."""
_FEW_CHANNELS = 4
"""Images with so many channels at most stay as they are: a convolution reads them element by element anyway."""
_MOVED = 60
"""Multiply-adds in the time that moving an element to another layout takes."""
_TURNED = {"window": 100, "point": 16, "depthwise": 16}
"""The same for an element of filters that change from run to run, which every run turns into panels."""
_GAINS = {"window": 0.05, "point": 0.25, "depthwise": 0.5}
"""What a multiply-add takes longer with the places last, as part of its time at full speed."""
_WEIGHT_GRADIENT = 0.15
"""What a multiply-add of an image by an image takes longer with the channels last."""


@dataclass(frozen=True)
class Convolution:
    """A sum of products at the places of an image, over a window, its channels or both.

    `channel` is the loop over the image's channels; None where each channel has filters of its own (depthwise).
    """

    op: GenericOp
    image: SSAValue
    filters: SSAValue
    channel: int | None

    @property
    def kind(self) -> str:
        """`window`, `point` (without a window) or `depthwise`."""
        extents, first = loop_extents(self.op), parallel_count(self.op)
        window = prod(extents[loop] for loop in range(first, len(extents)) if loop != self.channel)
        return "depthwise" if self.channel is None else "window" if window > 1 else "point"

    def gain(self, constants: Container[SSAValue]) -> float:
        """How much less time it takes with the channels last, in multiply-adds; below 0 where it takes longer.

        Filters among `constants` are turned into panels once for all runs.
        """
        channels = shape_of(self.op.results[0])[1]
        padding = 1 - channels / (-(-channels // _LANES) * _LANES)
        turned = 0 if self.filters in constants else _TURNED[self.kind] * size_of(self.filters)
        return iterations(self.op) * (_GAINS[self.kind] - padding) - turned


def convolution_of(op: Operation) -> Convolution | None:
    """The convolution that a generic is; None for others.

    Its result is (n, k, places); n and the places belong to the image alone, k to the filters.
    """
    if not isinstance(op, GenericOp) or len(shape_of(op.results[0])) < _RANK or not is_contraction(op):
        return None
    loops = bare_dims(output_maps(op)[0])
    for (image, image_map), (filters, filters_map) in _both_ways(op):
        if loops is None or filters_map.used_dims() & set(loops) != {loops[1]}:
            continue
        channel = bare_dim(image_map.results[1]) if _follows(image_map, loops, range(2, len(loops))) else None
        if channel is not None and (channel == loops[1] or channel not in loops):
            return Convolution(op, image, filters, None if channel == loops[1] else channel)
    return None


def _both_ways(op: GenericOp) -> Iterator[Sequence[tuple[SSAValue, AffineMap]]]:
    """The two inputs with their maps, in either order."""
    factors = list(zip(inputs_of(op), input_maps(op), strict=True))
    yield factors
    yield factors[::-1]


def _follows(map_: AffineMap, loops: Sequence[int], axes: range) -> bool:
    """Whether an operand has the result's axis 0, and along `axes` its place, the loops of a window aside."""
    if len(map_.results) != len(loops) or bare_dim(map_.results[0]) != loops[0]:
        return False
    return all(map_.results[axis].used_dims() & set(loops) == {loops[axis]} for axis in axes)


@dataclass
class ImageGroups:
    """The tensors of `main` that should have one layout, group by group."""

    main: func.FuncOp
    _contractions: dict[Operation, Convolution | None] = field(default_factory=dict)
    _parents: dict[SSAValue, SSAValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._contractions |= {op: convolution_of(op) for op in self.main.body.block.ops if is_contraction(op)}
        if not any(self._contractions.values()):
            return  # nothing gains: most networks end here
        for op in self.main.body.block.ops:
            members = [value for value in _linked(op, self._contractions.get(op)) if _is_member(value)]
            for value in members[1:]:
                self._parents[self._root(value)] = self._root(members[0])

    def worthwhile(self) -> set[SSAValue]:
        """The tensors of the groups whose convolutions gain more than moving elements costs."""
        if not self._parents:
            return set()
        gains, constants = dict[SSAValue, float](), constant_values(self.main)
        for op, found in self._contractions.items():
            assert isinstance(op, GenericOp)
            members = inputs_of(op) if found is None else op.results
            if self._parents.keys() >= set(members):
                gain = -_WEIGHT_GRADIENT * iterations(op) if found is None else found.gain(constants)
                root = self._root(members[0])
                gains[root] = gains.get(root, 0.0) + gain
        for value in list(self._parents):
            if (root := self._root(value)) in gains:
                gains[root] -= _MOVED * size_of(value) * self._moves(value)
        return {value for value in self._parents if gains.get(self._root(value), 0.0) > 0}

    def _moves(self, value: SSAValue) -> int:
        """How often the tensor is moved: where it is made, and for those that cannot read it in another layout."""
        readers = {use.operation for use in value.uses}
        return (not can_be_made(value)) + any(not can_be_read(op, value, self.main.body.block) for op in readers)

    def _root(self, value: SSAValue) -> SSAValue:
        parent = self._parents.setdefault(value, value)
        if parent is not value:
            parent = self._parents[value] = self._root(parent)
        return parent


def _linked(op: Operation, convolution: Convolution | None) -> list[SSAValue]:
    """The operands and results of an op that should have one layout; `convolution` is the one that it is."""
    if isinstance(op, InsertSliceOp):
        return [op.source, op.dest, op.result] if can_be_made(op.result) else []
    if isinstance(op, CollapseShapeOp):
        return [op.src, op.result] if can_be_made(op.result) and len(shape_of(op.result)) > 2 else []
    loops = bare_dims(output_maps(op)[0]) if isinstance(op, GenericOp) else None
    if not isinstance(op, GenericOp) or loops is None or len(loops) < _RANK:
        return []
    values = [] if convolution is None else [convolution.image]
    rows = zip((*inputs_of(op), *op.results), (*input_maps(op), *output_maps(op)), strict=True)
    return [*values, *(value for value, map_ in rows if _follows(map_, loops, range(1, len(loops))))]


def _is_member(value: SSAValue) -> bool:
    """Whether the layout is worth a thought; what holds one value everywhere is made again in any layout."""
    return size_of(value) > 1 and shape_of(value)[1] > _FEW_CHANNELS and not is_uniform(value)


def is_uniform(value: SSAValue) -> bool:
    """Whether all elements are equal, or of no interest."""
    return isinstance(value.owner, FillOp | tensor.EmptyOp) or splat_value(value) is not None


def can_be_made(value: SSAValue) -> bool:
    """Whether the op that makes a tensor can make it in another layout."""
    op = value.owner
    if isinstance(op, InsertSliceOp):
        rank, moving = len(shape_of(op.result)), DYNAMIC_INDEX in op.static_offsets.get_values()
        return len(shape_of(op.source)) == rank >= _RANK and not moving
    return isinstance(op, GenericOp) or (isinstance(op, CollapseShapeOp) and _keeps_channels(op))


def can_be_read(op: Operation, value: SSAValue, block: Block) -> bool:
    """Whether an op of the block can read a tensor in another layout."""
    if op.parent is not block:
        return False
    if isinstance(op, GenericOp):
        return value not in captured_values(op)
    return bool(op.results) and can_be_made(op.results[0])


def _keeps_channels(op: CollapseShapeOp) -> bool:
    """Whether a collapse of an image joins places alone: the result is (n, c, places) again, or (n, c)."""
    groups, shape = reassociation(op), shape_of(op.src)
    if len(shape) < _RANK or len(groups) < 2 or groups[0] != [0]:
        return False
    return all(shape[axis] == 1 for axis in groups[1][1:])
