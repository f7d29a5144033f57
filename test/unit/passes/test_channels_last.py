"""Programs mean the same with the channels last, whatever stands between convolutions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.dialects.linalg.ops import GenericOp

import cellc
from cellc import nn, ops
from cellc.build_ir import build_module
from cellc.function import Function
from cellc.passes import image_layouts
from cellc.passes.context import make_context
from cellc.passes.image_layouts import convolution_of
from cellc.passes.linalg_analysis import main_function
from cellc.passes.pipelines import TO_LINALG, run_pipeline
from support.interpret_linalg import interpret


def conv(inputs: int, outputs: int, kernel: int = 1, **others: Any) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, **others)


class Residual(nn.Cell):
    """A block as in MobileNetV2, with batch normalization."""

    def __init__(self, padding: str = "same") -> None:
        super().__init__()
        self.layers = nn.SequentialCell(
            conv(6, 8), nn.BatchNorm2d(8), nn.ReLU(), conv(8, 8, 3, group=8, pad_mode=padding), nn.ReLU6(), conv(8, 6)
        )

    def construct(self, x: Any) -> Any:
        y = self.layers(x)
        return x + y if x.shape == y.shape else y


class SqueezeAndExcite(nn.Cell):
    """Channels scaled by numbers made of their means."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.dense = conv(6, 7, 3), conv(7, 6), nn.Dense(7, 7)
        self.mean = ops.ReduceMean(keep_dims=True)

    def construct(self, x: Any) -> Any:
        y = self.first(x)
        scales = ops.Sigmoid()(self.dense(self.mean(y, (2, 3)).reshape((y.shape[0], 7))))
        return self.second(y * scales.reshape((*scales.shape, 1, 1)))


class Inception(nn.Cell):
    """Branches side by side, then halves, reversed and turned."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.point, self.pool = conv(6, 5, 3), conv(6, 7), nn.MaxPool2d(3, 1, "same")
        self.after = conv(18, 6)

    def construct(self, x: Any) -> Any:
        joined = ops.Concat(1)((self.wide(x), self.point(x), self.pool(x)))
        y = self.after(joined)
        return y[:, 1:4], y[:, :, ::-1, 1::2], y.transpose((0, 2, 3, 1)), ops.Pad(((0, 0), (1, 0), (2, 1), (0, 0)))(y)


class Patches(nn.Cell):
    """As in a vision transformer: places become rows. And places that are all one."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.dense, self.whole = conv(6, 8, 2, stride=2, pad_mode="valid"), nn.Dense(8, 3), conv(8, 5, 3)
        self.flatten, self.last = nn.Flatten(), nn.AvgPool2d(3, 3)

    def construct(self, x: Any) -> Any:
        y = self.patch(x)
        rows = self.dense(y.reshape((y.shape[0], 8, -1)).transpose((0, 2, 1)))
        return rows, self.flatten(self.last(self.whole(y))), self.flatten(y)


def up(x: Any) -> Any:
    """Four phases that are put between each other, and a table of rows to read."""
    y = transposed(x)
    return nn.ResizeBilinear()(y, (9, 7)), ops.Argmax(1)(y), ops.Gather()(y, cellc.Tensor([2, 0]), 1)


def gradients(x: Any) -> Any:
    """Images multiplied by images, statistics of channels, gradients of pools."""
    weights = trained.trainable_params()
    return ops.value_and_grad(lambda image: (trained(image) ** 2).sum(), 0, weights)(x)


