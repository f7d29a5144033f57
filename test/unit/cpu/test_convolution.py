"""Convolutions and their gradients against einsum in f64."""

import re

import numpy as np
import pytest

from cellc.targets.cpu.blocking import choose_blocking
from cellc.targets.cpu.level import LEVELS, native_level
from cellc.targets.cpu.scratch_copies import CopiedRows
from cellc.targets.cpu.target import CpuTarget
from support.convolution_kernels import Convolution, Depthwise, windows
from support.cpu_kernels import assembly, compile_text, parse_kernel
from support.products import tiled

CASES = [
    Convolution(2, 3, 9, 11, 5, 3, 3),
    Convolution(2, 3, 9, 11, 5, 3, 2, 2),
    Convolution(3, 17, 9, 8, 33, 3, 3),
    Convolution(1, 1, 7, 7, 1, 2, 2),
    Convolution(2, 20, 8, 8, 40, 1, 1),
    Convolution(3, 1, 28, 28, 6, 5, 5),
    Convolution(2, 90, 5, 5, 33, 3, 3),
    Convolution(1, 3, 19, 19, 16, 7, 7, 2),
    Convolution(1, 3, 14, 14, 64, 7, 7),  # a block is cut in whole tiles along the outer of their two loops
]
# Sums of a panel wait for whole rows of the result: with rests of rows and columns, several blocks, several pieces.
CASES += [
    Convolution(2, 70, 4, 4, 70, 3, 3),
    Convolution(4, 40, 9, 9, 200, 3, 3),
    Convolution(9, 24, 10, 10, 17, 2, 3),
    Convolution(1, 300, 3, 3, 65, 1, 1),
]
LEVEL_NAMES = [name for name in LEVELS if name in ("v3", native_level().name)]


def compare(result: np.ndarray, expected: np.ndarray, terms: int) -> None:
    """Inputs are normal: products are below 25, and a partial sum's error grows with the number of terms."""
    np.testing.assert_allclose(result, expected, rtol=0, atol=25 * terms * np.finfo(np.float32).eps)


