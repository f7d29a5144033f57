"""`fuse-attention`: two products and the rows between them, such as softmax(Q K^T) V, become one kernel.

    %s = call @matmul_mul(%q, %k)   : -> tensor<4x12x128x128xf32>
    %p = call @softmax(%s)          : -> tensor<4x12x128x128xf32>
    %r = call @matmul_move(%p, %v)

If nothing else reads %s and %p, they are replaced by one call of a kernel of kind `attention`, and no tensor of scores
is in memory. Only the CPU has such kernels, so other targets keep the three. As in FlashAttention (Dao et al., 2022)
the scores of some rows are made, used and forgotten. What a softmax divides weights by divides the results instead
(`softmax_form.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, FunctionType, IntegerAttr, ModuleOp, StringAttr, i64
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Block, Region, SSAValue
from xdsl.passes import ModulePass

from cellc.passes.attention_form import parts_of, problem_of
from cellc.passes.generic_rewrites import erase, insert_before
from cellc.passes.hoist_constants import is_constant
from cellc.passes.kernel_form import verify_kernel_form
from cellc.passes.outline_kernels import in_place
from cellc.passes.rewriting import location_of
from cellc.passes.softmax_form import divide_last
from cellc.targets.cpu.attention import can_write
from cellc.targets.cpu.kernel_variants import ProgramKernels, inline, is_read_once, kind_of, replace_call

Calls = tuple[func.CallOp, func.CallOp, func.CallOp]


@dataclass(frozen=True)
class FuseAttentionPass(ModulePass):
    """Joins the calls of a contraction, a chain of its rows and a contraction of those, where only they read them."""

    name = "fuse-attention"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        kernels = ProgramKernels(op)
        kernels.rewrite_calls(_Fusion(kernels).visit)


@dataclass(frozen=True)
class _Joined:
    """A kernel of three, and which of its arguments are K and V."""

    name: str
    factors: tuple[int, int]


@dataclass
class _Fusion:
    """The kernels, and the kernel that joins three that are called with these operands (or None)."""

    kernels: ProgramKernels
    joined: dict[tuple[tuple[str, ...], tuple[int, ...]], _Joined | None] = field(default_factory=dict)

    def visit(self, last: func.CallOp) -> None:
        """Joins the calls that end with `last`, if there are such."""
        calls = self.calls_before(last)
        if calls is not None:
            self.replace(calls)

    def calls_before(self, last: func.CallOp) -> Calls | None:
        """The calls that end with `last`, if each but the last is read by the next alone."""
        if self._kind(last) != "contraction":
            return None
        chain = self._read_by(last, "reduction")
        first = None if chain is None else self._read_by(chain, "contraction")
        return None if chain is None or first is None else (first, chain, last)

    def _kind(self, call: func.CallOp) -> str:
        return kind_of(self.kernels.called(call))

    def _read_by(self, call: func.CallOp, kind: str) -> func.CallOp | None:
        """The one call of a kernel of this kind that nothing but `call` reads, once."""
        owners = (value.owner for value in call.arguments)
        found = [o for o in owners if isinstance(o, func.CallOp) and self._kind(o) == kind and _is_read_once(o)]
        return found[0] if len(found) == 1 else None

    def replace(self, calls: Calls) -> None:
        """Puts a call of the joined kernel in the place of the last of the three, if there is such a kernel."""
        operands = _operands_of(calls)
        numbers = tuple(operands.index(v) if v in operands else -1 for call in calls for v in call.arguments)
        key = (tuple(call.callee.root_reference.data for call in calls), numbers)
        if key not in self.joined:
            self.joined[key] = self._join(calls, operands, f"attention_{len(self.joined)}")
        joined, last = self.joined[key], calls[-1]
        # A constant factor is packed once for all runs, which is worth more.
        if joined is None or any(is_constant(self.kernels.main, operands[i]) for i in joined.factors):
            return
        call = func.CallOp(joined.name, operands, [result.type for result in last.results])
        call.location = location_of(*calls)
        insert_before(call, last)
        replace_call(last, call.results)
        for old in reversed(calls[:-1]):
            erase(old)

    def _join(self, calls: Calls, operands: list[SSAValue], name: str) -> _Joined | None:
        """Makes the kernel that computes what the three compute; None where its form or its size forbids it."""
        kernels = [self.kernels.called(call) for call in calls]
        kernel = _inlined(calls, kernels, operands, name)
        block, outer = kernel.body.block, kernel.attributes["cellc.outer"]
        assert block.last_op is not None
        assert isinstance(outer, IntegerAttr)
        parts = parts_of([op for op in block.ops if isinstance(op, GenericOp)], outer.value.data)
        if parts is None or problem_of(parts, block.last_op.operands) or not can_write(kernel, parts):
            return None
        verify_kernel_form(kernel)
        self.kernels.add(kernel, kernels[-1])
        factors = (parts.first[0].inputs[parts.keys], parts.second[0].inputs[1 - parts.factor])
        return _Joined(name, (block.args.index(factors[0]), block.args.index(factors[1])))


def _is_read_once(call: func.CallOp) -> bool:
    return len(call.results) == 1 and is_read_once(call.results[0])


def _operands_of(calls: Calls) -> list[SSAValue]:
    """What the three read and none of them makes, each once."""
    made = {result for call in calls[:-1] for result in call.results}
    return [v for v in dict.fromkeys(v for call in calls for v in call.arguments) if v not in made]


def _inlined(calls: Calls, kernels: Sequence[func.FuncOp], operands: Sequence[SSAValue], name: str) -> func.FuncOp:
    """A kernel of kind `attention` with the ops of the three."""
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
    generics, results = [op for op in block.ops if isinstance(op, GenericOp)], list(end.operands)
    types = FunctionType.from_lists([v.type for v in operands], [v.type for v in results])
    kernel = func.FuncOp(name, types, Region(block), visibility="private")
    kernel.attributes |= {"cellc.kind": StringAttr("attention"), "cellc.outer": outer}
    pairs = in_place(generics, results, block.args)
    if pairs:
        kernel.attributes["cellc.in_place"] = ArrayAttr([ArrayAttr([IntegerAttr(i, i64) for i in p]) for p in pairs])
    for op in (kernel, block.last_op):
        assert op is not None
        op.location = location_of(*calls)
    return kernel
