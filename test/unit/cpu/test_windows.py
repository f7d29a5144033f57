"""Pooling windows: lanes are results side by side, and give what a loop over each window gives, bit for bit."""

import ctypes
import mmap
import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from cellc.targets.cpu.level import LEVELS, native_level
from support.cpu_kernels import Operand, assembly, compile_text, empty, filled, generic, kernel

LEVEL_NAMES = [name for name in LEVELS if name in ("v2", "v3", native_level().name)]
MAXIMUM = "%s = arith.maximumf %o0, %i0 : f32\nlinalg.yield %s : f32"
SELECT = """%g = arith.cmpf ogt, %i0, %o0 : f32
%n = arith.cmpf une, %i0, %i0 : f32
%m = arith.cmpf oeq, %o0, %o0 : f32
%f = arith.andi %n, %m : i1
%t = arith.ori %g, %f : i1
%v = arith.select %t, %i0, %o0 : f32
%y = linalg.index 3 : index
%c = arith.constant 3 : index
%p = arith.muli %y, %c : index
%u = linalg.index 4 : index
%q = arith.addi %p, %u : index
%r = arith.index_cast %q : index to i32
%k = arith.select %t, %r, %o1 : i32
linalg.yield %v, %k : f32, i32"""
COPY = "%z = arith.maxsi %i0, %i0 : i32\nlinalg.yield %z : i32"