def random(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_forward(case: Convolution, level: str) -> None:
    x, w = random(case.x), random(case.weight)
    result = compile_text(case.forward(), LEVELS[level])(x, w)[0]
    expected = np.einsum("ncijrs,kcrs->nkij", case.windows(x), w.astype(np.float64))
    compare(result, expected, case.c * case.r * case.s)


STRIDED = [Convolution(3, 1100, 11, 11, 150, 1, 1, 2), Convolution(2, 520, 14, 14, 135, 1, 1, 3)]


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("case", STRIDED, ids=str)
def test_places_of_many_channels_that_lie_apart_are_copied(case: Convolution, level: str) -> None:
    product, tiling = tiled(case.forward(), level)
    assert choose_blocking(product, tiling).rows is CopiedRows.BY_STEP
    test_forward(case, level)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_weight_gradient(case: Convolution, level: str) -> None:
    x, g = random(case.x), random(case.y)
    result = compile_text(case.weight_gradient(), LEVELS[level])(x, g)[0]
    expected = np.einsum("ncijrs,nkij->kcrs", case.windows(x), g.astype(np.float64))
    compare(result, expected, case.n * case.y[2] * case.y[3])


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("case", [case for case in CASES if case.stride == 1], ids=str)
def test_input_gradient(case: Convolution, level: str) -> None:
    w, g = random(case.weight), random(case.y)
    padded = np.zeros((case.n, case.k, case.h + case.r - 1, case.w + case.s - 1), np.float32)
    padded[:, :, case.r - 1 : case.h, case.s - 1 : case.w] = g
    expected = np.zeros(case.x)
    height, width = case.y[2:]
    for i in range(case.r):
        for j in range(case.s):
            tap = np.einsum("nkij,kc->ncij", g.astype(np.float64), w[:, :, i, j].astype(np.float64))
            expected[:, :, i : i + height, j : j + width] += tap
    compare(compile_text(case.input_gradient(), LEVELS[level])(padded, w)[0], expected, case.k * case.r * case.s)


@pytest.mark.parametrize(("channels", "lanes_of_filters"), [(64, True), (32, True), (4, False)])
def test_filters_that_leave_the_l1_cache_are_packed(channels: int, lanes_of_filters: bool) -> None:
    """A tile that reads an element of 16 of them at each step would read them all again for each vector of places."""
    product, tiling = tiled(Convolution(2, channels, 96, 96, 32, 3, 3).input_gradient(), "v4")
    assert (tiling.vector_factor == 1) == lanes_of_filters
    assert choose_blocking(product, tiling).packed == lanes_of_filters


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("repeats", [1, 12], ids=["short", "long"])
@pytest.mark.parametrize("case", [Convolution(2, 70, 4, 4, 70, 3, 3), Convolution(2, 19, 5, 5, 81, 3, 3)], ids=str)
def test_updates_in_rows_that_are_stored_whole(case: Convolution, repeats: int, level: str) -> None:
    """An optimizer's epilogue reads and writes along (c, r, s); a long one is a loop over vectors that wait."""
    x, g, w = random(case.x), random(case.y), random(case.weight)
    scale = random((case.k,))
    compiled = compile_text(case.weight_update(repeats), LEVELS[level])
    assert "vector.scatter" not in compiled.code.text
    updated, gradient = compiled(x, g, w, scale)
    expected = np.einsum("ncijrs,nkij->kcrs", case.windows(x), g.astype(np.float64))
    terms = case.n * case.y[2] * case.y[3]
    compare(gradient, expected, terms)
    compare(updated, w - repeats * expected * scale[:, None, None, None], 4 * repeats * terms)


DEPTHWISE = [
    Depthwise(2, 9, 58, 58, 3, 3),
    Depthwise(1, 37, 31, 60, 3, 3, 2),
    Depthwise(3, 20, 9, 7, 5, 5),
    Depthwise(2, 5, 40, 41, 3, 2, 3),
]


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("case", DEPTHWISE, ids=str)
def test_depthwise(case: Depthwise, level: str) -> None:
    x, w, g = random(case.x), random(case.weight), random(case.y)
    views = windows(x, case.r, case.s, case.stride)
    result = compile_text(case.forward(), LEVELS[level])(x, w)[0]
    compare(result, np.einsum("ncijrs,crs->ncij", views, w.astype(np.float64)), case.r * case.s)
    gradient = compile_text(case.weight_gradient(), LEVELS[level])(x, g)[0]
    compare(gradient, np.einsum("ncijrs,ncij->crs", views, g.astype(np.float64)), case.n * case.y[2] * case.y[3])


def test_vectors_that_rows_share_are_loaded_once() -> None:
    """Of nine products with a vector eight find it in a register (lines of the last tile's end aside)."""
    lines = assembly(Depthwise(1, 16, 58, 66, 3, 3).forward(), LEVELS["v4"]).splitlines()
    products = [line for line in lines if "vfmadd" in line]
    from_memory = [line for line in products if "(" in line and "{1to16}" not in line]
    assert len(products) >= 144
    assert len(from_memory) < len(products) / 4


def test_depthwise_kernels_gather_nothing() -> None:
    """Lanes run along rows of pixels, where every second or third element is picked from whole vectors."""
    for case in DEPTHWISE:
        for text in (case.forward(), case.weight_gradient()):
            assert "vector.gather" not in CpuTarget(LEVELS["v4"]).emit_kernel(parse_kernel(text)).text


WIDE = Convolution(16, 128, 10, 10, 128, 3, 3)


def test_turns_are_loops_over_vectors_of_columns() -> None:
    """Turning 16 x 16 elements takes 64 shuffles: once for filters, for sums, and for the rest of the rows of sums."""
    text = CpuTarget(LEVELS["v4"]).emit_kernel(parse_kernel(WIDE.forward())).text
    assert text.count("vector.shuffle") == 3 * 64


def test_loops_without_iterations_are_not_written() -> None:
    """The 9 elements of a filter, along which the gradient of the input packs, hold no whole vector."""
    text = CpuTarget(LEVELS["v4"]).emit_kernel(parse_kernel(WIDE.input_gradient())).text
    assert "vector.shuffle" in text
    assert not re.search(r"scf.for %\d+ = (%\d+) to \1 ", text)
