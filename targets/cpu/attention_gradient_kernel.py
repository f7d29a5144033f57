"""Kernels of kind `attention_gradient`, made of the kernels of a training step that are joined.

In the softmax's chain each row's maximum and what its exponentials are scaled by become arguments, and in the chain of
its gradient the sum over n of dweights * weights becomes that over e of dO * O. What is left of both chains is one
generic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from xdsl.dialects import func
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.ir.affine import AffineMap

from cellc.passes.attention_gradient_form import gradient_parts_of, gradient_problem_of
from cellc.passes.generic_fusion import fused_parts, merged_parts
from cellc.passes.generic_rewrites import erase, insert_before, replace_generic
from cellc.passes.kernel_form import verify_kernel_form
from cellc.passes.linalg_analysis import input_maps, is_all_parallel, is_identity, loop_extents, shape_of
from cellc.passes.rewriting import set_location
from cellc.targets.cpu.attention_calls import AttentionCalls
from cellc.targets.cpu.attention_dots import MixedValues, dots_before, is_dot, mixed_values
from cellc.targets.cpu.attention_gradient import can_write_gradient
from cellc.targets.cpu.attention_kernels import generics_of, kernel_of, outer_of
from cellc.targets.cpu.kernel_variants import ProgramKernels, inline


def backward_kernel(
    kernels: ProgramKernels, calls: AttentionCalls, operands: Sequence[SSAValue], kept: Sequence[Attribute], name: str
) -> func.FuncOp | None:
    """The kernel of the gradients, whose arguments are the operands and what the forward kernel returns, of types
    `kept`; None where one of the calls has another form."""
    block = Block(arg_types=[*(value.type for value in operands), *kept])
    known: dict[SSAValue, SSAValue] = dict(zip(operands, block.args, strict=False))
    body = _Body(kernels, calls, block, known, block.args[len(operands) :])
    if not body.add_chains():
        return None
    body.add_products()
    outer = kernels.called(calls.softmax).attributes["cellc.outer"]
    kernel = kernel_of(block, "attention_gradient", outer, calls.backward, name)
    set_location(kernel, kernel.location)
    parts, end = gradient_parts_of(generics_of(kernel), outer_of(kernel)), block.last_op
    assert end is not None
    if parts is None or gradient_problem_of(parts, end.operands) or not can_write_gradient(kernel, parts):
        return None
    verify_kernel_form(kernel)
    return kernel


class _Body:
    """The ops of the kernel while they are put together; `kept` are O, the rows' maxima and their scales."""

    def __init__(
        self,
        kernels: ProgramKernels,
        calls: AttentionCalls,
        block: Block,
        known: dict[SSAValue, SSAValue],
        kept: Sequence[SSAValue],
    ) -> None:
        self._kernels, self._calls, self._block, self._known = kernels, calls, block, known
        self._results, self._maxima, self._scales = kept

    def _inline(self, call: func.CallOp) -> list[GenericOp]:
        """Adds what a call computes; its generics."""
        before = self._block.last_op
        self._known.update(
            zip(call.results, inline(self._kernels.called(call), call, self._known, self._block), strict=True)
        )
        first = self._block.first_op if before is None else before.next_op
        found = list[GenericOp]()
        while first is not None:
            found += [first] if isinstance(first, GenericOp) else []
            first = first.next_op
        return found

    def add_chains(self) -> bool:
        """Adds weights and dscores as the results of one generic; whether both chains allow it."""
        calls, known = self._calls, self._known
        self._inline(calls.scores)
        self._inline(calls.softmax)
        weights = known[calls.softmax.results[0]].owner
        assert isinstance(weights, GenericOp)
        exponentials = weights.inputs[0].owner
        assert isinstance(exponentials, GenericOp)
        weights.operands[1], exponentials.operands[1] = self._scales, self._maxima
        self._remove_unused()
        weights = replace_generic(weights, fused_parts(exponentials, weights), exponentials)
        known[calls.softmax.results[0]] = weights.results[0]
        erase(exponentials)
        (dweights, *epilogue), added = self._inline(calls.dweights), self._inline(calls.dscores)
        if epilogue or len(added) != 2 or not is_dot(added[0], dweights.results[0], weights.results[0]):
            return False
        sums, dscores = added
        values = self._values()
        if values is None or not _same_elements(weights, dscores) or len(dscores.results) != 1:
            return False
        dots = dots_before(sums, dweights, self._results, values)
        if dots is None:
            return False
        sums.results[0].replace_all_uses_with(dots.results[0])
        erase(sums)
        self._merge(weights, dscores)
        self._remove_unused()
        return True

    def add_products(self) -> None:
        """Adds the products, which the kernel returns."""
        for call in self._calls.products:
            self._inline(call)
        end = func.ReturnOp(*(self._known[call.results[0]] for call in self._calls.products))
        self._block.add_op(end)

    def _merge(self, weights: GenericOp, dscores: GenericOp) -> None:
        merged = merged_parts(weights, dscores, AffineMap.identity(len(dscores.iterator_types)))
        both = merged.build(weights, dscores)
        insert_before(both, dscores)
        for call, old, new in zip(
            (self._calls.softmax, self._calls.dscores), (weights, dscores), both.results, strict=True
        ):
            old.results[0].replace_all_uses_with(new)
            self._known[call.results[0]] = new
        erase(dscores)
        erase(weights)

    def _values(self) -> MixedValues | None:
        """How O is made of V."""
        call = self._calls.mixed
        kernel = self._kernels.called(call)
        weights = kernel.body.block.args[list(call.arguments).index(self._calls.softmax.results[0])]
        found = mixed_values(kernel, weights)
        if found is None:
            return None
        read: dict[SSAValue, SSAValue] = dict(zip(kernel.body.block.args, call.arguments, strict=True))
        return replace(found, values=self._known[read[found.values]])

    def _remove_unused(self) -> None:
        """Removes ops whose results nothing reads, from the last on; weights are read later."""
        kept = {self._known.get(call.results[0]) for call in (self._calls.softmax, self._calls.dscores)}
        for op in reversed(list(self._block.ops)):
            if not any(result.first_use is not None or result in kept for result in op.results):
                erase(op)


def _same_elements(weights: GenericOp, dscores: GenericOp) -> bool:
    """Whether dscores read weights only where they are made in the same iteration."""
    if not is_all_parallel(dscores) or loop_extents(weights) != loop_extents(dscores):
        return False
    reads = [m for v, m in zip(dscores.inputs, input_maps(dscores), strict=False) if v is weights.results[0]]
    return all(map(is_identity, reads)) and shape_of(weights.results[0]) == shape_of(dscores.results[0])
