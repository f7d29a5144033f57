"""The CPU backend: graph -> program and machine code, through a cache on disk.

A process that finds its program in the cache imports neither xDSL nor MLIR; only llvmlite loads the objects.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cellc.dialects
import cellc.passes
import cellc.runtime
import cellc.targets
from cellc import context
from cellc.graph import Graph
from cellc.passes.garbage import collection_paused
from cellc.passes.installed import records
from cellc.passes.stage_times import stage
from cellc.preparation import Preparation
from cellc.targets.cpu import cache

if TYPE_CHECKING:
    from cellc.targets.cpu.level import CpuLevel


_PREPARATION = "preparation of the parameters"
"""The key beside the kernels' names, which are C identifiers."""


class Artifact(NamedTuple):
    """A compiled graph: the program's bytes, the object file of each kernel, and what runs before the program."""

    program: bytes
    objects: dict[str, bytes]
    preparation: Preparation | None = None

    def to_bytes(self) -> bytes:
        """One string of bytes, for the cache."""
        parts = {"": self.program, **self.objects}
        if self.preparation is not None:
            parts[_PREPARATION] = self.preparation.to_bytes()
        header = json.dumps({name: len(data) for name, data in parts.items()}).encode()
        return struct.pack("<I", len(header)) + header + b"".join(parts.values())

    @staticmethod
    def from_bytes(data: bytes) -> Artifact:
        """The inverse of `to_bytes`."""
        (length,) = struct.unpack_from("<I", data)
        parts, position = {}, 4 + length
        for name, size in json.loads(data[4:position]).items():
            parts[name] = data[position : position + size]
            position += size
        preparation = parts.pop(_PREPARATION, None)
        program = parts.pop("")
        return Artifact(program, parts, None if preparation is None else Preparation.from_bytes(preparation))


def build_artifact(graph: Graph, level: CpuLevel, pipeline: str = "cpu-prepared") -> Artifact:
    """Compiles a graph for a CPU level by the pipeline of this name; imports the whole compiler."""
    from cellc.targets.cpu.workers import KernelCompiler, prestart

    prestart()  # they get ready while this process imports the compiler
    with collection_paused():
        with stage("import of the compiler"):
            from cellc.lowering import lower_for_cpu
            from cellc.passes.pipelines import PIPELINES

        with KernelCompiler(level) as compiler:
            lowered = lower_for_cpu(graph, level, pipeline=PIPELINES[pipeline], on_kernel=compiler.add)
            objects = compiler.objects()
    names = [kernel.name for kernel in lowered.kernels]
    return Artifact(lowered.program.to_bytes(), dict(zip(names, objects, strict=True)), lowered.preparation)


class CpuProgram:
    """A loaded program. Bindings: the graph's inputs in order, then its outputs that update nothing."""

    def __init__(self, graph: Graph, artifact: Artifact) -> None:
        from cellc.runtime import Module
        from cellc.targets.cpu.jit import load

        with stage("load"):
            addresses: Mapping[str, int] = load(artifact.objects)
        threads = context.num_threads()
        self._module = Module(artifact.program, addresses, threads)
        self.preparation = artifact.preparation
        self.slots = binding_slots(graph, 0 if artifact.preparation is None else len(artifact.preparation.types))
        if len(self.slots) != self._module.binding_count:
            raise AssertionError(f"{len(self.slots)} values to bind, {self._module.binding_count} bindings")
        self.run: Callable[[ctypes.Array[ctypes.c_void_p]], None] = self._module.run
        self.prepare: Callable[[ctypes.Array[ctypes.c_void_p]], None] | None = None
        if artifact.preparation is not None:
            self.prepare = Module(artifact.preparation.program, addresses, threads).run

    def pointer_array(self) -> ctypes.Array[ctypes.c_void_p]:
        """A table for the bindings' addresses."""
        return self._module.pointer_array()


def binding_slots(graph: Graph, prepared: int = 0) -> dict[tuple[str, int], int]:
    """(`"input"`, `"prepared"` or `"output"`, number) -> position among the program's bindings."""
    slots = {("input", i): i for i in range(len(graph.inputs))}
    slots |= {("prepared", i): len(graph.inputs) + i for i in range(prepared)}
    updating = {value.updated_by for value in graph.inputs}
    for i in range(len(graph.outputs)):
        if i not in updating:
            slots["output", i] = len(slots)
    return slots


def selected_level() -> CpuLevel:
    """The level to compile for in this process. Raises ValueError when `CELLC_CPU_LEVEL` names none of this machine."""
    from cellc.targets.cpu.level import runnable_level

    return runnable_level(context.cpu_level())


class CpuBackend:
    """Compiles for the level that the context or the environment names, by default the widest this machine runs."""

    def compile(self, graph: Graph, key: str) -> CpuProgram:
        """The program of a graph, from the disk or compiled."""
        level = selected_level()
        entry = cache.key("program", key, repr(level), compiler_version())
        with stage("read the cache"):
            stored = cache.get(entry)
        if stored is not None:
            return CpuProgram(graph, Artifact.from_bytes(stored))
        artifact = build_artifact(graph, level)
        cache.put(entry, artifact.to_bytes())
        return CpuProgram(graph, artifact)


def _sources() -> Iterator[Path]:
    for package in (cellc.dialects, cellc.passes, cellc.runtime, cellc.targets):
        for folder, _, files in os.walk(package.__path__[0]):
            yield from (Path(folder, file) for file in sorted(files) if file.endswith(".py"))
    here = Path(__file__).parent
    yield from (here / name for name in ("build_ir.py", "cpu_backend.py", "lowering.py", "preparation.py"))


@functools.cache
def compiler_version() -> str:
    """Changes with the tools' versions and with the compiler's own sources (name, size and time of each file)."""
    tools = [f"{tool}: {records(tool)}" for tool in ("xdsl", "llvmlite", "torch_mlir")]
    stats = [(path.name, (status := path.stat()).st_size, status.st_mtime_ns) for path in _sources()]
    return cache.key(*tools, repr(stats))
