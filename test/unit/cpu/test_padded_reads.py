"""A kernel that pads what it reads has the bits of the kernel that is given the padded tensor."""

import numpy as np
import pytest
from unit.cpu.test_padded_results import UNEVEN, Pads, pad_kernel

from cellc.passes.kernel_form import verify_kernel_form
from cellc.targets.cpu.fuse_padded_reads import padding
from cellc.targets.cpu.fuse_pads import padded
from cellc.targets.cpu.level import LEVELS, native_level
from support.cpu_kernels import (
    Operand,
    compile_function,
    compile_text,
    empty,
    filled,
    generic,
    kernel,
    parse_kernel,
)

LEVEL_NAMES = [name for name in LEVELS if name in ("v3", native_level().name)]
MAXIMUM = "%m = arith.maximumf %o0, %i0 : f32\nlinalg.yield %m : f32"
SUM = "%t = arith.addf %o0, %i0 : f32\nlinalg.yield %t : f32"
# Planes, size of an image, window, stride, and what the image is padded with.
WINDOWS = {
    "3x3 at every element": ((2, 9), (18, 37), 3, 1, ((1, 1), (1, 1))),
    "3x3 at every second, as in a stem": ((4, 5), (30, 30), 3, 2, ((0, 1), (0, 1))),
    "few elements": ((5, 7), (3, 2), 2, 1, ((1, 0), (0, 1))),
    "rows alone": ((16, 1), (40, 16), 3, 1, ((2, 0), (0, 0))),
    "columns alone": ((4, 4), (5, 70), 5, 3, ((0, 0), (3, 1))),
}


def pooled(planes: tuple[int, int], size: tuple[int, int], window: int, stride: int, body: str, start: str) -> str:
    """A kernel that reduces windows of padded images of this size."""
    result = (*planes, *((extent - window) // stride + 1 for extent in size))
    at = f"d0, d1, d2 * {stride} + d4, d3 * {stride} + d5"
    reads = [Operand("%x", (*planes, *size), "f32", at), Operand("%w", (window, window), "f32", "d4, d5")]
    ops = [
        empty("%w", (window, window), "f32"),
        filled("%s", result, "f32", start),
        generic("%r", "pppprr", reads, [Operand("%s", result, "f32", "d0, d1, d2, d3")], body),
    ]
    return kernel("reduction", [("%x", (*planes, *size), "f32")], ops, [("%r", result, "f32")], 4)


def both(text: str, inputs: list[np.ndarray], pads: dict[int, Pads], level: str, constant: float = 0.0) -> None:
    """Compares the kernel in `text` on padded inputs with the one that pads these of them."""
    given = [
        np.pad(x, pads[i], constant_values=x.dtype.type(constant)) if i in pads else x for i, x in enumerate(inputs)
    ]
    expected = compile_text(text, LEVELS[level])(*given)
    names = {np.float32: "f32", np.int32: "i32", np.bool_: "i1", np.float16: "f16"}
    kernels = {
        i: pad_kernel(inputs[i].shape, pads[i], element, _literal(constant, element))
        for i in pads
        for element in [names[inputs[i].dtype.type]]
    }
    variant = padding(parse_kernel(text), kernels, "variant")
    assert variant is not None
    verify_kernel_form(variant)
    for result, value in zip(compile_function(variant, LEVELS[level])(*inputs), expected, strict=True):
        np.testing.assert_array_equal(result, value)


def _literal(constant: float, element: str) -> str:
    return repr(constant) if element.startswith("f") else str(int(constant))


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name: str, level: str) -> None:
    planes, size, window, stride, pads = WINDOWS[name]
    x = np.random.default_rng(2).standard_normal((*planes, *size), np.float32)
    whole = tuple(low + extent + high for extent, (low, high) in zip(size, pads, strict=True))
    around: Pads = ((0, 0), (0, 0), *pads)
    both(pooled(planes, whole, window, stride, MAXIMUM, "0xff800000"), [x], {0: around}, level, -1000.5)
    both(pooled(planes, whole, window, stride, SUM, "0.0"), [x], {0: around}, level)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("name", WINDOWS)
def test_results_are_padded_too(name: str, level: str) -> None:
    """A convolution follows pooling, say: the planes of the result are padded where they are made."""
    planes, size, window, stride, pads = WINDOWS[name]
    x = np.random.default_rng(2).standard_normal((*planes, *size), np.float32)
    whole = tuple(low + extent + high for extent, (low, high) in zip(size, pads, strict=True))
    text, around = pooled(planes, whole, window, stride, SUM, "0.0"), ((0, 0), (0, 0), *pads)
    expected = compile_text(text, LEVELS[level])(np.pad(x, around))[0]
    reading = padding(parse_kernel(text), {0: pad_kernel(x.shape, around, "f32", "0.0")}, "reading")
    assert reading is not None
    variant = padded(reading, 0, pad_kernel(expected.shape, UNEVEN, "f32", "2.25"), "variant", stays=False)
    assert variant is not None
    verify_kernel_form(variant)
    (result,) = compile_function(variant, LEVELS[level])(x)
    np.testing.assert_array_equal(result, np.pad(expected, UNEVEN, constant_values=2.25))


def test_windows_have_the_value_of_numpy():
    x = np.random.default_rng(2).standard_normal((4, 5, 9, 11), np.float32)
    text = pooled((4, 5), (11, 13), 3, 1, SUM, "0.0")
    variant = padding(parse_kernel(text), {0: pad_kernel(x.shape, AROUND, "f32", "0.0")}, "variant")
    assert variant is not None
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x.astype(np.float64), AROUND), (3, 3), (2, 3))
    np.testing.assert_allclose(compile_function(variant)(x)[0], windows.sum((4, 5)), atol=1e-5)


