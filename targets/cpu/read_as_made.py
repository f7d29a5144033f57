"""Reductions of what the op before them makes, in one loop with it, such as the sum of a softmax's exponentials.

What is made is stored as before, and the order of the sum is the same: it is only not read again.
"""

from collections.abc import Mapping

from xdsl.dialects.linalg import ops as linalg

from cellc.passes.linalg_analysis import is_all_parallel
from cellc.targets.cpu.access import Access
from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.nest_writer import NestWriter
from cellc.targets.cpu.pairs import open_nest
from cellc.targets.cpu.reduction import Initial, ReductionWriter

# Of a buffer's elements, how far ahead are fetched.
Ahead = Mapping[str, int]


def may_read_as_made(made: linalg.GenericOp, reader: linalg.GenericOp) -> bool:
    """Whether `made` computes elements one by one, and `reader`, the next op of a chain, reduces them."""
    return len(made.results) == 1 and is_all_parallel(made) and list(reader.inputs).count(made.results[0]) == 1


class ReadAsMade:
    """Two ops of a chain, with its outer loops at the indices `fixed`.

    Attributes:
        reader: what writes the second one.
    """

    def __init__(
        self, kernel: KernelWriter, made: linalg.GenericOp, reader: linalg.GenericOp, fixed: Mapping[int, str]
    ) -> None:
        self._made, self.reader = (self._open(kernel, op, fixed) for op in (made, reader))
        self._read = self.reader.nest.inputs[list(reader.inputs).index(made.results[0])]

    @staticmethod
    def _open(kernel: KernelWriter, op: linalg.GenericOp, fixed: Mapping[int, str]) -> NestWriter:
        nest = kernel.nest_of(op)
        return open_nest(kernel.writer, nest, kernel.lanes(nest), fixed)

    def write(self, ahead: tuple[Ahead, Ahead], initial: Initial) -> bool:
        """Writes both, if lanes run along the same contiguous loop; says whether they do. `initial` is the reader's."""
        made, reader = self._made, self.reader
        reduction = ReductionWriter(reader, initial)
        source, target = _only_loop(made), _only_loop(reader)
        if source is None or target is None or reduction.along != target or not self._alike(source, target):
            return False
        made.vectors = reader.vectors
        for writer, places in zip((made, reader), ahead, strict=True):
            writer.fetched_ahead.update(places)
        made.compute_before([source])

        def element() -> str:
            made.position[source] = reader.position[target]
            values = made.body(source, made.arguments(source))
            made.store(values, source)
            return values[0]

        reader.made[made.nest.outputs[0].buffer.name] = element
        reduction.write({})
        return True

    def _alike(self, source: int, target: int) -> bool:
        """Whether the reader's vectors along loop `target` are what is made along loop `source`."""
        made, reader, written = self._made, self.reader, self._made.nest.outputs[0]
        if self._read is None or not made.lanes_along_one_loop or made.nest.shared_iterations(source) > 1:
            return False
        same = _place(made, written) == _place(reader, self._read)
        lanes, extents = made.vectors.lanes, made.nest.extents[source]
        contiguous = written.strides[source] == self._read.strides[target] == 1
        return same and contiguous and (lanes, extents) == (reader.vectors.lanes, reader.nest.extents[target])


def _only_loop(nest_writer: NestWriter) -> int | None:
    """The only loop that is still to be written; None where there are others."""
    loops = [d for d, extent in enumerate(nest_writer.nest.extents) if extent > 1 and nest_writer.position[d] is None]
    return loops[0] if len(loops) == 1 else None


def _place(nest_writer: NestWriter, access: Access) -> tuple[str, int, list[tuple[str, int]]]:
    """Where a row begins, in a form that can be compared."""
    located = nest_writer.located(access)
    return located.buffer.name, located.offset, sorted(term for term in located.terms if term[1])
