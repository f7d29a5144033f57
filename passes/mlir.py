"""The bridge to upstream MLIR, and the only module that imports its Python bindings.

PyPI's `torch-mlir` wheel carries the complete upstream bindings; `CELLC_MLIR_BINDINGS` may name another
package with the same layout. MLIR is newer than the LLVM inside llvmlite, and whatever the two print or
read differently (float constants above all) is settled here, before the text is handed over.
"""

from __future__ import annotations

import functools
import importlib
import os
import re
from types import SimpleNamespace
from typing import Any

from cellc.passes.installed import records
from cellc.passes.mlir_constants import IntegerConstants

# Vectors and loops first, then every dialect to LLVM. `include-bf16`: compiler-rt's conversions are not in libc.
LOWER_TO_LLVM = (
    "inline{default-pipeline=},canonicalize,cse,"  # the inliner would simplify functions that go away
    "func.func(lower-vector-multi-reduction),convert-vector-to-scf{full-unroll=true},"
    "arith-expand{include-bf16=true},expand-strided-metadata,lower-affine,"
    "loop-invariant-code-motion,"
    "convert-scf-to-cf,"
    "convert-vector-to-llvm{vector-contract-lowering=outerproduct vector-transpose-lowering=shuffle1d},"
    "convert-math-to-llvm,convert-index-to-llvm,finalize-memref-to-llvm,convert-arith-to-llvm,"
    "convert-func-to-llvm{use-bare-ptr-memref-call-conv=1},convert-cf-to-llvm,convert-ub-to-llvm,"
    "reconcile-unrealized-casts,canonicalize,cse"
)

# LLVM intrinsics that become calls of the C library, whose results differ from machine to machine.
_LIBRARY_CALLS = re.compile(
    r"llvm\.intr\.(exp|exp2|exp10|log|log2|log10|sin|cos|tan|sincos|asin|acos|atan|atan2|sinh|cosh|tanh|pow|powi|"
    r"ldexp|frexp|modf)"
)


class LoweringError(Exception):
    """IR that MLIR refuses, or that cannot become machine code; the message holds MLIR's diagnostics."""


def bindings_package() -> str:
    """The name of the package that holds the bindings."""
    return os.environ.get("CELLC_MLIR_BINDINGS") or "torch_mlir"


def bindings_version() -> str:
    """Which bindings are used, for keys of caches."""
    return f"{bindings_package()} {records(bindings_package())}"


@functools.cache
def _bindings() -> SimpleNamespace:
    package = bindings_package()
    try:
        ir = importlib.import_module(f"{package}.ir")
        passmanager = importlib.import_module(f"{package}.passmanager")
        # Not `dialects.llvm`: its generated classes take longer to import than a kernel to compile.
        llvm = importlib.import_module(f"{package}._mlir_libs._mlirDialectsLLVM")
    except ImportError as error:
        raise LoweringError(f"MLIR's Python bindings were not found in the package '{package}': {error}") from error
    return SimpleNamespace(ir=ir, PassManager=passmanager.PassManager, translate=llvm.translate_module_to_llvmir)


@functools.cache
def _context() -> Any:
    context = _bindings().ir.Context()
    context.enable_multithreading(False)
    return context


@functools.cache
def _pass_manager(pipeline: str, verify_each: bool) -> Any:
    try:
        manager = _bindings().PassManager.parse(f"builtin.module({pipeline})", _context())
    except ValueError as error:
        raise LoweringError(f"not a pass pipeline: {error}") from error
    manager.enable_verifier(verify_each)
    return manager


def _parse(text: str) -> Any:
    ir = _bindings().ir
    try:
        return ir.Module.parse(text, _context())
    except ir.MLIRError as error:
        raise LoweringError(f"not a valid module: {_diagnostics(error)}") from error


def _run(module: Any, pipeline: str, *, verify_each: bool = True) -> None:
    """Runs the passes. Verifying after each of many takes as long as the passes do."""
    try:
        _pass_manager(pipeline, verify_each).run(module.operation)
    except _bindings().ir.MLIRError as error:
        raise LoweringError(f"a pass failed: {_diagnostics(error)}") from error


def _verify(module: Any) -> None:
    try:
        module.operation.verify()
    except _bindings().ir.MLIRError as error:
        raise LoweringError(f"the passes made an invalid module: {_diagnostics(error)}") from error


def _diagnostics(error: Any) -> str:
    return "; ".join(f"{d.location}: {d.message}" for d in error.error_diagnostics) or str(error)


def warm_up() -> None:
    """Loads the bindings and builds what all kernels share."""
    _pass_manager(LOWER_TO_LLVM, False)


def verify(text: str) -> None:
    """Parses and verifies a module of upstream dialects.

    Raises:
        LoweringError: MLIR does not accept it.
    """
    _parse(text)


def run_passes(text: str, pipeline: str) -> str:
    """The module after a pipeline, such as `"canonicalize,func.func(cse)"`, anchored on `builtin.module`.

    Raises:
        LoweringError: The text or the pipeline is wrong, or a pass failed.
    """
    module = _parse(text)
    _run(module, pipeline)
    return str(module)


def lower_to_llvm_ir(text: str, name: str) -> str:
    """LLVM IR, in the syntax of llvmlite's LLVM, of a module of kernel text (see docs/architecture.md).

    Args:
        text: A module with the function `name`, which takes the buffers, the block and the scratch.
        name: The kernel; the result defines it as `void name(ptr buffers, ptr dims, i64 block, ptr scratch)`.

    Raises:
        LoweringError: The text is not a valid kernel, or uses what has no lowering.
    """
    module = _parse(text)
    _run(module, LOWER_TO_LLVM, verify_each=False)
    _verify(module)
    _check_lowered(module)
    buffers = _make_internal(module, name)
    _replace_constants(module)
    ir_text = _bf16_as_integers(_bindings().translate(module.operation))
    return f"{ir_text}\n{_entry(name, buffers)}"


