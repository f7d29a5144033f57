"""`cellc compile`: a network to an executable, an object file, or the text of one of the stages."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cellc.cellir import LoadedGraph, module_text
from cellc.tools.sources import UsageError, read_source

if TYPE_CHECKING:
    from cellc.runtime import Program
    from cellc.targets.cpu.level import CpuLevel

PORTABLE = "portable"
# Those that PTX 8.3, the version that is written, knows.
_ARCHITECTURES = ("sm_70", "sm_75", "sm_80", "sm_86", "sm_87", "sm_89", "sm_90", "sm_90a")

DESCRIPTION = """\
Compiles a network. SOURCE is a .cellir file (see cellc.export), or model.py:Net for a Cell in a Python file.

  cellc compile net.cellir -o net
  cellc compile model.py:Net --input x:1x1x28x28xf32 --weights w.safetensors -o net
  ./net x.npy -o y.npy
"""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the tool."""
    parser = commands.add_parser(
        "compile",
        help="compile a network into an executable, an object, or one stage's text",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("source", metavar="SOURCE", help="net.cellir or model.py:Net")
    add("-o", "--output", metavar="FILE", help="what to write (text goes to standard output without it)")
    add("--input", action="append", default=[], metavar="NAME:TYPE", help="an argument's type, x:1x28x28xf32")
    add("--weights", metavar="FILE", help="safetensors file with the parameters' values")
    add("--emit", choices=tuple(_EMITTERS), default="executable", help="what to make (default: executable)")
    add("--cpu", default=PORTABLE, metavar="LEVEL", help="portable (default: AVX-512 or AVX2, chosen when the binary "
        "starts), native (this machine's level) or one level: v4 (AVX-512), v3 (AVX2), v2")  # fmt: skip
    add("--arch", choices=_ARCHITECTURES, default="sm_90", help="GPU architecture for --emit=ptx (default: sm_90)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; 0 on success."""
    loaded = read_source(options.source, options.input, options.weights)
    _EMITTERS[options.emit](loaded, options)
    return 0


def _write_text(text: str, options: argparse.Namespace) -> None:
    if options.output is None:
        sys.stdout.write(text)
        return
    try:
        Path(options.output).write_text(text)
    except OSError as error:
        raise UsageError(f"cannot write {options.output}: {error.strerror}") from None


def _output(options: argparse.Namespace) -> Path:
    if options.output is None:
        raise UsageError(f"--emit={options.emit} writes a file: name it with -o")
    return Path(options.output)


def _levels(options: argparse.Namespace) -> tuple[CpuLevel, ...]:
    """The levels to compile for, the widest first."""
    from cellc.targets.cpu.level import level_named, portable_levels

    try:
        return portable_levels() if options.cpu == PORTABLE else (level_named(options.cpu),)
    except ValueError as error:
        raise UsageError(f"--cpu {options.cpu}: {error}, {PORTABLE}") from None


def _link(loaded: LoadedGraph, options: argparse.Namespace, link: Callable[..., object]) -> None:
    from cellc.folding import build_folded
    from cellc.runtime import Variant
    from cellc.runtime.collectives import is_note
    from cellc.runtime.fold import without_unused_parameters

    output = _output(options)
    with tempfile.TemporaryDirectory(prefix="cellc-objects-") as folder:
        built = [(level, *build_folded(loaded.graph, level, loaded.weights)) for level in _levels(options)]
        programs = without_unused_parameters([program for _, program, _ in built])
        variants = []
        for (level, _, artifact), program in zip(built, programs, strict=True):
            objects = []
            for name in (kernel.name for kernel in program.kernels):
                if is_note(artifact.objects[name]):
                    raise UsageError("a program of several processes needs MPI: a binary has no collectives")
                objects.append(Path(folder, f"{level.name}_{name}.o"))
                objects[-1].write_bytes(artifact.objects[name])
            variants.append(Variant(level.name, program, objects))
        unused = _parameters(built[0][1]) - _parameters(programs[0])
        weights = {name: array.tobytes() for name, array in loaded.weights.items() if name not in unused}
        link(variants, weights, output)


def _parameters(program: Program) -> set[str]:
    return {buffer.name for buffer in program.buffers if buffer.kind == "parameter"}


def _executable(loaded: LoadedGraph, options: argparse.Namespace) -> None:
    from cellc.runtime import link_executable

    _link(loaded, options, link_executable)


def _object(loaded: LoadedGraph, options: argparse.Namespace) -> None:
    from cellc.runtime import link_object

    _link(loaded, options, link_object)


def _nn(loaded: LoadedGraph, options: argparse.Namespace) -> None:
    _write_text(module_text(loaded.graph), options)


def _pipeline_text(pipeline: str) -> Callable[[LoadedGraph, argparse.Namespace], None]:
    def emit(loaded: LoadedGraph, options: argparse.Namespace) -> None:
        from cellc.passes.pipelines import print_module

        _write_text(print_module(_lowered(loaded, pipeline), locations=False), options)

    return emit


def _lowered(loaded: LoadedGraph, pipeline: str):
    from cellc.build_ir import build_module
    from cellc.passes.context import make_context
    from cellc.passes.pipelines import PIPELINES, run_pipeline

    return run_pipeline(build_module(loaded.graph), PIPELINES[pipeline], make_context())


def _asm(loaded: LoadedGraph, options: argparse.Namespace) -> None:
    from cellc.lowering import lower_for_cpu
    from cellc.passes.mlir import lower_to_llvm_ir
    from cellc.targets.cpu.emit_object import assembly_from_ir
    from cellc.targets.cpu.level import native_level

    level = native_level() if options.cpu == PORTABLE else _levels(options)[0]
    texts = [
        assembly_from_ir(lower_to_llvm_ir(kernel.text, kernel.name), level)
        for kernel in lower_for_cpu(loaded.graph, level).kernels
    ]
    _write_text("\n".join(texts), options)


def _ptx(loaded: LoadedGraph, options: argparse.Namespace) -> None:
    from xdsl.context import Context

    from cellc.targets.gpu.emit_ptx import emit_ptx
    from cellc.targets.gpu.map_kernels import MapKernelsToGPUPass

    module = _lowered(loaded, "kernels")
    MapKernelsToGPUPass().apply(Context(), module)
    _write_text(emit_ptx(module, options.arch), options)


def _hivm(loaded: LoadedGraph, options: argparse.Namespace) -> None:
    from xdsl.context import Context

    from cellc.targets.ascend.emit_hivm import emit_hivm
    from cellc.targets.ascend.lower_kernels import LowerKernelsToAscendPass

    module = _lowered(loaded, "kernels")
    LowerKernelsToAscendPass().apply(Context(), module)
    _write_text(emit_hivm(module), options)


_EMITTERS: dict[str, Callable[[LoadedGraph, argparse.Namespace], None]] = {
    "executable": _executable,
    "object": _object,
    "nn": _nn,
    "linalg": _pipeline_text("linalg"),
    "kernels": _pipeline_text("kernels"),
    "host": _pipeline_text("cpu"),
    "asm": _asm,
    "ptx": _ptx,
    "hivm": _hivm,
}
