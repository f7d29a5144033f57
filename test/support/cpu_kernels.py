"""Compiles a kernel function given as text, and runs it on NumPy arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import ml_dtypes
import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith, builtin, func, linalg, math, scf, tensor
from xdsl.parser import Parser

from cellc.passes.mlir import lower_to_llvm_ir
from cellc.targets.cpu.emit_object import assembly_from_ir, compile_kernel
from cellc.targets.cpu.jit import load
from cellc.targets.cpu.level import CpuLevel, native_level
from cellc.targets.cpu.target import CpuTarget
from cellc.targets.target import KernelCode
from support.kernel_calls import call

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


def tensor_type(shape: Sequence[int], element: str) -> str:
    """The text of a tensor type."""
    return f"tensor<{'x'.join([*map(str, shape), element])}>"


@dataclass(frozen=True)
class Operand:
    """An operand of a generic: SSA name, shape, element type, and the map's results as text."""

    name: str
    shape: Sequence[int]
    element: str
    indexing: str

    @property
    def type(self) -> str:
        """The tensor type."""
        return tensor_type(self.shape, self.element)


def generic(result: str, loops: str, inputs: Sequence[Operand], outputs: Sequence[Operand], body: str) -> str:
    """A linalg.generic; `loops` has a letter p or r per loop, body arguments are %i0.. and %o0.."""
    dims = ", ".join(f"d{i}" for i in range(len(loops)))
    maps = ", ".join(f"affine_map<({dims}) -> ({o.indexing})>" for o in (*inputs, *outputs))
    kinds = ", ".join('"parallel"' if letter == "p" else '"reduction"' for letter in loops)

    def clause(word: str, operands: Sequence[Operand]) -> str:
        return f"{word}({', '.join(o.name for o in operands)} : {', '.join(o.type for o in operands)})"

    arguments = [f"%i{i}: {o.element}" for i, o in enumerate(inputs)]
    arguments += [f"%o{i}: {o.element}" for i, o in enumerate(outputs)]
    clauses = [clause("ins", inputs)] if inputs else []
    return (
        f"{result} = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}} "
        f"{' '.join([*clauses, clause('outs', outputs)])} {{\n^bb0({', '.join(arguments)}):\n{body}\n}} -> "
        + ", ".join(o.type for o in outputs)
    )


def empty(name: str, shape: Sequence[int], element: str) -> str:
    """A tensor.empty."""
    return f"{name} = tensor.empty() : {tensor_type(shape, element)}"


def filled(name: str, shape: Sequence[int], element: str, value: str) -> str:
    """A linalg.fill of a tensor.empty with a constant."""
    kind, stem = tensor_type(shape, element), name[1:]
    return (
        f"%c_{stem} = arith.constant {value} : {element}\n{empty(f'%e_{stem}', shape, element)}\n"
        f"{name} = linalg.fill ins(%c_{stem} : {element}) outs(%e_{stem} : {kind}) -> {kind}"
    )


def kernel(
    kind: str,
    inputs: Sequence[tuple[str, Sequence[int], str]],
    ops: Sequence[str],
    results: Sequence[tuple[str, Sequence[int], str]],
    outer: int | None = None,
) -> str:
    """A kernel function; inputs and results are (SSA name, shape, element type)."""
    arguments = ", ".join(f"{name}: {tensor_type(shape, element)}" for name, shape, element in inputs)
    types = ", ".join(tensor_type(shape, element) for _, shape, element in results)
    shared = "" if outer is None else f", cellc.outer = {outer} : i64"
    names = ", ".join(name for name, _, _ in results)
    lines = "\n".join(ops)
    return (
        f'func.func private @kernel({arguments}) -> ({types}) attributes {{cellc.kind = "{kind}"{shared}}} {{\n'
        f"{lines}\nfunc.return {names} : {types}\n}}"
    )


@dataclass
class CompiledKernel:
    """A kernel in memory, with the shapes and types of its results."""

    code: KernelCode
    address: int
    results: list[tuple[tuple[int, ...], type]]

    def __call__(self, *inputs: np.ndarray, in_place: bool = False) -> list[np.ndarray]:
        """Runs every block, last one first: blocks must not depend on each other.

        `in_place` gives the first result the first input's memory.
        """
        arrays = [np.ascontiguousarray(a) for a in inputs]
        outputs = [guarded(shape, dtype) for shape, dtype in self.results]
        if in_place:
            outputs[0][...] = arrays[0]
            arrays[0] = outputs[0]
        scratch = guarded((self.code.scratch_bytes + 64,), np.uint8)
        aligned = scratch[-scratch.ctypes.data % 64 :][: self.code.scratch_bytes]
        for block in reversed(range(self.code.blocks)):
            call(self.address, [*arrays, *outputs], block, aligned)
        for memory in (*outputs, scratch):
            check_guard(memory)
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
    return compile_function(parse_kernel(text), level)


def compile_function(kernel: func.FuncOp, level: CpuLevel | None = None) -> CompiledKernel:
    """Compiles a kernel for this machine."""
    level = level or native_level()
    code = CpuTarget(level).emit_kernel(kernel)
    address = load({code.name: compile_kernel(code.text, code.name, level)})[code.name]
    results = [(t.get_shape(), DTYPES[str(t.element_type)]) for t in kernel.function_type.outputs]
    return CompiledKernel(code, address, results)


def assembly(text: str, level: CpuLevel) -> str:
    """The assembly of the kernel in `text`."""
    code = CpuTarget(level).emit_kernel(parse_kernel(text))
    return assembly_from_ir(lower_to_llvm_ir(code.text, code.name), level)
