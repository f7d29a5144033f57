"""Mechanics of rewriting `linalg.generic`: no policy, each function keeps the meaning.

An op is rebuilt from its inputs, its maps and its body; the body's block is moved, not copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, IntegerAttr, TensorType, i32, i64
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import GenericOp, IndexOp, YieldOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineExpr
from xdsl.ir.affine import AffineMap as Map
from xdsl.rewriter import InsertPoint
from xdsl.traits import Pure

from cellc.passes.linalg_analysis import (
    bare_dims,
    captured_values,
    covers_loops,
    input_maps,
    inputs_of,
    iterator_attributes,
    iterators,
    map_attributes,
    output_maps,
    outputs_of,
)
from cellc.passes.rewriting import location_of, set_location


@dataclass
class Parts:
    """A generic taken apart. `block` has one argument an input, then one an output."""

    inputs: list[SSAValue]
    input_maps: list[Map]
    outputs: list[SSAValue]
    output_maps: list[Map]
    iterators: list[IteratorType]
    block: Block

    @staticmethod
    def of(op: GenericOp) -> Parts:
        """The op's parts; its block is copied, so the op stays whole until it is replaced."""
        return Parts._with(op, op.body.clone().detach_block(0))

    @staticmethod
    def taken(op: GenericOp) -> Parts:
        """The op's parts with its own block, for an op that will be replaced whatever happens."""
        return Parts._with(op, op.body.detach_block(0))

    @staticmethod
    def _with(op: GenericOp, block: Block) -> Parts:
        return Parts(list(inputs_of(op)), input_maps(op), list(outputs_of(op)), output_maps(op), iterators(op), block)

    def add_input(self, value: SSAValue, map_: Map) -> SSAValue:
        """The block argument for the value read through the map; an equal input is shared."""
        for argument, known, known_map in zip(self.block.args, self.inputs, self.input_maps, strict=False):
            if known is value and known_map == map_:
                return argument
        assert isinstance(value.type, TensorType)
        self.inputs.append(value)
        self.input_maps.append(map_)
        return self.block.insert_arg(value.type.element_type, len(self.inputs) - 1)

    def replace_input(self, index: int, value: SSAValue) -> None:
        """Lets the body use a value instead of input `index`."""
        argument = self.block.args[index]
        argument.replace_all_uses_with(value)
        self.block.erase_arg(argument)
        del self.inputs[index], self.input_maps[index]

    def drop_unused_inputs(self) -> None:
        """Removes inputs that the body does not read, unless an extent is known from them alone."""
        for index in reversed(range(len(self.inputs))):
            rest = self.input_maps[:index] + self.input_maps[index + 1 :] + self.output_maps
            if not self.block.args[index].uses and covers_loops(rest, len(self.iterators)):
                self.replace_input(index, self.block.args[index])

    def build(self, *sources: Operation) -> GenericOp:
        """The generic, located where the sources were; it is not inserted yet."""
        op = new_generic(self.inputs, self.outputs, self.block, [*self.input_maps, *self.output_maps], self.iterators)
        op.location = location_of(*sources)
        set_location(op, op.location)
        return op


def new_generic(
    inputs: Sequence[SSAValue],
    outputs: Sequence[SSAValue],
    block: Block,
    maps: Sequence[Map],
    kinds: Sequence[IteratorType],
) -> GenericOp:
    """A generic with a result for each output; made without xDSL's sorting of arguments, which takes longer."""
    return GenericOp.create(
        operands=[*inputs, *outputs],
        result_types=[output.type for output in outputs],
        properties={
            "indexing_maps": ArrayAttr(map_attributes(maps)),
            "iterator_types": ArrayAttr(iterator_attributes(kinds)),
            "operandSegmentSizes": operand_segments(len(inputs), len(outputs)),
        },
        regions=[Region(block)],
    )


@cache
def operand_segments(inputs: int, outputs: int) -> DenseArrayBase:
    """How many operands of a generic or a fill are inputs, and how many outputs."""
    return DenseArrayBase.from_list(i32, [inputs, outputs])


def replace_generic(old: GenericOp, parts: Parts, *extra_sources: Operation) -> GenericOp:
    """Rebuilds `old` from its changed parts in its place."""
    new = parts.build(*extra_sources, old)
    new.attributes.update(old.attributes)
    assert old.parent is not None
    old.parent.insert_op_before(new, old)
    for before, after in zip(old.results, new.results, strict=True):
        before.replace_all_uses_with(after)
        after.name_hint = before.name_hint
    erase(old)
    return new


def erase(op: Operation) -> None:
    op.detach()
    op.erase()


def yielding_input(op: GenericOp, index: int) -> GenericOp:
    """Rebuilds an op so that what it reads of input `index` is its last result too."""
    parts = Parts.taken(op)
    return _with_result(op, parts, parts.block.args[index], parts.inputs[index].type, parts.input_maps[index])


def yielding_again(op: GenericOp, number: int) -> GenericOp:
    """Rebuilds an op so that result `number` is its last result too."""
    parts, type_ = Parts.taken(op), op.results[number].type
    end = parts.block.last_op
    assert end is not None
    return _with_result(op, parts, end.operands[number], type_, parts.output_maps[number])


