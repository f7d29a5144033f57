"""Attention whose rows are a softmax, some keys at a time.

For each block of keys, K and V are packed once for all rows of a part; then each chunk of rows makes its scores in
scratch, exponentials in their place (`online_softmax.py`), and adds their product with V to sums that wait in scratch
until the last block of keys, when they are divided by the sum of the exponentials. So scratch is the same however many
keys there are. Where one block has all of them, nothing waits, and a chunk that is alone packs K and V as other
products do. What a mask hides from all rows of a chunk is left out (`hidden_keys.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cellc.passes.attention_form import AttentionParts
from cellc.passes.softmax_form import Softmax
from cellc.targets.cpu.access import Access, Buffer, View
from cellc.targets.cpu.attention_blocks import pitch_of, softmax_blocks, write_chunks, write_parts
from cellc.targets.cpu.attention_products import AttentionProducts, Keys, PackedFactor, Shared
from cellc.targets.cpu.chain import write_nest
from cellc.targets.cpu.elementwise import write_parallel
from cellc.targets.cpu.hidden_keys import HiddenKeys, SeenPanels
from cellc.targets.cpu.kept_weights import KeptKeys, KeptWeights
from cellc.targets.cpu.kernel import KernelWriter, element_of
from cellc.targets.cpu.masked_scores import may_hide
from cellc.targets.cpu.nest import copy_nest, restrict, shape_of
from cellc.targets.cpu.online_softmax import ROWS, Mixed, OnlineSoftmax, RowState, fill
from cellc.targets.cpu.pairs import open_nest
from cellc.targets.cpu.vectors import ITEM_BYTES, Vectors
from cellc.targets.target import UnsupportedKernelError


@dataclass(frozen=True)
class Packed:
    """K and V of a block of keys, if they are packed for several chunks of rows."""

    keys: PackedFactor | None
    values: PackedFactor | None


class OnlineAttentionWriter:
    """Writes one block; a position has the index of each shared loop, the last the first of a chunk's rows."""

    def __init__(self, kernel: KernelWriter, parts: AttentionParts, softmax: Softmax) -> None:
        self._kernel, self._writer, self._parts, self._softmax = kernel, kernel.writer, parts, softmax
        self._masked = may_hide(parts)
        self.blocks = softmax_blocks(parts, self._masked)
        self._products = AttentionProducts(kernel, parts)
        self._element, self._columns = element_of(parts.scores), shape_of(parts.scores)[-1]
        self._several = self.blocks.keys < self._columns
        self._packs = self._several or self.blocks.part > self.blocks.chunk
        self._pitch = pitch_of(self.blocks.keys, self._element)
        self._scores = kernel.scratch(self._element, self.blocks.chunk * self._pitch)
        self._kept = [op.results[0] for op in (softmax.maximum, softmax.total) if op.results[0] in kernel.results]
        self._memory = {value: kernel.views[value] for value in self._kept}
        made = [op.results[0] for op in (softmax.maximum, softmax.total, *softmax.further)]
        inside = [value for value in made if value in self._kept or value not in kernel.results]
        self._numbers = {value: kernel.scratch(self._element, self.blocks.part) for value in inside}
        self._vectors = Vectors(kernel.writer, kernel.level.lanes(ITEM_BYTES[self._element]))
        keep = softmax.keep
        self._dropout = None if keep is None else KeptWeights(kernel, keep, ROWS, self.blocks.keys)
        self._sums: Buffer | None = None
        self._batch: Sequence[str] = ()
        self._first = ""

    def is_possible(self) -> bool:
        """Whether both products can be written."""
        zero = self._writer.index(0)
        self._batch, self._first = [zero] * (self._parts.outer - 1), zero
        size = self.blocks.keys
        try:
            for keys in {size, self._columns % size or size}:
                for shared in self._both(zero, self.blocks.chunk, Keys(zero, keys)):
                    (self._products.resident_tiling if self._packs else self._products.tiling)(*shared)
        except UnsupportedKernelError:
            return False
        return True

    def write(self) -> None:
        """Writes a block and sets the kernel's number of blocks."""
        write_parts(self._kernel, self.blocks, self._parts, self._part)

    def _part(self, batch: Sequence[str], part: str) -> None:
        """The rows of part `part` of one (batch, head) index, for all keys."""
        writer, size = self._writer, self.blocks.keys
        self._batch, self._first = batch, writer.linear(0, [(part, self.blocks.part)])
        if self._dropout is not None:
            self._dropout.begin()
        packed = self._find_panels()
        maxima, totals = (self._numbers[op.results[0]] for op in (self._softmax.maximum, self._softmax.total))
        state = RowState(maxima, totals, self._first)
        if not self._several:
            self._keys(part, state, Keys(writer.index(0), size), packed)
            return
        self._begin(packed)
        full = self._columns // size

        def body(start: str, _: list[str]) -> list[str]:
            self._keys(part, state, Keys(start, size), packed)
            return []

        writer.loop((writer.index(0), writer.index(full * size), size), body)
        if self._columns % size:
            self._keys(part, state, Keys(writer.index(full * size), self._columns % size), packed)
        write_chunks(writer, self.blocks, part, lambda row, rows: self._end(row, rows, packed))

    def _keys(self, part: str, state: RowState, keys: Keys, packed: Packed) -> None:
        """All chunks of rows for a block of keys."""
        writer, first = self._writer, self._both(self._first, self.blocks.chunk, keys)
        seen = SeenPanels(self._kernel, self.blocks, self._first) if self._masked else None

        def pack_and_multiply() -> None:
            for shared, panels in zip(first, (packed.keys, packed.values), strict=True):
                if panels is not None:
                    panels.of(*shared).write(writer)
            write_chunks(writer, self.blocks, part, lambda row, rows: self._chunk(row, rows, state, keys, packed, seen))

        if seen is None:
            pack_and_multiply()
            return
        hidden = HiddenKeys(self._kernel, self._parts, keys, state if self._several else None)
        hidden.measure(*first)
        seen.begin()

        def look(row: str, rows: int) -> None:
            scores, _ = self._both(row, rows, keys)
            seen.put(row, hidden.panels_seen([*self._batch, row], rows, scores, self._width(scores, packed)))

        write_chunks(writer, self.blocks, part, look)
        if self._several:
            writer.branch(seen.any(), pack_and_multiply)
        else:
            pack_and_multiply()

    def _chunk(self, row: str, rows: int, state: RowState, keys: Keys, packed: Packed, seen: SeenPanels | None) -> None:
        panels = None if seen is None else seen.get(row)

        def work() -> None:
            scores, mixed = self._both(row, rows, keys)
            self._products.some_keys(scores, packed.keys).write_columns(panels)
            columns = self._columns_of(panels, self._width(scores, packed), keys)
            sums = self._waiting(row, rows, packed) if self._several else None
            keep = self._softmax.maximum.results[0] in self._kept
            kept = None if self._dropout is None else KeptKeys(self._dropout, self._batch, keys.first)
            softmax = OnlineSoftmax(
                self._kernel, self._scores, self._pitch, keys.count, state, sums, keep_maxima=keep, kept=kept
            )
            softmax.write(row, rows, columns or self._writer.index(keys.count))
            product = self._products.some_keys(mixed, packed.values)
            if sums is None:
                self._numbers_of(row, rows)
                product.write_sums(columns)
            else:
                product.add_sums(columns, sums.sums)

        if panels is not None and self._several:
            some = self._writer.pure(f"arith.cmpi sgt, {panels}, {self._writer.index(0)} : index")
            self._writer.branch(some, work)
        else:
            work()

    def _columns_of(self, panels: str | None, width: int, keys: Keys) -> str | None:
        """The keys in the first `panels` panels; None for all of them."""
        if panels is None:
            return None
        columns = self._writer.linear(0, [(panels, width)])
        return self._writer.pure(f"arith.minsi {columns}, {self._writer.index(keys.count)} : index")

    def _width(self, scores: Shared, packed: Packed) -> int:
        """Keys in a panel as the product of a chunk has them: where it packs them itself, its rows decide."""
        return self._products.tiling(*scores).width if packed.keys is None else packed.keys.width

    def _end(self, row: str, rows: int, packed: Packed) -> None:
        """Divides what is summed, and stores the results."""
        self._numbers_of(row, rows)
        _, mixed = self._both(row, rows, Keys(self._writer.index(0), self.blocks.keys))
        self._products.some_keys(mixed, packed.values).finish_sums(self._waiting(row, rows, packed).sums)

    def _numbers_of(self, row: str, rows: int) -> None:
        """What is made of a row's sum, and what the kernel returns of its maximum and its sum."""
        for value in self._kept:
            memory = self._memory[value].identity()
            target = memory.moved(*zip((*self._batch, row), memory.strides, strict=True))
            source = Access(self._numbers[value], 0, (1,), ((row, 1), (self._first, -1)))
            move = copy_nest((rows,), source, target.select([self._parts.outer - 1]))
            write_parallel(open_nest(self._writer, move, self._vectors.lanes), {})
        for op in self._softmax.further:
            nest = restrict(self._kernel.nest_of(op), self._parts.outer - 1, row, rows)
            write_nest(self._kernel, op, nest, dict(enumerate(self._batch)))

    def _both(self, row: str, rows: int, keys: Keys) -> tuple[Shared, Shared]:
        self._views(row, keys.first)
        position = [*self._batch, row]
        return self._products.scores(position, rows, keys), self._products.mixed(position, rows, keys)

    def _views(self, row: str, key: str) -> None:
        """What scratch has: the scores and weights of a chunk's rows for some keys, numbers of a part's rows."""
        for value in (self._parts.scores, self._parts.weights):
            shape = shape_of(value)
            strides, terms = (*(0,) * (len(shape) - 2), self._pitch, 1), ((row, -self._pitch), (key, -1))
            self._kernel.views[value] = View(self._scores, shape, strides, 0, terms)
        for value, buffer in self._numbers.items():
            shape = shape_of(value)
            self._kernel.views[value] = View(buffer, shape, (*(0,) * (len(shape) - 1), 1), 0, ((self._first, -1),))

    def _find_panels(self) -> Packed:
        if not self._packs:
            return Packed(None, None)
        first, second = self._both(self._first, self.blocks.chunk, Keys(self._writer.index(0), self.blocks.keys))
        keys, values = (PackedFactor(self._kernel, self._products, shared) for shared in (first, second))
        return Packed(keys, values)

    def _begin(self, packed: Packed) -> None:
        """Nothing is summed yet."""
        values = packed.values
        assert values is not None
        if self._sums is None:
            self._sums = self._kernel.scratch(self._element, self.blocks.part * values.panels * values.width)
        maxima, totals = (self._numbers[op.results[0]] for op in (self._softmax.maximum, self._softmax.total))
        for buffer, value in ((maxima, float("-inf")), (totals, 0.0), (self._sums, 0.0)):
            fill(self._vectors, buffer, value)

    def _waiting(self, row: str, rows: int, packed: Packed) -> Mixed:
        """The sums of a chunk of rows."""
        values = packed.values
        assert values is not None
        assert self._sums is not None
        size, lanes = values.panels * values.width, self._vectors.lanes
        place = Access(self._sums, 0, (), ((row, size), (self._first, -size)))
        return Mixed(place, values.panels, rows * values.width, values.width // lanes)
