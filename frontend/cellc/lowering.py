"""The compiler's stages on one graph, for the CPU: nn, linalg, kernels and host program, kernel text.

Only this module and `build_ir` of the front end import xDSL.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.passes import ModulePass

from cellc.build_ir import build_module
from cellc.dialects.host import ProgramOp
from cellc.errors import CompileError
from cellc.graph import Graph
from cellc.passes.context import make_context
from cellc.passes.emit_program import to_program
from cellc.passes.kernel_form import kernels_of
from cellc.passes.pipelines import PIPELINES, PassError, parse_passes, run_pipeline
from cellc.passes.stage_times import stage
from cellc.passes.user_lines import user_line
from cellc.preparation import Preparation, preparation_of
from cellc.runtime.program import Program
from cellc.targets.cpu.level import CpuLevel
from cellc.targets.cpu.target import CpuTarget
from cellc.targets.target import KernelCode, UnsupportedKernelError

# Passes that make kernels, and those of the CPU target that do so too and depend on its level.
_MAKING_KERNELS = ("form-dispatches", "fuse-attention-gradient", "fuse-attention")
_FOR_A_LEVEL = ("fuse-prologues", "widen-factors", "pack-constants")


@dataclass
class LoweredForCpu:
    """What is left of a graph before machine code.

    Attributes:
        module: `host.program @main`, perhaps `@prepare`, and the kernels.
        program: the same program as data.
        kernels: the text of each kernel.
        preparation: `@prepare` as data, if the pipeline hoists constants and found some.
    """

    module: ModuleOp
    program: Program
    kernels: Sequence[KernelCode] = field(repr=False)
    preparation: Preparation | None = None

    @property
    def host_program(self) -> ProgramOp:
        """`host.program @main`."""
        return _programs(self.module)["main"]


def lower_for_cpu(
    graph: Graph,
    level: CpuLevel,
    after_pass: Callable[[str, ModuleOp], None] | None = None,
    pipeline: Sequence[str] = PIPELINES["cpu"],
    on_kernel: Callable[[KernelCode], None] | None = None,
) -> LoweredForCpu:
    """Runs a pipeline and writes the kernels' text.

    Args:
        graph: what to compile.
        level: vector width and instructions.
        after_pass: called with each pass's name and the module after it.
        pipeline: names of passes, another list than the default to see what a pass changes.
        on_kernel: called with each kernel's text as soon as it is written, before the host program is planned.

    Raises:
        CompileError: a pass failed or a kernel could not be written; the message names what reproduces it.
    """
    kernels: list[KernelCode] = []
    making = [name for name in pipeline if name in (*_MAKING_KERNELS, *_FOR_A_LEVEL)]

    def after(name: str, module: ModuleOp) -> None:
        if name in making:
            making.remove(name)  # one of them may run twice
            if not making:
                kernels.extend(_write_kernels(module, level, on_kernel))
        if after_pass is not None:
            after_pass(name, module)

    with stage("nn module"):
        module, passes = build_module(graph), passes_for(pipeline, level)
    try:
        run_pipeline(module, passes, make_context(), print_after=after)
    except PassError as error:
        raise _with_reproducer(graph, passes, error) from error
    programs = {name: to_program(host, kernels) for name, host in _programs(module).items()}
    main, prepare = programs["main"], programs.get("prepare")
    return LoweredForCpu(module, main, kernels, None if prepare is None else preparation_of(main, prepare))


def passes_for(pipeline: Sequence[str], level: CpuLevel) -> list[ModulePass]:
    """The passes of these names; those of the CPU target are for `level`."""
    specs = (f"{name}{{level={level.name}}}" if name in _FOR_A_LEVEL else name for name in pipeline)
    return parse_passes(",".join(specs))


def _programs(module: ModuleOp) -> dict[str, ProgramOp]:
    return {op.sym_name.data: op for op in module.ops if isinstance(op, ProgramOp)}


def _write_kernels(
    module: ModuleOp, level: CpuLevel, on_kernel: Callable[[KernelCode], None] | None
) -> Iterator[KernelCode]:
    """The texts of the module's kernels, in order."""
    target = CpuTarget(level)
    for kernel in kernels_of(module):
        with stage("kernel text"):
            code = _emit(target, kernel)
        if on_kernel is not None:
            on_kernel(code)
        yield code


def _emit(target: CpuTarget, kernel: FuncOp) -> KernelCode:
    try:
        return target.emit([kernel])[0]
    except UnsupportedKernelError as error:
        path = _reproducers() / f"{kernel.sym_name.data}.mlir"
        path.write_text(str(kernel) + "\n")
        where = user_line(kernel.location)
        raise CompileError(f"cellc could not compile this: {error}\n  --> {where}\n  kernel: {path}") from error


def _reproducers() -> Path:
    """The folder for what a failure leaves behind."""
    return Path(os.environ.get("CELLC_REPRODUCERS") or tempfile.mkdtemp(prefix="cellc-reproducer-"))


def _with_reproducer(graph: Graph, passes: Sequence[ModulePass], error: PassError) -> CompileError:
    """Runs the pipeline once more, verifying and keeping the IR before each pass, which always would cost too much."""
    try:
        run_pipeline(build_module(graph), passes, make_context(), verify_each=True, reproducer_dir=_reproducers())
    except PassError as again:
        return CompileError(f"cellc could not compile this: {again}")
    return CompileError(f"cellc could not compile this: {error}")
