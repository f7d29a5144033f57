"""Sums of which one term counts: sum over k of (k == label and ... ? term : 0) is that term, without a loop.

The losses of class numbers are written so, which differentiates and fuses well. Where the term does not depend
on k, nothing of the row is read any more; else its tensors are read at the label, if rows are long. A step of
`fuse-elementwise`.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import AnyFloat, FloatAttr, IndexType, IntegerAttr, IntegerType, TensorType
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp, YieldOp
from xdsl.ir import Attribute, Block, BlockArgument, Operation, SSAValue
from xdsl.ir.affine import AffineMap

from cellc.passes.generic_fusion import inline_body, producer_loops
from cellc.passes.generic_rewrites import Parts, replace_generic
from cellc.passes.linalg_analysis import (
    bare_dims,
    captured_values,
    input_maps,
    inputs_of,
    is_all_parallel,
    is_contraction,
    loop_extents,
    reduction_loops,
)

LONG_ROW = 64
"""Classes from which reading one element beats reading the row, which is often at hand."""

_EQUAL = 0


@dataclass(frozen=True)
class _OneHot:
    """`compare` says whether loop `loop` is at `label`; `varying` are the values that depend on the loop."""

    loop: int
    extent: int
    compare: arith.CmpiOp
    label: SSAValue
    varying: set[SSAValue]


def fold_one_hot_sums(block: Block, *, read_rows: bool) -> bool:
    """Folds such sums; those of terms that depend on the loop only with `read_rows`. Whether there were any."""
    found = False
    for op in list(block.ops):
        if isinstance(op, GenericOp) and _sums_one_axis(op):
            parts = _with_producer(op)
            one_hot = _match(parts, loop_extents(op)[-1])
            if one_hot is not None and _may_fold(parts, one_hot, read_rows):
                replace_generic(op, _Folding(parts, one_hot).parts())
                found = True
    return found


def _sums_one_axis(op: GenericOp) -> bool:
    """Whether the op sums over its last loop alone, from 0 on."""
    loops = len(op.iterator_types)
    if reduction_loops(op) != [loops - 1] or len(op.results) != 1 or captured_values(op) or is_contraction(op):
        return False
    start = op.outputs[0].owner
    return isinstance(start, FillOp) and _is_zero(start.inputs[0])


def _with_producer(op: GenericOp) -> Parts:
    """The op's parts; where it only adds up the result of an all-parallel op, with what computes that."""
    parts, inputs = Parts.of(op), inputs_of(op)
    producer = inputs[0].owner if len(inputs) == 1 else None
    first = parts.block.first_op
    if not isinstance(producer, GenericOp) or not is_all_parallel(producer) or captured_values(producer):
        return parts
    if len(producer.results) != 1 or not isinstance(first, arith.AddfOp):
        return parts
    through = producer_loops(producer, 0, input_maps(op)[0])
    if through is not None:
        (value,) = inline_body(parts, first, producer, through)
        parts.replace_input(parts.inputs.index(producer.results[0]), value)
    return parts


def _match(parts: Parts, extent: int) -> _OneHot | None:
    """The comparison, if the sum's term is a choice between a value at one index and 0."""
    loop, yielded, total = len(parts.iterators) - 1, parts.block.last_op, parts.block.args[-1]
    assert isinstance(yielded, YieldOp)
    added = yielded.operands[0].owner
    if not isinstance(added, arith.AddfOp) or total not in added.operands or len(list(total.uses)) != 1:
        return None
    choice = (added.rhs if added.lhs is total else added.lhs).owner
    if not isinstance(choice, arith.SelectOp) or not _is_zero(choice.rhs):
        return None
    varying = _varying(parts, loop)
    for condition in _conjuncts(choice.cond):
        if isinstance(condition, arith.CmpiOp) and condition.predicate.value.data == _EQUAL:
            for index, label in ((condition.lhs, condition.rhs), (condition.rhs, condition.lhs)):
                if _is_loop(index, loop) and label not in varying and _holds(label, extent):
                    return _OneHot(loop, extent, condition, label, varying)
    return None


def _varying(parts: Parts, loop: int) -> set[SSAValue]:
    """The values of the body that depend on the loop."""
    varying: set[SSAValue] = {
        argument for argument, map_ in zip(parts.block.args, parts.input_maps, strict=False) if loop in map_.used_dims()
    }
    for op in parts.block.ops:
        if (isinstance(op, IndexOp) and op.dim.value.data == loop) or any(v in varying for v in op.operands):
            varying.update(op.results)
    return varying


def _conjuncts(condition: SSAValue) -> list[object]:
    """The ops whose results must all be true."""
    owner = condition.owner
    if isinstance(owner, arith.AndIOp):
        return [*_conjuncts(owner.lhs), *_conjuncts(owner.rhs)]
    return [owner]


def _is_loop(value: SSAValue, loop: int) -> bool:
    owner = value.owner
    if isinstance(owner, arith.IndexCastOp):
        owner = owner.input.owner
    return isinstance(owner, IndexOp) and owner.dim.value.data == loop


