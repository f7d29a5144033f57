"""The gradients of attention, some keys at a time, as in FlashAttention-2 (Dao, 2023).

A block has one (batch, head) index. For each block of keys, K and V are packed once; then each chunk of rows makes its
scores and dweights in scratch, weights and dscores in their places, and adds their products to sums that wait in
scratch: those of dK and dV for the block of keys, those of dQ for all rows. What a mask hides from all rows of a chunk
is left out (`hidden_gradients.py`). Where one chunk has all rows and one block all keys, nothing waits, and each
product packs what pays for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import func
from xdsl.dialects.linalg.ops import GenericOp

from cellc.passes.attention_gradient_form import AttentionGradientParts, GradientProduct, gradient_parts_of
from cellc.targets.cpu.access import Access, Buffer
from cellc.targets.cpu.attention_blocks import (
    gradient_blocks,
    gradient_pays,
    has_enough_heads,
    write_chunks,
    write_parts,
)
from cellc.targets.cpu.attention_products import Keys, PackedFactor
from cellc.targets.cpu.chain import write_nest
from cellc.targets.cpu.elementwise import write_parallel
from cellc.targets.cpu.gradient_products import GradientProducts
from cellc.targets.cpu.hidden_gradients import HiddenGradients
from cellc.targets.cpu.kept_weights import KeptKeys
from cellc.targets.cpu.kernel import KernelWriter, element_of
from cellc.targets.cpu.level import LEVELS
from cellc.targets.cpu.masked_scores import may_hide
from cellc.targets.cpu.nest import restrict, shape_of
from cellc.targets.cpu.online_softmax import fill
from cellc.targets.cpu.pairs import open_nest
from cellc.targets.cpu.vectors import ITEM_BYTES, Vectors
from cellc.targets.target import UnsupportedKernelError


def write_attention_gradient_kernel(kernel: KernelWriter) -> None:
    """Writes a kernel of kind `attention_gradient`."""
    outer = kernel.attribute("outer")
    generics = [op for op in kernel.ops if isinstance(op, GenericOp)]
    parts = gradient_parts_of(generics, outer) if isinstance(outer, int) else None
    if parts is None:
        raise UnsupportedKernelError(f"kernel {kernel.name}: not of the form of an attention's gradients")
    AttentionGradientWriter(kernel, parts).write()


def can_write_gradient(kernel: func.FuncOp, parts: AttentionGradientParts) -> bool:
    """Whether it pays, every product has a loop for lanes, and heads are enough for some threads."""
    pays = gradient_pays(parts, may_hide(parts))
    return pays and AttentionGradientWriter(KernelWriter(kernel, LEVELS["v3"]), parts).is_possible()


@dataclass(frozen=True)
class Summed:
    """A product of weights or dscores, its other factor in panels, and scratch where its sums wait.

    Where there are none, what one chunk of rows and one block of keys give is the whole result.
    """

    product: GradientProduct
    panels: PackedFactor
    sums: Buffer | None

    @property
    def columns(self) -> int:
        """Elements of the sums of a row, or of a key."""
        return self.panels.panels * self.panels.width


class AttentionGradientWriter:
    """Writes one block; a position has the index of each shared loop, the last the first of a chunk's rows."""

    def __init__(self, kernel: KernelWriter, parts: AttentionGradientParts) -> None:
        self._kernel, self._writer, self._parts = kernel, kernel.writer, parts
        self._masked = may_hide(parts)
        self.blocks = gradient_blocks(parts, self._masked)
        self._products = GradientProducts(kernel, parts, self.blocks)
        self._element, (*_, self._rows, self._columns) = element_of(parts.scores), shape_of(parts.scores)
        self._vectors = Vectors(kernel.writer, kernel.level.lanes(ITEM_BYTES[self._element]))
        self._kept = self._products.kept
        # What one chunk of rows and one block of keys give are the results.
        self._whole = self.blocks.keys == self._columns and self.blocks.chunk == self._rows and not self._masked

    def is_possible(self) -> bool:
        """Whether all products can be written."""
        zero, size = self._writer.index(0), self.blocks.keys
        self._products.batch = [zero] * (self._parts.outer - 1)
        try:
            for keys in {size, self._columns % size or size}:
                for shared in self._products.all(zero, self.blocks.chunk, Keys(zero, keys)):
                    (self._products.tiling if self._whole else self._products.resident_tiling)(*shared)
        except UnsupportedKernelError:
            return False
        return has_enough_heads(self._parts, self.blocks)

    def write(self) -> None:
        """Writes a block and sets the kernel's number of blocks."""
        write_parts(self._kernel, self.blocks, self._parts, self._head)

    def _head(self, batch: Sequence[str], part: str) -> None:
        """All rows and keys of one (batch, head) index."""
        writer, parts, size = self._writer, self._parts, self.blocks.keys
        self._products.batch = batch
        self._products.place(writer.index(0), writer.index(0))
        if self._kept is not None:
            self._kept.begin()
        write_nest(self._kernel, parts.dots, self._kernel.nest_of(parts.dots), dict(enumerate(batch)))
        if self._whole:
            self._at_once()
            return
        found = self._products.all(writer.index(0), self.blocks.chunk, Keys(writer.index(0), size))
        first, second, *rest = (PackedFactor(self._kernel, self._products, shared) for shared in found)
        summed = [self._summed(product, panels) for product, panels in zip(parts.products, rest, strict=True)]
        for each in summed:
            if not each.product.of_keys and each.sums is not None:
                fill(self._vectors, each.sums, 0.0)

        def body(start: str, _: list[str]) -> list[str]:
            self._keys(part, Keys(start, size), [first, second], summed)
            return []

        full = self._columns // size
        writer.loop((writer.index(0), writer.index(full * size), size), body)
        if self._columns % size:
            last = Keys(writer.index(full * size), self._columns % size)
            self._keys(part, last, [first, second], summed)
        if any(not each.product.of_keys and each.sums is not None for each in summed):
            write_chunks(writer, self.blocks, part, lambda row, rows: self._end_rows(row, rows, summed))

    def _at_once(self) -> None:
        """All rows and keys: each product packs what pays, as one that is alone does."""
        zero = self._writer.index(0)
        keys = Keys(zero, self._columns)
        scores, dweights, *rest = self._products.all(zero, self._rows, keys)
        for shared in (scores, dweights):
            self._products.some_keys(shared, None).write_columns(None)
        self._elements(zero, self._rows, keys, None)
        for shared in rest:
            self._products.some_keys(shared, None).write_sums(None)

    def _summed(self, product: GradientProduct, panels: PackedFactor) -> Summed:
        rows = self.blocks.keys if product.of_keys else self._rows
        # Keys that a mask hides get no sums from a chunk, but a result; so do rows from which it hides all of a part.
        whole = self._rows == self.blocks.chunk and not self._masked
        seen = not (self._masked and self._parts.has_parts_of_keys)
        if whole if product.of_keys else self._columns == self.blocks.keys and seen:
            return Summed(product, panels, None)
        return Summed(product, panels, self._kernel.scratch(self._element, rows * panels.panels * panels.width))

    def _keys(self, part: str, keys: Keys, packed: list[PackedFactor], summed: list[Summed]) -> None:
        """All chunks of rows for a block of keys."""
        writer, zero = self._writer, self._writer.index(0)
        scores, dweights, *rest = self._products.all(zero, self.blocks.chunk, keys)
        for shared, panels in zip((scores, dweights), packed, strict=True):
            panels.of(*shared).write(writer)
        for shared, each in zip(rest, summed, strict=True):
            if each.product.of_keys and each.sums is not None:
                fill(self._vectors, each.sums, 0.0)
            elif not each.product.of_keys:
                each.panels.of(*shared).write(writer)
        hidden = HiddenGradients(self._kernel, self._parts, keys, self._products.batch) if self._masked else None
        if hidden is not None:
            hidden.measure(scores, self._products.product(self._parts.dweights, zero, self._rows, keys))

        def chunk(row: str, rows: int) -> None:
            if hidden is None:
                self._chunk(row, rows, keys, packed, summed, None)
                return
            found = self._products.all(row, rows, keys)[0]
            panels = hidden.panels_seen([*self._products.batch, row], rows, found, packed[0].width)
            some = writer.pure(f"arith.cmpi sgt, {panels}, {writer.index(0)} : index")
            writer.branch(some, lambda: self._chunk(row, rows, keys, packed, summed, panels))

        write_chunks(writer, self.blocks, part, chunk)
        for shared, each in zip(rest, summed, strict=True):
            if each.product.of_keys and each.sums is not None:
                self._products.some_keys(shared, each.panels).finish_sums(Access(each.sums, 0, ()))

    def _chunk(
        self, row: str, rows: int, keys: Keys, packed: list[PackedFactor], summed: list[Summed], panels: str | None
    ) -> None:
        """Adds what a chunk of rows and a block of keys, or the first `panels` panels of them, give."""
        found = self._products.all(row, rows, keys)
        for shared, factor in zip(found[:2], packed, strict=True):
            self._products.some_keys(shared, factor).write_columns(panels)
        columns = None if panels is None else self._columns_of(panels, packed[0].width, keys)
        self._elements(row, rows, keys, columns)
        writers = [self._products.some_keys(s, each.panels) for s, each in zip(found[2:], summed, strict=True)]
        tile = max(writer.tile for writer in writers)
        if columns is not None:
            self._end_columns(rows, columns, min(keys.count, self.blocks.keys), tile)
        for shared, each, writer in zip(found[2:], summed, writers, strict=True):
            if each.product.of_keys:
                each.panels.of(*shared).write(self._writer)
            if each.sums is None:
                writer.write_sums(None if each.product.of_keys else columns)
            elif each.product.of_keys:
                writer.add_rows(columns, Access(each.sums, 0, ()))
            else:
                writer.add_sums(columns, self._sums_at(each.sums, each.columns, row))

    def _columns_of(self, panels: str, width: int, keys: Keys) -> str:
        """The keys in the first `panels` panels."""
        columns = self._writer.linear(0, [(panels, width)])
        return self._writer.pure(f"arith.minsi {columns}, {self._writer.index(keys.count)} : index")

    def _elements(self, row: str, rows: int, keys: Keys, columns: str | None) -> None:
        """Weights and dscores in the place of scores and dweights."""
        outer, op = self._parts.outer, self._parts.elements
        if self._kept is not None:
            kept = KeptKeys(self._kept, self._products.batch, keys.first)
            kept.write(row, rows, columns or self._writer.index(keys.count))
        nest = restrict(self._kernel.nest_of(op), outer - 1, row, rows)
        nest = restrict(nest, outer, keys.first, keys.count)
        opened = open_nest(self._writer, nest, self._vectors.lanes, dict(enumerate(self._products.batch)))
        along = opened.vector_loop_dim()
        bounded = columns is not None and along is not None and opened.nest.extents[along] == keys.count
        ranges = {along: (self._writer.index(0), columns)} if bounded and along is not None and columns else {}
        write_parallel(opened, ranges)

    def _end_columns(self, rows: int, columns: str, count: int, tile: int) -> None:
        """Stores zeros behind the first `columns` columns, where the last tile of keys reads weights and dscores."""
        writer, zero = self._writer, self._vectors.constant(0.0, self._element)
        end = writer.pure(f"arith.minsi {writer.linear(tile, [(columns, 1)])}, {writer.index(count)} : index")

        def of_row(row: str, _: list[str]) -> list[str]:
            def at(column: str, _: list[str]) -> list[str]:
                for buffer in (self._products.scores, self._products.gradients):
                    place = Access(buffer, 0, (), ((row, self._products.pitch), (column, 1)))
                    self._vectors.store(zero, place, 1)
                return []

            writer.loop((columns, end, self._vectors.lanes), at)
            return []

        writer.loop((writer.index(0), writer.index(rows), 1), of_row)

    def _end_rows(self, row: str, rows: int, summed: list[Summed]) -> None:
        """Stores the results of a chunk of rows."""
        keys = Keys(self._writer.index(0), self.blocks.keys)
        for shared, each in zip(self._products.all(row, rows, keys)[2:], summed, strict=True):
            if not each.product.of_keys and each.sums is not None:
                sums = self._sums_at(each.sums, each.columns, row)
                self._products.some_keys(shared, each.panels).finish_sums(sums)

    def _sums_at(self, sums: Buffer, columns: int, row: str) -> Access:
        return Access(sums, 0, (), ((row, columns),))
