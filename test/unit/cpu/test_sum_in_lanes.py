"""Weight gradients whose lanes run along rows (`sum-in-lanes`), and last vectors that share lanes with those before."""

import numpy as np
import pytest

import cellc
from cellc import nn, ops
from cellc.targets.cpu.blocking import choose_blocking
from cellc.targets.cpu.level import LEVELS
from cellc.targets.cpu.pieces import Pieces
from support.convolution_kernels import windows
from support.cpu_kernels import Operand, assembly, filled, generic, kernel
from support.matmul_kernels import MULTIPLY_ADD, Matmul
from support.products import tiled


class WeightGradient(nn.Cell):
    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution
        self.weights = cellc.ParameterTuple(convolution.trainable_params())
        self.gradient = ops.GradOperation(get_by_list=True, sens_param=True)

    def construct(self, x, dy):
        return self.gradient(self.convolution, self.weights)(x, dy)[0]


# (images, channels, outputs, groups, height and width of the result, kernel)
CASES = [
    (32, 1, 6, 1, (28, 28), 5),
    (40, 1, 32, 1, (14, 16), 3),
    (12, 3, 8, 1, (30, 31), 3),
    (11, 24, 24, 24, (29, 45), 3),
    (300, 1, 7, 1, (1, 13), 1),  # one reduction loop is left
    (5, 2, 3, 1, (90, 61), 4),
    (8, 3, 10, 1, (20, 64), 3),  # parts of rows
    (8, 1, 5, 1, (9, 32), 1),
]


def arrays(case, dtype=np.float32):
    images, channels, outputs, groups, (height, width), kernel = case
    random = np.random.default_rng(images)
    x = random.standard_normal((images, channels, height + kernel - 1, width + kernel - 1)).astype(dtype)
    weight = random.standard_normal((outputs, channels // groups, kernel, kernel)).astype(dtype)
    return x, weight, random.standard_normal((images, outputs, height, width)).astype(dtype)


def cell(case, weight):
    _, channels, outputs, groups, _, kernel = case
    return nn.Conv2d(channels, outputs, kernel, pad_mode="valid", group=groups, weight_init=cellc.Tensor(weight))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_weight_gradient(case) -> None:
    x, weight, dy = arrays(case)
    gradient = WeightGradient(cell(case, weight))
    result = gradient(cellc.Tensor(x), cellc.Tensor(dy)).asnumpy()
    groups, views = case[3], windows(x.astype(np.float64), case[5], case[5], 1)
    if groups == 1:
        expected = np.einsum("ncijrs,nkij->kcrs", views, dy.astype(np.float64))
    else:
        expected = np.einsum("ncijrs,ncij->crs", views, dy.astype(np.float64))[:, None]
    terms = dy.size // dy.shape[1]
    np.testing.assert_allclose(result, expected, rtol=0, atol=25 * terms * np.finfo(np.float32).eps)


def test_rows_are_read_as_they_lie() -> None:
    """Neither factor is turned or gathered, and no lane is masked: the last vector begins in the one before."""
    x, weight, dy = arrays(CASES[0])
    lowered = WeightGradient(cell(CASES[0], weight)).lower(cellc.Tensor(x), cellc.Tensor(dy))
    assert "tensor<6x1x5x5x28xf32>" in lowered.kernels
    product = lowered.asm.split("Lfunc_end")[0]
    assert product.count("vfmadd") >= 12
    assert all(name not in product for name in ("vmaskmov", "%k", "vperm", "vunpck", "gather"))


class Averaged(nn.Cell):
    """A parameter that each call replaces by half of itself and a convolution."""

    def __init__(self, weight, shape) -> None:
        super().__init__()
        self.weight = cellc.Parameter(cellc.Tensor(weight), name="weight")
        self.state = cellc.Parameter(cellc.Tensor(np.ones(shape, np.float32)), name="state")
        self.conv = ops.Conv2D(weight.shape[0], weight.shape[2:], pad_mode="valid")

    def construct(self, x):
        self.state = self.state * 0.5 + self.conv(x, self.weight)
        return self.state


@pytest.mark.parametrize("width", [28, 29, 31])
def test_what_is_replaced_is_replaced_once(width: int) -> None:
    """Results in place of what they are computed from are not stored twice, whatever the last vector covers."""
    x, weight, dy = arrays((3, 1, 6, 1, (28, width), 5))
    net = Averaged(weight, dy.shape)
    for _ in range(2):
        result = net(cellc.Tensor(x)).asnumpy()
    product = np.einsum("ncijrs,kcrs->nkij", windows(x.astype(np.float64), 5, 5, 1), weight.astype(np.float64))
    np.testing.assert_allclose(result, 0.25 + 1.5 * product, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("level", "lanes"), [("v3", 8), ("v4", 16)])
def test_columns_that_are_sums_by_themselves_are_made_once(level: str, lanes: int) -> None:
    """With lanes along the reduction a column takes as long as any other: one more is one more."""
    whole, more = (
        assembly(Matmul(1, columns, 512, transpose_rhs=True).text(), LEVELS[level]).count("vfmadd")
        for columns in (lanes, lanes + 1)
    )
    assert (whole, more) == (lanes, lanes + 1)


def pieces(
    image: tuple[int, ...], window: str, other: tuple[int, ...], where: str, sums: tuple[int, ...]
) -> Pieces | None:
    """The pieces of a sum over the last two of six loops, lanes along the fourth."""
    inputs = [Operand("%x", image, "f32", window), Operand("%w", other, "f32", where)]
    output = Operand("%f", sums, "f32", "d0, d1, d2, d3")
    product = generic("%y", "pppprr", inputs, [output], MULTIPLY_ADD.format(t="f32"))
    ops = [filled("%f", sums, "f32", "0.0"), product]
    text = kernel("contraction", [("%x", image, "f32"), ("%w", other, "f32")], ops, [("%y", sums, "f32")])
    found, tiling = tiled(text, "v4")
    return choose_blocking(found, tiling).pieces


def test_pieces_of_images_stay_in_the_first_level_cache() -> None:
    """Rows of images are read again for each tap; the nine steps of a depthwise convolution in one piece."""
    gradient = pieces((32, 32, 32), "d4, d5 + d1, d3 + d2", (32, 6, 28, 28), "d4, d0, d5, d3", (6, 5, 5, 28))
    assert gradient is not None
    assert gradient.steps <= 4
    assert pieces((2, 30, 30, 48), "d0, d1 + d4, d2 + d5, d3", (3, 3, 48), "d4, d5, d3", (2, 28, 28, 48)) is None
