"""A kernel that pads its result has the bits of the kernel that does not, and the fill around them."""

import numpy as np
import pytest
from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerAttr

from cellc.passes.kernel_form import verify_kernel_form
from cellc.targets.cpu.fuse_pads import is_pad, padded
from cellc.targets.cpu.level import LEVELS, native_level
from support.convolution_kernels import Convolution, Depthwise
from support.cpu_kernels import (
    Operand,
    compile_function,
    compile_text,
    empty,
    filled,
    generic,
    kernel,
    parse_kernel,
    tensor_type,
)

LEVEL_NAMES = [name for name in LEVELS if name in ("v3", native_level().name)]
# What an image is padded with: (before, behind) of each dimension.
PLANES = ((0, 0), (0, 0), (1, 1), (1, 1))
UNEVEN = ((0, 0), (0, 0), (2, 0), (0, 3))
CONTRACTIONS = {
    "rows of one vector and a half": (Convolution(2, 24, 26, 26, 33, 3, 3), PLANES),
    "short rows": (Convolution(1, 64, 9, 9, 96, 3, 3), UNEVEN),
    "1x1, more blocks than planes": (Convolution(1, 128, 120, 120, 2, 1, 1), PLANES),
    "1x1, channels are few": (Convolution(2, 24, 12, 12, 144, 1, 1), UNEVEN),
    "single columns": (Convolution(1, 8, 3, 3, 16, 3, 3), PLANES),
    "channels too": (Convolution(2, 16, 10, 10, 8, 3, 3), ((0, 0), (1, 2), (0, 0), (1, 0))),
    "every dimension": (Convolution(2, 16, 10, 10, 8, 3, 3), ((1, 0), (0, 1), (2, 1), (1, 1))),
    "nothing": (Convolution(2, 16, 10, 10, 8, 3, 3), ((0, 0),) * 4),
    "depthwise": (Depthwise(2, 20, 20, 20, 3, 3), PLANES),
}
TENSORS = {
    "a row": ((100,), ((3, 4),)),
    "rows": ((7, 33), ((0, 1), (2, 0))),
    "cubes": ((5, 6, 7, 40), ((0, 0), (1, 1), (2, 0), (0, 1))),
    "planes": ((2, 70, 33, 65), PLANES),
}
Pads = tuple[tuple[int, int], ...]


def pad_kernel(shape: tuple[int, ...], pads: Pads, element: str, constant: str) -> func.FuncOp:
    """A kernel of kind copy that pads a tensor."""
    whole = tensor_type([low + n + high for n, (low, high) in zip(shape, pads, strict=True)], element)
    part, ones = tensor_type(shape, element), [1] * len(shape)
    return parse_kernel(
        f'func.func private @pad(%x: {part}) -> {whole} attributes {{cellc.kind = "copy"}} {{\n'
        f"%c = arith.constant {constant} : {element}\n%e = tensor.empty() : {whole}\n"
        f"%f = linalg.fill ins(%c : {element}) outs(%e : {whole}) -> {whole}\n"
        f"%p = tensor.insert_slice %x into %f{[low for low, _ in pads]} {list(shape)} {ones} : {part} into {whole}\n"
        f"return %p : {whole}\n}}"
    )


def check(
    text: str,
    inputs: list[np.ndarray],
    pads: Pads,
    level: str,
    *,
    stays: bool,
    element: str = "f32",
    constant: float = 0.0,
) -> int:
    """Compares the kernel in `text` with the one that pads its result; returns the number of blocks."""
    expected = compile_text(text, LEVELS[level])(*inputs)[0]
    pad = pad_kernel(expected.shape, pads, element, repr(constant))
    assert is_pad(pad)
    variant = padded(parse_kernel(text), 0, pad, "variant", stays=stays)
    assert variant is not None
    verify_kernel_form(variant)
    compiled = compile_function(variant, LEVELS[level])
    results = compiled(*inputs)
    np.testing.assert_array_equal(results[-1], np.pad(expected, pads, constant_values=constant))
    assert len(results) == 1 + stays
    np.testing.assert_array_equal(results[0], expected if stays else results[-1])
    return compiled.code.blocks


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("name", CONTRACTIONS)
def test_contraction(name: str, level: str) -> None:
    convolution, pads = CONTRACTIONS[name]
    rng = np.random.default_rng(3)
    inputs = [rng.standard_normal(shape, np.float32) for shape in (convolution.x, convolution.weight)]
    blocks = check(convolution.forward(), inputs, pads, level, stays=False, constant=-1.5)
    assert name != "1x1, more blocks than planes" or blocks > convolution.y[1]


