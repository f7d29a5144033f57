"""Reduction kernels: a single reduction, or a chain of nests that share their outer loops."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil, prod

from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.tensor import InsertSliceOp
from xdsl.ir import Operation, OpResult, SSAValue

from cellc.passes.linalg_analysis import bare_dim, is_all_parallel
from cellc.targets.cpu.access import Buffer, View, row_major
from cellc.targets.cpu.body import widest_item
from cellc.targets.cpu.elementwise import write_parallel
from cellc.targets.cpu.fetch_ahead import pieces_ahead, rows_ahead
from cellc.targets.cpu.grid import BLOCK_WORK, make_grid
from cellc.targets.cpu.kept_in_results import kept_in_results
from cellc.targets.cpu.kernel import BLOCK, KernelWriter, element_of
from cellc.targets.cpu.moments import MomentsWriter, moments_of
from cellc.targets.cpu.nest import Nest, loop_extents, restrict, shape_of
from cellc.targets.cpu.nest_writer import NestWriter, Range
from cellc.targets.cpu.padded_reads import PaddedRead, padded_reads
from cellc.targets.cpu.padded_results import border_nests
from cellc.targets.cpu.pairs import contiguous_over, open_nest
from cellc.targets.cpu.read_as_made import ReadAsMade, may_read_as_made
from cellc.targets.cpu.reduction import ReductionWriter, initial_of, windows
from cellc.targets.cpu.short_rows import TurnedRows, flat_ops, read_or_made, short_rows, turned_rows, write_flat
from cellc.targets.cpu.small_images import SmallImages, small_images
from cellc.targets.target import UnsupportedKernelError

# Vectors of outer indices that a chain with lanes along its last outer loop does at a time.
_VECTORS = 4
# Rows that a chain with lanes along them does at a time, and elements of them at most: while the lanes of one row's sum
# are added up, one after the other, the processor has another row's to do.
_ROWS = 4
_ELEMENTS = 1 << 10


def write_reduction_kernel(kernel: KernelWriter) -> None:
    """Writes a kernel of kind `reduction`."""
    generics = [op for op in kernel.ops if isinstance(op, linalg.GenericOp)]
    outer = kernel.attribute("outer") or 0
    assert isinstance(outer, int)
    pads = padded_reads(kernel, outer)
    if len(generics) == 1 and not pads and not kernel.pads and not (outer and short_rows(kernel, generics, outer)):
        _write_single(kernel, generics[0])
        return
    ChainWriter(kernel, generics, outer, pads=pads).write()


def _write_single(kernel: KernelWriter, op: linalg.GenericOp) -> None:
    nest = kernel.nest_of(op)
    nest_writer = open_nest(kernel.writer, nest, kernel.lanes(nest))
    if not nest.reduced:
        raise UnsupportedKernelError(f"kernel {kernel.name}: a reduction without reduction loops")
    grid = ReductionWriter(nest_writer, initial_of(kernel, op, nest_writer)).write_block(BLOCK, BLOCK_WORK)
    kernel.blocks = grid.blocks


class ChainWriter:
    """Writes a chain for some indices of its outer loops at a time, with intermediate tensors in scratch.

    That is one index, some where rows are short, or a few vectors of them along the last outer loop where memory is
    contiguous along it.
    The tensors `placed` have their memory already, as the kernel's results and what it pads have. With
    `pads`, one index is done at a time.
    """

    def __init__(
        self,
        kernel: KernelWriter,
        generics: Sequence[linalg.GenericOp],
        outer: int,
        placed: Sequence[SSAValue] = (),
        pads: Sequence[PaddedRead] = (),
    ) -> None:
        self._kernel = kernel
        self._writer = kernel.writer
        self._generics = generics
        self._outer = outer
        self._extents = loop_extents(generics[0])[:outer]
        self._scratch: dict[tuple[int, int, int], Buffer] = {}
        self._placed = (*kernel.results, *(op.source for op in kernel.pads), *placed)
        self._kept: dict[SSAValue, SSAValue] = {}
        self._chunk = 1
        self._pads = pads
        self._rows = min(_ROWS, max(1, _ELEMENTS // self._longest())) if outer and not pads else 1
        self._turned: list[TurnedRows] = []
        self._flat: list[linalg.GenericOp] = []
        self._images: SmallImages | None = None
        self._borders: dict[Operation, list[Nest]] = {}
        self._instead: dict[Operation, Callable[[Mapping[int, str]], None]] = {}
        for op in kernel.pads if kernel.attribute("kind") == "reduction" else ():
            self._add_border(op)

    def _add_border(self, pad: InsertSliceOp) -> None:
        """Adds what fills the border around a result of an op, in loops that begin with the shared ones."""
        op = pad.source.owner
        assert isinstance(op, linalg.GenericOp)
        assert isinstance(pad.source, OpResult)
        written = [bare_dim(each) for each in op.indexing_maps.data[len(op.inputs) + pad.source.index].data.results]
        nests = border_nests(self._kernel, pad, [written.index(loop) for loop in range(self._outer)])
        self._borders.setdefault(op, []).extend(nests)
        self._writer.past_cache -= {self._kernel.view_of(pad.result).buffer.name}  # lines are written in parts

    def _longest(self) -> int:
        """Iterations of an op for one index of each outer loop, at most."""
        return max(prod(loop_extents(op)[self._outer :]) for op in self._generics)

    def _lanes_outside(self) -> bool:
        """Whether more reads and writes are contiguous along the last outer loop than along inner loops.

        Windows side by side count as contiguous: they are read as whole vectors.
        """
        if any(map(self._reads_windows, self._generics)) and all(map(self._writes_rows, self._generics)):
            return True
        outside = inside = 0
        for op in self._generics:
            for value, indexing in zip(op.operands, op.indexing_maps, strict=True):
                if value not in self._kernel.views:
                    continue
                strides = self._kernel.views[value].access(indexing.data).strides
                extents = loop_extents(op)
                times = prod(e for e, s in zip(extents, strides, strict=True) if s)
                outside += times * (strides[self._outer - 1] == 1 and extents[self._outer - 1] > 1)
                inside += times * any(strides[d] == 1 and extents[d] > 1 for d in range(self._outer, len(extents)))
        return outside > inside

    def _reads_windows(self, op: linalg.GenericOp) -> bool:
        operands = zip(op.inputs, op.indexing_maps, op.body.block.args, strict=False)
        views = self._kernel.views
        used = [views[v].access(m.data).strides for v, m, a in operands if v in views and a.first_use is not None]
        lanes = self._kernel.level.lanes(widest_item(op.body.block))
        inner = range(self._outer, len(op.iterator_types))
        return len(inner) > 0 and windows(used, loop_extents(op), inner, self._outer - 1, lanes)

    def _writes_rows(self, op: linalg.GenericOp) -> bool:
        """Whether results are contiguous along the last outer loop, or along it and a short inner one."""
        views, maps = self._kernel.views, list(op.indexing_maps)[len(op.inputs) :]
        stored = [views[v].access(m.data).strides for v, m in zip(op.results, maps, strict=True) if v in views]
        extents, lanes = loop_extents(op), self._kernel.level.lanes(widest_item(op.body.block))
        inner = range(self._outer, len(extents))
        return all(s[self._outer - 1] == 1 for s in stored) or any(
            contiguous_over(stored, extents, self._outer - 1, d, lanes) for d in inner
        )

    def write(self) -> None:
        """Writes one block and sets the kernel's number of blocks."""
        along = self._outer and not self._pads
        short = short_rows(self._kernel, self._generics, self._outer) if along else []
        if along and not short:
            self._images = small_images(self._kernel, self._generics, self._outer)
        if self._images is not None:
            self._chunk = self._images.lanes
        elif along and (short or self._lanes_outside()):
            lanes = min(self._kernel.level.lanes(4), self._extents[-1])
            self._chunk = min(self._extents[-1], lanes * _VECTORS)
        if short:
            self._place(self._writer.index(0))
            self._flat = flat_ops(self._kernel, self._generics, self._outer, short)
            turned = read_or_made(short, [op for op in self._generics if op not in self._flat])
            self._turned = turned_rows(self._kernel, turned, self._outer, self._chunk)
        if self._chunk == 1 and not self._pads:
            self._kept = kept_in_results(self._kernel, self._generics, self._placed)
        if self._chunk * self._rows == 1 and not self._pads:
            self._add_moments()
        inner = sum(prod(loop_extents(op)[self._outer :]) for op in self._generics)
        extents = self._extents
        if self._outer:
            self._rows = min(self._rows, extents[-1]) if self._chunk == 1 else 1
            extents = (*extents[:-1], ceil(extents[-1] / (self._chunk * self._rows)))
        grid = make_grid(extents, inner * self._chunk * self._rows)
        self._kernel.blocks = grid.blocks
        ranges = dict(enumerate(grid.ranges(self._writer, BLOCK)))
        for pad in self._pads:
            pad.fill_border()
        body = self._generics[0].body.block
        shell = NestWriter(self._writer, Nest(extents, (False,) * self._outer, (), (), body), 1)
        shell.loops(list(range(self._outer)), ranges, lambda: self._indices(shell.position))

    def _add_moments(self) -> None:
        """Finds the sums that are made in one pass."""
        self._place(None)
        for pair in moments_of(self._kernel, self._generics, self._outer):
            moments = MomentsWriter(self._kernel, pair, self._outer)
            self._instead |= {pair.total: moments.write_total, pair.centred: moments.write_centred}

    def write_rows(self, fixed: Mapping[int, str], bounds: Range) -> None:
        """Writes the indices `bounds` of the last outer loop, few at a time, with the other outer loops at `fixed`."""
        (lower, upper), rows, writer = bounds, self._rows, self._writer

        def body(index: str, _: list[str]) -> list[str]:
            self._some_rows(fixed, index, rows)
            return []

        if rows == 1:
            writer.loop((lower, upper, 1), body)
            return
        count = writer.pure(f"arith.subi {upper}, {lower} : index")
        rest = writer.pure(f"arith.remui {count}, {writer.index(rows)} : index")
        main = writer.pure(f"arith.subi {upper}, {rest} : index")
        writer.loop((lower, main, rows), body)

        def single(index: str, _: list[str]) -> list[str]:
            self._some_rows(fixed, index, 1)
            return []

        writer.loop((main, upper, 1), single)

    def _indices(self, position: Sequence[str | None]) -> None:
        """All ops at one index of each outer loop (a chunk or some rows of the last one)."""
        fixed = {d: index for d, index in enumerate(position) if index is not None}
        if self._chunk * self._rows == 1:
            self._all(fixed, None, 1)
            return
        size, part = self._chunk * self._rows, fixed.pop(self._outer - 1)
        full, rest = divmod(self._extents[-1], size)
        lower = self._writer.linear(0, [(part, size)])
        if not rest:
            self._part(fixed, lower, size)()
            return
        bound = self._writer.index(full)
        for predicate, count in (("slt", size), ("sge", rest)):
            condition = self._writer.pure(f"arith.cmpi {predicate}, {part}, {bound} : index")
            self._writer.branch(condition, self._part(fixed, lower, count))

    def _part(self, fixed: Mapping[int, str], lower: str, count: int) -> Callable[[], None]:
        if self._chunk == 1:
            return lambda: self._some_rows(fixed, lower, count)
        return lambda: self._all(fixed, lower, count)

    def _some_rows(self, fixed: Mapping[int, str], lower: str, count: int) -> None:
        """Each op for `count` rows from `lower` on, one after the other, before the next op."""
        rows = [{**fixed, self._outer - 1: self._writer.linear(row, [(lower, 1)])} for row in range(count)]
        for op, reader in self._in_one_loop():
            for number, row in enumerate(rows):
                self._place(None, number)
                self._fill_borders(op, row)
                if reader is None or not self._read_as_made(op, reader, row):
                    for each in (op,) if reader is None else (op, reader):
                        write_nest(self._kernel, each, self._kernel.nest_of(each), row, self._ahead(each))

    def _ahead(self, op: linalg.GenericOp) -> dict[str, int]:
        return rows_ahead(self._kernel, self._generics, op, self._outer)

    def _in_one_loop(self) -> Iterator[tuple[linalg.GenericOp, linalg.GenericOp | None]]:
        """The ops, each with the next one if that reduces what it makes."""
        ops = list(self._generics)
        while ops:
            op = ops.pop(0)
            apart = bool(ops) and not self._instead.keys() & {op, ops[0]}
            pair = apart and not self._borders.keys() & {op, ops[0]} and may_read_as_made(op, ops[0])
            yield op, ops.pop(0) if pair else None

    def _read_as_made(self, op: linalg.GenericOp, reader: linalg.GenericOp, fixed: Mapping[int, str]) -> bool:
        """Writes both in one loop, if their lanes run along it."""
        both = ReadAsMade(self._kernel, op, reader, fixed)
        return both.write((self._ahead(op), self._ahead(reader)), initial_of(self._kernel, reader, both.reader))

    def _all(self, fixed: Mapping[int, str], lower: str | None, count: int) -> None:
        """All ops with the loops in `fixed` at given indices, and the last outer loop at `count` from `lower` on."""
        self._place(lower)
        for pad in self._pads:
            pad.read(fixed)
        for rows in self._turned:
            assert lower is not None
            rows.place(self._kernel, lower)
            if rows.value not in self._kernel.results:
                rows.read(self._kernel, fixed, lower, count)
        for op, reader in self._in_one_loop():
            if reader is None or lower is not None or not self._read_as_made(op, reader, fixed):
                for each in (op,) if reader is None else (op, reader):
                    self._one(each, fixed, lower, count)
        for rows in self._turned:
            if lower is not None and rows.value in self._kernel.results:
                rows.write(self._kernel, fixed, lower, count)

    def _one(self, op: linalg.GenericOp, fixed: Mapping[int, str], lower: str | None, count: int) -> None:
        """One op for what `_all` does."""
        if op in self._flat and lower is not None:
            write_flat(self._kernel, op, self._turned, fixed, self._outer - 1, (lower, count))
            return
        if op in self._instead:
            self._instead[op](fixed)
            return
        if self._images is not None and op in self._images.ops and lower is not None:
            self._fill_borders(op, fixed, lower, count)
            self._images.write(self._kernel, op, lower, count)
            return
        nest, ahead = self._kernel.nest_of(op), {}
        if lower is not None:
            nest = restrict(nest, self._outer - 1, lower, count)
        else:
            ahead = self._ahead(op)
        self._fill_borders(op, fixed, lower, count)
        if lower is None and op not in self._borders and is_all_parallel(op):
            ahead = ahead | pieces_ahead(nest, fixed)
        write_nest(self._kernel, op, nest, fixed, ahead, across=bool(self._turned))

    def _fill_borders(self, op: Operation, fixed: Mapping[int, str], lower: str | None = None, count: int = 1) -> None:
        """Fills the borders of what the op is about to write, for the same indices of the shared loops."""
        for nest in self._borders.get(op, ()):
            nest = nest if lower is None else restrict(nest, self._outer - 1, lower, count)
            nest_writer = open_nest(self._writer, nest, self._kernel.lanes(nest), fixed)
            nest_writer.fetched_ahead.update(pieces_ahead(nest, fixed))
            write_parallel(nest_writer, {})

    def _place(self, lower: str | None, row: int = 0) -> None:
        """Gives each intermediate tensor scratch memory for what is done at a time, contiguous along the chunk.

        Each of several rows has its own.
        """
        for number, op in enumerate(self._generics):
            for value in op.results:
                if value in self._placed or value.first_use is None:
                    continue
                if value in self._kept:
                    self._kernel.views[value] = self._kernel.views[self._kept[value]]
                    continue
                inner = shape_of(value)[self._outer :]
                strides = [0] * self._outer + [self._chunk * s for s in row_major(inner)]
                if lower is not None:
                    strides[self._outer - 1] = 1
                buffer = self._buffer((number, value.index, row), element_of(value), prod(inner) * self._chunk)
                terms = () if lower is None else ((lower, -1),)
                self._kernel.views[value] = View(buffer, shape_of(value), tuple(strides), 0, terms)

    def _buffer(self, key: tuple[int, int, int], element: str, size: int) -> Buffer:
        if key not in self._scratch:
            self._scratch[key] = self._kernel.scratch(element, size)
        return self._scratch[key]


def write_nest(
    kernel: KernelWriter,
    op: linalg.GenericOp,
    nest: Nest,
    fixed: Mapping[int, str],
    ahead: Mapping[str, int] = {},
    across: bool = False,
) -> None:
    """Writes all iterations of `nest`, which is that of `op`, with the loops in `fixed` at given indices.

    `ahead` says of which buffers elements so far ahead are fetched, `across` is that of `ReductionWriter`.
    """
    nest_writer = open_nest(kernel.writer, nest, kernel.lanes(nest), fixed)
    nest_writer.fetched_ahead.update(ahead)
    if nest.reduced:
        ReductionWriter(nest_writer, initial_of(kernel, op, nest_writer), across).write({})
    else:
        write_parallel(nest_writer, {})
