"""Copy kernels: a fill or an empty tensor, with slices inserted (pad, concat).

What is inserted is an argument, or is made in the kernel (`fuse-copies`): by an elementwise generic, which then writes
where its result goes, or by insertions of its own, whose pieces are pieces of the whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.dialects.tensor import EmptyOp, InsertSliceOp
from xdsl.ir import SSAValue

from cellc.passes.linalg_analysis import behind_reshapes
from cellc.targets.cpu.access import View
from cellc.targets.cpu.elementwise import write_parallel
from cellc.targets.cpu.grid import make_grid
from cellc.targets.cpu.kernel import BLOCK, KernelWriter
from cellc.targets.cpu.nest import copy_nest, shape_of
from cellc.targets.cpu.nest_writer import Range
from cellc.targets.cpu.pairs import open_nest
from cellc.targets.cpu.weave import Piece, woven, write_woven
from cellc.targets.cpu.writer import Writer
from cellc.targets.target import UnsupportedKernelError


def write_copy_kernel(kernel: KernelWriter) -> None:
    """Writes a kernel of kind `copy`."""
    for value in kernel.results:
        target = kernel.view_of(value)
        # Lanes run along the innermost loop, so blocks share the others.
        outer = [d for d, extent in enumerate(target.shape) if extent != 1][:-1]
        extents = [target.shape[d] for d in outer]
        grid = make_grid(extents, prod(target.shape) // max(1, prod(extents)))
        if kernel.blocks not in (1, grid.blocks):
            raise UnsupportedKernelError(f"kernel {kernel.name}: copies of different shapes")
        kernel.blocks = grid.blocks
        ranges = dict(zip(outer, grid.ranges(kernel.writer, BLOCK), strict=False))
        pieces = woven(_pieces(kernel, value, target), target.shape)
        again = sum(prod(piece.extents) * max(1, len(piece.sources)) for piece in pieces) > target.buffer.size
        if again:
            kernel.writer.past_cache = frozenset()  # some are written again
        # One row at a time of things side by side would be short loops.
        near = again or len(ranges) < len(outer)
        if near and all(_is_whole(piece, target, dim) for piece in pieces for dim in ranges):
            _write_in_turn(kernel, pieces, ranges, {})
            continue
        for piece in pieces:
            _write_ranges(kernel, piece, ranges, {})


def _is_whole(piece: Piece, target: View, dim: int) -> bool:
    """Whether a piece has all of the result's indices along a loop, in order."""
    return piece.extents[dim] == target.shape[dim] and piece.steps[dim] == 1


def _write_in_turn(
    kernel: KernelWriter, pieces: Sequence[Piece], ranges: Mapping[int, Range], fixed: Mapping[int, str]
) -> None:
    """Writes all pieces for one index of the loops after the other: what a fill wrote is in the cache still."""
    if not ranges:
        for piece in pieces:
            _write_at(kernel, piece, fixed)
        return
    (dim, bounds), *rest = ranges.items()

    def body(index: str, _: list[str]) -> list[str]:
        _write_in_turn(kernel, pieces, dict(rest), {**fixed, dim: index})
        return []

    kernel.writer.loop((*bounds, 1), body)


def _pieces(kernel: KernelWriter, value: SSAValue, target: View) -> list[Piece]:
    """What fills the tensor `value`, first written first."""
    owner = value.owner
    if isinstance(owner, InsertSliceOp):
        return [*_pieces(kernel, owner.dest, target), *_inserted(kernel, owner, target)]
    if isinstance(owner, EmptyOp):
        return []
    zeros, ones = (0,) * len(target.shape), (1,) * len(target.shape)
    source = kernel.filled(value) if isinstance(owner, FillOp) else kernel.view_of(value)
    return [Piece(target.shape, (source.identity(),), target.identity(), zeros, ones)]


def _inserted(kernel: KernelWriter, op: InsertSliceOp, target: View) -> list[Piece]:
    """The pieces of `target` that an insert_slice writes."""
    made = behind_reshapes(op.source)
    if isinstance(made.owner, GenericOp):
        return [_computed_piece(kernel, op, made, target)]
    if not isinstance(made.owner, InsertSliceOp):
        return [inserted_piece(kernel, op, target)]
    whole = _place(kernel, op, target)
    return [_within(whole, piece) for piece in _pieces(kernel, op.source, View.of(whole.target, whole.extents))]


def _within(whole: Piece, piece: Piece) -> Piece:
    """A piece of a piece, with its offsets and steps along the result's loops."""
    steps = tuple(outer * inner for outer, inner in zip(whole.steps, piece.steps, strict=True))
    offsets = (o + s * i for o, s, i in zip(whole.offsets, whole.steps, piece.offsets, strict=True))
    return replace(piece, offsets=tuple(offsets), steps=steps)


