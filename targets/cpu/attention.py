"""Attention kernels: two products and the rows between them, whose scores never leave the cache.

A block runs some rows of some (batch, head) indices. For a chunk of its rows at a time it computes the scores into
scratch, the chain on each row of them, and from there the second product into the result. Several chunks share the
panels of K and V, which are then packed once, before the first. Here rows are whole; those of a softmax need not be
(`online_attention.py`).
"""

from collections.abc import Sequence

from xdsl.dialects import func
from xdsl.dialects.linalg.ops import GenericOp

from cellc.passes.attention_form import AttentionParts, parts_of
from cellc.passes.linalg_analysis import input_maps, output_maps, result_index
from cellc.passes.softmax_form import softmax_of
from cellc.targets.cpu.access import View
from cellc.targets.cpu.attention_blocks import attention_blocks, fits, has_blocks, pitch_of, write_chunks, write_parts
from cellc.targets.cpu.attention_products import AttentionProducts, Shared
from cellc.targets.cpu.chain import ChainWriter
from cellc.targets.cpu.contraction import ProductWriter
from cellc.targets.cpu.kernel import KernelWriter, element_of
from cellc.targets.cpu.level import LEVELS
from cellc.targets.cpu.nest import shape_of
from cellc.targets.cpu.online_attention import OnlineAttentionWriter
from cellc.targets.cpu.packing import ResidentPanels
from cellc.targets.cpu.product import Product
from cellc.targets.target import UnsupportedKernelError

Panels = ResidentPanels | None
# Fewer rows read K and V where they are; they are whole if they fit the cache.
_FEW_ROWS = 16


def write_attention_kernel(kernel: KernelWriter) -> None:
    """Writes a kernel of kind `attention`."""
    outer = kernel.attribute("outer")
    generics = [op for op in kernel.ops if isinstance(op, GenericOp)]
    parts = parts_of(generics, outer) if isinstance(outer, int) else None
    if parts is None:
        raise UnsupportedKernelError(f"kernel {kernel.name}: not of the attention form")
    _writer_of(kernel, parts).write()


def _writer_of(kernel: KernelWriter, parts: AttentionParts) -> "AttentionWriter | OnlineAttentionWriter":
    softmax, few = softmax_of(parts), shape_of(parts.scores)[-2] < _FEW_ROWS
    if softmax is None or (few and fits(parts)):
        return AttentionWriter(kernel, parts)
    return OnlineAttentionWriter(kernel, parts, softmax)


def can_write(kernel: func.FuncOp, parts: AttentionParts) -> bool:
    """Whether the scores of a few rows fit the cache, blocks are enough and both products have a loop for lanes."""
    writer = _writer_of(KernelWriter(kernel, LEVELS["v3"]), parts)
    whole = isinstance(writer, AttentionWriter)
    return (not whole or fits(parts)) and has_blocks(parts, writer.blocks) and writer.is_possible()


def cuts_rows(kernel: func.FuncOp, parts: AttentionParts) -> bool:
    """Whether rows need not be whole, so that maxima and sums of them wait in scratch."""
    return isinstance(_writer_of(KernelWriter(kernel, LEVELS["v3"]), parts), OnlineAttentionWriter)


class AttentionWriter:
    """Writes one block; `position` has the index of each shared loop, the last the first of a chunk's rows."""

    def __init__(self, kernel: KernelWriter, parts: AttentionParts) -> None:
        self._kernel, self._writer, self._parts = kernel, kernel.writer, parts
        self.blocks = attention_blocks(parts)
        self._products = AttentionProducts(kernel, parts)
        self._place()

    def _place(self) -> None:
        """Finds scratch for the scores of a chunk, for its weights unless they can lie there too, and for numbers of
        its rows."""
        parts, size = self._parts, self.blocks.chunk
        pitch = pitch_of(shape_of(parts.scores)[-1], element_of(parts.scores))
        scores = self._kernel.scratch(element_of(parts.scores), size * pitch)
        same = _in_place(parts)
        weights = scores if same else self._kernel.scratch(element_of(parts.weights), size * pitch)
        self._areas, self._pitch = ((parts.scores, scores), (parts.weights, weights)), pitch
        self._rows = [(value, self._kernel.scratch(element_of(value), size)) for value in parts.row_values]

    def is_possible(self) -> bool:
        """Whether both products can be written."""
        zero = self._writer.index(0)
        self._views(zero)
        try:
            for shared in self._both([zero] * self._parts.outer, self.blocks.chunk):
                self._products.tiling(*shared)
        except UnsupportedKernelError:
            return False
        return True

    def write(self) -> None:
        """Writes a block and sets the kernel's number of blocks."""
        write_parts(self._kernel, self.blocks, self._parts, self._part)

    def _part(self, batch: Sequence[str], part: str) -> None:
        """The rows of part `part` of one (batch, head) index, a chunk at a time."""
        panels = self._pack(batch) if self.blocks.part > self.blocks.chunk else (None, None)
        write_chunks(self._writer, self.blocks, part, lambda row, rows: self._chunk([*batch, row], rows, panels))

    def _pack(self, batch: Sequence[str]) -> tuple[Panels, Panels]:
        """Panels of K and of V for a (batch, head) index, for all rows of the block."""
        position = [*batch, self._writer.index(0)]
        self._views(position[-1])
        keys, values = (self._products.packed(*shared) for shared in self._both(position, self.blocks.chunk))
        keys.write(self._writer)
        values.write(self._writer)
        return keys, values

    def _both(self, position: Sequence[str], rows: int) -> tuple[Shared, Shared]:
        return self._products.scores(position, rows), self._products.mixed(position, rows)

    def _chunk(self, position: Sequence[str], rows: int, panels: tuple[Panels, Panels]) -> None:
        self._views(position[-1])
        scores, mixed = self._both(position, rows)
        self._multiply(*scores, panels[0])
        placed = (self._parts.weights, *self._parts.row_values)
        chain = ChainWriter(self._kernel, self._parts.chain, self._parts.outer, placed)
        upper = self._writer.linear(rows, [(position[-1], 1)])
        chain.write_rows(dict(enumerate(position[:-1])), (position[-1], upper))
        self._multiply(*mixed, panels[1])

    def _views(self, first: str) -> None:
        """What scratch has for the rows from `first` on: it has no batch, and begins with that row."""
        for value, buffer in self._areas:
            shape = shape_of(value)
            strides = (*(0,) * (len(shape) - 2), self._pitch, 1)
            self._kernel.views[value] = View(buffer, shape, strides, 0, ((first, -self._pitch),))
        for value, buffer in self._rows:
            shape = shape_of(value)
            self._kernel.views[value] = View(buffer, shape, (*(0,) * (len(shape) - 1), 1), 0, ((first, -1),))

    def _multiply(self, product: Product, factor: int, panels: Panels) -> None:
        found = self._products
        tiling = found.resident_tiling(product, factor, panels.width) if panels else found.tiling(product, factor)
        ProductWriter(self._kernel, product, tiling, panels).write_all()


def _in_place(parts: AttentionParts) -> bool:
    """Whether the weights of a row may replace its scores: nothing reads those after their own element is made."""
    scores, weights, made = parts.scores, parts.weights, parts.weights.owner
    assert isinstance(made, GenericOp)
    later = parts.chain[parts.chain.index(made) + 1 :]
    if scores.type != weights.type or any(scores in op.inputs for op in later):
        return False
    written = output_maps(made)[result_index(weights)]
    reads = [m for v, m in zip(made.inputs, input_maps(made), strict=False) if v is scores]
    return all(m == written for m in reads) and all(k.data.value == "parallel" for k in made.iterator_types)
