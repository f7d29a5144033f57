"""What tiles of a product ask for while they multiply."""

import numpy as np
import pytest
from xdsl.dialects.linalg.ops import GenericOp

import cellc
from cellc import nn, ops
from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.level import LEVELS
from cellc.targets.cpu.next_panel import Lines, lines_of_panel
from cellc.targets.cpu.pieces import Pieces
from cellc.targets.cpu.product import product_of
from cellc.targets.cpu.tiling import choose_tiling
from support.assembly import count, fma_loop, program_assembly
from support.convolution_kernels import Convolution
from support.cpu_kernels import assembly, parse_kernel
from support.matmul_kernels import Matmul


def panel_lines(text: str, level: str, steps: int | None = None) -> Lines | None:
    """The lines of a panel of the right factor, of `steps` of the outermost reduction loop or of all."""
    kernel = KernelWriter(parse_kernel(text), LEVELS[level])
    product = product_of(kernel, [op for op in kernel.ops if isinstance(op, GenericOp)])
    assert product is not None
    tiling = choose_tiling(product, LEVELS[level], (1,))
    assert tiling is not None
    pieces = None if steps is None else Pieces(product.nest.reduced[0], steps)
    return lines_of_panel(product, tiling, product.factors[1].access, pieces)


@pytest.mark.parametrize(("matmul", "level", "lines"), [
    (Matmul(256, 256, 256), "v4", Lines(4 * 256, 4, 256, 16)),  # four lines of each row
    (Matmul(256, 256, 256), "v3", Lines(256, 1, 256, 16)),
    (Matmul(256, 320, 250, transpose_rhs=True), "v4", Lines(64 * 16, 64, 16, 250)),  # of 64 rows a line each, 16 times
    (Matmul(256, 1024, 256), "v4", Lines(4 * 256, 4, 1024, 16)),
    (Matmul(256, 1024, 257), "v4", None),  # rows a page apart would take each other's place in the cache
])  # fmt: skip
def test_lines_of_a_panel(matmul: Matmul, level: str, lines: Lines | None) -> None:
    assert panel_lines(matmul.text(), level) == lines


@pytest.mark.parametrize(("convolution", "level", "lines"), [
    # Of each of 7 filters the taps of 32 channels, and of 16: 288 and 144 elements side by side.
    (Convolution(16, 512, 2, 2, 512, 3, 3), "v4", Lines(7 * 18, 18, 512 * 9, 16)),
    (Convolution(16, 512, 2, 2, 512, 3, 3), "v3", Lines(7 * 9, 9, 512 * 9, 16)),
    (Convolution(16, 128, 8, 8, 128, 3, 3), "v4", None),  # filters that stay in the cache
])  # fmt: skip
def test_lines_of_filters_whose_channels_are_columns(convolution: Convolution, level: str, lines: Lines | None) -> None:
    assert panel_lines(convolution.input_gradient(), level, 7) == lines


def test_data_gradients_of_small_images_ask_the_second_level_cache() -> None:
    loop = assembly(Convolution(16, 512, 2, 2, 512, 3, 3).input_gradient(), LEVELS["v4"])
    assert "prefetcht1" in loop


@pytest.mark.parametrize(("matmul", "asked"), [
    (Matmul(256, 256, 256, transpose_rhs=True), True),
    (Matmul(1024, 1024, 512, transpose_lhs=True), False),  # rows a page apart
    (Matmul(512, 768, 512, transpose_lhs=True), True),
    (Matmul(256, 32, 64), False),  # a single panel
    (Matmul(16, 768, 768), True),  # read where it lies: the line of a later step
    (Matmul(16, 256, 256), False),  # small enough to be in the cache
    (Matmul(1, 768, 768), False),
])  # fmt: skip
def test_steps_ask_the_second_level_cache(matmul: Matmul, asked: bool) -> None:
    assert ("prefetcht1" in assembly(matmul.text(), LEVELS["v4"])) == asked


@pytest.mark.parametrize("level", ["v3", "v4"])
@pytest.mark.parametrize("matmul", [Matmul(512, 768, 768), Matmul(256, 768, 3072), Matmul(512, 3072, 768)])
def test_addresses_are_computed_once_for_some_steps(matmul: Matmul, level: str) -> None:
    loop = fma_loop(assembly(matmul.text(), LEVELS[level]))
    others = len(loop) - count(r"^v?(fmadd|mov|broadcast|prefetch)", loop)
    assert others <= (28 if matmul.k % 1024 == 0 else 16)  # of four steps; rows whole pages apart are asked for too
    assert count("prefetcht1", loop) <= 4


class Residual(nn.Cell):
    def construct(self, x, w, residual):
        return ops.MatMul()(x, w) + residual


@pytest.mark.parametrize(("terms", "asked"), [(512, True), (16, False)])  # few steps have no time to spare
def test_what_an_epilogue_reads_is_asked_for(terms: int, asked: bool) -> None:
    operands = [cellc.Tensor(np.zeros(shape, np.float32)) for shape in ((512, terms), (terms, 768), (512, 768))]
    (with_residual,) = program_assembly(Residual(), tuple(operands), "v4").values()
    alone = assembly(Matmul(512, 768, terms).text(), LEVELS["v4"])
    loops = (fma_loop(with_residual), fma_loop(alone))
    assert len({count("prefetcht1", loop) for loop in loops}) == 1 + asked


def test_steps_with_little_time_ask_for_their_own_lines_alone() -> None:
    """The gradient of a first layer's filters: a panel is one run of memory for each image, too long for a step."""
    text = assembly(Convolution(4, 3, 66, 66, 64, 3, 3).weight_gradient(), LEVELS["v4"])
    assert text.count("prefetch") < 20
