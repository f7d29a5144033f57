"""Assembly of kernels, and what is asked of it."""

import re
from collections.abc import Callable
from typing import Any

from cellc.function import Function
from cellc.lowering import lower_for_cpu
from cellc.passes.mlir import lower_to_llvm_ir
from cellc.targets.cpu.emit_object import assembly_from_ir
from cellc.targets.cpu.level import LEVELS


def program_assembly(function: Callable[..., Any], arguments: tuple[Any, ...], level: str) -> dict[str, str]:
    """The assembly of each kernel of what `function(*arguments)` compiles to, by the kernel's name."""
    graph = Function(function, lambda: "net", "Cell").trace(arguments, {}).graph
    kernels = lower_for_cpu(graph, LEVELS[level]).kernels
    return {k.name: assembly_from_ir(lower_to_llvm_ir(k.text, k.name), LEVELS[level]) for k in kernels}


def inner_loops(text: str) -> list[list[str]]:
    """The instructions between a label and a jump back to it, of loops without a loop inside."""
    loops, label, lines = [], "", []
    for line in map(str.strip, text.splitlines()):
        if re.match(r"\.L\w+:", line):
            label, lines = line.rstrip(":").split(":")[0], []
        elif re.match(r"j\w+\s+" + re.escape(label) + r"\b", line):
            loops.append(lines)
            label, lines = "-", []
        elif line and not line.startswith((".", "#")):
            lines.append(line)
    return loops


def registers(level: str) -> str:
    """The widest registers of a level."""
    return "zmm" if level == "v4" else "ymm"


def widest_loop(text: str, level: str) -> list[str]:
    """The inner loop with the most instructions on the widest registers."""
    return max(inner_loops(text), key=lambda loop: count(registers(level), loop), default=[])


def fma_loop(text: str) -> list[str]:
    """The inner loop with the most multiply-adds, the shortest of such."""
    return max(inner_loops(text), key=lambda loop: (count("vfmadd231", loop), -len(loop)), default=[])


def count(pattern: str, lines: list[str]) -> int:
    """How many lines have it."""
    return sum(bool(re.search(pattern, line)) for line in lines)


def spills(loop: list[str]) -> int:
    """Instructions that read or write the stack. LLVM keeps what it spills at the stack's pointer."""
    return count(r"\(%rsp", loop)


def scalar_arithmetic(loop: list[str]) -> int:
    """Floating-point instructions that compute one lane."""
    return count(r"^v?(add|sub|mul|div|sqrt|max|min|fn?m(add|sub)\d+)s[sd]\b", loop)


def called(text: str) -> set[str]:
    """Names of functions that are called."""
    return set(re.findall(r"\bcallq?\s+\*?(\w+)", text))
