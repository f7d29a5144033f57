"""Attention kernels: two products and the rows between them, whose scores never leave the cache.

A block runs some rows of some (batch, head) indices. For a chunk of its rows at a time it computes the scores into
scratch, the chain on each row of them, and from there the second product into the result. Several chunks share the
panels of K and V, which are then packed once, before the first.
"""

from collections.abc import Sequence

from xdsl.dialects import func
from xdsl.dialects.linalg.ops import GenericOp

from cellc.passes.attention_form import AttentionParts, parts_of
from cellc.passes.linalg_analysis import input_maps, output_maps, result_index
from cellc.targets.cpu.access import View
from cellc.targets.cpu.attention_blocks import attention_blocks, fits, pitch_of
from cellc.targets.cpu.chain import ChainWriter
from cellc.targets.cpu.contraction import ProductWriter
from cellc.targets.cpu.kernel import BLOCK, KernelWriter, element_of
from cellc.targets.cpu.level import LEVELS
from cellc.targets.cpu.nest import Nest, restrict, shape_of
from cellc.targets.cpu.nest_writer import NestWriter
from cellc.targets.cpu.packing import ResidentPanels
from cellc.targets.cpu.product import Product, product_of
from cellc.targets.cpu.register_tile import Tiling
from cellc.targets.cpu.tiling import choose_resident_tiling, choose_tiling
from cellc.targets.target import UnsupportedKernelError

Panels = ResidentPanels | None


def write_attention_kernel(kernel: KernelWriter) -> None:
    """Writes a kernel of kind `attention`."""
    outer = kernel.attribute("outer")
    generics = [op for op in kernel.ops if isinstance(op, GenericOp)]
    parts = parts_of(generics, outer) if isinstance(outer, int) else None
    if parts is None:
        raise UnsupportedKernelError(f"kernel {kernel.name}: not of the attention form")
    AttentionWriter(kernel, parts).write()


def can_write(kernel: func.FuncOp, parts: AttentionParts) -> bool:
    """Whether the scores of a few rows fit the cache and both products have a loop for lanes."""
    writer = AttentionWriter(KernelWriter(kernel, LEVELS["v3"]), parts)
    return fits(parts) and writer.is_possible()