def _computed_piece(kernel: KernelWriter, op: InsertSliceOp, made: SSAValue, target: View) -> Piece:
    """The piece that a generic writes where it belongs; its result may have other dimensions of 1 than the slice."""
    piece, shape = _place(kernel, op, target), shape_of(made)
    strides = iter([s for s, extent in zip(piece.target.strides, piece.extents, strict=True) if extent != 1])
    view = View.of(piece.target, shape)
    kernel.views[made] = replace(view, strides=tuple(next(strides) if extent != 1 else 0 for extent in shape))
    assert isinstance(made.owner, GenericOp)
    return replace(piece, computed=made.owner)


def inserted_piece(kernel: KernelWriter, op: InsertSliceOp, target: View) -> Piece:
    """The piece of `target` that an insert_slice of a tensor in memory writes."""
    source = padded_view(kernel.view_of(op.source), op.static_sizes.get_values())
    return replace(_place(kernel, op, target), sources=(source.identity(),))


def _place(kernel: KernelWriter, op: InsertSliceOp, target: View) -> Piece:
    """Where an insert_slice writes; dynamic offsets are index values of the kernel."""
    sizes, steps = op.static_sizes.get_values(), op.static_strides.get_values()
    moved, offsets = offset_view(kernel, target, op.static_offsets.get_values(), list(op.offsets))
    strides = tuple(stride * step for stride, step in zip(target.strides, steps, strict=True))
    return Piece(tuple(sizes), (), replace(moved.identity(), strides=strides), offsets, tuple(steps))


def offset_view(
    kernel: KernelWriter, view: View, static: Sequence[int], dynamic: Sequence[SSAValue]
) -> tuple[View, tuple[int, ...]]:
    """`view` from an offset on, and the constant part of the offset."""
    names, constants = iter(dynamic), []
    for dim, offset in enumerate(static):
        if offset == _DYNAMIC:
            view = view.at(dim, kernel.index_value(next(names)))
            constants.append(0)
        else:
            view = replace(view, offset=view.offset + offset * view.strides[dim])
            constants.append(offset)
    return view, tuple(constants)


_DYNAMIC = -(1 << 63)


def padded_view(view: View, sizes: Sequence[int]) -> View:
    """`view` with the dimensions of extent 1 put back that `sizes` has and its shape lacks."""
    strides, dim = [], 0
    for position, size in enumerate(sizes):
        if size == 1 and len(sizes) - position > len(view.shape) - dim:
            strides.append(0)
            continue
        strides.append(view.strides[dim])
        dim += 1
    return replace(view, shape=tuple(sizes), strides=tuple(strides))


def _write_at(kernel: KernelWriter, piece: Piece, fixed: Mapping[int, str]) -> None:
    """Writes a piece with the loops in `fixed` at given indices."""
    if piece.computed is not None:
        nest = kernel.nest_of(piece.computed)
        long = [d for d, extent in enumerate(nest.extents) if extent != 1]
        loops = dict(zip((d for d, extent in enumerate(piece.extents) if extent != 1), long, strict=True))
        fixed = {loops[d]: index for d, index in fixed.items() if d in loops}
    else:
        source, *others = piece.sources
        if others:
            write_woven(kernel, piece, fixed)
            return
        nest = copy_nest(piece.extents, source, piece.target)
    write_parallel(open_nest(kernel.writer, nest, kernel.lanes(nest), fixed), {})


def _write_ranges(kernel: KernelWriter, piece: Piece, ranges: Mapping[int, Range], fixed: Mapping[int, str]) -> None:
    """Writes what lies in some ranges of the result's loops, with the loops in `fixed` at given indices."""
    if not ranges:
        _write_at(kernel, piece, fixed)
        return
    (dim, (lower, upper)), *rest = ranges.items()

    def body(index: str, _: list[str]) -> list[str]:
        _write_ranges(kernel, piece, dict(rest), {**fixed, dim: index})
        return []

    first, last = (_first_at_or_after(kernel.writer, piece, dim, index) for index in (lower, upper))
    kernel.writer.loop((first, last, 1), body)


def _first_at_or_after(writer: Writer, piece: Piece, dim: int, index: str) -> str:
    """The piece's first index along a loop that lies at `index` of the result or after it."""
    offset, step = writer.index(piece.offsets[dim]), piece.steps[dim]
    distance = writer.pure(f"arith.subi {index}, {offset} : index")
    found = writer.pure(f"arith.ceildivsi {distance}, {writer.index(step)} : index") if step != 1 else distance
    found = writer.pure(f"arith.maxsi {found}, {writer.index(0)} : index")
    return writer.pure(f"arith.minsi {found}, {writer.index(piece.extents[dim])} : index")