def _with_result(op: GenericOp, parts: Parts, value: SSAValue, type_: Attribute, map_: Map) -> GenericOp:
    """The op rebuilt from its parts, with a value of the body as one more result."""
    end = parts.block.last_op
    assert end is not None
    assert isinstance(type_, TensorType)
    end.operands = [*end.operands, value]
    parts.outputs.append(empty_like(type_, op, op))
    parts.output_maps.append(map_)
    parts.block.insert_arg(type_.element_type, len(parts.block.args))
    new = parts.build(op)
    insert_before(new, op)
    for before, after in zip(op.results, new.results, strict=False):
        before.replace_all_uses_with(after)
    erase(op)
    return new


# -- loops -----------------------------------------------------------------


def permute_loops(op: GenericOp, order: Sequence[int]) -> GenericOp:
    """Makes old loop `order[i]` the i-th loop."""
    if list(order) == list(range(len(order))):
        return op
    parts = Parts.taken(op)
    position = {old: new for new, old in enumerate(order)}
    dims = [AffineExpr.dimension(position[old]) for old in range(len(order))]
    parts.input_maps = [m.replace_dims_and_symbols(dims, (), len(dims), 0) for m in parts.input_maps]
    parts.output_maps = [m.replace_dims_and_symbols(dims, (), len(dims), 0) for m in parts.output_maps]
    parts.iterators = [parts.iterators[old] for old in order]
    for index in [inner for inner in parts.block.ops if isinstance(inner, IndexOp)]:
        index.properties["dim"] = IntegerAttr(position[index.dim.value.data], i64)
    return replace_generic(op, parts)


def canonical_loops(op: GenericOp) -> GenericOp:
    """Orders the loops as the first output's indices are, reductions last."""
    parallel = bare_dims(output_maps(op)[0])
    if parallel is None:
        return op
    return permute_loops(op, parallel + [loop for loop in range(len(op.iterator_types)) if loop not in parallel])


# -- bodies ----------------------------------------------------------------


def simplify_body(op: GenericOp) -> None:
    """Merges equal pure ops of the body and removes unused ones, in place."""
    known: dict[tuple[object, ...], Operation] = {}
    for inner in list(op.body.block.ops):
        if inner.regions or (not inner.has_trait(Pure) and not isinstance(inner, IndexOp)):
            continue
        key = (
            inner.name,
            tuple(id(operand) for operand in inner.operands),
            tuple(sorted(inner.properties.items(), key=lambda item: item[0])),
            tuple(inner.result_types),
        )
        if (first := known.setdefault(key, inner)) is not inner:
            for before, after in zip(inner.results, first.results, strict=True):
                before.replace_all_uses_with(after)
            erase(inner)
    for inner in reversed(list(op.body.block.ops)):
        if not isinstance(inner, YieldOp) and not inner.regions and not any(r.uses for r in inner.results):
            erase(inner)


def capture_constants(op: Operation) -> None:
    """Clones scalar constants that the regions use from outside into them."""
    for value in captured_values(op):
        constant = value.owner
        if not isinstance(constant, arith.ConstantOp) or isinstance(value.type, TensorType):
            continue
        block = op.regions[0].block
        inner = constant.clone(clone_name_hints=False)
        assert block.first_op is not None
        block.insert_op_before(inner, block.first_op)
        value.replace_uses_with_if(inner.result, lambda use, op=op: _is_inside(use.operation, op))


def _is_inside(op: Operation | None, ancestor: Operation) -> bool:
    op = op.parent_op() if op is not None else None
    while op is not None and op is not ancestor:
        op = op.parent_op()
    return op is ancestor


# -- results ----------------------------------------------------------------


def keep_results(op: GenericOp, wanted: Sequence[int]) -> GenericOp:
    """Drops results (and outputs) other than the wanted ones, whose accumulators the body must not use."""
    if list(wanted) == list(range(len(op.results))):
        return op
    parts = Parts.taken(op)
    yielded = parts.block.last_op
    assert yielded is not None
    yielded.operands = [yielded.operands[i] for i in wanted]
    for index in reversed(range(len(op.results))):
        if index not in wanted:
            parts.block.erase_arg(parts.block.args[len(parts.inputs) + index])
    parts.outputs = [parts.outputs[i] for i in wanted]
    parts.output_maps = [parts.output_maps[i] for i in wanted]
    new = parts.build(op)
    assert op.parent is not None
    op.parent.insert_op_before(new, op)
    for after, index in zip(new.results, wanted, strict=True):
        op.results[index].replace_all_uses_with(after)
    erase(op)
    return new


def empty_like(type_: TensorType, before: Operation, *sources: Operation) -> SSAValue:
    """A `tensor.empty` for an output, inserted before the op."""
    op = tensor.EmptyOp((), type_)
    op.location = location_of(*sources)
    insert_before(op, before)
    return op.tensor


def insert_before(op: Operation, point: Operation) -> None:
    block = InsertPoint.before(point).block
    block.insert_op_before(op, point)