class AttentionWriter:
    """Writes one block; `position` has the index of each shared loop, the last the first of a chunk's rows."""

    def __init__(self, kernel: KernelWriter, parts: AttentionParts) -> None:
        self._kernel, self._writer, self._parts = kernel, kernel.writer, parts
        self._blocks = attention_blocks(parts)
        self._place()

    def _place(self) -> None:
        """Finds scratch for the scores of a chunk, and for its weights unless they can lie there too."""
        parts, blocks = self._parts, self._blocks
        pitch = pitch_of(shape_of(parts.scores)[-1], element_of(parts.scores))
        scores = self._kernel.scratch(element_of(parts.scores), blocks.chunk * pitch)
        same = _in_place(parts)
        weights = scores if same else self._kernel.scratch(element_of(parts.weights), blocks.chunk * pitch)
        self._areas, self._pitch = ((parts.scores, scores), (parts.weights, weights)), pitch

    def is_possible(self) -> bool:
        """Whether both products can be written."""
        zero = self._writer.index(0)
        self._views(zero)
        try:
            for product, factor in self._products([zero] * self._parts.outer, self._blocks.chunk):
                self._tiling(product, factor)
        except UnsupportedKernelError:
            return False
        return True

    def write(self) -> None:
        """Writes a block and sets the kernel's number of blocks."""
        grid, batch = self._blocks.grid, self._parts.outer - 1
        self._kernel.blocks = grid.blocks
        ranges = dict(enumerate(grid.ranges(self._writer, BLOCK)))
        body = self._parts.first[0].body.block
        shell = NestWriter(self._writer, Nest(self._blocks.extents, (False,) * (batch + 1), (), (), body), 1)

        def part() -> None:
            indices = [index for index in shell.position if index is not None]
            self._part(indices[:-1], indices[-1])

        shell.loops(list(range(batch + 1)), ranges, part)

    def _part(self, batch: Sequence[str], part: str) -> None:
        """The rows of part `part` of one (batch, head) index, a chunk at a time."""
        writer, blocks = self._writer, self._blocks
        rows, size = blocks.rows, blocks.chunk
        panels = self._pack(batch) if blocks.part > size else (None, None)
        rest = rows % size
        full = writer.index(rows - rest)
        lower, upper = (writer.linear(c, [(part, blocks.part)]) for c in (0, blocks.part))

        def chunk(row: str, _: list[str]) -> list[str]:
            self._chunk([*batch, row], size, panels)
            return []

        if rows > rest:
            bound = upper if rows % blocks.part == 0 else writer.pure(f"arith.minsi {upper}, {full} : index")
            writer.loop((lower, bound, size), chunk)
        if rest:
            reached = writer.pure(f"arith.cmpi sgt, {upper}, {full} : index")
            writer.branch(reached, lambda: self._chunk([*batch, full], rest, panels))

    def _pack(self, batch: Sequence[str]) -> tuple[Panels, Panels]:
        """Panels of K and of V for a (batch, head) index, for all rows of the block."""
        position = [*batch, self._writer.index(0)]
        self._views(position[-1])
        found = list[Panels]()
        for product, factor in self._products(position, self._blocks.chunk):
            panels = ResidentPanels(self._kernel, product, self._resident_tiling(product, factor))
            panels.write(self._writer)
            found.append(panels)
        return found[0], found[1]

    def _chunk(self, position: Sequence[str], rows: int, panels: tuple[Panels, Panels]) -> None:
        self._views(position[-1])
        (first, keys), (second, values) = self._products(position, rows)
        self._multiply(first, keys, panels[0])
        chain = ChainWriter(self._kernel, self._parts.chain, self._parts.outer, (self._parts.weights,))
        upper = self._writer.linear(rows, [(position[-1], 1)])
        chain.write_rows(dict(enumerate(position[:-1])), (position[-1], upper))
        self._multiply(second, values, panels[1])

    def _views(self, first: str) -> None:
        """Scores and weights of the rows from `first` on: they have no batch, and begin at row 0 of their scratch."""
        for value, buffer in self._areas:
            shape = shape_of(value)
            strides = (*(0,) * (len(shape) - 2), self._pitch, 1)
            self._kernel.views[value] = View(buffer, shape, strides, 0, ((first, -self._pitch),))

    def _products(self, position: Sequence[str], rows: int) -> list[tuple[Product, int]]:
        """Both products for `rows` rows at `position`, with the number of the factor that does not depend on them."""
        parts = self._parts
        loops = [(parts.first, range(parts.outer), parts.keys), (parts.second, parts.second_loops, 1 - parts.factor)]
        return [(self._product(ops, dims, position, rows), factor) for ops, dims, factor in loops]

    def _product(self, ops: list[GenericOp], dims: Sequence[int], position: Sequence[str], rows: int) -> Product:
        def narrow(nest: Nest) -> Nest:
            counts = [1] * (len(dims) - 1) + [rows]
            for dim, index, count in zip(dims, position, counts, strict=True):
                nest = restrict(nest, dim, index, count)
            return nest

        product = product_of(self._kernel, ops, narrow)
        if product is None:
            raise UnsupportedKernelError(f"kernel {self._kernel.name}: a product of another form in attention")
        return product

    def _tiling(self, product: Product, factor: int) -> Tiling:
        """Lanes run along the factor that all rows share, so that results are contiguous along them."""
        return self._found(choose_tiling(product, self._kernel.level, (factor,)))

    def _resident_tiling(self, product: Product, factor: int, width: int | None = None) -> Tiling:
        return self._found(choose_resident_tiling(product, factor, self._kernel.level, width))

    def _found(self, tiling: Tiling | None) -> Tiling:
        if tiling is None:
            raise UnsupportedKernelError(f"kernel {self._kernel.name}: no lanes for a product in attention")
        return tiling

    def _multiply(self, product: Product, factor: int, panels: Panels) -> None:
        tiling = self._resident_tiling(product, factor, panels.width) if panels else self._tiling(product, factor)
        ProductWriter(self._kernel, product, tiling, panels).write_all()


def _in_place(parts: AttentionParts) -> bool:
    """Whether the weights of a row may replace its scores: nothing reads those after their own element is made."""
    scores, weights, last = parts.scores, parts.weights, parts.chain[-1]
    if last is not weights.owner or scores.type != weights.type:
        return False
    written = output_maps(last)[result_index(weights)]
    reads = [m for v, m in zip(last.inputs, input_maps(last), strict=False) if v is scores]
    return all(m == written for m in reads) and all(k.data.value == "parallel" for k in last.iterator_types)
