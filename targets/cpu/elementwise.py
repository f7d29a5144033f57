"""Elementwise kernels: one all-parallel generic."""

from math import prod

from cellc.targets.cpu.grid import make_grid
from cellc.targets.cpu.nest_writer import NestWriter, Range
from cellc.targets.cpu.transposed import TileWriter, crossing_loop


def write_parallel(nest_writer: NestWriter, ranges: dict[int, Range]) -> None:
    """Writes all iterations of an all-parallel nest that lie in `ranges`."""
    dim = nest_writer.vector_loop_dim()
    crossing = crossing_loop(nest_writer, dim)
    outer = [d for d in nest_writer.open_parallel if d not in (dim, crossing)]

    def one_vector() -> None:
        nest_writer.store(nest_writer.body(dim, nest_writer.arguments(dim)), dim)

    def inner() -> None:
        if dim is not None and crossing is not None:
            TileWriter(nest_writer, dim, crossing).write(ranges)
        else:
            nest_writer.vector_loop(dim, one_vector, ranges.get(dim) if dim is not None else None)

    nest_writer.loops(outer, ranges, inner)


def write_elementwise(nest_writer: NestWriter, block: str) -> int:
    """Writes one block of an all-parallel nest; returns the number of blocks."""
    order, inner = _cut_loops(nest_writer)
    grid = make_grid([nest_writer.nest.extents[d] for d in order], inner, step=nest_writer.vectors.lanes)
    ranges = grid.ranges(nest_writer.writer, block)
    write_parallel(nest_writer, dict(zip(order, ranges, strict=False)))
    return grid.blocks


def _cut_loops(nest_writer: NestWriter) -> tuple[list[int], int]:
    """The loops that blocks share, the vector loop last, and the iterations of a loop that no block cuts.

    Of the two loops of a tile blocks cut the longer one.
    """
    dim, extents = nest_writer.vector_loop_dim(), nest_writer.nest.extents
    crossing = crossing_loop(nest_writer, dim)
    last = dim
    if dim is not None and crossing is not None and extents[crossing] > extents[dim]:
        last = crossing
    order = [d for d in nest_writer.open_parallel if d not in (dim, crossing)] + ([last] if last is not None else [])
    return order, prod(extents[d] for d in nest_writer.open_parallel if d not in order)
