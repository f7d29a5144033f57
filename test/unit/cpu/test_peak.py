"""The kernels that measure the machine's limits do what they claim."""

import re

import pytest

from cellc.passes.mlir import lower_to_llvm_ir
from cellc.targets.cpu import peak
from cellc.targets.cpu.emit_object import assembly_from_ir
from cellc.targets.cpu.level import LEVELS, native_level


@pytest.mark.parametrize("level", ["v3", "v4"])
def test_the_fma_loop_is_multiply_adds_only(level: str) -> None:
    kernel = peak._fma_kernel(LEVELS[level], workers=2)
    assembly = assembly_from_ir(lower_to_llvm_ir(kernel.text, kernel.name), LEVELS[level])
    loop = re.search(r"\.LBB0_1:\n(.*?)jne\t\.LBB0_1", assembly, re.DOTALL)
    assert loop is not None
    instructions = [line.split()[0] for line in loop[1].splitlines() if line.strip()]
    assert sum(name.startswith("vfmadd") for name in instructions) == peak._CHAINS
    assert len(instructions) == peak._CHAINS + 1  # and the counter


def test_limits_are_measured() -> None:
    found = peak.measure_peak(native_level(), threads=1, runs=1)
    assert found.threads == 1
    assert found.flops > 1e9
    assert found.bytes > 1e8


def test_every_thread_has_a_block_of_multiply_adds() -> None:
    assert peak._fma_kernel(native_level(), workers=3).blocks == 3
