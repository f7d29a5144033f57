"""Chains over images of few places: which ones have all places of some channels in a vector, and their results."""

import numpy as np
import pytest
from unit.cpu.test_inner_reads import added
from unit.cpu.test_padded_results import PLANES, UNEVEN, Pads, centred, pad_kernel

from cellc.passes.kernel_form import verify_kernel_form
from cellc.targets.cpu.fuse_pads import padded
from cellc.targets.cpu.inner_reads import reading_inner
from cellc.targets.cpu.kernel import KernelWriter
from cellc.targets.cpu.level import LEVELS, native_level
from cellc.targets.cpu.small_images import small_images
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
# Whole vectors of channels, channels left over, single images, more images than a partial sum has terms, whole vectors.
IMAGES = {
    "2x2": (4, 128, 2, 2),
    "channels left over": (3, 131, 2, 2),
    "one image": (1, 130, 2, 2),
    "many images": (150, 129, 1, 2),
    "4x2": (3, 130, 4, 2),
    "4x4": (3, 130, 4, 4),
}


def is_small(text: str, level: str, outer: int = 1) -> bool:
    """Whether the chain in `text` is written so."""
    writer = KernelWriter(parse_kernel(text), LEVELS[level])
    generics = [op for op in writer.ops if op.name == "linalg.generic"]
    return small_images(writer, generics, outer) is not None  # pyright: ignore[reportArgumentType]


def exact(x: np.ndarray) -> np.ndarray:
    """x minus the sums of its channels."""
    return x - x.astype(np.float64).sum((0, 2, 3), keepdims=True)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("name", IMAGES)
def test_sums_and_elements(name: str, level: str) -> None:
    shape, random = IMAGES[name], np.random.default_rng(5)
    x, r = (random.standard_normal(shape, np.float32) for _ in range(2))
    assert is_small(added(shape), level) == (name != "4x4" or level == "v4")
    (result,) = compile_text(added(shape), LEVELS[level])(x, r)
    scale = np.abs(x).sum((0, 2, 3), keepdims=True)
    assert np.abs(result - (exact(x) + r)).max() <= 8 * np.finfo(np.float32).eps * scale.max()


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("name", ["2x2", "channels left over"])
def test_other_elements_and_in_place(name: str, level: str) -> None:
    shape, random = IMAGES[name], np.random.default_rng(5)
    x = random.standard_normal(shape)
    compiled = compile_text(centred(shape, "f64"), LEVELS[level])
    np.testing.assert_allclose(compiled(x)[0], exact(x), rtol=0, atol=1e-13 * x[:, 0].size)
    np.testing.assert_array_equal(compiled(x)[0], compiled(x, in_place=True)[0])


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("pads", [PLANES, UNEVEN])
@pytest.mark.parametrize("name", IMAGES)
def test_padded_results_and_inner_reads(name: str, pads: Pads, level: str) -> None:
    """They have the bits of the chain without."""
    shape, random = IMAGES[name], np.random.default_rng(5)
    x, r = (random.standard_normal(shape, np.float32) for _ in range(2))
    expected, pad = compile_text(added(shape), LEVELS[level])(x, r)[0], pad_kernel(shape, pads, "f32", "2.25")
    reading = reading_inner(parse_kernel(added(shape)), (1,), pad, "reading")
    assert reading is not None
    both = padded(reading, 0, pad, "both", stays=False)
    assert both is not None
    verify_kernel_form(both)
    around = np.pad(r, pads, constant_values=np.nan)
    (result,) = compile_function(both, LEVELS[level])(x, around)
    np.testing.assert_array_equal(result, np.pad(expected, pads, constant_values=2.25))


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_a_channel_has_stays_in_it(value: float, level: str) -> None:
    shape = IMAGES["channels left over"]
    x = np.ones(shape, np.float32)
    x[1, [0, 64, 130], 1, 0] = value
    (result,) = compile_text(centred(shape), LEVELS[level])(x)
    finite = np.isfinite(result).all((0, 2, 3))
    assert np.flatnonzero(~finite).tolist() == [0, 64, 130]
    np.testing.assert_array_equal(result[:, finite], np.float32(1 - x[:, 1].size))


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_maxima_begin_with_what_is_given(level: str) -> None:
    shape = IMAGES["channels left over"]
    x = np.random.default_rng(5).standard_normal(shape, np.float32) - 4
    image, channels = "d1, d0, d2, d3", shape[1:2]
    body = "%m = arith.maximumf %o0, %i0 : f32\nlinalg.yield %m : f32"
    spread = "%v = arith.subf %i0, %i1 : f32\nlinalg.yield %v : f32"
    ops = [
        filled("%f", channels, "f32", "-4.0"),
        generic("%s", "prrr", [Operand("%x", shape, "f32", image)], [Operand("%f", channels, "f32", "d0")], body),
        empty("%e", shape, "f32"),
        generic(
            "%r", "pppp", [Operand("%x", shape, "f32", image), Operand("%s", channels, "f32", "d0")],
            [Operand("%e", shape, "f32", image)], spread,
        ),
    ]  # fmt: skip
    text = kernel("reduction", [("%x", shape, "f32")], ops, [("%r", shape, "f32")], 1)
    assert is_small(text, level)
    most = np.maximum(x.max((0, 2, 3), keepdims=True), np.float32(-4))
    np.testing.assert_array_equal(compile_text(text, LEVELS[level])(x)[0], x - most)


def test_other_chains_have_lanes_along_their_images():
    assert not is_small(centred((4, 64, 2, 2)), "v4")  # few channels
    assert not is_small(centred((4, 128, 3, 3)), "v4")  # nine places fill no whole lanes
    assert not is_small(centred((4, 128, 8, 8)), "v4")
    assert not is_small(centred((128, 4, 2, 2), more=True), "v4")  # rows of 16
