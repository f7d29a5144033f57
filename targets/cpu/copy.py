"""Copy kernels: a fill or an empty tensor, with slices inserted (pad, concat)."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from xdsl.dialects.linalg.ops import FillOp
from xdsl.dialects.tensor import EmptyOp, InsertSliceOp
from xdsl.ir import SSAValue

from cellc.targets.cpu.access import View
from cellc.targets.cpu.elementwise import write_parallel
from cellc.targets.cpu.grid import make_grid
from cellc.targets.cpu.kernel import BLOCK, KernelWriter
from cellc.targets.cpu.nest import copy_nest
from cellc.targets.cpu.pairs import open_nest
from cellc.targets.cpu.weave import Piece, woven, write_woven
from cellc.targets.target import UnsupportedKernelError


def write_copy_kernel(kernel: KernelWriter) -> None:
    """Writes a kernel of kind `copy`."""
    for value in kernel.results:
        target = kernel.view_of(value)
        split = _split_dim(target.shape)
        pieces = woven(_pieces(kernel, value, target), target.shape)
        if split is None:
            kernel.blocks = 1
            for piece in pieces:
                write_piece(kernel, piece)
            continue
        grid = make_grid([target.shape[split]], prod(target.shape) // max(1, target.shape[split]))
        if kernel.blocks not in (1, grid.blocks):
            raise UnsupportedKernelError(f"kernel {kernel.name}: copies of different shapes")
        kernel.blocks = grid.blocks
        rows = grid.ranges(kernel.writer, BLOCK)[0]
        for piece in pieces:
            _write_rows(kernel, piece, split, rows)


def _split_dim(shape: Sequence[int]) -> int | None:
    """The loop that blocks share: the first long one, never the innermost, which lanes run along."""
    outer = [d for d, extent in enumerate(shape) if extent != 1][:-1]
    long = [d for d in outer if shape[d] >= 16]
    return long[0] if long else max(outer, key=lambda d: shape[d], default=None)


def _pieces(kernel: KernelWriter, value: SSAValue, target: View) -> list[Piece]:
    """What fills the tensor `value`, first written first."""
    owner = value.owner
    if isinstance(owner, InsertSliceOp):
        return [*_pieces(kernel, owner.dest, target), inserted_piece(kernel, owner, target)]
    if isinstance(owner, EmptyOp):
        return []
    zeros, ones = (0,) * len(target.shape), (1,) * len(target.shape)
    source = kernel.filled(value) if isinstance(owner, FillOp) else kernel.view_of(value)
    return [Piece(target.shape, (source.identity(),), target.identity(), zeros, ones)]


def inserted_piece(kernel: KernelWriter, op: InsertSliceOp, target: View) -> Piece:
    """The piece of `target` that an insert_slice writes; dynamic offsets are index values of the kernel."""
    sizes, steps = op.static_sizes.get_values(), op.static_strides.get_values()
    source = padded_view(kernel.view_of(op.source), sizes)
    moved, offsets = offset_view(kernel, target, op.static_offsets.get_values(), list(op.offsets))
    strides = tuple(stride * step for stride, step in zip(target.strides, steps, strict=True))
    access = replace(moved.identity(), strides=strides)
    return Piece(tuple(sizes), (source.identity(),), access, offsets, tuple(steps))


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


def write_piece(kernel: KernelWriter, piece: Piece) -> None:
    """Copies a whole piece."""
    _write_at(kernel, piece, {})


def _write_at(kernel: KernelWriter, piece: Piece, fixed: dict[int, str]) -> None:
    """Copies a piece with the loops in `fixed` at given indices."""
    source, *others = piece.sources
    if others:
        write_woven(kernel, piece, fixed)
        return
    nest = copy_nest(piece.extents, source, piece.target)
    write_parallel(open_nest(kernel.writer, nest, kernel.lanes(nest), fixed), {})


def _write_rows(kernel: KernelWriter, piece: Piece, split: int, rows: tuple[str, str]) -> None:
    """Copies what lies in the rows [lower, upper) of the result."""
    writer = kernel.writer

    def first_at_or_after(row: str) -> str:
        offset, step = writer.index(piece.offsets[split]), piece.steps[split]
        distance = writer.pure(f"arith.subi {row}, {offset} : index")
        index = writer.pure(f"arith.ceildivsi {distance}, {writer.index(step)} : index") if step != 1 else distance
        index = writer.pure(f"arith.maxsi {index}, {writer.index(0)} : index")
        return writer.pure(f"arith.minsi {index}, {writer.index(piece.extents[split])} : index")

    def body(index: str, _: list[str]) -> list[str]:
        _write_at(kernel, piece, {split: index})
        return []

    writer.loop((first_at_or_after(rows[0]), first_at_or_after(rows[1]), 1), body)
