"""The two limits of a machine, measured by kernels of our own: multiply-adds a second and bytes copied a second.

Measured in the run whose kernels are compared with them, since clocks and neighbours change from run to run.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from cellc.runtime import Buffer, Kernel, Launch, Module, Program
from cellc.targets.cpu.jit import load
from cellc.targets.cpu.level import CpuLevel
from cellc.targets.cpu.workers import compile_kernels
from cellc.targets.target import KernelCode

_CHAINS = 12  # multiply-adds in flight: a latency of 4 or 5 on two ports, and registers for every level
_STEPS = 200_000  # far longer than it takes to wake a thread
_COPY_BYTES = 32 << 20  # a thread's share, past the caches
_COPY_BLOCK = 1 << 16

_FMA = """\
func.func @peak_fma(%x: memref<{size}xf32>, %out: memref<{size}xf32>, %block: index, %scratch: memref<0xi8>) {{
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %steps = arith.constant {steps} : index
  %lanes = arith.constant {lanes} : index
  %at = arith.muli %block, %lanes : index
  %v = vector.load %x[%zero] : memref<{size}xf32>, {vector}
{starts}
  %sums:{chains} = scf.for %i = %zero to %steps step %one iter_args({carried}) -> ({types}) {{
{fmas}
    scf.yield {products} : {types}
  }}
{adds}
  vector.store {total}, %out[%at] : memref<{size}xf32>, {vector}
  return
}}
"""
_COPY = """\
func.func @peak_copy(%x: memref<{size}xf32>, %out: memref<{size}xf32>, %block: index, %scratch: memref<0xi8>) {{
  %zero = arith.constant 0 : index
  %count = arith.constant {count} : index
  %lanes = arith.constant {lanes} : index
  %start = arith.muli %block, %count : index
  scf.for %i = %zero to %count step %lanes {{
    %at = arith.addi %start, %i : index
    %v = vector.load %x[%at] : memref<{size}xf32>, {vector}
    vector.store %v, %out[%at] : memref<{size}xf32>, {vector}
  }}
  return
}}
"""


@dataclass(frozen=True)
class Peak:
    """The limits of `threads` threads.

    Attributes:
        flops: f32 operations a second by multiply-adds, of all threads at once: they may share units or a clock.
        bytes: bytes a second, read and written, that they copy together, past the caches.
    """

    flops: float
    bytes: float
    threads: int


def measure_peak(level: CpuLevel, threads: int = 0, runs: int = 9) -> Peak:
    """Measures both limits in about 0.3 s; `threads` as for `cellc.runtime.Module`."""
    workers = threads or Module(Program((), (), ()).to_bytes(), {}).threads
    kernels = [_fma_kernel(level, workers), _copy_kernel(level, workers)]
    objects = compile_kernels(kernels, level)
    addresses = load({kernel.name: data for kernel, data in zip(kernels, objects, strict=True)})
    flops = workers * _STEPS * _CHAINS * level.lanes(4) * 2
    fma = _shortest(kernels[0], addresses, workers * level.lanes(4), threads, runs)
    copy = _shortest(kernels[1], addresses, workers * _COPY_BYTES // 4, threads, runs)
    return Peak(flops / fma * 1e9, 2 * workers * _COPY_BYTES / copy * 1e9, workers)


def _fma_kernel(level: CpuLevel, workers: int) -> KernelCode:
    """One block for each worker."""
    lanes = level.lanes(4)
    vector = f"vector<{lanes}xf32>"
    chains = range(_CHAINS)
    adds = ["  %t0 = arith.addf %sums#0, %sums#1 : " + vector]
    adds += [f"  %t{i} = arith.addf %t{i - 1}, %sums#{i + 1} : {vector}" for i in range(1, _CHAINS - 1)]
    text = _FMA.format(
        size=workers * lanes,
        lanes=lanes,
        steps=_STEPS,
        chains=_CHAINS,
        vector=vector,
        starts="\n".join(_start(i, vector) for i in chains),
        carried=", ".join(f"%a{i} = %s{i}" for i in chains),
        types=", ".join(vector for _ in chains),
        fmas="\n".join(f"    %p{i} = math.fma %a{i}, %v, %v : {vector}" for i in chains),
        products=", ".join(f"%p{i}" for i in chains),
        adds="\n".join(adds),
        total=f"%t{_CHAINS - 2}",
    )
    return KernelCode("peak_fma", workers, 0, text)


def _start(chain: int, vector: str) -> str:
    """Chains start apart, or the compiler would see that they are one."""
    constant = f"%c{chain} = arith.constant dense<{chain / _CHAINS:e}> : {vector}"
    return f"  {constant}\n  %s{chain} = arith.mulf %v, %c{chain} : {vector}"


def _copy_kernel(level: CpuLevel, workers: int) -> KernelCode:
    lanes, size = level.lanes(4), workers * _COPY_BYTES // 4
    text = _COPY.format(size=size, count=_COPY_BLOCK // 4, lanes=lanes, vector=f"vector<{lanes}xf32>")
    return KernelCode("peak_copy", size // (_COPY_BLOCK // 4), 0, text)


def _shortest(kernel: KernelCode, addresses: dict[str, int], size: int, threads: int, runs: int) -> int:
    """Nanoseconds of the run that nothing disturbed."""
    buffers = [Buffer("input", "x", "f32", (size,)), Buffer("output", "out", "f32", (size,))]
    program = Program(buffers, [Kernel(kernel.name, kernel.blocks)], [Launch(0, (0, 1))])
    module = Module(program.to_bytes(), addresses, threads)
    # Touched, so that no run pays for the pages; multiply-adds with 0.747 stay finite and normal.
    arrays = [(ctypes.c_float * (size + 16))() for _ in buffers]
    for array in arrays:
        ctypes.memset(array, 0x3F, ctypes.sizeof(array))  # 0.747 in every element
    pointers = module.pointer_array()
    for i, array in enumerate(arrays):
        pointers[i] = (ctypes.addressof(array) + 63) & ~63
    module.profile(pointers)
    return min(module.profile(pointers)[0] for _ in range(runs))
