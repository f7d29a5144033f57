"""Compiles a kernel function given as text, and runs it on NumPy arrays."""

import ctypes
from dataclasses import dataclass

import ml_dtypes
import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith, builtin, func, linalg, math, scf, tensor
from xdsl.parser import Parser

from cellc.targets.cpu.emit_object import assembly_from_ir, compile_kernel
from cellc.targets.cpu.jit import load
from cellc.targets.cpu.level import CpuLevel, native_level
from cellc.targets.cpu.target import CpuTarget
from cellc.targets.target import KernelCode
from cellc.passes.mlir import lower_to_llvm_ir

DTYPES = {
    "f32": np.float32, "f64": np.float64, "f16": np.float16, "bf16": ml_dtypes.bfloat16, "i1": np.bool_,
    "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
}  # fmt: skip


def parse_kernel(text: str) -> func.FuncOp:
    """The first function in `text`."""
    context = Context()
    for dialect in (builtin.Builtin, func.Func, arith.Arith, linalg.Linalg, math.Math, scf.Scf, tensor.Tensor):
        context.load_dialect(dialect)
    module = Parser(context, text).parse_module()
    module.verify()
    kernel = module.body.block.first_op
    assert isinstance(kernel, func.FuncOp)
    return kernel


@dataclass
class CompiledKernel:
    """A kernel in memory, with the shapes and types of its results."""

    code: KernelCode
    address: int
    results: list[tuple[tuple[int, ...], type]]

    def __call__(self, *inputs: np.ndarray) -> list[np.ndarray]:
        """Runs every block, last one first: blocks must not depend on each other."""
        arrays = [np.ascontiguousarray(a) for a in inputs]
        outputs = [guarded(shape, dtype) for shape, dtype in self.results]
        pointers = [a.ctypes.data for a in arrays] + [o.ctypes.data for o in outputs]
        scratch = np.zeros(self.code.scratch_bytes + 64, np.uint8)
        aligned = scratch.ctypes.data + (-scratch.ctypes.data) % 64
        entry = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)(self.address)
        table = (ctypes.c_void_p * len(pointers))(*pointers)
        for block in reversed(range(self.code.blocks)):
            entry(table, None, block, aligned)
        for output in outputs:
            check_guard(output)
        return outputs


_GUARD = 0x5A


def guarded(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """An array with 64 guard bytes before and after it."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.full(size + 128, _GUARD, np.uint8)
    return memory[64 : 64 + size].view(dtype).reshape(shape)


def check_guard(array: np.ndarray) -> None:
    """Fails where a kernel wrote outside its result."""
    memory = array
    while memory.base is not None:
        memory = memory.base
    assert (memory[:64] == _GUARD).all(), "written before the buffer"
    assert (memory[-64:] == _GUARD).all(), "written after the buffer"


def compile_text(text: str, level: CpuLevel | None = None) -> CompiledKernel:
    """Compiles the kernel in `text` for this machine."""
    level = level or native_level()
    kernel = parse_kernel(text)
    code = CpuTarget(level).emit_kernel(kernel)
    address = load({code.name: compile_kernel(code.text, code.name, level)})[code.name]
    results = [(t.get_shape(), DTYPES[str(t.element_type)]) for t in kernel.function_type.outputs]
    return CompiledKernel(code, address, results)


def assembly(text: str, level: CpuLevel) -> str:
    """The assembly of the kernel in `text`."""
    code = CpuTarget(level).emit_kernel(parse_kernel(text))
    return assembly_from_ir(lower_to_llvm_ir(code.text, code.name), level)
