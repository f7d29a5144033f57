"""What the inner loops of products compile to. Assembly needs no quiet machine to be judged."""

import pytest

from cellc.targets.cpu.level import LEVELS
from support.assembly import called, count, fma_loop, registers, spills
from support.convolution_kernels import Convolution
from support.cpu_kernels import assembly
from support.matmul_kernels import Matmul

KERNELS = {
    "matmul": Matmul(256, 256, 256).text(),
    "matmul, turned operand": Matmul(256, 256, 256, transpose_rhs=True).text(),
    "matmul, long sums": Matmul(256, 256, 2048).text(),
    "matmul, copied rows": Matmul(512, 1024, 512, transpose_lhs=True).text(),
    "convolution": Convolution(4, 64, 30, 30, 64, 3, 3).forward(),
    "convolution's weight gradient": Convolution(4, 64, 30, 30, 64, 3, 3).weight_gradient(),
}


@pytest.mark.parametrize("level", ["v4", "v3"])
@pytest.mark.parametrize("name", KERNELS)
def test_inner_loops_keep_sums_in_registers(name: str, level: str) -> None:
    busiest = fma_loop(assembly(KERNELS[name], LEVELS[level]))
    fused = count("vfmadd", busiest)
    assert fused >= (12 if level == "v4" else 10)
    assert not spills(busiest)
    assert not count("shuf|perm", busiest)
    assert len(busiest) <= 2.6 * fused
    assert count(rf"vfmadd.*{registers(level)}", busiest) == fused


@pytest.mark.parametrize("name", ["matmul, long sums", "matmul, copied rows"])
def test_panels_that_leave_the_l1_cache_are_asked_for_ahead(name: str) -> None:
    assert count("prefetch", fma_loop(assembly(KERNELS[name], LEVELS["v4"]))) >= 2


@pytest.mark.parametrize("level", ["v4", "v3"])
def test_kernels_call_nothing_but_memory_functions(level: str) -> None:
    """LLVM knows a loop that copies or clears."""
    for text in KERNELS.values():
        assert called(assembly(text, LEVELS[level])) <= {"memcpy", "memset"}
