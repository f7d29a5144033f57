"""The parts of an attention kernel, and what they have to keep to (see "The kernel form" in docs/architecture.md).

    scores[b.., m, n] = epilogue(sum over d of Q[b.., m, d] * K[b.., n, d])
    weights[b.., m, n] = a chain of generics over the rows (b.., m) of scores, such as a softmax
    result = epilogue(sum over n of weights[b.., m, n] * V[b.., n, e])

`b..` and the row m are the chain's shared loops, `cellc.outer` of them. K and V do not depend on m, so that blocks of
rows read the same panels of them. The last epilogue may read what the chain makes for whole rows, such as one over the
sum of a softmax (`softmax_form.py`), and the kernel may return it: a backward pass makes the weights again from that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.func import ReturnOp
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Operation, SSAValue

from cellc.passes.linalg_analysis import (
    bare_dims,
    captured_values,
    input_maps,
    is_all_parallel,
    is_contraction,
    output_maps,
    parallel_count,
    reduction_loops,
    result_index,
    shape_of,
)


@dataclass(frozen=True)
class ScoreParts:
    """The product that makes scores, a contraction and perhaps its epilogue, and how many loops lead to a row."""

    first: list[GenericOp]
    outer: int

    @property
    def scores(self) -> SSAValue:
        """The product of Q and K."""
        return self.first[-1].results[0]

    @property
    def keys(self) -> int:
        """Which operand of the product is K: the one that is indexed by the scores' last loop."""
        return next((i for i, m in enumerate(input_maps(self.first[0])) if self.outer in m.used_dims()), 0)


@dataclass(frozen=True)
class AttentionParts(ScoreParts):
    """The generics of an attention kernel: `first`, `chain` and `second`, which is like `first`."""

    chain: list[GenericOp]
    second: list[GenericOp]

    @property
    def factor(self) -> int:
        """Which operand of the second product is `weights`."""
        made = {result for op in self.chain for result in op.results}
        return next((i for i, value in enumerate(self.second[0].inputs) if value in made), 0)

    @property
    def weights(self) -> SSAValue:
        """The chain's result, read by the second product alone."""
        return self.second[0].inputs[self.factor]

    def is_of_rows(self, value: SSAValue) -> bool:
        """Whether a value of the chain has one number for each row."""
        return shape_of(value) == shape_of(self.scores)[:-1]

    @property
    def row_values(self) -> list[SSAValue]:
        """What the chain makes for whole rows and the last epilogue reads."""
        read = [value for op in self.second[1:] for value in op.inputs]
        return [value for op in self.chain for value in op.results if value in read]

    @property
    def second_loops(self) -> list[int]:
        """The loops of the second product that are the shared loops, in their order."""
        return (bare_dims(input_maps(self.second[0])[self.factor]) or [])[: self.outer]


def parts_of(generics: Sequence[GenericOp], outer: int) -> AttentionParts | None:
    """The parts of a kernel, or None where it does not begin and end with a product and have others between them."""
    products = [i for i, op in enumerate(generics) if is_contraction(op)]
    if len(products) != 2 or products[0] != 0:
        return None
    first, last = generics[0], products[1]
    readers = {use.operation for use in first.results[0].uses}
    end = 2 if len(generics) > 1 and readers == {generics[1]} and is_all_parallel(generics[1]) else 1
    if not end < last or len(generics) - last > 2:
        return None
    return AttentionParts(list(generics[:end]), outer, list(generics[end:last]), list(generics[last:]))


def problem_of(parts: AttentionParts, results: Sequence[SSAValue]) -> str | None:
    """The first rule that a kernel returning `results` breaks, as the end of a sentence about it; or None."""
    return _problem_of_flow(parts, results) or _problem_of_scores(parts) or _problem_of_weights(parts)


def _problem_of_flow(parts: AttentionParts, results: Sequence[SSAValue]) -> str | None:
    inside: dict[SSAValue, Sequence[Operation]] = dict.fromkeys(parts.first[0].results, parts.first[1:] or parts.chain)
    inside |= dict.fromkeys(parts.first[-1].results, parts.chain)
    for value in (value for op in parts.chain for value in op.results):
        inside[value] = [*parts.chain, *(parts.second if parts.is_of_rows(value) else parts.second[:1])]
    for value, readers in inside.items():
        within = {use.operation for use in value.uses if not isinstance(use.operation, ReturnOp)} <= set(readers)
        if not within or (value in results and not parts.is_of_rows(value)):
            return "passes on more than its second product"
        if any(value in (*op.outputs, *captured_values(op)) for op in readers if isinstance(op, GenericOp)):
            return "reads scores otherwise than as an input"
    if len(parts.first[-1].results) != 1 or [v in inside for v in parts.second[0].inputs].count(True) != 1:
        return "is not a product of weights that are made of one tensor of scores"
    return None


def _problem_of_scores(parts: AttentionParts) -> str | None:
    outer, order = parts.outer, list(range(parts.outer + 1))
    product, maps = parts.first[0], input_maps(parts.first[0])
    if outer < 1 or parallel_count(product) != outer + 1:
        return "has scores of another rank than its rows and one"
    if any(bare_dims(output_maps(op)[0]) != order for op in parts.first):
        return "has scores that are not written in the order of their loops"
    if [outer in m.used_dims() for m in maps].count(True) != 1 or outer - 1 in maps[parts.keys].used_dims():
        return "has keys of which each row reads others"
    for op in parts.chain:
        for value, map_ in zip(op.inputs, input_maps(op), strict=False):
            if value is parts.scores and (bare_dims(map_) or [])[:outer] != order[:-1]:
                return "has a chain that reads scores of other rows"
    return None


def _problem_of_weights(parts: AttentionParts) -> str | None:
    weights, product = parts.weights, parts.second[0]
    made = weights.owner
    assert isinstance(made, GenericOp)
    order = list(range(parts.outer))
    written = bare_dims(output_maps(made)[result_index(weights)]) or []
    read = bare_dims(input_maps(product)[parts.factor]) or []
    if shape_of(weights) != shape_of(parts.scores) or written[:-1] != order:
        return "has weights of another shape or order than its scores"
    if len(read) != parts.outer + 1 or read[-1:] != reduction_loops(product):
        return "has a second product that does not sum over the weights' last dimension alone"
    if read[parts.outer - 1] in input_maps(product)[1 - parts.factor].used_dims():
        return "has values of which each row reads others"
    return _problem_of_rows(parts)


def _problem_of_rows(parts: AttentionParts) -> str | None:
    made = {result for op in parts.chain for result in op.results}
    result = bare_dims(output_maps(parts.second[0])[0]) or []
    rows = [result.index(loop) if loop in result else -1 for loop in parts.second_loops]
    for op in parts.second[1:]:
        for value, map_ in zip(op.inputs, input_maps(op), strict=False):
            if value in made and bare_dims(map_) != rows:
                return "has results that read numbers of other rows"
    return None
