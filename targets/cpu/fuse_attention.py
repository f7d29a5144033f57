"""`fuse-attention`: two products and the rows between them, such as softmax(Q K^T) V, become one kernel.

    %s = call @matmul_mul(%q, %k)   : -> tensor<4x12x128x128xf32>
    %p = call @softmax(%s)          : -> tensor<4x12x128x128xf32>
    %r = call @matmul_move(%p, %v)

If nothing else reads %s and %p, they are replaced by one call of a kernel of kind `attention`, and no tensor of scores
is in memory. Only the CPU has such kernels, so other targets keep the three. As in FlashAttention (Dao et al., 2022)
the scores of some rows are made, used and forgotten. What a softmax divides weights by divides the results instead
(`scaled_rows.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from cellc.passes.attention_form import parts_of, problem_of
from cellc.passes.generic_rewrites import erase, insert_before
from cellc.passes.hoist_constants import is_constant
from cellc.passes.kernel_form import verify_kernel_form
from cellc.passes.rewriting import location_of
from cellc.targets.cpu.attention import can_write
from cellc.targets.cpu.attention_calls import RandomCall, erase_numbers, random_call_of
from cellc.targets.cpu.attention_kernels import attention_kernel, factors_of, generics_of, operands_of, outer_of
from cellc.targets.cpu.kernel_variants import ProgramKernels, is_read_once, kind_of, replace_call

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
        random = random_call_of(self.kernels, calls[1], calls[1:2])
        if random is None or not self._replace(calls, random):
            self._replace(calls, None)

    def _replace(self, calls: Calls, random: RandomCall | None) -> bool:
        """The same with a kernel that makes `random` numbers itself; whether it was done."""
        operands = operands_of(calls, random)
        numbers = tuple(operands.index(v) if v in operands else -1 for call in calls for v in call.arguments)
        every = (*calls, *(() if random is None else (random.call,)))
        key = (tuple(call.callee.root_reference.data for call in every), numbers)
        if key not in self.joined:
            self.joined[key] = self._join(calls, random, operands, self.kernels.fresh("attention"))
        joined, last = self.joined[key], calls[-1]
        # A constant factor is packed once for all runs, which is worth more.
        if joined is None or any(is_constant(self.kernels.main, operands[i]) for i in joined.factors):
            return False
        call = func.CallOp(joined.name, operands, [result.type for result in last.results])
        call.location = location_of(*calls)
        insert_before(call, last)
        replace_call(last, call.results)
        for old in reversed(calls[:-1]):
            erase(old)
        erase_numbers(random)
        return True

    def _join(self, calls: Calls, random: RandomCall | None, operands: list[SSAValue], name: str) -> _Joined | None:
        """Makes the kernel that computes what the three compute; None where its form or its size forbids it."""
        kernel = attention_kernel(self.kernels, calls, random, operands, name)
        if kernel is None:
            return None
        end = kernel.body.block.last_op
        assert end is not None
        parts = parts_of(generics_of(kernel), outer_of(kernel))
        if parts is None or problem_of(parts, end.operands) or not can_write(kernel, parts):
            return None
        verify_kernel_form(kernel)
        self.kernels.add(kernel, self.kernels.called(calls[-1]))
        return _Joined(name, factors_of(kernel, parts))


def _is_read_once(call: func.CallOp) -> bool:
    return len(call.results) == 1 and is_read_once(call.results[0])
