"""Kernels of kind `attention_gradient`, made of the kernels of a training step that are joined.

In the softmax's chain each row's maximum and what its exponentials are scaled by become arguments, and in the chain of
its gradient the sum over n of dweights * weights becomes that over e of dO * O. What is left of both chains is one
generic.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import arith, func
from xdsl.dialects.builtin import FloatAttr, TensorType
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.dialects.tensor import EmptyOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from cellc.passes.attention_gradient_form import gradient_parts_of, gradient_problem_of
from cellc.passes.generic_fusion import fused_parts, merged_parts
from cellc.passes.generic_rewrites import erase, insert_before, new_generic, replace_generic
from cellc.passes.kernel_form import verify_kernel_form
from cellc.passes.linalg_analysis import (
    bare_dims,
    input_maps,
    is_all_parallel,
    is_contraction,
    is_data_movement,
    is_identity,
    loop_extents,
    output_maps,
    parallel_count,
    reduction_loops,
    shape_of,
)
from cellc.passes.rewriting import location_of, set_location
from cellc.targets.cpu.attention_calls import AttentionCalls
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
    if not body.add_chains() or not body.add_products():
        return None
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
        if epilogue or len(added) != 2 or not self._is_dot(added[0], dweights, weights):
            return False
        before, dscores = added
        dots = self._dots(dweights, before)
        if dots is None or not _same_elements(weights, dscores) or len(dscores.results) != 1:
            return False
        before.results[0].replace_all_uses_with(dots.results[0])
        erase(before)
        self._merge(weights, dscores)
        self._remove_unused()
        return True

    def add_products(self) -> bool:
        """Adds the products, which the kernel returns."""
        for call in self._calls.products:
            self._inline(call)
        end = func.ReturnOp(*(self._known[call.results[0]] for call in self._calls.products))
        self._block.add_op(end)
        return True

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

    def _is_dot(self, op: GenericOp, dweights: GenericOp, weights: GenericOp) -> bool:
        """Whether an op is the sum over n of dweights * weights."""
        factors = {dweights.results[0], weights.results[0]}
        if reduction_loops(op) != [len(op.iterator_types) - 1] or set(op.inputs) != factors or len(op.inputs) != 2:
            return False
        rows = list(range(len(op.iterator_types) - 1))
        product = op.body.block.first_op
        if not isinstance(product, arith.MulfOp) or bare_dims(output_maps(op)[0]) != rows:
            return False
        total = product.next_op
        summed = isinstance(total, arith.AddfOp) and {*total.operands} == {product.result, op.body.block.args[2]}
        read = {*product.operands} == {*op.body.block.args[:2]}
        end = total.next_op if total is not None else None
        return summed and read and isinstance(end, YieldOp) and all(map(is_identity, input_maps(op)))

    def _dots(self, dweights: GenericOp, before: GenericOp) -> GenericOp | None:
        """The sum over e of dO * O for each row, in front of an op; None where O is not made of the V that dweights are made of."""
        outer = len(dweights.iterator_types) - 2
        read = self._reads_of_results(outer)
        maps = input_maps(dweights)
        values = next((i for i, m in enumerate(maps) if outer in m.used_dims()), 0)
        if read is None or reduction_loops(dweights) != [outer + 1]:
            return None
        results, of_values = read
        if (dweights.inputs[values], maps[values]) != of_values or outer in maps[1 - values].used_dims():
            return None
        loops = [*(AffineDimExpr(i) for i in range(outer)), AffineDimExpr(outer), AffineDimExpr(outer)]
        gradients = maps[1 - values].replace_dims_and_symbols(loops, (), outer + 1, 0)
        return self._dot(dweights.inputs[1 - values], [gradients, results], before)

    def _reads_of_results(self, outer: int) -> tuple[AffineMap, tuple[SSAValue, AffineMap]] | None:
        """How O is read over loops (b.., m, e), and V over loops (b.., m, n, e), as O is made of it."""
        call = self._calls.mixed
        kernel = self._kernels.called(call)
        product, *moves = generics_of(kernel)
        factor = list(call.arguments).index(self._calls.softmax.results[0])
        weights = kernel.body.block.args[factor]
        number = list(product.inputs).index(weights)
        loops = bare_dims(input_maps(product)[number])
        written = bare_dims(output_maps(product)[0])
        if loops is None or written is None or not is_contraction(product) or len(moves) > 1:
            return None
        others = [loop for loop in range(parallel_count(product)) if loop not in loops]
        if len(loops) != outer + 1 or len(others) != 1 or not all(map(is_data_movement, moves)):
            return None
        values = product.inputs[1 - number]
        if values not in kernel.body.block.args:
            return None
        place = {loop: i for i, loop in enumerate([*loops, *others])}
        dims = [AffineDimExpr(place[loop]) for loop in range(outer + 2)]
        of_values = input_maps(product)[1 - number].replace_dims_and_symbols(dims, (), outer + 2, 0)
        order = [min(place[loop], outer) for loop in written]
        for move in moves:
            moved = bare_dims(output_maps(move)[0])
            if moved is None or not is_identity(input_maps(move)[0]):
                return None
            order = [order[i] for i in moved]
        results = AffineMap(outer + 1, 0, tuple(AffineDimExpr(i) for i in order))
        known = self._known[call.arguments[list(kernel.body.block.args).index(values)]]
        return results, (known, of_values)

    def _dot(self, gradients: SSAValue, read: Sequence[AffineMap], before: GenericOp) -> GenericOp | None:
        """The sum of products of gradients and O, read through these maps, over their last loop."""
        type_, outer = self._scales.type, read[0].num_dims - 1
        assert isinstance(type_, TensorType)
        element = type_.element_type
        if any(v.type.element_type != element for v in (gradients, self._results) if isinstance(v.type, TensorType)):
            return None
        zero, empty = arith.ConstantOp(FloatAttr(0.0, element)), EmptyOp((), type_)  # pyright: ignore
        fill = FillOp([zero.result], [empty.tensor], [type_])
        body = Block(arg_types=[element] * 3)
        product = arith.MulfOp(body.args[0], body.args[1])
        total = arith.AddfOp(body.args[2], product.result)
        body.add_ops([product, total, YieldOp(total.result)])
        rows = AffineMap(outer + 1, 0, tuple(AffineDimExpr(i) for i in range(outer)))
        kinds = [IteratorType.PARALLEL] * outer + [IteratorType.REDUCTION]
        dots = new_generic([gradients, self._results], [fill.results[0]], body, [*read, rows], kinds)
        for op in (zero, empty, fill, dots):
            op.location = location_of(before)
            set_location(op, op.location)
            insert_before(op, before)
        return dots

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
