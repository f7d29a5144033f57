"""What a program computes of its parameters alone: once for each value of them, not in every run.

The pass `hoist-constants` moves such work (packed weights, scales of batch norms) into a program of its own, whose
results are further inputs of the main one. `PreparedValues` holds them, beside the parameters they come from.
"""

from __future__ import annotations

import ctypes
import json
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cellc.dtype import dtype_of
from cellc.storage import address_of, aligned_empty

if TYPE_CHECKING:
    from cellc.parameter import Parameter
    from cellc.runtime import Program


class Preparation(NamedTuple):
    """The program that runs first.

    Attributes:
        program: its bytes; it binds its sources, then its results.
        sources: numbers of the main program's inputs that it reads.
        types: dtype and shape of each result.
    """

    program: bytes
    sources: tuple[int, ...]
    types: tuple[tuple[str, tuple[int, ...]], ...]

    def to_bytes(self) -> bytes:
        """One string of bytes, for the cache."""
        header = json.dumps([self.sources, self.types]).encode()
        return struct.pack("<I", len(header)) + header + self.program

    @staticmethod
    def from_bytes(data: bytes) -> Preparation:
        """The inverse of `to_bytes`."""
        (length,) = struct.unpack_from("<I", data)
        sources, types = json.loads(data[4 : 4 + length])
        return Preparation(data[4 + length :], tuple(sources), tuple((d, tuple(s)) for d, s in types))


def preparation_of(main: Program, prepare: Program) -> Preparation:
    """How `prepare` gives what `main` takes. The parameters that both bind have the same names."""
    numbers = {buffer.name: i for i, buffer in enumerate(main.bindings)}
    sources = tuple(numbers[buffer.name] for buffer in prepare.bindings if buffer.kind != "output")
    types = tuple((buffer.dtype, buffer.shape) for buffer in prepare.bindings if buffer.kind == "output")
    return Preparation(prepare.to_bytes(), sources, types)


class PreparedValues:
    """The results of a preparation in memory.

    Args:
        preparation: describes them.
        run: runs its program on a table of pointers.

    Attributes:
        arrays: the results, which stay where they are.
    """

    def __init__(self, preparation: Preparation, run: Callable[[ctypes.Array[ctypes.c_void_p]], None]) -> None:
        self.arrays = [aligned_empty(shape, dtype_of(dtype).numpy) for dtype, shape in preparation.types]
        self._run = run

    def compute(self, sources: Sequence[int]) -> None:
        """Makes the values from the elements at these addresses."""
        addresses = [*sources, *map(address_of, self.arrays)]
        self._run((ctypes.c_void_p * len(addresses))(*addresses))


class Followed:
    """Prepared values that follow their parameters: `update` makes them again once one has been written.

    A writer gives the parameter a new version when it is done (`parameter.written`), so a value that was read while
    somebody wrote is made again at the next call.
    """

    def __init__(self, values: PreparedValues, sources: Sequence[Parameter]) -> None:
        from cellc import parameter

        self._newest = parameter.newest
        self._values = values
        self._sources = sources
        self._addresses: list[int] = []
        self._versions: list[int] | None = None
        self._latest = -1

    def read_at(self, addresses: list[int]) -> None:
        """Has the values made again, of the elements at these addresses, one per parameter.

        They stay readable until others are given: a parameter may get other storage at any time, of another shape too.
        """
        self._addresses = addresses
        self._latest, self._versions = -1, None

    def update(self) -> None:
        """Makes the values if they are not those of the parameters' present versions."""
        latest = self._newest.version
        if latest == self._latest:
            return
        versions = [source._version for source in self._sources]
        if versions != self._versions:
            self._values.compute(self._addresses)
            self._versions = versions
        self._latest = latest
