"""LLVM IR text to object code or assembly, through llvmlite.

Kernels are vectorised when they are written, where the width also fixes the order of sums, so LLVM's own loop
vectorisation, SLP and unrolling stay off: optimising takes a quarter of the time, and code is smaller. What `O3`
does for whole modules and after vectorising changes next to nothing then, and is left out too.
No contraction is allowed: a fused multiply-add appears only where the kernel says fma.
"""

from __future__ import annotations

from functools import cache

from llvmlite import binding as llvm

from cellc.passes.mlir import LoweringError, lower_to_llvm_ir
from cellc.passes.stage_times import stage
from cellc.targets.cpu.level import CpuLevel


@cache
def _machine(level: CpuLevel) -> llvm.TargetMachine:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(level.triple)
    return target.create_target_machine(
        cpu=level.llvm_cpu, features=level.llvm_features, opt=3, reloc="pic", codemodel="small"
    )


def _optimized(ir_text: str, level: CpuLevel) -> llvm.ModuleRef:
    machine = _machine(level)
    try:
        module = llvm.parse_assembly(ir_text, llvm.create_context())
    except RuntimeError as error:
        raise LoweringError(f"llvmlite does not accept the LLVM IR that MLIR made: {error}") from error
    module.triple = level.triple
    module.data_layout = str(machine.target_data)
    _simplify(module, machine)
    return module


def _simplify(module: llvm.ModuleRef, machine: llvm.TargetMachine) -> None:
    """Inlines the kernel's body into its entry, and runs what LLVM runs at `O3` on a function before it vectorises."""
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    inlining = llvm.create_new_module_pass_manager()
    inlining.add_always_inliner_pass()
    inlining.add_global_dead_code_eliminate_pass()
    inlining.run(module, builder)
    for function in module.functions:
        if not function.is_declaration:
            builder.getFunctionPassManager().run(function, builder)


def object_from_ir(ir_text: str, level: CpuLevel) -> bytes:
    """A position-independent object file. Raises LoweringError when LLVM does not accept the text."""
    with stage("LLVM passes"):
        module = _optimized(ir_text, level)
    with stage("machine code"):
        return _machine(level).emit_object(module)


def assembly_from_ir(ir_text: str, level: CpuLevel) -> str:
    """The assembly of the same code. Raises LoweringError when LLVM does not accept the text."""
    return _machine(level).emit_assembly(_optimized(ir_text, level))


def compile_kernel(text: str, name: str, level: CpuLevel) -> bytes:
    """The object file that defines kernel `name` of a kernel text. Raises LoweringError."""
    with stage("MLIR to LLVM IR"):
        ir_text = lower_to_llvm_ir(text, name)
    return object_from_ir(ir_text, level)