transposed = nn.Conv2dTranspose(6, 8, 3, stride=2, pad_mode="same")
trained = nn.SequentialCell(Residual(), conv(6, 9, 3, stride=2), nn.BatchNorm2d(9), nn.MaxPool2d(2, 2), conv(9, 5))
trained.set_train()
PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "residual": (Residual(), (2, 6, 5, 6)),
    "smaller": (Residual("valid"), (1, 6, 5, 6)),
    "squeeze and excite": (SqueezeAndExcite(), (2, 6, 4, 5)),
    "branches": (Inception(), (2, 6, 4, 5)),
    "patches": (Patches(), (2, 6, 6, 6)),
    "groups": (nn.SequentialCell(conv(6, 8), conv(8, 8, 3, group=2), nn.ReLU(), conv(8, 5)), (1, 6, 4, 5)),
    "volumes": (nn.SequentialCell(nn.Conv3d(5, 6, 2), nn.ReLU(), nn.Conv3d(6, 5, 1)), (1, 5, 3, 4, 3)),
    "lines": (nn.SequentialCell(nn.Conv1d(5, 6, 3), nn.ReLU(), nn.Conv1d(6, 5, 1)), (2, 5, 9)),
    "up": (up, (1, 6, 4, 3)),
    "gradients": (gradients, (2, 6, 6, 5)),
}


def generics(program: Callable[..., Any], shape: tuple[int, ...]) -> tuple[ModuleOp, list[np.ndarray]]:
    """The program as generics, and numbers for its arguments."""
    random = np.random.default_rng(0)
    image = cellc.Tensor(random.uniform(-1, 1, shape).astype(np.float32))
    if isinstance(program, nn.Cell):
        graph = program.set_train(False)._as_function().trace((image,), {}).graph
    else:
        graph = Function(program, lambda: "program", "function").trace((image,), {}).graph
    module = build_module(graph)
    run_pipeline(module, (*TO_LINALG, "drop-unused-results"), make_context(), verify_each=True)
    given = [value.source.asnumpy() if value.kind == "constant" else None for value in graph.inputs]
    types = [argument.type for argument in main_function(module).body.block.args]
    drawn = [random.uniform(0.1, 1, type.get_shape()).astype(np.float32) for type in types]
    return module, [two if one is None else one for one, two in zip(given, drawn, strict=True)]


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets every group of images change."""
    monkeypatch.setattr(image_layouts, "_GAINS", dict.fromkeys(("window", "point", "depthwise"), 1e12))


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.usefixtures("always")
def test_meaning_is_kept(name: str) -> None:
    module, arguments = generics(*PROGRAMS[name])
    expected = interpret(module, *arguments)
    before = [found for op in module.walk() if (found := convolution_of(op)) is not None]
    run_pipeline(module, ["channels-last"], make_context(), verify_each=True)
    found = interpret(module, *arguments)
    for number, (got, wanted) in enumerate(zip(found, expected, strict=True)):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max(), err_msg=f"result {number}")
    assert before
    assert not any(convolution_of(op) for op in module.walk())
    for step in ("fuse-elementwise", "form-dispatches"):
        run_pipeline(module, [step], make_context(), verify_each=True)
    for got, wanted in zip(interpret(module, *arguments), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.usefixtures("always")
def test_a_result_that_has_one_layout_only() -> None:
    module, arguments = generics(nn.SequentialCell(nn.Conv1d(6, 6, 3), nn.ReLU(), nn.Conv1d(6, 1, 1)), (1, 6, 1))
    expected = interpret(module, *arguments)
    run_pipeline(module, ["channels-last"], make_context(), verify_each=True)
    np.testing.assert_allclose(interpret(module, *arguments)[0], expected[0], rtol=1e-5)


@pytest.mark.usefixtures("always")
def test_images_are_moved_at_the_ends_alone() -> None:
    module, _ = generics(Residual(), (2, 6, 5, 6))
    run_pipeline(module, ["channels-last"], make_context(), verify_each=True)
    shapes = [type.get_shape() for op in module.walk() if isinstance(op, GenericOp) for type in op.result_types
              if isinstance(type, TensorType) and len(type.get_shape()) == 4]  # fmt: skip
    assert [shape for shape in shapes if shape[1] != 5] == [(2, 6, 5, 6)]
    assert shapes.count((2, 5, 6, 6)) == 3  # the input, the last convolution, the sum


@pytest.mark.parametrize("name", ["residual", "groups", "gradients"])
def test_few_channels_stay_where_they_are(name: str) -> None:
    module, _ = generics(*PROGRAMS[name])
    before = str(module)
    run_pipeline(module, ["channels-last"], make_context(), verify_each=True)
    assert str(module) == before
