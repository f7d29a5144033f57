"""Results too large for any cache: stored past it.

A store to a line that is not in the cache first reads the line. A streaming store does not, and leaves the cache to
what is read. It pays for results that would be gone from the cache before the next kernel reads them, so the size
decides, which is known when a kernel is written; where results lie is not, so the kernel looks at their addresses.
"""

from __future__ import annotations

from cellc.targets.cpu.access import Access, Buffer
from cellc.targets.cpu.nest_writer import NestWriter
from cellc.targets.cpu.vectors import ITEM_BYTES, bytes_of

# Together with what it is made of, more than a processor's third-level cache usually has for one program.
_BYTES = 1 << 24

FENCE = 'llvm.call_intrinsic "llvm.x86.sse.sfence"() : () -> ()'
"""Ends a block: streaming stores are not ordered with what tells other threads that the block is done."""


LINE = 64
"""Bytes of a line: parts of it that are not stored one after the other each go to memory on their own."""


def streamed_results(nest_writer: NestWriter, dim: int, least: int) -> list[Access]:
    """The results that are large and stored in whole vectors at multiples of their size, lanes along loop `dim`.

    Vectors have `least` bytes at least.
    """
    found = [
        a for a in nest_writer.nest.outputs if a.buffer.name in nest_writer.writer.past_cache and is_large(a.buffer)
    ]
    return [a for a in found if _vector(nest_writer, a) >= least and _in_step(nest_writer, a, dim)]


def _vector(nest_writer: NestWriter, access: Access) -> int:
    """Bytes of a vector."""
    return nest_writer.vectors.lanes * ITEM_BYTES[access.buffer.storage]


def is_large(buffer: Buffer) -> bool:
    """Whether a result is stored past the cache where it may be."""
    return bytes_of(buffer) >= _BYTES


def _in_step(nest_writer: NestWriter, access: Access, dim: int) -> bool:
    lanes, along = nest_writer.vectors.lanes, nest_writer.lane_loops(dim)
    others = [s for d, s in enumerate(access.strides) if d not in along]
    places = [access.offset, *others, *(coefficient for _, coefficient in access.terms)]
    return access.strides[along[-1]] == 1 and all(place % lanes == 0 for place in places)


def apart_and_aligned(nest_writer: NestWriter, results: list[Access]) -> str:
    """Whether they may be streamed, as they must be aligned, and whether it pays.

    It does not where an argument of the same size lies, which is in the cache because it is read.
    """
    writer, conditions = nest_writer.writer, list[str]()
    addresses = {a.buffer: _address(nest_writer, a) for a in (*results, *nest_writer.nest.inputs) if a is not None}
    for access in results:
        mask = writer.index(_vector(nest_writer, access) - 1)
        low = writer.pure(f"arith.andi {addresses[access.buffer]}, {mask} : index")
        conditions.append(writer.pure(f"arith.cmpi eq, {low}, {writer.index(0)} : index"))
        for source in nest_writer.nest.inputs:
            if source is not None and source.buffer.size == access.buffer.size:
                pair = f"{addresses[access.buffer]}, {addresses[source.buffer]}"
                conditions.append(writer.pure(f"arith.cmpi ne, {pair} : index"))
    total = conditions[0]
    for condition in conditions[1:]:
        total = writer.pure(f"arith.andi {total}, {condition} : i1")
    return total


def _address(nest_writer: NestWriter, access: Access) -> str:
    buffer = access.buffer
    return nest_writer.writer.pure(f"memref.extract_aligned_pointer_as_index {buffer.name} : {buffer.type} -> index")
