"""Runs a lowered program on arrays."""

import ctypes
from collections.abc import Sequence

import numpy as np

from cellc.lowering import LoweredForCpu
from cellc.runtime import Module
from cellc.targets.cpu.jit import load
from cellc.targets.cpu.level import LEVELS
from cellc.targets.cpu.workers import compile_kernels


def run_program(
    program: LoweredForCpu, arrays: Sequence[np.ndarray], like: Sequence[np.ndarray], level: str, threads: int = 1
) -> list[np.ndarray]:
    """The program's results, which have the types of `like`."""
    objects = compile_kernels(program.kernels, LEVELS[level])
    addresses = load({kernel.name: data for kernel, data in zip(program.kernels, objects, strict=True)})
    module = Module(program.program.to_bytes(), addresses, threads)
    given, results = list(map(np.ascontiguousarray, arrays)), [np.empty(array.shape, array.dtype) for array in like]
    pointers = module.pointer_array()
    for i, array in enumerate([*given, *results]):
        pointers[i] = array.ctypes.data_as(ctypes.c_void_p)
    module.run(pointers)
    return results