AROUND: Pads = ((0, 0), (0, 0), (1, 1), (1, 1))


def chosen(shape: tuple[int, ...], indices: str) -> str:
    """An elementwise kernel: y + the shifted elements of x where the shifted index is 3, twice."""
    whole = (*shape[:2], shape[2] + 2, shape[3] + 2)
    at, later = "d0, d1, d2 + 1, d3 + 1", "d0, d1, d2 + 2, d3 + 1"
    reads = [
        Operand(name, whole, element, where)
        for where in (at, later)
        for name, element in (("%x", "f32"), ("%i", indices))
    ]
    here = "d0, d1, d2, d3"
    body = (
        f"%three = arith.constant {3 if indices == 'i32' else 1} : {indices}\n%zero = arith.constant 0.0 : f32\n"
        f"%a = arith.cmpi eq, %i1, %three : {indices}\n%b = arith.cmpi eq, %i3, %three : {indices}\n"
        "%c = arith.select %a, %i0, %zero : f32\n%d = arith.select %b, %i2, %zero : f32\n"
        "%e = arith.addf %c, %d : f32\n%f = arith.addf %e, %i4 : f32\nlinalg.yield %f : f32"
    )
    inputs = [*reads, Operand("%y", shape, "f32", here)]
    ops = [empty("%o", shape, "f32"), generic("%r", "pppp", inputs, [Operand("%o", shape, "f32", here)], body)]
    arguments = [("%x", whole, "f32"), ("%i", whole, indices), ("%y", shape, "f32")]
    return kernel("elementwise", arguments, ops, [("%r", shape, "f32")])


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("indices", ["i32", "i1"])
def test_two_arguments_are_padded_and_one_is_not(indices: str, level: str) -> None:
    rng, shape = np.random.default_rng(4), (3, 6, 13, 21)
    x, y = rng.standard_normal(shape, np.float32), rng.standard_normal(shape, np.float32)
    i = rng.integers(0, 2 if indices == "i1" else 5, shape).astype(np.bool_ if indices == "i1" else np.int32)
    both(chosen(shape, indices), [x, i, y], {0: AROUND, 1: AROUND}, level)


def test_half_precision_in_two_steps():
    shape, whole, here = (4, 6, 10), (4, 6, 13), "d0, d1, d2"
    ops = [
        filled("%s", (4, 6), "f32", "0.0"),
        generic(
            "%t",
            "ppr",
            [Operand("%x", whole, "f16", here)],
            [Operand("%s", (4, 6), "f32", "d0, d1")],
            "%w = arith.extf %i0 : f16 to f32\n%a = arith.addf %o0, %w : f32\nlinalg.yield %a : f32",
        ),
        empty("%e", whole, "f32"),
        generic(
            "%r",
            "ppp",
            [Operand("%x", whole, "f16", here), Operand("%t", (4, 6), "f32", "d0, d1")],
            [Operand("%e", whole, "f32", here)],
            "%w = arith.extf %i0 : f16 to f32\n%a = arith.subf %w, %i1 : f32\nlinalg.yield %a : f32",
        ),
    ]
    text = kernel("reduction", [("%x", whole, "f16")], ops, [("%r", whole, "f32")], 2)
    x = np.random.default_rng(6).standard_normal(shape).astype(np.float16)
    both(text, [x], {0: ((0, 0), (0, 0), (2, 1))}, native_level().name, 0.5)


def test_other_reads_stay_as_they_are():
    """Planes that are few or large, an argument padded in front, and one that is read across planes."""

    def refused(planes: tuple[int, int], size: tuple[int, int], pads: Pads) -> bool:
        whole = [extent + sum(pad) for extent, pad in zip((*planes, *size), pads, strict=True)]
        text = pooled((whole[0], whole[1]), (whole[2], whole[3]), 3, 1, MAXIMUM, "0.0")
        return padding(parse_kernel(text), {0: pad_kernel((*planes, *size), pads, "f32", "0.0")}, "v") is None

    assert not refused((4, 4), (10, 10), AROUND)
    assert refused((1, 3), (10, 10), AROUND)
    assert refused((4, 4), (300, 300), AROUND)
    assert refused((16, 16), (10, 10), ((1, 0), (0, 0), (0, 0), (0, 0)))
    here = [Operand("%x", (20, 22), "f32", "d1, d0")]
    ops = [empty("%e", (22, 20), "f32"), generic("%r", "pp", here, [Operand("%e", (22, 20), "f32", "d0, d1")], "")]
    text = kernel("elementwise", [("%x", (20, 22), "f32")], ops, [("%r", (22, 20), "f32")])
    text = text.replace("):\n\n}", "):\nlinalg.yield %i0 : f32\n}")
    assert padding(parse_kernel(text), {0: pad_kernel((20, 20), ((0, 0), (1, 1)), "f32", "0.0")}, "v") is None
