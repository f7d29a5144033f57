"""Elementwise kernels: one all-parallel generic."""

from collections.abc import Callable

from cellc.targets.cpu.grid import make_grid
from cellc.targets.cpu.nest_writer import NestWriter, Range
from cellc.targets.cpu.streaming import FENCE, LINE, apart_and_aligned, streamed_results
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
            tiles = TileWriter(nest_writer, dim, crossing)
            _past_cache(nest_writer, dim, lambda: tiles.write(ranges), LINE)
        else:
            if dim is not None:
                nest_writer.compute_before([dim])
            bounds = ranges.get(dim) if dim is not None else None
            _past_cache(nest_writer, dim, lambda: _vectors(nest_writer, dim, one_vector, bounds))

    if dim is not None and crossing is None and outer:
        nest_writer.compute_before([*outer, dim])
    nest_writer.loops(outer, ranges, inner)


def _past_cache(nest_writer: NestWriter, dim: int | None, write: Callable[[], None], least: int = 0) -> None:
    """Runs `write`, lanes along loop `dim`; vectors of `least` bytes of large results go past the cache where right."""
    results = [] if dim is None else streamed_results(nest_writer, dim, least)
    if not results:
        write()
        return
    writer, vectors = nest_writer.writer, nest_writer.vectors
    right = apart_and_aligned(nest_writer, results)
    wrong = writer.pure(f"arith.xori {right}, {writer.pure('arith.constant true')} : i1")
    vectors.streamed = frozenset(access.buffer.name for access in results)
    writer.branch(right, write)
    vectors.streamed = frozenset()
    writer.branch(wrong, write)
    writer.at_end = {FENCE: None}


def _vectors(nest_writer: NestWriter, dim: int | None, one_vector: Callable[[], None], bounds: Range | None) -> None:
    """`one_vector` for every vector of a loop; those of iterations that share work are written together."""
    count = _step(nest_writer, dim)
    if dim is None or count == nest_writer.vectors.lanes:
        nest_writer.vector_loop(dim, one_vector, bounds)
        return
    writer, extent = nest_writer.writer, nest_writer.nest.extents[dim]
    main = writer.index(extent - extent % count)
    lower, upper = bounds or nest_writer.whole(dim)

    def body(index: str, _: list[str]) -> list[str]:
        nest_writer.together(dim, index, count, one_vector)
        return []

    writer.loop((lower, writer.pure(f"arith.minsi {upper}, {main} : index"), count), body)
    if extent % count:
        last = writer.pure(f"arith.cmpi sgt, {upper}, {main} : index")
        rest = (main, writer.index(extent))
        writer.branch(last, lambda: nest_writer.vector_loop(dim, one_vector, rest))


def _step(nest_writer: NestWriter, dim: int | None) -> int:
    """Iterations of the loop that lanes run along which are written together."""
    lanes = nest_writer.vectors.lanes
    if dim is None or not nest_writer.lanes_along_one_loop:
        return lanes
    return max(lanes, nest_writer.nest.shared_iterations(dim))


def write_elementwise(nest_writer: NestWriter, block: str) -> int:
    """Writes one block of an all-parallel nest; returns the number of blocks."""
    dim, extents = nest_writer.vector_loop_dim(), nest_writer.nest.extents
    crossing = crossing_loop(nest_writer, dim)
    order = [d for d in nest_writer.open_parallel if d not in (dim, crossing)] + ([dim] if dim is not None else [])
    if dim is not None and crossing is not None:
        grid, ranges = tile_blocks(nest_writer, [*order, crossing], block)
    else:
        grid = make_grid([extents[d] for d in order], step=_step(nest_writer, dim))
        ranges = dict(zip(order, grid.ranges(nest_writer.writer, block), strict=False))
    write_parallel(nest_writer, ranges)
    return grid.blocks
