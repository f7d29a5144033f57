"""The products of an attention's gradients for some rows and keys, and where scratch has what is between them."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.linalg.ops import GenericOp

from cellc.passes.attention_gradient_form import AttentionGradientParts
from cellc.targets.cpu.access import View
from cellc.targets.cpu.attention_blocks import AttentionBlocks, pitch_of
from cellc.targets.cpu.attention_products import Keys, Shared, SharedProducts, ranges_of
from cellc.targets.cpu.kept_weights import KeptWeights
from cellc.targets.cpu.kernel import KernelWriter, element_of
from cellc.targets.cpu.nest import shape_of


class GradientProducts(SharedProducts):
    """Those of the (batch, head) index `batch`.

    Scratch has `scores` and `gradients` of a chunk of rows, which weights and dscores replace, what dropout keeps of
    them, and the dots of all rows.
    """

    def __init__(self, kernel: KernelWriter, parts: AttentionGradientParts, blocks: AttentionBlocks) -> None:
        super().__init__(kernel)
        self._parts = parts
        self.batch: Sequence[str] = ()
        element = element_of(parts.scores)
        self.pitch = pitch_of(blocks.keys, element)
        size = blocks.chunk * self.pitch
        self.scores, self.gradients = (kernel.scratch(element, size) for _ in range(2))
        self._dots = kernel.scratch(element, shape_of(parts.scores)[-2])
        keep = parts.keep
        self.kept = None if keep is None else KeptWeights(kernel, keep, blocks.chunk, blocks.keys)

    def all(self, row: str, rows: int, keys: Keys) -> list[Shared]:
        """The products of scores and of dweights, then those of weights and dscores."""
        self.place(row, keys.first)
        parts, position = self._parts, [*self.batch, row]
        found = [self.product(parts.first, row, rows, keys), self.product(parts.dweights, row, rows, keys)]
        for each in parts.products:
            product = self.narrowed(each.ops, ranges_of(each.loops, position, rows, keys))
            found.append((product, 1 - each.factor))
        return found

    def product(self, ops: list[GenericOp], row: str, rows: int, keys: Keys) -> Shared:
        """The product of scores or of dweights."""
        parts, loops = self._parts, [*range(self._parts.outer), self._parts.outer]
        product = self.narrowed(ops, ranges_of(loops, [*self.batch, row], rows, keys))
        return product, parts.keys if ops is parts.first else parts.values

    def place(self, row: str, key: str) -> None:
        """Says what scratch has for a chunk's rows and some keys, and for all rows."""
        parts = self._parts
        places = [(parts.scores, self.scores), (parts.dweights[-1].results[0], self.gradients)]
        places += [(v, b) for v, b in zip(parts.elements.results, (self.scores, self.gradients), strict=True)]
        for value, buffer in places:
            shape = shape_of(value)
            strides, terms = (*(0,) * (len(shape) - 2), self.pitch, 1), ((row, -self.pitch), (key, -1))
            self._kernel.views[value] = View(buffer, shape, strides, 0, terms)
        if self.kept is not None:
            self.kept.place(self._kernel, row, key)
        dots = parts.dots.results[0]
        strides = (*(0,) * (len(shape_of(dots)) - 1), 1)
        self._kernel.views[dots] = View(self._dots, shape_of(dots), strides)
