"""Chains over rows too short to fill vectors, such as the scores of ten classes: lanes run along the rows instead.

Memory is contiguous along each row, so vectors that run across rows would be gathered. A few vectors' worth of
rows are turned in registers once into scratch memory, where all ops of the chain find them, and what the
chain makes is turned back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from xdsl.dialects import tensor
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import SSAValue

from cellc.passes.linalg_analysis import bare_dim
from cellc.targets.cpu.access import Access, Buffer, View, row_major
from cellc.targets.cpu.elementwise import write_parallel
from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.nest import collapse, copy_nest, loop_extents
from cellc.targets.cpu.nest_writer import NestWriter
from cellc.targets.cpu.vectors import WOVEN

# Vectors of a row from which lanes along it do better.
_LONGEST = 2


@dataclass(frozen=True)
class TurnedRows:
    """An argument or result of a chain: its place in memory, and scratch memory for `chunk` rows of it, turned."""

    value: SSAValue
    memory: View
    scratch: Buffer
    outer: int
    chunk: int

    def place(self, kernel: KernelWriter, lower: str) -> None:
        """Makes the ops of the chain find the tensor's rows from `lower` on in scratch memory."""
        inner = row_major(self.memory.shape[self.outer :])
        strides = (*[0] * (self.outer - 1), 1, *(self.chunk * s for s in inner))
        kernel.views[self.value] = View(self.scratch, self.memory.shape, strides, 0, ((lower, -1),))

    def read(self, kernel: KernelWriter, fixed: Mapping[int, str], lower: str, count: int) -> None:
        """Turns `count` rows from `lower` on into scratch memory."""
        self._move(kernel, self._in_memory(fixed, lower), self._turned(), count)

    def write(self, kernel: KernelWriter, fixed: Mapping[int, str], lower: str, count: int) -> None:
        """Turns them back."""
        self._move(kernel, self._turned(), self._in_memory(fixed, lower), count)

    def _move(self, kernel: KernelWriter, source: Access, target: Access, count: int) -> None:
        nest = collapse(copy_nest((count, *self.memory.shape[self.outer :]), source, target))
        write_parallel(NestWriter(kernel.writer, nest, kernel.lanes(nest)), {})

    def _in_memory(self, fixed: Mapping[int, str], lower: str) -> Access:
        access = self.memory.identity()
        for dim, index in (*fixed.items(), (self.outer - 1, lower)):
            access = access.at(dim, index)
        return replace(access, strides=access.strides[self.outer - 1 :])

    def _turned(self) -> Access:
        inner = row_major(self.memory.shape[self.outer :])
        return Access(self.scratch, 0, (1, *(self.chunk * s for s in inner)))


def short_rows(kernel: KernelWriter, generics: Sequence[linalg.GenericOp], outer: int) -> list[SSAValue]:
    """The arguments and results to turn, where every op's loops within the `outer` ones are short; else none."""
    lanes = kernel.level.lanes(4)
    if any(prod(loop_extents(op)[outer:]) > _LONGEST * lanes for op in generics):
        return []
    if loop_extents(generics[0])[outer - 1] < lanes:
        return []
    captured = {o.tensor for op in generics for o in op.body.block.ops if isinstance(o, tensor.ExtractOp)}
    found: dict[SSAValue, bool] = {}
    for op in generics:
        for value, indexing in zip((*op.inputs, *op.results), op.indexing_maps, strict=True):
            if value not in kernel.views or value in captured:
                continue
            leading = [bare_dim(r) for r in indexing.data.results[:outer]]
            strides = kernel.views[value].access(indexing.data).strides
            gathered = leading == list(range(outer)) and strides[outer - 1] > WOVEN
            found[value] = gathered and found.get(value, True)
    return [value for value, gathered in found.items() if gathered]


def turned_rows(kernel: KernelWriter, values: Sequence[SSAValue], outer: int, chunk: int) -> list[TurnedRows]:
    """Scratch memory for `chunk` rows of each of the tensors."""
    turned = []
    for value in values:
        memory = kernel.views[value]
        scratch = kernel.scratch(memory.buffer.element, prod(memory.shape[outer:]) * chunk)
        turned.append(TurnedRows(value, memory, scratch, outer, chunk))
    return turned
