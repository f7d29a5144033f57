"""Kernels of kind `attention`, made of the kernels that are joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, FunctionType, IntegerAttr, StringAttr, i64
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Attribute, Block, Region, SSAValue

from cellc.passes.attention_form import AttentionParts, parts_of, problem_of
from cellc.passes.kernel_form import verify_kernel_form
from cellc.passes.outline_kernels import in_place
from cellc.passes.rewriting import location_of
from cellc.passes.softmax_form import divide_last, softmax_of
from cellc.targets.cpu.attention import can_write, cuts_rows
from cellc.targets.cpu.kernel_variants import inline


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
    calls: Sequence[func.CallOp], kernels: Sequence[func.FuncOp], operands: Sequence[SSAValue], name: str
) -> ForwardKernel | None:
    """The kernel of a contraction, a softmax and a contraction; None where rows of it cannot be cut along the keys."""
    kernel = attention_kernel(calls, kernels, operands, name)
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


def operands_of(calls: Sequence[func.CallOp]) -> list[SSAValue]:
    """What calls read and none of them makes, each once."""
    made = {result for call in calls for result in call.results}
    return [v for v in dict.fromkeys(v for call in calls for v in call.arguments) if v not in made]


def factors_of(kernel: func.FuncOp, parts: AttentionParts) -> tuple[int, int]:
    """Which arguments of an attention kernel are K and V."""
    keys, values = parts.first[0].inputs[parts.keys], parts.second[0].inputs[1 - parts.factor]
    return kernel.body.block.args.index(keys), kernel.body.block.args.index(values)


def attention_kernel(
    calls: Sequence[func.CallOp], kernels: Sequence[func.FuncOp], operands: Sequence[SSAValue], name: str
) -> func.FuncOp:
    """A kernel of kind `attention` with the ops of those that are called one after the other."""
    block = Block(arg_types=[value.type for value in operands])
    known: dict[SSAValue, SSAValue] = dict(zip(operands, block.args, strict=True))
    results: Sequence[SSAValue] = ()
    for call, kernel in zip(calls, kernels, strict=True):
        results = inline(kernel, call, known, block)
        known.update(zip(call.results, results, strict=True))
    end = func.ReturnOp(*results)
    block.add_op(end)
    outer = kernels[1].attributes["cellc.outer"]
    assert isinstance(outer, IntegerAttr)
    divide_last([op for op in block.ops if isinstance(op, GenericOp)], outer.value.data)
    kernel = kernel_of(block, "attention", outer, calls, name)
    pairs = in_place(generics_of(kernel), list(end.operands), block.args)
    if pairs:
        kernel.attributes["cellc.in_place"] = ArrayAttr([ArrayAttr([IntegerAttr(i, i64) for i in p]) for p in pairs])
    return kernel


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
    return [op for op in kernel.body.block.ops if isinstance(op, GenericOp)]


def outer_of(kernel: func.FuncOp) -> int:
    """Its `cellc.outer`."""
    outer = kernel.attributes["cellc.outer"]
    assert isinstance(outer, IntegerAttr)
    return outer.value.data