def test_a_contraction_without_epilogue_keeps_a_result_that_others_read():
    convolution = Convolution(2, 16, 10, 10, 8, 3, 3)
    pad = pad_kernel(convolution.y, PLANES, "f32", "0.0")
    assert padded(parse_kernel(convolution.forward()), 0, pad, "variant", stays=True) is None


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize("name", TENSORS)
def test_elementwise(name: str, stays: bool, level: str) -> None:
    shape, pads = TENSORS[name]
    x = np.random.default_rng(5).standard_normal(shape, np.float32)
    check(doubled(shape, "f32"), [x], pads, level, stays=stays, constant=2.25)


CHAINS = {
    "one vector": ((3, 5, 16, 16), PLANES),
    "a vector and a half": ((2, 6, 7, 24), UNEVEN),
    "short rows": ((16, 40, 4, 4), PLANES),
    "halves of vectors": ((3, 5, 8, 8), UNEVEN),
    "rows that fill no whole vectors": ((3, 5, 7, 8), PLANES),
    "pairs": ((4, 6, 2, 2), PLANES),
    "single columns": ((3, 9, 5, 1), UNEVEN),
    "single elements": ((5, 70, 1, 1), PLANES),
    "rows alone": ((2, 8, 3, 40), ((0, 0), (0, 0), (0, 0), (3, 1))),
    "nothing": ((2, 8, 3, 40), ((0, 0),) * 4),
}


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("name", CHAINS)
def test_chain(name: str, level: str) -> None:
    shape, pads = CHAINS[name]
    x = np.random.default_rng(5).standard_normal(shape, np.float32)
    check(centred(shape), [x], pads, level, stays=False, constant=2.25)


def test_a_chain_whose_rest_reads_what_it_pads():
    shape = (3, 5, 12, 12)
    x = np.random.default_rng(5).standard_normal(shape, np.float32)
    text = centred(shape, more=True)
    expected = compile_text(text, native_level())(x)
    variant = padded(parse_kernel(text), 0, pad_kernel(shape, PLANES, "f32", "0.0"), "variant", stays=False)
    assert variant is not None
    verify_kernel_form(variant)
    results = compile_function(variant, native_level())(x)
    np.testing.assert_array_equal(results[0], np.pad(expected[0], PLANES))
    np.testing.assert_array_equal(results[1], expected[1])


def test_a_chain_of_half_precision():
    x = np.random.default_rng(5).standard_normal((3, 5, 6, 6)).astype(np.float16)
    check(centred(x.shape, "f16"), [x], PLANES, native_level().name, stays=False, element="f16")


def test_chains_keep_pads_of_what_others_read_and_of_shared_dimensions():
    text = centred((2, 8, 4, 4))
    assert padded(parse_kernel(text), 0, pad_kernel((2, 8, 4, 4), PLANES, "f32", "0.0"), "variant", stays=True) is None
    channels = pad_kernel((2, 8, 4, 4), ((0, 0), (1, 0), (0, 0), (0, 0)), "f32", "0.0")
    assert padded(parse_kernel(text), 0, channels, "variant", stays=False) is None
    kernel = parse_kernel(text)
    kernel.attributes["cellc.outer"] = IntegerAttr(0, 64)
    assert padded(kernel, 0, pad_kernel((2, 8, 4, 4), PLANES, "f32", "0.0"), "variant", stays=False) is None


def test_lines_of_the_next_image_are_asked_for_where_images_of_a_channel_lie_apart():
    texts = [compile_text(centred(shape), native_level()).code.text for shape in ((16, 5, 8, 8), (1, 5, 8, 8))]
    assert ["memref.prefetch %b1[" in text for text in texts] == [True, False]


