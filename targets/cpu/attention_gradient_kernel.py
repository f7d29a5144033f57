"""Kernels of kind `attention_gradient`, made of the kernels of a training step that are joined.

In the softmax's chain each row's maximum and what its exponentials are scaled by become arguments, and in the chain of
its gradient the sum over n of dweights * weights becomes that over e of dO * O. What is left of both chains is one
generic, and what says which weights dropout keeps another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerAttr
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.ir.affine import AffineMap

from cellc.passes.attention_gradient_form import gradient_parts_of, gradient_problem_of
from cellc.passes.dropout_form import Scaled, whole_scaled
from cellc.passes.generic_fusion import fused_parts, merged_parts
from cellc.passes.generic_rewrites import erase, insert_before, keep_results, replace_generic, simplify_body
from cellc.passes.kernel_form import verify_kernel_form
from cellc.passes.linalg_analysis import input_maps, is_all_parallel, is_identity, loop_extents, shape_of
from cellc.passes.rewriting import set_location
from cellc.targets.cpu.attention_blocks import parts_of_keys
from cellc.targets.cpu.attention_calls import AttentionCalls
from cellc.targets.cpu.attention_dots import Dot, MixedValues, dots_before, is_dot_of, mixed_values
from cellc.targets.cpu.attention_gradient import can_write_gradient
from cellc.targets.cpu.attention_kernels import (
    add_call,
    add_numbers,
    find_kept,
    generics_of,
    kernel_of,
    outer_of,
    widen_call,
)
from cellc.targets.cpu.kernel_variants import ProgramKernels
from cellc.targets.cpu.masked_scores import may_hide
from cellc.targets.cpu.split_keys import can_split, split_keys


@dataclass(frozen=True)
class BackwardKernel:
    """The kernel of the gradients; where keys are split, `sums` says of each result what `split_keys` does."""

    kernel: func.FuncOp
    sums: list[func.FuncOp | int]


def backward_kernel(
    kernels: ProgramKernels, calls: AttentionCalls, operands: Sequence[SSAValue], kept: Sequence[Attribute], name: str
) -> BackwardKernel | None:
    """The kernel of the gradients, whose arguments are the operands and what the forward kernel returns, of types
    `kept`; None where one of the calls has another form."""
    block = Block(arg_types=[*(value.type for value in operands), *kept])
    known: dict[SSAValue, SSAValue] = dict(zip(operands, block.args, strict=False))
    body = _Body(kernels, calls, block, known, block.args[len(operands) :])
    if not body.add_chains() or not body.add_products():
        return None
    outer = kernels.called(calls.softmax).attributes["cellc.outer"]
    kernel = kernel_of(block, "attention_gradient", outer, calls.backward, name)
    set_location(kernel, kernel.location)
    parts, end = gradient_parts_of(generics_of(kernel), outer_of(kernel)), block.last_op
    assert end is not None
    if parts is None or gradient_problem_of(parts, end.operands):
        return None
    sums, count = list[func.FuncOp | int](), parts_of_keys(parts, may_hide(parts))
    if count is not None and can_split(parts):
        sums = split_keys(kernel, parts, count)
        parts = gradient_parts_of(generics_of(kernel), outer_of(kernel))
    if parts is None or gradient_problem_of(parts, end.operands) or not can_write_gradient(kernel, parts):
        return None
    verify_kernel_form(kernel)
    return BackwardKernel(kernel, sums)


@dataclass(frozen=True)
class _Chains:
    """The generics that become one: exponentials, weights, what is done to dO V^T, if anything, and dscores."""

    exponentials: GenericOp
    weights: GenericOp
    epilogue: GenericOp | None
    dscores: GenericOp
    dots: Dot


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
        outer = kernels.called(calls.softmax).attributes["cellc.outer"]
        assert isinstance(outer, IntegerAttr)
        self._outer = outer.value.data

    def _inline(self, call: func.CallOp, *, last: bool = False) -> list[GenericOp] | None:
        """Adds what a call computes, in f32 instead of f16 and bf16; its generics, None where that is impossible."""
        added = add_call(self._kernels, call, self._known, self._block)
        return widen_call(call, self._known, self._block, added, last=last)

    def add_chains(self) -> bool:
        """Adds weights and dscores as the results of one generic; whether both chains allow it."""
        calls, known = self._calls, self._known
        if calls.random is not None and not add_numbers(self._kernels, calls.random, known, self._block):
            return False
        if self._inline(calls.scores) is None or self._inline(calls.softmax) is None:
            return False
        keep = self._find_kept(known[calls.weights], calls.softmax)
        gradients = self._inline(calls.dweights)
        if gradients is None:
            return False
        dweights, *epilogue = gradients
        if not self._share_kept(keep, self._find_kept(known[calls.dweights.results[0]], calls.dweights)):
            return False
        dscores = self._inline(calls.dscores)
        if dscores is None:
            return False
        sums, *rest = dscores
        chains = self._chains(dweights, bool(epilogue), rest)
        values = self._values()
        if chains is None or values is None or not is_dot_of(sums, chains.dots):
            return False
        dots = dots_before(sums, dweights, self._results, values)
        if dots is None:
            return False
        sums.results[0].replace_all_uses_with(dots.results[0])
        erase(sums)
        if keep is not None:
            keep.detach()
            insert_before(keep, chains.dscores)
        self._merge(chains)
        self._remove_unused()
        return True

    def _find_kept(self, value: SSAValue, call: func.CallOp) -> GenericOp | None:
        """Makes an op of what says which elements the op of `value` keeps; what `call` gives is made anew."""
        results = func.ReturnOp(*(self._known[result] for result in call.results))
        self._block.add_op(results)
        keep = find_kept(value.owner) if isinstance(value.owner, GenericOp) else None
        self._known.update(zip(call.results, results.operands, strict=True))
        erase(results)
        return keep

    def _share_kept(self, keep: GenericOp | None, other: GenericOp | None) -> bool:
        """Lets one op stand for both; False where they differ."""
        if other is None:
            return True
        if (
            keep is None
            or list(keep.inputs) != list(other.inputs)
            or not keep.body.is_structurally_equivalent(other.body)
        ):
            return False
        other.results[0].replace_all_uses_with(keep.results[0])
        erase(other)
        return True

    def _chains(self, dweights: GenericOp, has_epilogue: bool, rest: list[GenericOp]) -> _Chains | None:
        """What is merged; None where the ops are of another form."""
        calls, known, outer = self._calls, self._known, self._outer
        weights = known[calls.weights].owner
        made = known[calls.dweights.results[0]].owner if has_epilogue else None
        if len(rest) != 1 or len(rest[0].results) != 1 or not isinstance(weights, GenericOp):
            return None
        scaled = whole_scaled(weights, outer)
        gradients = whole_scaled(made, outer) if isinstance(made, GenericOp) else Scaled(dweights.results[0], None, ())
        if scaled is None or gradients is None or gradients.base is not dweights.results[0] or len(scaled.rows) != 1:
            return None
        exponentials, epilogue = scaled.base.owner, made if isinstance(made, GenericOp) else None
        ops = [op for op in (exponentials, weights, epilogue) if isinstance(op, GenericOp)]
        if not isinstance(exponentials, GenericOp) or not _same_elements(ops, rest[0]):
            return None
        value = known[calls.dweights.results[0]]
        return _Chains(
            exponentials, weights, epilogue, rest[0], Dot(scaled, weights.results[0], gradients, value, outer)
        )

    def add_products(self) -> bool:
        """Adds the products, which the kernel returns; whether that is possible."""
        if any(self._inline(call, last=True) is None for call in self._calls.products):
            return False
        end = func.ReturnOp(*(self._known[call.results[0]] for call in self._calls.products))
        self._block.add_op(end)
        return True

    def _merge(self, chains: _Chains) -> None:
        """Makes one generic of all; exponentials are made of the rows' maxima and scales that are known."""
        exponentials, weights, dscores = chains.exponentials, chains.weights, chains.dscores
        (rows,) = chains.dots.weights.rows
        exponentials.operands[1] = self._maxima
        rows.replace_all_uses_with(self._scales)
        self._remove_unused()
        if chains.epilogue is not None:
            dscores = replace_generic(dscores, fused_parts(chains.epilogue, dscores), chains.epilogue)
            erase(chains.epilogue)
        if {use.operation for use in exponentials.results[0].uses} == {weights}:
            weights = replace_generic(weights, fused_parts(exponentials, weights), exponentials)
            erase(exponentials)
        else:
            weights = _merged(exponentials, weights)
        both = _merged(weights, dscores)
        both = keep_results(both, [len(both.results) - 2, len(both.results) - 1])
        simplify_body(both)
        for value, result in zip((self._calls.weights, self._calls.dscores.results[0]), both.results, strict=True):
            self._known[value] = result

    def _values(self) -> MixedValues | None:
        """How O is made of V."""
        call = self._calls.mixed
        kernel = self._kernels.called(call)
        weights = kernel.body.block.args[list(call.arguments).index(self._calls.weights)]
        found = mixed_values(kernel, weights)
        if found is None:
            return None
        read: dict[SSAValue, SSAValue] = dict(zip(kernel.body.block.args, call.arguments, strict=True))
        return replace(found, values=self._known[read[found.values]])

    def _remove_unused(self) -> None:
        """Removes ops whose results nothing reads, from the last on; weights are read later."""
        kept = {self._known.get(value) for value in (self._calls.weights, *self._calls.dscores.results)}
        for op in reversed(list(self._block.ops)):
            if not any(result.first_use is not None or result in kept for result in op.results):
                erase(op)


def _merged(first: GenericOp, second: GenericOp) -> GenericOp:
    """One generic in the place of `second`, with the results of both, which have the same iterations."""
    merged = merged_parts(first, second, AffineMap.identity(len(second.iterator_types))).build(first, second)
    insert_before(merged, second)
    for old, new in zip((*first.results, *second.results), merged.results, strict=True):
        old.replace_all_uses_with(new)
    erase(second)
    erase(first)
    return merged


def _same_elements(made: Sequence[GenericOp], dscores: GenericOp) -> bool:
    """Whether dscores read what others make only where it is made in the same iteration."""
    if not is_all_parallel(dscores) or any(loop_extents(op) != loop_extents(dscores) for op in made):
        return False
    results = {result for op in made for result in op.results}
    reads = [m for v, m in zip(dscores.inputs, input_maps(dscores), strict=False) if v in results]
    return all(map(is_identity, reads)) and all(shape_of(v) == shape_of(dscores.results[0]) for v in results)
