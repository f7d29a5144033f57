"""Woven copies: slices whose elements alternate in the innermost loop of a tensor, stored as whole vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from xdsl.dialects.linalg.ops import GenericOp

from cellc.targets.cpu.access import Access
from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.nest import copy_nest
from cellc.targets.cpu.nest_writer import NestWriter
from cellc.targets.cpu.vectors import WOVEN, Vectors


@dataclass(frozen=True)
class Piece:
    """`sources` go to `target`, all with one loop per dimension; along `target` the loops of a kernel's
    result start at `offsets` and step by `steps`. Several sources take turns in the innermost loop. A piece that
    is `computed` has no sources."""

    extents: tuple[int, ...]
    sources: tuple[Access, ...]
    target: Access
    offsets: tuple[int, ...]
    steps: tuple[int, ...]
    computed: GenericOp | None = None


def woven(pieces: Sequence[Piece], shape: Sequence[int]) -> list[Piece]:
    """The pieces of a tensor of the shape, with those as one that together are whole rows of it.

    What they leave out in such rows is filled again, where nothing but a fill was written before them.
    """
    found: list[Piece] = []
    if any(piece.computed is not None for piece in pieces):
        return list(pieces)
    rest = list(pieces)
    while rest:
        count = len(_same_rows(rest))
        group, rest = rest[:count], rest[count:]
        row = _row(group, found[0] if len(found) == 1 else None, shape)
        found += [row] if row is not None else group
    return found


def _same_rows(pieces: Sequence[Piece]) -> list[Piece]:
    """The first pieces that differ in where they start in a row only."""
    first, taken = pieces[0], list[Piece]()
    for piece in pieces:
        places = {p.offsets[-1] for p in taken}
        same = (piece.extents, piece.offsets[:-1], piece.steps) == (first.extents, first.offsets[:-1], first.steps)
        if not same or piece.offsets[-1] in places or len(piece.sources) > 1:
            break
        taken.append(piece)
    return taken


def _row(pieces: Sequence[Piece], fill: Piece | None, shape: Sequence[int]) -> Piece | None:
    """The pieces as one with several sources, or None where they are not all of their rows."""
    first = pieces[0]
    if not first.steps or not 1 < first.steps[-1] <= WOVEN or first.extents[-1] * first.steps[-1] != shape[-1]:
        return None
    at = {piece.offsets[-1]: piece.sources[0] for piece in pieces}
    if fill is not None and not any(fill.sources[0].strides):
        at = dict.fromkeys(range(first.steps[-1]), fill.sources[0]) | at
    if set(at) != set(range(first.steps[-1])):
        return None
    start = replace(first.target, offset=first.target.offset - first.offsets[-1])
    sources = tuple(at[place] for place in sorted(at))
    return replace(first, sources=sources, target=start, offsets=(*first.offsets[:-1], 0))


def write_woven(kernel: KernelWriter, piece: Piece, fixed: Mapping[int, str]) -> None:
    """Copies a piece of several sources with the loops in `fixed` at given indices."""
    copies = [copy_nest(piece.extents, source, piece.target) for source in piece.sources]
    nest = replace(copies[0], inputs=tuple(copy.inputs[0] for copy in copies))
    opened = NestWriter(kernel.writer, nest, kernel.lanes(nest))
    for dim, index in fixed.items():
        opened.position[dim] = index
    inner = len(piece.extents) - 1

    def one_vector() -> None:
        loaded = [opened.load(access, inner) for access in nest.inputs if access is not None]
        _store(opened.vectors, weave(opened.vectors, loaded, nest.element_type), opened.located(nest.outputs[0]))

    outer = [d for d in opened.open_parallel if d != inner]
    opened.loops(outer, {}, lambda: opened.vector_loop(inner, one_vector))


def weave(vectors: Vectors, values: Sequence[str], element: str) -> list[str]:
    """The vectors that hold first all values' lanes 0, then their lanes 1, and so on."""
    count, lanes = len(values), vectors.lanes
    places = [(place % count, place // count) for place in range(count * lanes)]
    return [vectors.assembled(values, places[i : i + lanes], element) for i in range(0, count * lanes, lanes)]


def _store(vectors: Vectors, values: Sequence[str], target: Access) -> None:
    """Stores vectors end to end: as many elements of them as lanes are active, for each of them."""
    lanes = vectors.lanes
    total = len(values) * (lanes if vectors.count is None else vectors.count)
    for number, value in enumerate(values):
        left = total - number * lanes
        if left > 0:
            with vectors.masked(min(left, lanes)):
                vectors.store(value, replace(target, offset=target.offset + number * lanes), 1)
