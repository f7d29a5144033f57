"""nn ops through the whole pipeline to machine code give what `evaluate` does, on every level of this machine."""

from typing import Any

import numpy as np
import pytest

from cellc.dialects.nn import definition_of
from cellc.targets.cpu.level import LEVELS, native_level
from support.check_lowering import values
from support.compiled_op import check_compiled, run_compiled

LEVEL_NAMES = [name for name in LEVELS if name in ("v2", "v3", native_level().name)]
WINDOW = {"kernel": (2, 2), "strides": (2, 2), "padding": (0, 0, 0, 0)}
PADDED = {"kernel": (3, 3), "strides": (2, 1), "padding": (1, 0, 1, 1)}
STRIDED = {"kernel": (3, 3), "strides": (2, 2), "padding": (0, 0, 0, 0)}
SHIFTED = {"kernel": (3, 5), "strides": (2, 2), "padding": (1, 1, 1, 1)}
CONVOLUTION = {"strides": (2, 1), "padding": (1, 0, 2, 1), "dilation": (1, 2), "groups": 3}
CUBES = {"strides": (1, 2, 1), "padding": (1, 1, 0, 1, 2, 1), "dilation": (2, 1, 1), "groups": 2}
DEPTHWISE = {"strides": (1, 1), "padding": (1, 1, 1, 1), "dilation": (1, 1), "groups": 6}


def case(name: str, *arrays: np.ndarray, **attributes: Any) -> Any:
    return pytest.param(name, arrays, attributes, id=f"{name}-{'-'.join(map(str, arrays[0].shape))}-{arrays[0].dtype}")


def image(channels: int, dtype: str = "f32") -> np.ndarray:
    return values((2, channels, 9, 21), dtype, scale=0.5)


CASES = [
    *[case("softmax", values(shape, dtype), axis=axis) for dtype in ("f32", "bf16")
      for shape, axis in (((5, 37), 1), ((37, 5), 0), ((2, 19, 33), 1), ((3, 1000), 1))],
    case("log_softmax", values((7, 130)), axis=1),
    case("argmax", values((5, 37)), axis=1), case("argmax", values((37, 45)), axis=0),
    case("argmin", values((1000,)), axis=0),
    *[case("transpose", values(shape, dtype), permutation=order) for dtype in ("f32", "f64", "i8")
      for shape, order in (((33, 47), (1, 0)), ((3, 17, 18), (0, 2, 1)), ((3, 17, 18), (2, 0, 1)))],
    case("max_pool2d", image(3), **WINDOW), case("max_pool2d", image(2), **PADDED),
    case("avg_pool2d", image(3), **WINDOW, count_include_pad=True),
    case("avg_pool2d", image(3), **PADDED, count_include_pad=False),
    case("conv2d", image(6), values((9, 2, 3, 2), seed=1), **CONVOLUTION),
    case("conv2d", image(6, "bf16"), values((9, 2, 3, 2), "bf16", seed=1), **CONVOLUTION),
    case("conv2d", image(6), values((6, 1, 3, 3), seed=1, scale=0.5), **DEPTHWISE),
    case("conv3d", values((2, 6, 7, 9, 21), scale=0.5), values((10, 3, 2, 3, 3), seed=1), **CUBES),
    case("take", values((50, 17)), np.array([[0, 49, 7], [-1, 50, 3]], np.int32)),
    case("reduce_sum", values((300, 70), scale=0.1), axes=(0,), keep_dims=False),
    case("reduce_any", values((30, 70), "bool"), axes=(1,), keep_dims=True),
    *[case("cumsum", values(shape, dtype, scale=0.1), axis=axis, reverse=reverse)
      for dtype in ("f32", "f64", "i8", "bf16")
      for shape, axis in (((5, 37), 1), ((2, 400), 1), ((33, 70), 0), ((3, 19, 2), 1), ((2, 9, 5), 1), ((3, 1), 0))
      for reverse in (False, True)],
    case("concat", values((5, 7)), values((5, 30), seed=1), axis=1),
    case("reverse", values((5, 37)), axes=(1,)),
    case("reverse_sequence", values((9, 4, 5)), np.array([0, 9, 3, 1], np.int32), time_axis=0, batch_axis=1),
    *[pytest.param("random_uniform", (np.array([7, 3]),), {"shape": shape, "dtype": dtype, "stream": 2},
                   id=f"random_uniform-{'-'.join(map(str, shape))}-{dtype}")
      for dtype, shape in [("f32", (33, 5)), ("f32", (3, 7, 96)), ("f32", (1000,)), ("f32", (32,)), ("f32", (70000,)),
                           ("bf16", (9, 64)), ("f16", (9, 65)), ("f64", (9, 64)), ("f32", (2, 2, 8))]],
]  # fmt: skip


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize(("name", "arrays", "attributes"), CASES)
def test_op(name: str, arrays: tuple[np.ndarray, ...], attributes: dict[str, Any], level: str) -> None:
    check_compiled(name, *arrays, level=LEVELS[level], **attributes)


@pytest.mark.parametrize("attributes", [CONVOLUTION, DEPTHWISE], ids=["grouped", "depthwise"])
def test_convolution_gradients(attributes: dict[str, Any]) -> None:
    x, weight = image(6), values((6, 6 // attributes["groups"], 3, 3), seed=1, scale=0.5)
    gradient = values(definition_of("conv2d").evaluate(x, weight, **attributes).shape, seed=2, scale=0.1)
    check_compiled("conv2d_input_gradient", gradient, weight, **attributes, input_shape=x.shape)
    check_compiled("conv2d_weight_gradient", x, gradient, **attributes, weight_shape=weight.shape)


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_gradients_of_conv3d(level: str) -> None:
    x, weight = values((2, 6, 7, 9, 21), scale=0.5), values((10, 3, 2, 3, 3), seed=1, scale=0.5)
    gradient = values(definition_of("conv3d").evaluate(x, weight, **CUBES).shape, seed=2, scale=0.1)
    check_compiled("conv3d_input_gradient", gradient, weight, level=LEVELS[level], **CUBES, input_shape=x.shape)
    check_compiled("conv3d_weight_gradient", x, gradient, level=LEVELS[level], **CUBES, weight_shape=weight.shape)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("width", [8, 24, 39])
@pytest.mark.parametrize(
    "attributes", [WINDOW, PADDED, STRIDED, SHIFTED], ids=["tiles", "padded", "strided", "shifted"]
)
def test_pooling_gradients(attributes: dict[str, Any], width: int, level: str) -> None:
    x = values((2, 3, 10, width))
    result, index = definition_of("max_pool2d").evaluate(x, **attributes)
    gradient, common = values(result.shape, seed=1), {**attributes, "level": LEVELS[level], "input_shape": x.shape}
    check_compiled("max_pool2d_gradient", gradient, index, **common)
    check_compiled("avg_pool2d_gradient", gradient, **common, count_include_pad=True)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize(
    ("rows", "width"), [*[(rows, width) for rows in (1, 2, 3, 5, 66) for width in (40, 130, 400, 700)], (4099, 400)]
)
def test_rows_that_are_written_together(rows: int, width: int, level: str) -> None:
    """Any number of rows, and a row has the same bits wherever it stands among them."""
    x = np.broadcast_to(values((3, 1, width)), (3, rows, width))
    check_compiled("softmax", x, axis=2, level=LEVELS[level])
    (found,) = run_compiled("softmax", (x,), {"axis": 2}, LEVELS[level])
    np.testing.assert_array_equal(found, np.broadcast_to(found[:, :1], found.shape))
