"""`channels-last`: images between convolutions are stored with their channels last.

    %y = generic(%x, %filters)    : tensor<1x64x56x56xf32>
    %r = generic(%y)              : tensor<1x64x56x56xf32>

become generics with results of 1x56x56x64; only the maps of operands change, and the order of the loops. Arguments and
results of `@main` keep their layout: a generic moves the elements there. Which tensors change: `image_layouts.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from xdsl.context import Context
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    IntegerAttr,
    ModuleOp,
    TensorType,
    i64,
)
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.dialects.tensor import CollapseShapeOp, InsertSliceOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.passes import ModulePass

from cellc.passes.generic_rewrites import Parts, canonical_loops, empty_like, erase, insert_before, permute_loops
from cellc.passes.image_layouts import ImageGroups, can_be_made, can_be_read, convolution_of, is_uniform
from cellc.passes.linalg_analysis import bare_dims, main_function, output_maps
from cellc.passes.move_reshapes import reassociation
from cellc.passes.rewriting import set_location

_SLICE = ("static_offsets", "static_sizes", "static_strides")


@dataclass(frozen=True)
class ChannelsLastPass(ModulePass):
    """Moves the channels of tensors of `@main` behind their places, where convolutions gain by that."""

    name = "channels-last"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        main = main_function(op)
        chosen = ImageGroups(main).worthwhile()
        if chosen:
            _Relayout(main.body.block, chosen).apply()


@dataclass
class _Relayout:
    """The tensors to store with their channels last, and what each of them has become."""

    block: Block
    chosen: set[SSAValue]
    moved: dict[SSAValue, SSAValue] = field(default_factory=dict)

    def apply(self) -> None:
        replaced: list[Operation] = []
        for op in list(self.block.ops):
            if isinstance(op, GenericOp) and not self.chosen.isdisjoint((*op.operands, *op.results)):
                self._rebuild(op)
                replaced.append(op)
            elif isinstance(op, InsertSliceOp) and op.result in self.chosen and can_be_made(op.result):
                self._insert(op)
                replaced.append(op)
            elif isinstance(op, CollapseShapeOp) and op.src in self.chosen and can_be_made(op.result):
                self._collapse(op)
                replaced.append(op)
        done = set(replaced)
        for value in [value for op in replaced for value in op.results if value in self.chosen]:
            self._restore(value, done)
        for op in reversed(replaced):
            erase(op)

    def _rebuild(self, op: GenericOp) -> None:
        parts, convolution = Parts.of(op), convolution_of(op)
        for at, value in enumerate(parts.inputs):
            if value in self.chosen and can_be_read(op, value, self.block):
                parts.inputs[at] = self._with_channels_last(value, op)
                parts.input_maps[at] = _channels_last(parts.input_maps[at])
        for at, result in enumerate(op.results):
            if result in self.chosen:
                parts.outputs[at] = self._with_channels_last(parts.outputs[at], op)
                parts.output_maps[at] = _channels_last(parts.output_maps[at])
        new = parts.build(op)
        insert_before(new, op)
        summed = convolution.channel if convolution is not None else None
        new = canonical_loops(new) if summed is None else _channel_innermost(new, summed)
        for before, after in zip(op.results, new.results, strict=True):
            after.name_hint = before.name_hint
            if before in self.chosen:
                self.moved[before] = after
            else:
                before.replace_all_uses_with(after)

    def _insert(self, op: InsertSliceOp) -> None:
        source, dest = (self._with_channels_last(value, op) for value in (op.source, op.dest))
        numbers = {name: DenseArrayBase.from_list(i64, _rolled(getattr(op, name).get_values())) for name in _SLICE}
        new = InsertSliceOp.build(operands=[source, dest, [], [], []], result_types=[dest.type], properties=numbers)
        self._put(new, op)

    def _collapse(self, op: CollapseShapeOp) -> None:
        """Places are joined as before; axes of 1 that were joined with the channels stand before them now."""
        source, joined = self._with_channels_last(op.src, op), [len(group) for group in reassociation(op)]
        sizes = [1, joined[1] - 1 + joined[2], *joined[3:], 1] if len(joined) > 2 else joined
        ends = [sum(sizes[: at + 1]) for at in range(len(sizes))]
        groups = ArrayAttr(
            ArrayAttr(IntegerAttr(axis, i64) for axis in range(end - size, end))
            for size, end in zip(sizes, ends, strict=True)
        )
        new = CollapseShapeOp.build(
            operands=[source], properties={"reassociation": groups}, result_types=[_rolled_type(op.result.type)]
        )
        self._put(new, op)
        if len(joined) == 2:  # (n, c) has no other layout
            op.result.replace_all_uses_with(new.result)

    def _put(self, new: Operation, old: Operation) -> None:
        new.location = old.location
        insert_before(new, old)
        self.moved[old.results[0]] = new.results[0]

    def _with_channels_last(self, value: SSAValue, user: Operation) -> SSAValue:
        """The tensor for an op that reads it or writes over it."""
        if value in self.moved:
            return self.moved[value]
        if is_uniform(value):
            return _uniform(value, user)
        owner = value.owner
        first = owner.first_op if isinstance(owner, Block) else owner.next_op
        assert first is not None
        type_ = _rolled_type(value.type)
        self.moved[value] = _copy(value, type_, _channels_second(len(type_.get_shape())), first, user)
        return self.moved[value]

    def _restore(self, value: SSAValue, replaced: set[Operation]) -> None:
        """Gives a copy with the channels where they were to the ops that read the tensor no other way."""
        if all(_is_inside(use.operation, replaced) for use in value.uses):
            return
        new = self.moved[value]
        assert isinstance(new.owner, Operation)
        assert new.owner.next_op is not None
        rank = len(new.type.get_shape()) if isinstance(new.type, TensorType) else 0
        copy = _copy(new, value.type, _channels_last(AffineMap.identity(rank)), new.owner.next_op, new.owner)
        value.replace_uses_with_if(copy, lambda use: not _is_inside(use.operation, replaced))


def _is_inside(op: Operation, ancestors: set[Operation]) -> bool:
    """Whether an op is one of others or within one."""
    found: Operation | None = op
    while found is not None and found not in ancestors:
        found = found.parent_op()
    return found is not None


def _uniform(value: SSAValue, user: Operation) -> SSAValue:
    """A tensor that holds one value everywhere, made anew with its channels last before `user`."""
    owner, type_ = value.owner, _rolled_type(value.type)
    assert isinstance(owner, Operation)
    if isinstance(owner, tensor.EmptyOp):
        return empty_like(type_, user, owner)
    if isinstance(owner, FillOp):
        new: Operation = FillOp([owner.inputs[0]], [empty_like(type_, user, owner)], [type_])
    else:
        assert isinstance(owner, arith.ConstantOp)
        assert isinstance(owner.value, DenseIntOrFPElementsAttr)
        new = arith.ConstantOp(DenseIntOrFPElementsAttr(type_, owner.value.data))  # pyright: ignore[reportArgumentType]
    set_location(new, owner.location)
    insert_before(new, user)
    return new.results[0]


def _copy(value: SSAValue, type_: Attribute, map_: AffineMap, before: Operation, source: Operation) -> SSAValue:
    """A generic that reads the tensor through the map into one of the type."""
    assert isinstance(type_, TensorType)
    block, rank = Block(arg_types=[type_.element_type, type_.element_type]), map_.num_dims
    block.add_op(YieldOp(block.args[0]))
    parts = Parts(
        [value], [map_], [empty_like(type_, before, source)], [AffineMap.identity(rank)],
        [IteratorType.PARALLEL] * rank, block,
    )  # fmt: skip
    op = parts.build(source)
    insert_before(op, before)
    return op.results[0]


def _channel_innermost(op: GenericOp, channel: int) -> GenericOp:
    """Loops in the order of the result, then the window, then the channel: a pixel is read from end to end."""
    parallel = bare_dims(output_maps(op)[0])
    assert parallel is not None
    window = [loop for loop in range(len(op.iterator_types)) if loop not in (*parallel, channel)]
    return permute_loops(op, [*parallel, *window, channel])


def _rolled(items: Sequence[Any]) -> list[Any]:
    """(n, c, places) as (n, places, c)."""
    return [items[0], *items[2:], items[1]]


def _rolled_type(type_: Attribute) -> TensorType:
    assert isinstance(type_, TensorType)
    return TensorType(type_.element_type, _rolled(type_.get_shape()))


def _channels_last(map_: AffineMap) -> AffineMap:
    return AffineMap(map_.num_dims, 0, tuple(_rolled(map_.results)))


def _channels_second(rank: int) -> AffineMap:
    """Where a tensor (n, c, places) has the element (n, places, c)."""
    loops = AffineMap.identity(rank).results
    return AffineMap(rank, 0, (loops[0], loops[-1], *loops[1:-1]))
