"""Prints the text of kernels: `python -m cellc.targets.cpu [--level v4] [--asm] FILE` (`-` is standard input)."""

import argparse
import sys
from pathlib import Path

from xdsl.dialects.func import FuncOp

from cellc.passes.context import parse_module
from cellc.targets.cpu.level import LEVELS, level_named
from cellc.targets.cpu.target import CpuTarget


def main() -> None:
    """Reads a module of kernels in the kernel form, and prints what the CPU target makes of each."""
    parser = argparse.ArgumentParser(prog="python -m cellc.targets.cpu", description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--level", default="native", choices=[*LEVELS, "native"])
    parser.add_argument("--asm", action="store_true", help="assembly instead of MLIR")
    options = parser.parse_args()
    text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text()
    level = level_named(options.level)
    module = parse_module(text)
    for code in CpuTarget(level).emit([op for op in module.ops if isinstance(op, FuncOp)]):
        print(f"// {code.name}: {code.blocks} block(s), {code.scratch_bytes} bytes of scratch")
        print(_assembly(code.text, code.name, options.level) if options.asm else code.text)


def _assembly(text: str, name: str, level: str) -> str:
    from cellc.passes.mlir import lower_to_llvm_ir
    from cellc.targets.cpu.emit_object import assembly_from_ir

    return assembly_from_ir(lower_to_llvm_ir(text, name), level_named(level))


if __name__ == "__main__":
    main()
