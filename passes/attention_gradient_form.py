"""The parts of the kernel that makes an attention's gradients, and what they have to keep to (docs/architecture.md).

    scores[b.., m, n] = epilogue(sum over d of Q[b.., m, d] * K[b.., n, d])
    dweights[b.., m, n] = sum over e of dO[b.., m, e] * V[b.., n, e]
    dots[b.., m] = sum over e of dO * O
    keep[b.., m, n] = which weights dropout keeps, if there is one (`dropout_form.py`)
    weights, dscores = one generic over (b.., m, n) of scores, dweights, dots, keep and what else is known
    results = epilogue(sum over m, or over n, of weights or dscores and another factor), such as dV, dK and dQ

The forward kernel keeps the maximum of each row of scores and the sum of its exponentials, from which weights are made
again. What dscores need of a whole row is sum over n of dweights * weights, which is dots, since O = weights V.
As in FlashAttention-2 (Dao, 2023), so a target may do some keys and some rows at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import arith, math
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import BlockArgument, SSAValue
from xdsl.ir.affine import AffineMap

from cellc.passes.attention_form import ScoreParts
from cellc.passes.dropout_form import keep_problem_of
from cellc.passes.linalg_analysis import (
    bare_dims,
    captured_values,
    input_maps,
    is_all_parallel,
    is_contraction,
    is_identity,
    is_reduction,
    output_maps,
    parallel_count,
    reduction_loops,
    shape_of,
)


@dataclass(frozen=True)
class GradientProduct:
    """A product of weights or dscores: its generics, which factor that is, and its loops b.., m and n."""

    ops: list[GenericOp]
    factor: int
    loops: list[int]

    @property
    def of_keys(self) -> bool:
        """Whether it has results for each key, as sums over rows; else for each row, as sums over keys."""
        return reduction_loops(self.ops[0]) == [self.loops[-2]]


@dataclass(frozen=True)
class AttentionGradientParts(ScoreParts):
    """The generics in order; `dweights` and the products are a contraction and perhaps its epilogue."""

    dweights: list[GenericOp]
    dots: GenericOp
    keep: GenericOp | None
    elements: GenericOp
    products: list[GradientProduct]

    @property
    def values(self) -> int:
        """Which operand of the product that makes dweights is V: the one that is indexed by its last parallel loop."""
        return next((i for i, m in enumerate(input_maps(self.dweights[0])) if self.outer in m.used_dims()), 0)

    @property
    def maxima(self) -> int:
        """Which input of the elements is subtracted from scores in an exponential; -1 where none is."""
        block = self.elements.body.block
        for op in block.ops:
            inner = op.operands[0].owner if isinstance(op, math.ExpOp) else None
            if isinstance(inner, arith.SubfOp) and isinstance(inner.rhs, BlockArgument):
                scores = self.elements.inputs[inner.lhs.index] if isinstance(inner.lhs, BlockArgument) else None
                if scores is self.scores:
                    return inner.rhs.index
        return -1

    @property
    def has_parts_of_keys(self) -> bool:
        """Whether one of the shared loops runs over parts of the keys, of which a mask may hide all from a row."""
        return len(input_maps(self.elements)[self.maxima].results) < self.outer

    @property
    def row_numbers(self) -> list[int]:
        """Which other inputs of the elements are one number for each row."""
        maps = input_maps(self.elements)
        return [i for i, m in enumerate(maps) if i != self.maxima and _is_of_rows(m, self.outer)]


def gradient_parts_of(generics: Sequence[GenericOp], outer: int) -> AttentionGradientParts | None:
    """The parts of a kernel, or None where its generics are others."""
    groups = _groups(generics)
    keep: GenericOp | None = None
    if len(groups) > 4 and not is_contraction(groups[4][0]):
        keep = groups.pop(3)[0]
    if len(groups) < 5 or [len(group) for group in groups[2:4]] != [1, 1]:
        return None
    first, dweights, (dots,), (elements,), *rest = groups
    if not is_reduction(dots) or not is_all_parallel(elements):
        return None
    if not all(is_contraction(group[0]) for group in (first, dweights, *rest)):
        return None
    products = [_product_of(ops, elements) for ops in rest]
    known = [product for product in products if product is not None]
    if len(known) < len(products):
        return None
    return AttentionGradientParts(first, outer, dweights, dots, keep, elements, known)


def _is_of_rows(map_: AffineMap, outer: int) -> bool:
    """Whether a map reads one number for each row, by all shared loops or some of them."""
    dims = bare_dims(map_)
    return dims is not None and dims == sorted(set(dims)) and dims[-1:] == [outer - 1]


def _groups(generics: Sequence[GenericOp]) -> list[list[GenericOp]]:
    """Each contraction with the all-parallel generic that alone reads it; other generics by themselves."""
    groups = list[list[GenericOp]]()
    for op in generics:
        if groups and len(groups[-1]) == 1 and _is_epilogue(op, groups[-1][0]):
            groups[-1].append(op)
        else:
            groups.append([op])
    return groups


def _is_epilogue(op: GenericOp, before: GenericOp) -> bool:
    alone = {use.operation for use in before.results[0].uses} == {op}
    return alone and is_contraction(before) and is_all_parallel(op)


def _product_of(ops: list[GenericOp], elements: GenericOp) -> GradientProduct | None:
    made = [i for i, value in enumerate(ops[0].inputs) if value.owner is elements]
    loops = bare_dims(input_maps(ops[0])[made[0]]) if len(made) == 1 else None
    return None if loops is None else GradientProduct(ops, made[0], loops)


def gradient_problem_of(parts: AttentionGradientParts, results: Sequence[SSAValue]) -> str | None:
    """The first rule that a kernel returning `results` breaks, as the end of a sentence about it; or None."""
    return _problem_of_flow(parts, results) or _problem_of_scores(parts) or _problem_of_products(parts)


def _problem_of_flow(parts: AttentionGradientParts, results: Sequence[SSAValue]) -> str | None:
    made = [product.ops[-1].results[0] for product in parts.products]
    if list(results) != made:
        return "returns other tensors than its products, in their order"
    wanted = {parts.scores, parts.dweights[-1].results[0], parts.dots.results[0]}
    wanted |= set() if parts.keep is None else set(parts.keep.results)
    if {value for value in parts.elements.inputs if isinstance(value.owner, GenericOp)} != wanted:
        return "has elements that are not made of scores, dweights and dots"
    readers = {use.operation for value in wanted for use in value.uses}
    if readers != {parts.elements} or wanted & set(captured_values(parts.elements)):
        return "has scores that others read too"
    users = {use.operation for value in parts.elements.results for use in value.uses}
    if not users <= {product.ops[0] for product in parts.products}:
        return "has elements that others read than its products"
    return None


def _problem_of_scores(parts: AttentionGradientParts) -> str | None:
    outer, order = parts.outer, list(range(parts.outer + 1))
    for ops, shared in ((parts.first, parts.keys), (parts.dweights, parts.values)):
        maps = input_maps(ops[0])
        if outer < 1 or parallel_count(ops[0]) != outer + 1:
            return "has scores of another rank than its rows and one"
        if any(bare_dims(output_maps(op)[0]) != order or len(op.results) != 1 for op in ops):
            return "has scores that are not written in the order of their loops"
        if [outer in m.used_dims() for m in maps].count(True) != 1 or outer - 1 in maps[shared].used_dims():
            return "has keys of which each row reads others"
    elements, maps = parts.elements, input_maps(parts.elements)
    if not all(map(is_identity, output_maps(elements))) or len(elements.iterator_types) != outer + 1:
        return "has elements of another shape or order than its scores"
    for value, map_ in zip(elements.inputs, maps, strict=False):
        if isinstance(value.owner, GenericOp) and bare_dims(map_) != order[: len(shape_of(value))]:
            return "has elements that read scores of other places"
    if parts.maxima < 0 or not _is_of_rows(maps[parts.maxima], outer):
        return "has elements without an exponential of scores less a number of their row"
    if parts.keep is not None and (problem := keep_problem_of(parts.keep, shape_of(parts.scores))) is not None:
        return problem
    if bare_dims(output_maps(parts.dots)[0]) != order[:-1] or reduction_loops(parts.dots) != [outer]:
        return "has dots that are not one number for each row"
    return None


def _problem_of_products(parts: AttentionGradientParts) -> str | None:
    for product in parts.products:
        main, loops = product.ops[0], product.loops
        if len(loops) != parts.outer + 1 or any(len(op.results) != 1 for op in product.ops):
            return "has a product of other elements"
        summed = reduction_loops(main)
        if summed not in ([loops[-1]], [loops[-2]]):
            return "has a product that does not sum over rows or over keys alone"
        kept = loops[-1] if product.of_keys else loops[-2]
        if kept in input_maps(main)[1 - product.factor].used_dims():
            return "has a product of which each result reads others"
    return None
