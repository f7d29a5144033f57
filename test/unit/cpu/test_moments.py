"""Means and centred sums of squares of long rows, which are made in one pass: as accurate as in two."""

import numpy as np
import pytest

from cellc.targets.cpu.level import LEVELS, native_level
from cellc.targets.cpu.target import CpuTarget
from support.cpu_kernels import DTYPES, Operand, compile_text, empty, filled, generic, kernel, parse_kernel

LEVEL_NAMES = ["v3", native_level().name]
ONE_PASS, TWO_PASSES = (16, 3, 5000), (600, 3, 16)
"""Rows of 320 KB, in pieces of 20 KB, which are blocks of level 1 caches; and in pieces too short for blocks."""


def moments(shape: tuple[int, int, int], element: str = "f32", start: str = "0.0", *, other: bool = False) -> str:
    """Mean and sum of squares about it, of x[n, c, i] for each c; with `other` that about an argument, too."""
    images, rows, length = shape
    x, row = Operand("%x", shape, element, "d1, d0, d2"), (rows,)
    mean, total = Operand("%m", row, element, "d0"), Operand("%s", row, element, "d0")
    size = f"%n = arith.constant {images * length}.0 : {element}\n"
    square = f"%d = arith.subf %i0, %i1 : {element}\n%p = arith.mulf %d, %d : {element}\n"
    square += f"%r = arith.addf %o0, %p : {element}\nlinalg.yield %r : {element}"
    ops = [
        filled("%f", row, element, "0.0"),
        generic("%s", "prr", [x], [Operand("%f", row, element, "d0")],
                f"%r = arith.addf %o0, %i0 : {element}\nlinalg.yield %r : {element}"),
        empty("%e", row, element),
        generic("%m", "p", [total], [Operand("%e", row, element, "d0")],
                size + f"%r = arith.divf %i0, %n : {element}\nlinalg.yield %r : {element}"),
        filled("%g", row, element, start),
        generic("%q", "prr", [x, mean], [Operand("%g", row, element, "d0")], square),
    ]  # fmt: skip
    arguments, results = [("%x", shape, element)], [("%m", row, element), ("%q", row, element)]
    if other:
        inputs, target = [x, Operand("%c", row, element, "d0")], Operand("%h", row, element, "d0")
        ops += [filled("%h", row, element, "0.0"), generic("%z", "prr", inputs, [target], square)]
        arguments, results = [*arguments, ("%c", row, element)], [*results, ("%z", row, element)]
    return kernel("reduction", arguments, ops, results, 1)


def normal(shape: tuple[int, int, int], mean: float, deviation: float, element: str = "f32") -> np.ndarray:
    x = np.random.default_rng(0).standard_normal(shape) * deviation + mean
    return x.astype(DTYPES[element])


def exact(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    wide = x.astype(np.longdouble)
    mean = wide.mean((0, 2), keepdims=True)
    return mean.ravel(), ((wide - mean) ** 2).sum((0, 2))


def is_one_pass(shape: tuple[int, int, int]) -> bool:
    """Whether numbers of each block are kept beside the sum, which is the only scratch memory of two passes."""
    return CpuTarget(LEVELS["v3"]).emit([parse_kernel(moments(shape))])[0].scratch_bytes > 64


def test_long_pieces_are_read_once() -> None:
    assert is_one_pass(ONE_PASS)
    assert is_one_pass((1, 3, 70_000))
    assert not is_one_pass(TWO_PASSES)
    assert not is_one_pass((2, 3, 5000))  # both reads of a row of 40 KB are from a cache


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("element", ["f32", "f64"])
@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (3.0, 1.0), (1e4, 1.0), (-1e3, 1e-2), (1e-20, 1e-15)])
@pytest.mark.parametrize(
    "shape", [ONE_PASS, (16, 2, 4096), (7, 3, 10403), (1, 2, 65537), (1, 1, 66561), (103, 2, 641), (40, 1, 1723)]
)
def test_accuracy(shape: tuple[int, int, int], mean: float, deviation: float, element: str, level: str) -> None:
    """A mean that is rounded adds the square of that to the squares about it."""
    x, eps = normal(shape, mean, deviation, element), float(np.finfo(DTYPES[element]).eps)
    found_mean, found = compile_text(moments(shape, element), LEVELS[level])(x)
    true_mean, wanted = exact(x)
    scale = max(abs(mean), deviation)
    assert (np.abs(found_mean - true_mean) <= 2 * eps * scale).all()
    assert (np.abs(found / wanted - 1) <= 4 * eps + (2 * eps * scale / deviation) ** 2).all()


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_images_of_very_different_brightness(level: str) -> None:
    """The means of blocks are far from that of the row, and from each other."""
    x = normal(ONE_PASS, 0, 1e-3)
    x += (np.arange(16, dtype=np.float32) % 2 * 1000)[:, None, None]
    _, found = compile_text(moments(ONE_PASS), LEVELS[level])(x)
    np.testing.assert_allclose(found, exact(x)[1].astype(np.float64), rtol=1e-6)


def test_equal_elements_have_no_variance() -> None:
    x = np.full(ONE_PASS, 0.1, np.float32)
    mean, found = compile_text(moments(ONE_PASS), native_level())(x)
    np.testing.assert_allclose(mean, 0.1, rtol=1e-6)
    assert (found / x[:, 0].size <= (1e-6 * 0.1) ** 2).all()


def test_a_row_that_is_not_finite_spoils_no_other() -> None:
    x = normal(ONE_PASS, 0, 1)
    x[3, 1, 7] = np.nan
    x[4, 2, 4999] = np.inf
    _, found = compile_text(moments(ONE_PASS), native_level())(x)
    assert np.isfinite(found[0])
    assert np.isnan(found[1:]).all()


def test_squares_that_do_not_start_at_zero() -> None:
    x = normal(ONE_PASS, 0, 1)
    first, second = (
        compile_text(moments(ONE_PASS, start=start), native_level())(x)[1] for start in ("0.0", "500000.0")
    )
    np.testing.assert_allclose(second, first + 5e5, rtol=1e-6)


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_squares_about_two_centres(level: str) -> None:
    """One of two sums of squares of the same elements is made with their sum, the other after it."""
    x, other = normal(ONE_PASS, 0, 1), np.array([1, 2, 3], np.float32)
    _, found, further = compile_text(moments(ONE_PASS, other=True), LEVELS[level])(x, other)
    np.testing.assert_allclose(found, exact(x)[1].astype(np.float64), rtol=1e-6)
    np.testing.assert_allclose(further, ((x.astype(np.float64) - other[:, None]) ** 2).sum((0, 2)), rtol=1e-6)
