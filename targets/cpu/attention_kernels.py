"""Kernels of kind `attention`, made of the kernels that are joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, IntegerAttr, StringAttr, TensorType, i1
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.dialects.tensor import EmptyOp
from xdsl.ir import Attribute, Block, Region, SSAValue

from cellc.passes.attention_form import AttentionParts, parts_of, problem_of
from cellc.passes.dropout_form import split_keep
from cellc.passes.element_places import numbers_at_places
from cellc.passes.generic_fusion import fused_parts
from cellc.passes.generic_rewrites import erase, replace_generic
from cellc.passes.in_place_pairs import set_in_place_pairs
from cellc.passes.kernel_form import verify_kernel_form
from cellc.passes.linalg_analysis import input_maps, is_all_parallel, is_contraction, shape_of
from cellc.passes.outline_kernels import in_place
from cellc.passes.rewriting import location_of
from cellc.passes.scaled_rows import divide_last
from cellc.passes.softmax_form import softmax_of
from cellc.passes.wide_elements import widen_generics
from cellc.targets.cpu.attention import can_write, cuts_rows
from cellc.targets.cpu.attention_calls import RandomCall
from cellc.targets.cpu.kernel_variants import ProgramKernels, inline


@dataclass(frozen=True)
class ForwardKernel:
    """An attention kernel that returns the maximum of each row and what its exponentials are scaled by too.

    `factors` says which of its arguments are K and V.
    """

    kernel: func.FuncOp
    factors: tuple[int, int]

    @property
    def returned(self) -> list[Attribute]:
        """The types of its results."""
        return list(self.kernel.function_type.outputs)


def forward_kernel(
    kernels: ProgramKernels,
    calls: Sequence[func.CallOp],
    random: RandomCall | None,
    operands: Sequence[SSAValue],
    name: str,
) -> ForwardKernel | None:
    """The kernel of a contraction, a softmax and a contraction; None where rows of it cannot be cut along the keys."""
    kernel = attention_kernel(kernels, calls, random, operands, name, wide=True)
    if kernel is None:
        return None
    end, outer = kernel.body.block.last_op, outer_of(kernel)
    assert end is not None
    parts = parts_of(generics_of(kernel), outer)
    softmax = None if parts is None or problem_of(parts, end.operands) else softmax_of(parts)
    if parts is None or softmax is None or len(parts.row_values) != 1:
        return None
    end.operands = [*end.operands, softmax.maximum.results[0], *parts.row_values]
    kernel.function_type = FunctionType.from_lists([v.type for v in operands], [v.type for v in end.operands])
    if not cuts_rows(kernel, parts) or not can_write(kernel, parts):
        return None
    verify_kernel_form(kernel)
    return ForwardKernel(kernel, factors_of(kernel, parts))


def operands_of(calls: Sequence[func.CallOp], random: RandomCall | None) -> list[SSAValue]:
    """What calls read and none of them makes, each once; for `random` numbers what their call reads."""
    made, found = {result for call in calls for result in call.results}, list[SSAValue]()
    for value in (value for call in calls for value in call.arguments):
        found += random.call.arguments if random is not None and value is random.value else [value]
    return [v for v in dict.fromkeys(found) if v not in made]


def factors_of(kernel: func.FuncOp, parts: AttentionParts) -> tuple[int, int]:
    """Which arguments of an attention kernel are K and V."""
    keys, values = parts.first[0].inputs[parts.keys], parts.second[0].inputs[1 - parts.factor]
    return kernel.body.block.args.index(keys), kernel.body.block.args.index(values)


def attention_kernel(
    kernels: ProgramKernels,
    calls: Sequence[func.CallOp],
    random: RandomCall | None,
    operands: Sequence[SSAValue],
    name: str,
    *,
    wide: bool = False,
) -> func.FuncOp | None:
    """A kernel of kind `attention` with the ops of those that are called one after the other; None where the calls'
    random numbers follow from more than places.

    If it is `wide`, what is f16 or bf16 between ops becomes f32; None where that is impossible.
    """
    block = Block(arg_types=[value.type for value in operands])
    known: dict[SSAValue, SSAValue] = dict(zip(operands, block.args, strict=True))
    if random is not None and not add_numbers(kernels, random, known, block):
        return None
    for call in calls:
        added = add_call(kernels, call, known, block)
        if wide and widen_call(call, known, block, added, last=call is calls[-1]) is None:
            return None
    end = func.ReturnOp(*(known[result] for result in calls[-1].results))
    block.add_op(end)
    outer = kernels.called(calls[1]).attributes["cellc.outer"]
    assert isinstance(outer, IntegerAttr)
    product = [op for op in _generics_in(block) if is_contraction(op)][-1]
    for made in [value.owner for value in product.inputs]:
        if isinstance(made, GenericOp):
            find_kept(made)
    for op in reversed(_generics_in(block)):
        if not any(result.uses for result in op.results):
            erase(op)
    divide_last(_generics_in(block), outer.value.data)
    kernel = kernel_of(block, "attention", outer, calls, name)
    pairs = in_place(generics_of(kernel), list(end.operands), block.args)
    set_in_place_pairs(kernel, pairs)
    return kernel


def add_call(
    kernels: ProgramKernels, call: func.CallOp, known: dict[SSAValue, SSAValue], block: Block
) -> list[GenericOp]:
    """Adds what a call computes; its generics."""
    before = block.last_op
    known.update(zip(call.results, inline(kernels.called(call), call, known, block), strict=True))
    op, found = block.first_op if before is None else before.next_op, list[GenericOp]()
    while op is not None:
        found += [op] if isinstance(op, GenericOp) else []
        op = op.next_op
    return found


def widen_call(
    call: func.CallOp, known: dict[SSAValue, SSAValue], block: Block, added: Sequence[GenericOp], *, last: bool = False
) -> list[GenericOp] | None:
    """Lets what a call computes in f16 or bf16 be f32, but for its results if it is the last; the generics then.

    None where that is impossible.
    """
    results = func.ReturnOp(*(known[result] for result in call.results))
    block.add_op(results)
    wide = widen_generics(added, tuple(results.operands) if last else ())
    known.update(zip(call.results, results.operands, strict=True))
    erase(results)
    return wide


def add_numbers(kernels: ProgramKernels, random: RandomCall, known: dict[SSAValue, SSAValue], block: Block) -> bool:
    """Adds an op that makes the numbers in the shape in which they are read; whether they follow from places alone."""
    kernel = kernels.called(random.call)
    (made,) = generics_of(kernel)
    arguments: dict[SSAValue, SSAValue] = dict(zip(kernel.body.block.args, random.call.arguments, strict=True))
    if not set(made.inputs) <= set(arguments):
        return False
    numbers = numbers_at_places(made, [known[arguments[v]] for v in made.inputs], shape_of(random.value))
    if numbers is None:
        return False
    empty = numbers.outputs[0].owner
    assert isinstance(empty, EmptyOp)
    block.add_ops([empty, numbers])
    known[random.value] = numbers.results[0]
    return True


def find_kept(op: GenericOp) -> GenericOp | None:
    """Makes an op of its own of what says which weights `op` keeps; None where it keeps all or the form is another."""
    numbers = [v.owner for v in op.inputs if isinstance(v.owner, GenericOp) and _makes_numbers(v)]
    if numbers:
        op = replace_generic(op, fused_parts(numbers[0], op, last=False), numbers[0])
    return split_keep(op)


def _makes_numbers(value: SSAValue) -> bool:
    """Whether an op makes numbers, not choices, of indices and of a state."""
    op, type_ = value.owner, value.type
    if not isinstance(op, GenericOp) or not isinstance(type_, TensorType) or type_.element_type == i1:
        return False
    return is_all_parallel(op) and len(op.inputs) > 0 and not any(m.used_dims() for m in input_maps(op))


def kernel_of(block: Block, kind: str, outer: Attribute, calls: Sequence[func.CallOp], name: str) -> func.FuncOp:
    """The kernel with this body, which ends in a return."""
    end = block.last_op
    assert end is not None
    types = FunctionType.from_lists([v.type for v in block.args], [v.type for v in end.operands])
    kernel = func.FuncOp(name, types, Region(block), visibility="private")
    kernel.attributes |= {"cellc.kind": StringAttr(kind), "cellc.outer": outer}
    for op in (kernel, end):
        op.location = location_of(*calls)
    return kernel


def generics_of(kernel: func.FuncOp) -> list[GenericOp]:
    """The generics of a kernel, in order."""
    return _generics_in(kernel.body.block)


def _generics_in(block: Block) -> list[GenericOp]:
    return [op for op in block.ops if isinstance(op, GenericOp)]


def outer_of(kernel: func.FuncOp) -> int:
    """Its `cellc.outer`."""
    outer = kernel.attributes["cellc.outer"]
    assert isinstance(outer, IntegerAttr)
    return outer.value.data
