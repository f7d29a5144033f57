"""Long reductions in pieces: of images, of lines of an image, and of places of a line."""

import numpy as np
import pytest

from cellc.targets.cpu.level import LEVELS, native_level
from cellc.targets.cpu.pieces import pieces_of
from support.convolution_kernels import Convolution
from support.cpu_kernels import compile_text
from support.products import tiled

LEVEL_NAMES = [name for name in LEVELS if name in ("v3", native_level().name)]
# Weight gradients whose panel of one image leaves a level 2 cache; a piece ends within the last lines, or places.
LARGE = [
    Convolution(2, 20, 173, 175, 33, 3, 3),
    Convolution(2, 17, 151, 203, 40, 1, 1),
    Convolution(1, 3, 259, 131, 32, 2, 2),
    Convolution(2, 9, 180, 179, 37, 1, 1, 2),
    Convolution(3, 34, 90, 187, 70, 1, 3),
]


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("case", LARGE, ids=str)
def test_weight_gradients_of_large_images(case: Convolution, level: str) -> None:
    random = np.random.default_rng(case.w)
    x, g = (random.standard_normal(shape).astype(np.float32) for shape in (case.x, case.y))
    result = compile_text(case.weight_gradient(), LEVELS[level])(x, g)[0]
    expected = np.einsum("ncijrs,nkij->kcrs", case.windows(x), g.astype(np.float64), optimize=True)
    # A sum of n random products stays below 6 sqrt(n), and its rounding errors grow as sqrt(n) times that at most.
    bound = 6 * case.n * np.prod(case.y[2:]) * np.finfo(np.float32).eps
    np.testing.assert_allclose(result, expected, rtol=0, atol=bound)


@pytest.mark.parametrize(("case", "steps"), [
    (Convolution(4, 64, 30, 30, 64, 3, 3), (0, 1)),  # 28 lines of 28 places: an image
    (Convolution(32, 64, 9, 9, 64, 3, 3), (0, 5)),  # 7 lines: some images
    (Convolution(4, 16, 114, 114, 32, 3, 3), (1, 9)),  # 112 lines: some of them
    (Convolution(4, 48, 128, 128, 128, 1, 1), (1, 1024)),  # 16384 places in one line
    (Convolution(1, 16, 114, 114, 32, 3, 3), (0, 9)),
])  # fmt: skip
def test_which_loop_is_cut(case: Convolution, steps: tuple[int, int]) -> None:
    product, tiling = tiled(case.weight_gradient(), "v4")
    pieces = pieces_of(product, tiling)
    assert pieces is not None
    assert (product.nest.reduced.index(pieces.dim), pieces.steps) == steps
    assert pieces.outer(product.nest) == product.nest.reduced[: steps[0]]