def centred(shape: tuple[int, ...], element: str = "f32", more: bool = False) -> str:
    """x minus the sums of its channels, axis 1; with `more` of axis 0, and sums of the result are another result."""
    channels, image = ((shape[0],), "d0, d1, d2, d3") if more else ((shape[1],), "d1, d0, d2, d3")
    x, y, result = (Operand(name, shape, element, image) for name in ("%x", "%e", "%r"))
    add = f"%v = arith.addf %o0, %i0 : {element}\nlinalg.yield %v : {element}"
    subtract = f"%v = arith.subf %i0, %i1 : {element}\nlinalg.yield %v : {element}"
    start, sums = Operand("%f", channels, element, "d0"), Operand("%s", channels, element, "d0")
    ops = [
        filled("%f", channels, element, "0.0"),
        generic("%s", "prrr", [x], [start], add),
        empty("%e", shape, element),
        generic("%r", "pppp", [x, sums], [y], subtract),
    ]
    results = [("%r", shape, element)]
    if more:
        ops += [filled("%g", channels, element, "0.0")]
        ops += [generic("%t", "prrr", [result], [Operand("%g", channels, element, "d0")], add)]
        results += [("%t", channels, element)]
    return kernel("reduction", [("%x", shape, element)], ops, results, 1)


def test_half_precision():
    x = np.random.default_rng(5).standard_normal((3, 40)).astype(np.float16)
    check(doubled(x.shape, "f16"), [x], ((1, 1), (1, 2)), native_level().name, stays=True, element="f16")


def test_short_rows_and_other_copies_stay_kernels_of_their_own():
    shape = (2, 8, 31)
    pad = pad_kernel(shape, ((0, 0), (1, 1), (1, 1)), "f32", "0.0")
    assert padded(parse_kernel(doubled(shape, "f32")), 0, pad, "variant", stays=False) is None
    text = str(pad_kernel((4, 4), ((0, 3), (0, 3)), "f32", "0.0"))
    assert not is_pad(parse_kernel(text.replace("[1, 1] :", "[2, 2] :")))


def doubled(shape: tuple[int, ...], element: str) -> str:
    """The kernel that adds a tensor to itself."""
    loops = ", ".join(f"d{i}" for i in range(len(shape)))
    x, y = (Operand(name, shape, element, loops) for name in ("%x", "%e"))
    body = f"%s = arith.addf %i0, %i0 : {element}\nlinalg.yield %s : {element}"
    ops = [empty("%e", shape, element), generic("%r", "p" * len(shape), [x], [y], body)]
    return kernel("elementwise", [("%x", shape, element)], ops, [("%r", shape, element)])


SCALARS = """
func.func private @kernel(%x: tensor<1x70xf32>, %w: tensor<70x1xf32>, %b: tensor<1x1xf32>) -> tensor<1x1xf32>
    attributes {cellc.kind = "contraction"} {
  %c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x1xf32>
  %f = linalg.fill ins(%c : f32) outs(%e : tensor<1x1xf32>) -> tensor<1x1xf32>
  %p = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>,
      affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<1x70xf32>, tensor<70x1xf32>) outs(%f : tensor<1x1xf32>) {
  ^bb0(%i: f32, %j: f32, %s: f32):
    %m = arith.mulf %i, %j : f32
    %t = arith.addf %s, %m : f32
    linalg.yield %t : f32
  } -> tensor<1x1xf32>
  %g = tensor.empty() : tensor<1x1xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>,
      affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%p, %b : tensor<1x1xf32>, tensor<1x1xf32>) outs(%g : tensor<1x1xf32>) {
  ^bb0(%i: f32, %j: f32, %s: f32):
    %t = arith.addf %i, %j : f32
    linalg.yield %t : f32
  } -> tensor<1x1xf32>
  return %r : tensor<1x1xf32>
}"""


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("stays", [False, True])
def test_a_contraction_without_a_register_tile(stays: bool, level: str) -> None:
    """It runs as a chain, whose intermediate tensors have other memory."""
    rng = np.random.default_rng(7)
    inputs = [rng.standard_normal(shape, np.float32) for shape in ((1, 70), (70, 1), (1, 1))]
    check(SCALARS, inputs, ((1, 2), (2, 1)), level, stays=stays)
