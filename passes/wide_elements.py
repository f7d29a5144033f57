"""f16 and bf16 between the ops of one kernel, in f32: what is computed in f32 stays so until it is in memory.

    %s = generic { truncf(...) } : f16                 %s = generic { ... } : f32
    %w = generic { f(extf(%s)) } : f16        becomes  %w = generic { f(%s) } : f32

Nothing is rounded in between, so results are closer to those of exact arithmetic, and what is too large for f16
between ops is not infinite.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from xdsl.dialects import arith
from xdsl.dialects.builtin import FloatAttr, TensorType, bf16, f16, f32
from xdsl.dialects.linalg.ops import GenericOp, YieldOp
from xdsl.dialects.tensor import EmptyOp
from xdsl.ir import Attribute, Block, Operation, SSAValue

from cellc.passes.generic_rewrites import Parts, erase, insert_before, replace_generic
from cellc.passes.linalg_analysis import input_maps, is_data_movement, is_identity, output_maps
from cellc.passes.rewriting import location_of

HALF = (f16, bf16)
# Ops that give the same of numbers in f32 as of those in f16, whose results are no new numbers.
_EXACT = (arith.SelectOp, arith.CmpfOp, arith.NegfOp, arith.MaximumfOp, arith.MinimumfOp)


def is_half(type_: Attribute) -> bool:
    """Whether a tensor has elements of f16 or bf16."""
    return isinstance(type_, TensorType) and type_.element_type in HALF


def widen_generics(ops: Sequence[GenericOp], stay: Container[SSAValue] = ()) -> list[GenericOp] | None:
    """Lets generics, in order, have results of f32 instead of f16 and bf16, but for those that `stay`.

    Gives what they have become, without those that only rounded; None, with some of them changed, where a body computes
    otherwise than in f32.
    """
    found = list[GenericOp]()
    for op in ops:
        wide = _widened(op, stay)
        if wide is None:
            return None
        if _moves_nothing(wide):
            outputs = list(wide.outputs)
            wide.results[0].replace_all_uses_with(wide.inputs[0])
            erase(wide)
            _erase_unused(outputs)
        else:
            found.append(wide)
    return found


def _moves_nothing(op: GenericOp) -> bool:
    maps = (*input_maps(op), *output_maps(op))
    return is_data_movement(op) and all(map(is_identity, maps)) and [v.type for v in op.inputs] == [op.results[0].type]


def _widened(op: GenericOp, stay: Container[SSAValue]) -> GenericOp | None:
    """The op in its place; None where its body forbids it."""
    parts = Parts.of(op)
    for i, (result, output) in enumerate(zip(op.results, op.outputs, strict=True)):
        if is_half(result.type) and result not in stay:
            if not isinstance(output.owner, EmptyOp):
                return None
            parts.outputs[i] = _wide_empty(output.owner, op)
    types = [value.type.element_type for value in (*parts.inputs, *parts.outputs) if isinstance(value.type, TensorType)]
    if types == [argument.type for argument in parts.block.args] and not _rounds(parts.block):
        return op
    block = _WideBody(parts.block, types).write()
    if block is None:
        return None
    parts.block = block
    outputs = list(op.outputs)
    wide = replace_generic(op, parts)
    _erase_unused(outputs)
    return wide


def _erase_unused(outputs: Sequence[SSAValue]) -> None:
    """Erases the empties that nothing is written to any more."""
    for output in outputs:
        if isinstance(output.owner, EmptyOp) and not output.uses:
            erase(output.owner)


def _rounds(block: Block) -> bool:
    return any(isinstance(op, arith.TruncFOp) and op.result.type in HALF for op in block.ops)


def _wide_empty(empty: EmptyOp, before: Operation) -> SSAValue:
    assert isinstance(empty.tensor.type, TensorType)
    wide = EmptyOp((), TensorType(f32, empty.tensor.type.get_shape()))
    wide.location = location_of(empty)
    insert_before(wide, before)
    return wide.tensor


class _WideBody:
    """Writes a body for arguments of these types: each value that was rounded is the one in f32."""

    def __init__(self, body: Block, types: Sequence[Attribute]) -> None:
        self._old, self._new = body, Block(arg_types=types)
        self._values: dict[SSAValue, SSAValue] = dict(zip(body.args, self._new.args, strict=True))

    def write(self) -> Block | None:
        """The body; None where an op computes with f16 or bf16 itself."""
        for op in self._old.ops:
            if isinstance(op, YieldOp):
                self._end(op)
            elif isinstance(op, arith.ExtFOp) and op.input.type in HALF and op.result.type == f32:
                self._values[op.result] = self._wide(op.input)
            elif isinstance(op, arith.TruncFOp) and op.input.type == f32 and op.result.type in HALF:
                self._values[op.result] = self._values[op.input]
            elif isinstance(op, arith.ConstantOp) and op.result.type in HALF and isinstance(op.value, FloatAttr):
                self._values[op.result] = self._add(arith.ConstantOp(FloatAttr(op.value.value.data, f32)), op)
            elif not any(value.type in HALF for value in op.operands):
                self._clone(op)
            elif isinstance(op, _EXACT):
                self._compute(op)
            else:
                return None
        return self._new

    def _add(self, op: Operation, source: Operation) -> SSAValue:
        op.location = location_of(source)
        self._new.add_op(op)
        return op.results[0]

    def _clone(self, op: Operation) -> None:
        self._new.add_op(op.clone(self._values))

    def _wide(self, value: SSAValue) -> SSAValue:
        """A number in f32; what is in memory is read so once."""
        known = self._values[value]
        if known.type in HALF:
            known = arith.ExtFOp(known, f32).result
            assert self._old.first_op is not None
            self._values[value] = self._add(known.owner, self._old.first_op)
        return known

    def _compute(self, op: Operation) -> None:
        operands = [self._wide(v) if v.type in HALF else self._values[v] for v in op.operands]
        types = [f32 if result.type in HALF else result.type for result in op.results]
        wide = type(op).create(operands=operands, result_types=types, properties=dict(op.properties))
        self._values[op.results[0]] = self._add(wide, op)

    def _end(self, end: YieldOp) -> None:
        results = list[SSAValue]()
        for value, argument in zip(end.operands, self._new.args[-len(end.operands) :], strict=True):
            if value.type in HALF and argument.type == f32:
                results.append(self._wide(value))
            elif value.type in HALF and self._values[value].type == f32:
                results.append(self._add(arith.TruncFOp(self._values[value], argument.type), end))
            else:
                results.append(self._values[value])
        self._add_end(YieldOp(*results), end)

    def _add_end(self, op: YieldOp, end: YieldOp) -> None:
        op.location = location_of(end)
        self._new.add_op(op)
