"""Elementwise kernels: one all-parallel generic."""

from cellc.targets.cpu.grid import make_grid
from cellc.targets.cpu.nest_writer import NestWriter, Range
from cellc.targets.cpu.transposed import TileWriter, crossing_loop, tile_blocks


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
            if dim is not None:
                nest_writer.compute_before(dim)
            nest_writer.vector_loop(dim, one_vector, ranges.get(dim) if dim is not None else None)

    nest_writer.loops(outer, ranges, inner)


def write_elementwise(nest_writer: NestWriter, block: str) -> int:
    """Writes one block of an all-parallel nest; returns the number of blocks."""
    dim, extents, lanes = nest_writer.vector_loop_dim(), nest_writer.nest.extents, nest_writer.vectors.lanes
    crossing = crossing_loop(nest_writer, dim)
    order = [d for d in nest_writer.open_parallel if d not in (dim, crossing)] + ([dim] if dim is not None else [])
    if dim is not None and crossing is not None:
        grid, ranges = tile_blocks(nest_writer, [*order, crossing], block)
    else:
        grid = make_grid([extents[d] for d in order], step=lanes)
        ranges = dict(zip(order, grid.ranges(nest_writer.writer, block), strict=False))
    write_parallel(nest_writer, ranges)
    return grid.blocks
