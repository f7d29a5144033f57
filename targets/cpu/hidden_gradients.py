"""Which keys give a chunk of rows no gradients, since a mask hides them from all of it.

The forward kernel has found each row's maximum m, so no bound of it is needed (`hidden_keys.py`). A weight of 0 gives
gradients of 0 only where what it is multiplied by is finite: elsewhere nothing is hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from xdsl.dialects import arith
from xdsl.dialects.linalg.ops import GenericOp

from cellc.passes.attention_gradient_form import AttentionGradientParts
from cellc.passes.dropout_form import float_constant
from cellc.targets.cpu.attention_products import Keys, Shared
from cellc.targets.cpu.hidden_keys import SLACK, Epilogue, HiddenKeys
from cellc.targets.cpu.kernel import KernelWriter


class HiddenGradients(HiddenKeys):
    """Writes the test for a block of keys and the (batch, head) index `batch`."""

    def __init__(self, kernel: KernelWriter, parts: AttentionGradientParts, keys: Keys, batch: Sequence[str]) -> None:
        super().__init__(kernel, parts, keys, None)
        self._gradients = parts.elements
        nest = kernel.nest_of(parts.elements)
        accesses = [nest.inputs[i] for i in (parts.maxima, *parts.row_numbers)]
        self._numbers = [
            access.moved(*zip(batch, access.strides, strict=False)) for access in accesses if access is not None
        ]
        self._row = parts.outer - 1

    def measure(self, scores: Shared, mixed: Shared) -> None:
        """Finds max |k| for the block, which becomes NaN where V, dO or what is made of their product is not finite."""
        (product, factor), largest = mixed, self._largest(*scores)
        terms = product.nest.terms
        slack = self._vectors.constant(terms * SLACK * _growth(self._gradients), self._element)
        bound = self._op("mulf", self._largest(product, factor), self._largest(product, 1 - factor))
        nothing = self._op("mulf", self._op("mulf", bound, slack), self._vectors.constant(0.0, self._element))
        self._keep_largest(self._op("addf", largest, nothing))

    def _least_maximum(self, epilogue: Epilogue, first: str, rows: int, bound: str) -> str:
        """The least of the rows' maxima, in all lanes; NaN where a number of a row is not finite."""
        infinity, zero = (self._vectors.constant(value, self._element) for value in (inf, 0.0))

        def body(row: str, carried: list[str]) -> list[str]:
            place = self._writer.add(first, row)
            loaded = [self._vectors.load(a.moved((place, a.strides[self._row])), 0) for a in self._numbers]
            smaller = self._writer.pure(f"arith.cmpf olt, {loaded[0]}, {carried[0]} : {self._type}")
            types = f"{self._vectors.type('i1')}, {self._type}"
            least = self._writer.pure(f"arith.select {smaller}, {loaded[0]}, {carried[0]} : {types}")
            nothing = carried[1]
            for number in loaded:
                nothing = self._op("addf", nothing, self._op("mulf", number, zero))
            return [least, nothing]

        bounds = (self._writer.index(0), self._writer.index(rows), 1)
        least, nothing = self._writer.loop(bounds, body, [infinity, zero], [self._type] * 2)
        return self._op("addf", least, nothing)


def _growth(op: GenericOp) -> float:
    """By what the constants of a body may multiply a number at most, such as one over dropout's keep_prob."""
    growth = 1.0
    for inner in op.body.block.ops:
        if isinstance(inner, arith.MulfOp | arith.DivfOp) and (constant := float_constant(inner.rhs)):
            growth *= max(1.0, abs(constant) if isinstance(inner, arith.MulfOp) else 1 / abs(constant))
    return growth
