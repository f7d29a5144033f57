"""Elementwise kernels: one all-parallel generic."""

from cellc.targets.cpu.grid import make_grid
from cellc.targets.cpu.nest_writer import NestWriter, Range


def write_parallel(nest_writer: NestWriter, ranges: dict[int, Range]) -> None:
    """Writes all iterations of an all-parallel nest that lie in `ranges`."""
    dim = nest_writer.vector_loop_dim()
    outer = [d for d in nest_writer.open_parallel if d != dim]

    def one_vector() -> None:
        nest_writer.store(nest_writer.body(dim, nest_writer.arguments(dim)), dim)

    bounds = ranges.get(dim) if dim is not None else None
    nest_writer.loops(outer, ranges, lambda: nest_writer.vector_loop(dim, one_vector, bounds))


def write_elementwise(nest_writer: NestWriter, block: str) -> int:
    """Writes one block of an all-parallel nest; returns the number of blocks."""
    dim = nest_writer.vector_loop_dim()
    order = [d for d in nest_writer.open_parallel if d != dim] + ([dim] if dim is not None else [])
    grid = make_grid([nest_writer.nest.extents[d] for d in order], step=nest_writer.vectors.lanes)
    ranges = grid.ranges(nest_writer.writer, block)
    write_parallel(nest_writer, dict(zip(order, ranges, strict=False)))
    return grid.blocks