def _holds(label: SSAValue, extent: int) -> bool:
    """Whether the label's type has all indices as numbers of their own."""
    return isinstance(label.type, IntegerType) and extent <= 1 << (label.type.width.data - 1)


def _is_zero(value: SSAValue) -> bool:
    constant = value.owner.value if isinstance(value.owner, arith.ConstantOp) else None
    return isinstance(constant, FloatAttr) and constant.value.data == 0


def _may_fold(parts: Parts, one_hot: _OneHot, read_rows: bool) -> bool:
    """Whether what the term reads of the row may be read at one place: it must be in memory anyway."""
    rows = [
        (value, map_)
        for value, map_, argument in zip(parts.inputs, parts.input_maps, parts.block.args, strict=False)
        if argument in one_hot.varying and argument.uses
    ]
    if any(bare_dims(map_) is None for _, map_ in rows):
        return False
    return not rows or (read_rows and one_hot.extent >= LONG_ROW and all(_in_memory(value) for value, _ in rows))


def _in_memory(value: SSAValue) -> bool:
    """Whether the tensor is an argument, or what becomes of a contraction, which no reduction shares a kernel with."""
    owner = value.owner
    if not isinstance(owner, GenericOp):
        return isinstance(value, BlockArgument)
    return is_contraction(owner) or (
        is_all_parallel(owner) and any(is_contraction(read.owner) for read in inputs_of(owner))
    )


class _Folding:
    """Writes the body without the loop."""

    def __init__(self, parts: Parts, one_hot: _OneHot) -> None:
        self._parts = parts
        self._one_hot = one_hot
        self._block = Block()
        self._new: dict[SSAValue, SSAValue] = {}

    def parts(self) -> Parts:
        """The parts of an all-parallel op with the same result."""
        old, loop = self._parts, self._one_hot.loop
        kept = [i for i, map_ in enumerate(old.input_maps) if loop not in map_.used_dims()]
        for i in (*kept, len(old.inputs)):
            argument = old.block.args[i]
            self._new[argument] = self._block.insert_arg(argument.type, len(self._block.args))
        self._new[old.block.args[-1]] = self._number(0, old.block.args[-1].type)
        self._clone(varying=False)
        self._look_up()
        self._clone(varying=True)
        input_maps = [AffineMap(loop, 0, old.input_maps[i].results) for i in kept]
        output_maps = [AffineMap(loop, 0, map_.results) for map_ in old.output_maps]
        iterators = [IteratorType.PARALLEL] * loop
        return Parts([old.inputs[i] for i in kept], input_maps, list(old.outputs), output_maps, iterators, self._block)

    def _clone(self, *, varying: bool) -> None:
        """The ops that depend on the loop, or those that do not; but not those that have become something else."""
        for op in self._parts.block.ops:
            depends = isinstance(op, YieldOp) or op.results[0] in self._one_hot.varying
            if depends == varying and not any(result in self._new for result in op.results):
                self._block.add_op(op.clone(self._new))

    def _look_up(self) -> None:
        """The label as an index where it is one, else 0; and the row's elements there."""
        one_hot, label = self._one_hot, self._new[self._one_hot.label]
        zero, last = self._number(0, label.type), self._number(one_hot.extent - 1, label.type)
        low, high = self._add(arith.CmpiOp(label, zero, "sge")), self._add(arith.CmpiOp(label, last, "sle"))
        self._new[one_hot.compare.result] = inside = self._add(arith.AndIOp(low, high))
        at = self._add(arith.IndexCastOp(self._add(arith.SelectOp(inside, label, zero)), IndexType()))
        for op in self._parts.block.ops:
            if isinstance(op, IndexOp) and op.dim.value.data == one_hot.loop:
                self._new[op.result] = at
        for value, map_, argument in zip(
            self._parts.inputs, self._parts.input_maps, self._parts.block.args, strict=False
        ):
            if argument in one_hot.varying and argument.uses:
                self._new[argument] = self._element(value, map_, at)

    def _element(self, value: SSAValue, map_: AffineMap, at: SSAValue) -> SSAValue:
        """The element of a tensor where the loop is at `at`."""
        dims = bare_dims(map_)
        assert dims is not None
        assert isinstance(value.type, TensorType)
        indices = [at if dim == self._one_hot.loop else self._add(IndexOp(dim)) for dim in dims]
        return self._add(tensor.ExtractOp(value, indices, value.type.element_type))

    def _number(self, value: int, type_: Attribute) -> SSAValue:
        if isinstance(type_, IntegerType):
            return self._add(arith.ConstantOp(IntegerAttr(value, type_)))
        assert isinstance(type_, AnyFloat)
        return self._add(arith.ConstantOp(FloatAttr(float(value), type_)))

    def _add(self, op: Operation) -> SSAValue:
        self._block.add_op(op)
        return op.results[0]