def pooling(x: np.ndarray, stride: int, positions: bool) -> str:
    """3x3 windows of planes x (n, h, w); with positions, a chain whose second nest reads them."""
    n, h, w = x.shape
    shape = (n, (h - 3) // stride + 1, (w - 3) // stride + 1)
    inputs = [Operand("%x", x.shape, "f32", f"d0, (d1 * {stride} + d3), (d2 * {stride} + d4)"),
              Operand("%w", (3, 3), "f32", "d3, d4")]  # fmt: skip
    ops = ["%w = tensor.empty() : tensor<3x3xf32>", filled("%a", shape, "f32", "0xFF800000")]
    largest = Operand("%a", shape, "f32", "d0, d1, d2")
    if not positions:
        ops.append(generic("%r", "ppprr", inputs, [largest], MAXIMUM))
        return kernel("reduction", [("%x", x.shape, "f32")], ops, [("%r", shape, "f32")], 3)
    ops.append(filled("%b", shape, "i32", "-1"))
    ops.append(generic("%r, %k", "ppprr", inputs, [largest, Operand("%b", shape, "i32", "d0, d1, d2")], SELECT))
    ops.append(f"%e = tensor.empty() : tensor<{'x'.join(map(str, shape))}xi32>")
    same = [Operand(name, shape, "i32", "d0, d1, d2") for name in ("%k", "%e")]
    ops.append(generic("%j", "ppp", same[:1], same[1:], COPY))
    return kernel("reduction", [("%x", x.shape, "f32")], ops, [("%r", shape, "f32"), ("%j", shape, "i32")], 3)


def expected(x: np.ndarray, stride: int, size: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """The largest element of each window, NaN above all, and the first place it is at (-1 if all are -inf)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), (1, 2))[:, ::stride, ::stride]
    flat = windows.reshape(*windows.shape[:3], size * size)
    place = np.argmax(flat, axis=3)
    largest = np.take_along_axis(flat, place[..., None], 3)[..., 0]
    return largest, np.where(largest == -np.inf, -1, place).astype(np.int32)


def image(n: int, h: int, w: int) -> np.ndarray:
    """Few different values, so that most windows have ties; rows of -inf around them; some NaN."""
    rng = np.random.default_rng(h * w)
    x = rng.integers(1, 4, (n, h, w)).astype(np.float32)
    x[rng.random(x.shape) < 0.02] = np.nan
    x[:, :4], x[:, :, :1], x[:, :, -1:] = -np.inf, -np.inf, -np.inf
    return x


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("stride", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [(2, 9, 33), (1, 9, 113), (3, 8, 7), (2, 7, 3), (1, 11, 160), (40, 33, 33)])
@pytest.mark.parametrize("positions", [False, True])
def test_largest_of_each_window(size: tuple[int, int, int], stride: int, positions: bool, level: str) -> None:
    x = image(*size)
    results = compile_text(pooling(x, stride, positions), LEVELS[level])(x)
    for result, wanted in zip(results, expected(x, stride), strict=False):
        np.testing.assert_array_equal(result, wanted)


@contextmanager
def memory_before_nothing(x: np.ndarray) -> Iterator[np.ndarray]:
    """A copy of `x` whose last byte is followed by a page that may not be read."""
    size = -(-x.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = mmap.mmap(-1, size + mmap.PAGESIZE)
    start = np.frombuffer(memory, np.uint8).ctypes.data
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    assert protect(start + size, mmap.PAGESIZE, 0) == 0
    placed = np.frombuffer(memory, x.dtype, x.size, size - x.nbytes).reshape(x.shape)
    placed[...] = x
    yield placed
    assert protect(start + size, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE) == 0


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("width", [7, 33, 34, 64, 113])
@pytest.mark.parametrize("positions", [False, True])
def test_nothing_is_read_after_the_image(width: int, positions: bool, level: str) -> None:
    """The page after the image is closed: reading on would stop the process."""
    x = image(1, 9, width)
    compiled = compile_text(pooling(x, 2, positions), LEVELS[level])
    with memory_before_nothing(x) as placed:
        np.testing.assert_array_equal(compiled(placed)[0], expected(x, 2)[0])


def test_elements_of_many_windows_share_a_vector() -> None:
    text = assembly(pooling(image(4, 33, 33), 2, True), LEVELS["v4"])
    assert "gather" not in text
    assert re.search(r"vpermt2ps\b.*zmm", text), "every second element of two vectors"


def tiled_gradient(shape: tuple[int, int, int]) -> str:
    """Where the largest of each 2x2 window of x lies: g of the window, elsewhere 0; in the layout of x, split."""
    n, h, w = shape
    pooled, split = (n, h // 2, w // 2), (n, h // 2, 2, w // 2, 2)
    inputs = [Operand("%x", shape, "f32", "d0, (d1 * 2 + d3), (d2 * 2 + d4)"), Operand("%w", (2, 2), "f32", "d3, d4")]
    starts = [Operand("%a", pooled, "f32", "d0, d1, d2"), Operand("%b", pooled, "i32", "d0, d1, d2")]
    chosen = [Operand("%d", pooled, "f32", "d0, d1, d2"), Operand("%k", pooled, "i32", "d0, d1, d2")]
    body = """%y = linalg.index 3 : index
%u = linalg.index 4 : index
%c = arith.constant 2 : index
%m = arith.muli %y, %c : index
%q = arith.addi %m, %u : index
%r = arith.index_cast %q : index to i32
%e = arith.cmpi eq, %i1, %r : i32
%z = arith.constant 0.0 : f32
%s = arith.select %e, %i0, %z : f32
linalg.yield %s : f32"""
    ops = [
        "%w = tensor.empty() : tensor<2x2xf32>",
        filled("%a", pooled, "f32", "0xFF800000"),
        filled("%b", pooled, "i32", "0"),
        generic("%p, %k", "ppprr", inputs, starts, SELECT.replace("constant 3", "constant 2")),
        empty("%e0", split, "f32"),
        generic("%t", "ppppp", chosen, [Operand("%e0", split, "f32", "d0, d1, d3, d2, d4")], body),
    ]
    arguments = [("%x", shape, "f32"), ("%d", pooled, "f32")]
    return kernel("reduction", arguments, ops, [("%t", split, "f32")], 3)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("width", [2, 10, 32, 56, 130])
def test_gradients_of_windows_that_tile_the_image(width: int, level: str) -> None:
    x = image(2, 8, width)
    g = np.random.default_rng(width).standard_normal((2, 4, width // 2)).astype(np.float32)
    chosen = expected(x, 2, 2)[1].clip(0)
    wanted = np.where(np.arange(4).reshape(2, 1, 2) == chosen[:, :, None, :, None], g[:, :, None, :, None], 0)
    np.testing.assert_array_equal(compile_text(tiled_gradient(x.shape), LEVELS[level])(x, g)[0], wanted)


def test_gradients_read_every_second_element_of_whole_vectors() -> None:
    assert "vpermt2ps" in assembly(tiled_gradient((2, 8, 64)), LEVELS["v4"])


def test_overlapping_windows_of_a_chain_take_lanes_along_the_row() -> None:
    """One window at a time would be stored as a scalar."""
    assert "vmovss" not in assembly(pooling(image(2, 9, 66), 1, True), LEVELS["v4"])
