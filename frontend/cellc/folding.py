"""What a program computes of its weights alone, computed when a binary is made and stored in it as constants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from cellc.cpu_backend import Artifact, build_artifact
from cellc.graph import Graph
from cellc.preparation import PreparedValues
from cellc.storage import address_of, aligned_copy

if TYPE_CHECKING:
    from cellc.runtime import Program
    from cellc.targets.cpu.level import CpuLevel

MOST_BYTES = 600_000_000
"""Of weights: a binary holds them, and what is made of them for two CPU levels, within 2 GiB."""


def build_folded(graph: Graph, level: CpuLevel, weights: Mapping[str, np.ndarray]) -> tuple[Program, Artifact]:
    """The program of a graph for a level, with the values that its preparation makes of `weights` as constants.

    A level that this machine does not run gets the program that prepares nothing, and so do weights of more than
    `MOST_BYTES`, which a binary could not hold beside the values made of them.
    """
    from cellc.runtime import Program
    from cellc.runtime.fold import with_constants

    small = sum(array.nbytes for array in weights.values()) <= MOST_BYTES
    artifact = build_artifact(graph, level, "cpu-prepared" if small and _runs_here(level) else "cpu")
    program = Program.from_bytes(artifact.program)
    return with_constants(program, _prepared(program, artifact, weights)), artifact


def _runs_here(level: CpuLevel) -> bool:
    from cellc.targets.cpu.level import runnable_level

    try:
        return runnable_level(level.name) == level
    except ValueError:
        return False


def _prepared(program: Program, artifact: Artifact, weights: Mapping[str, np.ndarray]) -> dict[int, bytes]:
    """The values by the numbers of the bindings that take them."""
    from cellc.runtime import Module
    from cellc.targets.cpu.jit import load

    preparation = artifact.preparation
    if preparation is None:
        return {}
    values = PreparedValues(preparation, Module(preparation.program, load(artifact.objects)).run)
    names = [program.bindings[i].name for i in preparation.sources]
    sources = [aligned_copy(weights[name], weights[name].dtype) for name in names]
    values.compute([address_of(array) for array in sources])
    first = next(i for i, buffer in enumerate(program.bindings) if buffer.kind == "output") - len(values.arrays)
    return {first + i: array.tobytes() for i, array in enumerate(values.arrays)}
