"""`fuse-attention-gradient`: attention in a training step becomes one kernel forward and one backward.

    %s = call @scores(%q, %k)          %dw = call @dweights(%v, %do)
    %w = call @softmax(%s)             %ds = call @dscores(%dw, %w)
    %o = call @mixed(%w, %v)           %dv = call @values(%w, %do)
                                       %dk = call @keys(%ds, %q)
                                       %dq = call @queries(%ds, %k)
become
    %o, %m, %t = call @attention(%q, %k, %v)
    %dv, %dk, %dq = call @attention_gradient(%q, %k, %v, %do, %o, %m, %t)

where %m and %t are a maximum and one over a sum for each row, from which the second kernel makes some weights at a time
(`passes/attention_gradient_form.py`). Nothing of the size of %w is in memory then. With dropout of weights both kernels
read the random state instead of what is kept (`passes/dropout_form.py`). Calls that others read, and those of another
form, stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from cellc.passes.generic_rewrites import erase, insert_before
from cellc.passes.hoist_constants import is_constant
from cellc.passes.linalg_analysis import shape_of
from cellc.passes.move_reshapes import reshape
from cellc.passes.rewriting import location_of
from cellc.targets.cpu.attention_calls import AttentionCalls, attention_calls_of, erase_numbers
from cellc.targets.cpu.attention_gradient_kernel import BackwardKernel, backward_kernel
from cellc.targets.cpu.attention_kernels import ForwardKernel, forward_kernel, operands_of
from cellc.targets.cpu.kernel_variants import ProgramKernels, replace_call


@dataclass(frozen=True)
class FuseAttentionGradientPass(ModulePass):
    """Joins the calls of an attention and those of its gradients, where only they read the weights."""

    name = "fuse-attention-gradient"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        kernels = ProgramKernels(op)
        kernels.rewrite_calls(_Fusion(kernels).visit)


@dataclass
class _Fusion:
    """The kernels, and those that join others that are called with these operands (or None)."""

    kernels: ProgramKernels
    joined: dict[tuple[object, ...], tuple[ForwardKernel, BackwardKernel] | None] = field(default_factory=dict)

    def visit(self, softmax: func.CallOp) -> None:
        """Joins the calls around `softmax`, if they are an attention and its gradients."""
        if softmax.parent is None:
            return
        calls = attention_calls_of(self.kernels, softmax)
        if calls is not None:
            self.replace(calls)

    def replace(self, calls: AttentionCalls) -> None:
        """Puts calls of the joined kernels in the place of these, if there are such kernels."""
        forward, backward = (operands_of(some, calls.random) for some in (calls.forward, calls.backward))
        key = _key(calls, [*forward, *backward])
        if key not in self.joined:
            self.joined[key] = self._join(calls, forward, backward)
        joined = self.joined[key]
        # A constant factor is packed once for all runs, which is worth more.
        if joined is None or any(is_constant(self.kernels.main, forward[i]) for i in joined[0].factors):
            return
        first = _call(joined[0].kernel, forward, calls.forward, calls.mixed)
        replace_call(calls.mixed, first.results[:1])
        second = _call(joined[1].kernel, [*backward, *first.results], calls.backward, calls.products[0])
        for product, result in zip(calls.products, _results(joined[1], second, calls), strict=True):
            replace_call(product, [result])
        for old in (calls.dscores, calls.dweights, calls.softmax, calls.scores):
            erase(old)
        erase_numbers(calls.random)

    def _join(
        self, calls: AttentionCalls, forward: list[SSAValue], backward: list[SSAValue]
    ) -> tuple[ForwardKernel, BackwardKernel] | None:
        name = self.kernels.fresh("attention")
        first = forward_kernel(self.kernels, calls.forward, calls.random, forward, name)
        if first is None:
            return None
        name = self.kernels.fresh("attention_gradient")
        second = backward_kernel(self.kernels, calls, backward, first.returned, name)
        if second is None:
            return None
        self.kernels.add(first.kernel, self.kernels.called(calls.mixed))
        for kernel in (second.kernel, *(made for made in second.sums if isinstance(made, func.FuncOp))):
            self.kernels.add(kernel, self.kernels.called(calls.products[-1]))
        return first, second


def _key(calls: AttentionCalls, operands: list[SSAValue]) -> tuple[object, ...]:
    """Equal where the same kernels are called with operands that are equal in the same places."""
    known = list(dict.fromkeys(operands))
    every = (*calls.forward, *calls.backward, *(() if calls.random is None else (calls.random.call,)))
    numbers = tuple(known.index(v) if v in known else -1 for call in every for v in call.arguments)
    return (tuple(call.callee.root_reference.data for call in every), numbers)


def _results(kernel: BackwardKernel, call: func.CallOp, calls: AttentionCalls) -> list[SSAValue]:
    """The gradients, which a call of the kernel returns or, where keys are split, parts of which it returns."""
    found, place = list[SSAValue](call.results), calls.products[0]
    for i, (made, product) in enumerate(zip(kernel.sums, calls.products, strict=False)):
        if isinstance(made, func.FuncOp):
            found[i] = _call(made, [found[i]], (product,), place).results[0]
            continue
        rank = len(shape_of(product.results[0]))
        groups = [[d + (d > made)] if d != made else [d, d + 1] for d in range(rank)]
        found[i] = reshape(found[i], shape_of(product.results[0]), groups, place, product)
    return found


def _call(
    kernel: func.FuncOp, operands: list[SSAValue], old: tuple[func.CallOp, ...], place: func.CallOp
) -> func.CallOp:
    """A call of a kernel for calls `old`, before `place`."""
    call = func.CallOp(kernel.sym_name.data, operands, list(kernel.function_type.outputs))
    call.location = location_of(*old)
    insert_before(call, place)
    return call
