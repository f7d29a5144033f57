"""How products are cut into blocks: what decides, and that results are right however they are cut."""

import numpy as np
import pytest

from cellc.targets.cpu.blocking import Blocking, choose_blocking
from cellc.targets.cpu.level import LEVELS, native_level
from cellc.targets.cpu.register_tile import Tiling
from support.convolution_kernels import Convolution
from support.cpu_kernels import CompiledKernel, check_guard, compile_text, guarded
from support.kernel_calls import call
from support.matmul_kernels import Matmul
from support.products import tiled

LEVEL_NAMES = [name for name in LEVELS if name in ("v3", native_level().name)]


def cut(text: str, level: str) -> tuple[Tiling, Blocking]:
    product, tiling = tiled(text, level)
    return tiling, choose_blocking(product, tiling)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("size", [(1570, 144, 24), (300, 200, 16), (999, 61, 48), (1030, 1990, 16), (301, 1001, 7)])
def test_few_steps_are_cut_by_rows(size: tuple[int, int, int], level: str) -> None:
    """Storing takes longer than multiplying: a block stores whole rows."""
    matmul = Matmul(*size, epilogue=True)
    tiling, blocking = cut(matmul.text(), level)
    assert tiling.lane_dim == 1
    assert blocking.chunks[1] * tiling.width >= matmul.n
    assert blocking.chunks[0] < matmul.m
    assert blocking.chunks[0] % tiling.tile == 0
    rng = np.random.default_rng(0)
    a, b, bias = (rng.standard_normal(s).astype(np.float32) for s in (matmul.lhs, matmul.rhs, (matmul.n,)))
    result = compile_text(matmul.text(), LEVELS[level])(a, b, bias)[0]
    bound = (matmul.k + 2) * np.finfo(np.float32).eps * (matmul.magnitude(a, b) + 50)
    assert (np.abs(result - matmul.expected(a, b, bias)) <= bound).all()


@pytest.mark.parametrize(("steps", "packed"), [(16, False), (24, False), (25, True), (64, True)])
def test_fewer_steps_read_columns_where_they_lie(steps: int, packed: bool) -> None:
    """A copy for each block would take as long as the few rows that then use it."""
    _, blocking = cut(Matmul(1024, 250, steps).text(), "v4")
    assert blocking.packed == packed
    _, turned = cut(Matmul(1024, 250, steps, transpose_rhs=True).text(), "v4")
    assert turned.packed


def test_many_steps_share_the_packing_of_a_panel() -> None:
    _, blocking = cut(Matmul(1600, 144, 200).text(), "v4")
    assert blocking.chunks[0] >= 512
    assert blocking.chunks[1] == 1


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("images", [8, 32, 37])
def test_images_of_one_channel_are_cut_image_by_image(images: int, level: str) -> None:
    """The tile runs over images too, but has no panel in common there: each thread gets some images."""
    case = Convolution(images, 1, 32, 32, 6, 5, 5)
    tiling, blocking = cut(case.forward(), level)
    if level == "v4":
        assert tiling.second_dim == (0 if images % 4 == 0 else 2)
    assert blocking.chunks[0] < images
    x, w = (np.random.default_rng(len(s)).standard_normal(s).astype(np.float32) for s in (case.x, case.weight))
    result = compile_text(case.forward(), LEVELS[level])(x, w)[0]
    expected = np.einsum("ncijrs,kcrs->nkij", case.windows(x), w.astype(np.float64))
    np.testing.assert_allclose(result, expected, rtol=0, atol=25 * 25 * float(np.finfo(np.float32).eps))


def test_long_sums_of_few_rows_have_several_blocks() -> None:
    """A weight gradient of 150 rows, which are stored along them if a block has them all."""
    long, short = Convolution(32, 6, 14, 14, 16, 5, 5), Convolution(2, 6, 14, 14, 16, 5, 5)
    _, blocking = cut(long.weight_gradient(), "v4")
    assert blocking.chunks[1] < long.c
    assert not blocking.turned
    _, blocking = cut(short.weight_gradient(), "v4")
    assert blocking.turned


BY_PANELS, BY_ROWS, SHARED_COLUMNS = Matmul(300, 130, 200), Matmul(999, 61, 48), Matmul(7, 77, 852)
IMAGES, FILTERS, STRIDED = (
    Convolution(32, 1, 32, 32, 6, 5, 5),
    Convolution(32, 6, 14, 14, 16, 5, 5),
    Convolution(3, 128, 13, 13, 48, 1, 1, 2),
)
PRODUCTS = {
    "by panels": (BY_PANELS.text(), BY_PANELS.lhs, BY_PANELS.rhs),
    "by rows": (BY_ROWS.text(), BY_ROWS.lhs, BY_ROWS.rhs),
    "columns of two panels": (SHARED_COLUMNS.text(), SHARED_COLUMNS.lhs, SHARED_COLUMNS.rhs),
    "images": (IMAGES.forward(), IMAGES.x, IMAGES.weight),
    "filters' gradient": (FILTERS.weight_gradient(), FILTERS.x, FILTERS.y),
    "strided": (STRIDED.forward(), STRIDED.x, STRIDED.weight),
}


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("name", PRODUCTS)
def test_blocks_depend_on_no_other(name: str, level: str) -> None:
    """Each block alone, whatever memory held before: together they write all, and what two of them write is equal."""
    text, *shapes = PRODUCTS[name]
    compiled, random = compile_text(text, LEVELS[level]), np.random.default_rng(1)
    factors = [random.standard_normal(shape).astype(np.float32) for shape in shapes]
    assert compiled.code.blocks > 1
    shape, _ = compiled.results[0]
    made, written = np.zeros(shape, np.uint32), np.zeros(shape, bool)
    for block in range(compiled.code.blocks):
        first, second = (_one_block(compiled, factors, block, fill) for fill in (0x5A, 0xFF))
        stored = first == second
        assert (stored | ((first == 0x5A5A5A5A) & (second == 0xFFFFFFFF))).all(), "depends on what memory held"
        assert (made == first)[written & stored].all(), "two blocks write different numbers"
        made, written = np.where(stored, first, made), written | stored
    assert written.all()


def _one_block(compiled: CompiledKernel, factors: list[np.ndarray], block: int, fill: int) -> np.ndarray:
    """The bits of the result of one block, in memory and with scratch whose bytes are `fill`."""
    (shape, dtype), *_ = compiled.results
    result, memory = guarded(shape, dtype), np.full(compiled.code.scratch_bytes + 64, fill, np.uint8)
    result.view(np.uint8)[...] = fill
    call(compiled.address, [*factors, result], block, memory[-memory.ctypes.data % 64 :])
    check_guard(result)
    return result.view(np.uint32)
