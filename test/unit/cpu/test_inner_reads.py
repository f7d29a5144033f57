"""A kernel that reads the inner part of a padded tensor has the bits of the kernel that reads the tensor itself."""

import numpy as np
import pytest
from unit.cpu.test_padded_results import PLANES, UNEVEN, Pads, doubled, pad_kernel

from cellc.passes.kernel_form import verify_kernel_form
from cellc.targets.cpu.inner_reads import reading_inner
from cellc.targets.cpu.level import LEVELS, native_level
from support.convolution_kernels import Convolution
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
from support.matmul_kernels import MULTIPLY_ADD

LEVEL_NAMES = [name for name in LEVELS if name in ("v3", native_level().name)]
ELEMENTS = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "i1": np.bool_}
# Rows of many vectors, of one, of parts of one, of a vector and a half, and single columns.
IMAGES = {
    "long rows": (2, 3, 5, 70),
    "vectors": (2, 3, 16, 16),
    "halves": (3, 5, 8, 8),
    "quarters": (16, 20, 4, 4),
    "pairs": (4, 6, 2, 2),
    "thirds": (2, 5, 7, 24),
    "columns": (3, 9, 5, 1),
}
CONVOLUTIONS = {
    "3x3": Convolution(2, 16, 18, 18, 24, 3, 3),
    "1x1 at every second": Convolution(2, 20, 16, 16, 33, 1, 1, 2),
    "2x2 at every second": Convolution(1, 8, 8, 8, 16, 2, 2, 2),
}


def check(text: str, inputs: list[np.ndarray], number: int, pads: Pads, level: str) -> None:
    """Compares the kernel in `text` with the one that takes its argument `number` out of a padded one."""
    expected = compile_text(text, LEVELS[level])(*inputs)
    x = inputs[number]
    element = next(name for name, dtype in ELEMENTS.items() if x.dtype == dtype)
    pad = pad_kernel(x.shape, pads, element, "1" if element == "i1" else "0x7FC00000" if element == "f32" else "7.0")
    variant = reading_inner(parse_kernel(text), (number,), pad, "variant")
    assert variant is not None
    verify_kernel_form(variant)
    around = np.pad(x, pads, constant_values=np.array(1 if element == "i1" else np.nan).astype(x.dtype))
    given = [around if i == number else each for i, each in enumerate(inputs)]
    for result, wanted in zip(compile_function(variant, LEVELS[level])(*given), expected, strict=True):
        np.testing.assert_array_equal(result, wanted)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("pads", [PLANES, UNEVEN])
@pytest.mark.parametrize("name", IMAGES)
def test_elementwise(name: str, pads: Pads, level: str) -> None:
    x = np.random.default_rng(5).standard_normal(IMAGES[name], np.float32)
    check(doubled(IMAGES[name], "f32"), [x], 0, pads, level)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("element", ["f64", "f16"])
@pytest.mark.parametrize("name", ["halves", "quarters"])
def test_other_elements(name: str, element: str, level: str) -> None:
    x = np.random.default_rng(5).standard_normal(IMAGES[name]).astype(ELEMENTS[element])
    check(doubled(IMAGES[name], element), [x], 0, PLANES, level)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("name", IMAGES)
def test_a_mask(name: str, level: str) -> None:
    shape, random = IMAGES[name], np.random.default_rng(5)
    mask, x = random.random(shape) < 0.5, random.standard_normal(shape, np.float32)
    loops = "d0, d1, d2, d3"
    reads = [Operand("%m", shape, "i1", loops), Operand("%x", shape, "f32", loops)]
    body = "%s = arith.select %i0, %i1, %z : f32\nlinalg.yield %s : f32"
    ops = [
        "%z = arith.constant 0.0 : f32",
        empty("%e", shape, "f32"),
        generic("%r", "pppp", reads, [Operand("%e", shape, "f32", loops)], body),
    ]
    text = kernel("elementwise", [("%m", shape, "i1"), ("%x", shape, "f32")], ops, [("%r", shape, "f32")])
    check(text, [mask, x], 0, PLANES, level)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("name", IMAGES)
def test_what_a_chain_adds(name: str, level: str) -> None:
    """x minus the sums of its channels, plus r."""
    shape, random = IMAGES[name], np.random.default_rng(5)
    x, r = (random.standard_normal(shape, np.float32) for _ in range(2))
    check(added(shape), [x, r], 1, PLANES, level)


