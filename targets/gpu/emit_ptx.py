"""Mapped kernels to PTX: MLIR's NVVM lowering, then llvmlite's NVPTX back end."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

from llvmlite import binding as llvm
from xdsl.dialects import gpu
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.printer import Printer

from cellc.passes.mlir import LoweringError, lower_gpu_to_llvm_ir

TRIPLE = "nvptx64-nvidia-cuda"
_KERNEL = re.compile(r"^(define ptx_kernel void @(\S+?)\(.*\))", re.MULTILINE)


def emit_ptx(module: ModuleOp, architecture: str = "sm_90") -> str:
    """PTX of every `gpu.func`, after comments that say each kernel's grid.

    Raises:
        LoweringError: a kernel uses what has no lowering, or a math function while NVIDIA's libdevice is missing.
    """
    stream = StringIO()
    # Only the device's module: the host function calls kernels that exist on the device alone.
    device = ModuleOp([op.clone() for op in module.ops if isinstance(op, gpu.ModuleOp)], dict(module.attributes))
    Printer(stream, print_generic_format=True).print_op(device)
    ir_text = lower_gpu_to_llvm_ir(stream.getvalue())
    grids = {op.sym_name.data: grid_of(op) for op in module.walk() if isinstance(op, gpu.FuncOp)}
    # The block size is fixed, and one block to an SM enough, so that ptxas may give a thread the registers it needs.
    ir_text = _KERNEL.sub(
        lambda found: f'{found[1]} "nvvm.reqntid"="{grids[found[2]][1]},1,1" "nvvm.minctasm"="1"', ir_text
    )
    header = [f"// {name}: {blocks} blocks of {threads} threads" for name, (blocks, threads) in grids.items()]
    return "\n".join(header) + "\n" + _assemble(ir_text, architecture)


def grid_of(op: gpu.FuncOp) -> tuple[int, int]:
    """Blocks, and threads a block, of a mapped kernel."""
    blocks = op.attributes["cellc.blocks"]
    assert isinstance(blocks, IntegerAttr)
    assert op.known_block_size is not None
    return blocks.value.data, op.known_block_size.get_values()[0]


@cache
def _machine(architecture: str) -> llvm.TargetMachine:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(TRIPLE).create_target_machine(cpu=architecture, features="+ptx83", opt=3)


def _assemble(ir_text: str, architecture: str) -> str:
    machine = _machine(architecture)
    context = llvm.create_context()
    try:
        module = llvm.parse_assembly(ir_text, context)
    except RuntimeError as error:
        raise LoweringError(f"llvmlite does not accept the LLVM IR that MLIR made: {error}") from error
    module.triple = TRIPLE
    module.data_layout = str(machine.target_data)
    if "@__nv_" in ir_text:
        kernels = [function.name for function in module.functions if not function.is_declaration]
        module.link_in(llvm.parse_bitcode(_libdevice().read_bytes(), context))
        _make_internal(module, kernels)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(module, builder)
    return machine.emit_assembly(module)


def _make_internal(module: llvm.ModuleRef, kernels: list[str]) -> None:
    """Lets everything but the kernels be inlined and dropped."""
    for function in module.functions:
        if function.name not in kernels and not function.is_declaration:
            function.linkage = llvm.Linkage.internal


def _libdevice() -> Path:
    """NVIDIA's math library as LLVM bitcode, from the wheel `nvidia-nvvm` (extra `gpu`)."""
    package = find_spec("nvidia")
    for folder in package.submodule_search_locations or () if package is not None else ():
        for found in Path(folder).glob("**/libdevice.10.bc"):
            return found
    raise LoweringError("a kernel calls a math function of libdevice, which is missing: pip install 'cellc[gpu]'")
