"""Vectors of a loop in groups: several side by side use more of each cache line before the next row is read."""

from collections.abc import Callable

from cellc.targets.cpu.nest_writer import NestWriter, Range


def grouped_vectors(
    nest_writer: NestWriter, dim: int | None, group: int, write: Callable[[int], None], bounds: Range | None
) -> None:
    """All vectors of loop `dim`, `group` of them at a time, then the rest one by one; `write` gets how many."""
    if dim is None or group == 1:
        nest_writer.vector_loop(dim, lambda: write(1), bounds)
        return
    writer, width, extent = nest_writer.writer, group * nest_writer.vectors.lanes, nest_writer.nest.extents[dim]
    main = writer.index(extent - extent % width)
    lower, upper = bounds or (writer.index(0), main)

    def body(index: str, _: list[str]) -> list[str]:
        nest_writer.at(dim, index, lambda: write(group))
        return []

    def rest() -> None:
        nest_writer.vector_loop(dim, lambda: write(1), (main, writer.index(extent)))

    if extent % width == 0:
        writer.loop((lower, upper, width), body)
        return
    writer.loop((lower, writer.pure(f"arith.minsi {upper}, {main} : index"), width), body)
    if bounds is None:
        rest()
    else:
        writer.branch(writer.pure(f"arith.cmpi sgt, {upper}, {main} : index"), rest)


def each_vector(nest_writer: NestWriter, dim: int | None, group: int, write: Callable[[int], list[str]]) -> list[str]:
    """What `write` gives for each vector of a group at the current position, one after the other."""
    if dim is None or group == 1:
        return write(0)
    start, results = nest_writer.position[dim], list[str]()
    assert start is not None
    for number in range(group):
        index = nest_writer.writer.linear(number * nest_writer.vectors.lanes, [(start, 1)])
        nest_writer.at(dim, index, lambda number=number: results.extend(write(number)))
    return results
