"""Compiles kernel text in this process and calls it on arrays."""

import ctypes
from collections.abc import Callable, Sequence

import numpy as np

from cellc.targets.cpu.emit_object import compile_kernel
from cellc.targets.cpu.jit import load
from cellc.targets.cpu.level import CpuLevel, native_level

ABI = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)


def call(address: int, arrays: Sequence[np.ndarray], block: int = 0, scratch: np.ndarray | None = None) -> None:
    """Runs one block of a kernel."""
    pointers = (ctypes.c_void_p * len(arrays))(*[a.ctypes.data for a in arrays])
    ABI(address)(pointers, None, block, None if scratch is None else scratch.ctypes.data)


def jit(text: str, name: str = "k", level: CpuLevel | None = None) -> Callable[..., None]:
    """The kernel of a text as a function of its buffers."""
    address = load({name: compile_kernel(text, name, level or native_level())})[name]
    return lambda *arrays, **options: call(address, arrays, **options)


def elementwise_text(function: tuple[str, str], arity: int, count: int, lanes: int, dtype: str) -> str:
    """Kernel `k`: a vector math function on `count` elements of each of `arity` inputs."""
    name, text = function
    buffer, vector = f"memref<{count}x{dtype}>", f"vector<{lanes}x{dtype}>"
    loads = "".join(f"    %v{i} = vector.load %in{i}[%i] : {buffer}, {vector}\n" for i in range(arity))
    operands, types = (", ".join(parts) for parts in ([f"%v{i}" for i in range(arity)], [vector] * arity))
    return f"""{text}
func.func @k({"".join(f"%in{i}: {buffer}, " for i in range(arity))}%out: {buffer}, %b: index, %s: memref<0xi8>) {{
  %zero = arith.constant 0 : index
  %count = arith.constant {count} : index
  %step = arith.constant {lanes} : index
  scf.for %i = %zero to %count step %step {{
{loads}    %r = func.call @{name}({operands}) : ({types}) -> {vector}
    vector.store %r, %out[%i] : {buffer}, {vector}
  }}
  return
}}
"""