def added(shape: tuple[int, ...]) -> str:
    """The chain of that test."""
    image, channels = "d1, d0, d2, d3", shape[1:2]
    reads, sums = Operand("%x", shape, "f32", image), Operand("%s", channels, "f32", "d0")
    residual, result = Operand("%r", shape, "f32", image), Operand("%e", shape, "f32", image)
    add = "%v = arith.addf %o0, %i0 : f32\nlinalg.yield %v : f32"
    both = "%v = arith.subf %i0, %i1 : f32\n%w = arith.addf %v, %i2 : f32\nlinalg.yield %w : f32"
    ops = [
        filled("%f", channels, "f32", "0.0"),
        generic("%s", "prrr", [reads], [Operand("%f", channels, "f32", "d0")], add),
        empty("%e", shape, "f32"),
        generic("%y", "pppp", [reads, sums, residual], [result], both),
    ]
    return kernel("reduction", [("%x", shape, "f32"), ("%r", shape, "f32")], ops, [("%y", shape, "f32")], 1)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("gradient", [False, True])
def test_factors(name: str, gradient: bool, level: str) -> None:
    convolution, random = CONVOLUTIONS[name], np.random.default_rng(3)
    text = convolution.weight_gradient() if gradient else convolution.forward()
    others = convolution.y if gradient else convolution.weight
    inputs = [random.standard_normal(shape, np.float32) for shape in (convolution.x, others)]
    check(text, inputs, 0, UNEVEN, level)
    if gradient:
        check(text, inputs, 1, PLANES, level)


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_epilogue(level: str) -> None:
    convolution, random = CONVOLUTIONS["3x3"], np.random.default_rng(3)
    text = with_residual(convolution)
    inputs = [random.standard_normal(shape, np.float32) for shape in (convolution.x, convolution.weight, convolution.y)]
    check(text, inputs, 2, PLANES, level)


def with_residual(convolution: Convolution) -> str:
    """A convolution to which a tensor is added."""
    shape, loops = convolution.y, "d0, d1, d2, d3"
    window = f"d0, d4, d2 * {convolution.stride} + d5, d3 * {convolution.stride} + d6"
    window = "d0, d4, d2, d3" if convolution.weight[2:] == (1, 1) and convolution.stride == 1 else window
    factors = [Operand("%x", convolution.x, "f32", window), Operand("%w", convolution.weight, "f32", "d1, d4, d5, d6")]
    reads = [Operand("%p", shape, "f32", loops), Operand("%r", shape, "f32", loops)]
    ops = [
        filled("%f", shape, "f32", "0.0"),
        generic("%p", "pppprrr", factors, [Operand("%f", shape, "f32", loops)], MULTIPLY_ADD.format(t="f32")),
        empty("%e", shape, "f32"),
        generic(
            "%y", "pppp", reads, [Operand("%e", shape, "f32", loops)],
            "%s = arith.addf %i0, %i1 : f32\nlinalg.yield %s : f32",
        ),
    ]  # fmt: skip
    inputs = [("%x", convolution.x, "f32"), ("%w", convolution.weight, "f32"), ("%r", shape, "f32")]
    return kernel("contraction", inputs, ops, [("%y", shape, "f32")])


def test_kernels_that_would_lose_their_long_loops_read_what_is_not_padded():
    shape = IMAGES["halves"]
    assert reading_inner(parse_kernel(added(shape)), (0,), pad_kernel(shape, PLANES, "f32", "0.0"), "variant") is None
    dense = Convolution(2, 16, 8, 8, 24, 1, 1)
    for number, images in ((0, dense.x), (2, dense.y)):
        pad = pad_kernel(images, PLANES, "f32", "0.0")
        assert reading_inner(parse_kernel(with_residual(dense)), (number,), pad, "variant") is None


def test_half_precision_factors_stay_as_they_may_be_widened():
    convolution = CONVOLUTIONS["1x1 at every second"]
    text = convolution.forward().replace("xf32", "xf16").replace(": f32", ": f16")
    pad = pad_kernel(convolution.x, PLANES, "f16", "0.0")
    assert reading_inner(parse_kernel(text), (0,), pad, "variant") is None
