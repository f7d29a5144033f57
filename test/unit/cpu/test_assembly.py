"""What the inner loops of products compile to. Assembly needs no quiet machine to be judged."""

import re

import pytest

from cellc.targets.cpu.level import LEVELS
from support.convolution_kernels import Convolution
from support.cpu_kernels import assembly
from support.matmul_kernels import Matmul

KERNELS = {
    "matmul": Matmul(256, 256, 256).text(),
    "matmul, turned operand": Matmul(256, 256, 256, transpose_rhs=True).text(),
    "matmul, long sums": Matmul(256, 256, 2048).text(),
    "convolution": Convolution(4, 64, 30, 30, 64, 3, 3).forward(),
    "convolution's weight gradient": Convolution(4, 64, 30, 30, 64, 3, 3).weight_gradient(),
}


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


@pytest.mark.parametrize("level", ["v4", "v3"])
@pytest.mark.parametrize("name", KERNELS)
def test_inner_loops_keep_sums_in_registers(name: str, level: str) -> None:
    loops = inner_loops(assembly(KERNELS[name], LEVELS[level]))
    busiest = max(loops, key=lambda lines: sum("vfmadd" in line for line in lines))
    fused = sum("vfmadd" in line for line in busiest)
    assert fused >= (12 if level == "v4" else 10)
    assert not [line for line in busiest if re.search(r"\(%r[sb]p\)", line)], "sums are spilled"
    assert not [line for line in busiest if "shuf" in line or "perm" in line]
    assert len(busiest) <= 2.6 * fused
    registers = "zmm" if level == "v4" else "ymm"
    assert all(registers in line for line in busiest if "vfmadd" in line)


@pytest.mark.parametrize("level", ["v4", "v3"])
def test_kernels_call_nothing_but_memory_functions(level: str) -> None:
    """LLVM knows a loop that copies or clears."""
    for text in KERNELS.values():
        called = re.findall(r"\bcallq?\s+\*?(\w+)", assembly(text, LEVELS[level]))
        assert set(called) <= {"memcpy", "memset"}