def _bf16_as_integers(ir_text: str) -> str:
    """The same code with i16 for bf16, which is only moved: its arithmetic has become that of f32 and integers.

    Left alone, code generation keeps single bf16 lanes as f32 and calls compiler-rt to store them.
    """
    if "bfloat" not in ir_text and "bf16" not in ir_text:  # most kernels; searching for words takes longer
        return ir_text
    return re.sub(r"\bbfloat\b", "i16", re.sub(r"(\.v\d+)bf16\b", r"\1i16", ir_text))


# `convert-gpu-to-nvvm` turns math functions into calls of libdevice; the rest is as on the CPU.
LOWER_GPU_TO_LLVM = (
    "canonicalize,cse,loop-invariant-code-motion,convert-scf-to-cf,expand-strided-metadata,lower-affine,"
    "gpu.module(convert-gpu-to-nvvm{use-bare-ptr-memref-call-conv=1}),"
    "convert-cf-to-llvm,convert-arith-to-llvm,convert-index-to-llvm,finalize-memref-to-llvm,convert-ub-to-llvm,"
    "reconcile-unrealized-casts,canonicalize,cse"
)


def lower_gpu_to_llvm_ir(text: str) -> str:
    """LLVM IR, in the syntax of llvmlite's LLVM and for NVPTX, of the one `gpu.module` in a module.

    Raises:
        LoweringError: The text is not valid, or uses what has no lowering.
    """
    module = _parse(text)
    _run(module, LOWER_GPU_TO_LLVM)
    device = next((op for op in module.body.operations if op.operation.name == "gpu.module"), None)
    if device is None:
        raise LoweringError("the module has no gpu.module")
    # The translation wants a builtin module, and no other op may be left in it.
    contents = "\n".join(str(op) for op in device.operation.regions[0].blocks[0].operations)
    module = _parse(f"module {{\n{contents}\n}}")
    for op in _walk(module.operation):
        if not op.name.startswith(("llvm.", "nvvm.")):
            raise LoweringError(f"{op.location}: '{op.name}' has no lowering to NVVM")
    _replace_constants(module)
    return str(_bindings().translate(module.operation))


def _walk(op: Any) -> list[Any]:
    """The ops inside. Walking in C++ takes a sixth of the time that regions, blocks and ops take in Python."""
    ir, found = _bindings().ir, []

    def see(nested: Any) -> Any:
        found.append(nested)
        return ir.WalkResult.ADVANCE

    op.walk(see, ir.WalkOrder.PRE_ORDER)
    return found[1:]


def _check_lowered(module: Any) -> None:
    """The translation aborts the process on ops it does not know, so none may be left."""
    named = [(op, op.name) for op in _walk(module.operation)]
    foreign = [(op, name) for op, name in named if not name.startswith("llvm.")]
    for op, name in sorted(foreign, key=lambda pair: pair[1] == "builtin.unrealized_conversion_cast"):
        raise LoweringError(f"{op.location}: '{name}' has no lowering to LLVM")
    for op, name in named:
        if name.startswith("llvm.intr.") and _LIBRARY_CALLS.fullmatch(name):
            raise LoweringError(f"{op.location}: '{name}' is a C library call; call cellc's vector math instead")
        if name == "llvm.func" and len(op.regions[0].blocks) == 0:
            raise LoweringError(f"{op.location}: function {op.attributes['sym_name']} is called but not defined")


def _make_internal(module: Any, name: str) -> int:
    """Renames the kernel to `name.body`, has every function inlined; the number of the kernel's buffers."""
    ir = _bindings().ir
    buffers = -1
    with _context():
        for op in module.body.operations:
            if op.operation.name != "llvm.func":
                continue
            attributes = op.operation.attributes
            attributes["linkage"] = ir.Attribute.parse("#llvm.linkage<internal>")
            attributes["passthrough"] = ir.Attribute.parse('["alwaysinline", "nounwind"]')
            if ir.StringAttr(attributes["sym_name"]).value == name:
                attributes["sym_name"] = ir.StringAttr.get(f"{name}.body")
                buffers = len(op.operation.regions[0].blocks[0].arguments) - 2
    if buffers < 0:
        raise LoweringError(f"the module has no function @{name}(buffers..., index, memref<?xi8>)")
    return buffers


def _replace_constants(module: Any) -> None:
    ir = _bindings().ir
    constants = IntegerConstants(ir, module)
    with _context(), ir.Location.unknown():
        for op in _walk(module.operation):
            try:
                constants.replace(op)
            except ValueError as error:
                raise LoweringError(f"{op.location}: {error}") from error


def _entry(name: str, buffers: int) -> str:
    """The kernel's ABI: loads the buffer pointers and calls the body, which is inlined into it."""
    loads = "".join(
        f"  %slot{i} = getelementptr ptr, ptr %buffers, i64 {i}\n  %buffer{i} = load ptr, ptr %slot{i}, align 8\n"
        for i in range(buffers)
    )
    arguments = "".join(f"ptr %buffer{i}, " for i in range(buffers))
    return (
        f"define void @{name}(ptr %buffers, ptr %dims, i64 %block, ptr %scratch) nounwind {{\n{loads}"
        f"  call void @{name}.body({arguments}i64 %block, ptr align 64 %scratch)\n  ret void\n}}\n"
    )
