"""Data gradients of convolutions with a stride: one copy of the filters serves all phases (`share-filters`)."""

from typing import Any

import numpy as np
import pytest
from xdsl.dialects.func import FuncOp
from xdsl.dialects.tensor import ExtractSliceOp

import cellc
from cellc import nn, ops
from cellc.dialects.nn import TensorType, definition_of
from cellc.passes.context import make_context
from cellc.passes.pipelines import PIPELINES, run_pipeline
from cellc.targets.cpu.level import LEVELS, native_level
from support.compiled_op import run_compiled
from support.lowering import module_of

LEVEL_NAMES = [name for name in LEVELS if name in ("v3", native_level().name)]
# (input shape, filters, kernel, stride, padding, dilation, groups), and how many of the phases read a part of the copy.
CASES = {
    "3x3": ((2, 32, 14, 14), 40, (3, 3), (2, 2), 1, 1, 1, 4),
    "odd": ((2, 33, 15, 13), 7, (3, 3), (2, 2), 1, 1, 1, 4),
    "5x5": ((2, 20, 14, 17), 24, (5, 5), (2, 2), 2, 1, 1, 4),
    "7x7": ((1, 16, 14, 14), 9, (7, 7), (2, 2), 3, 1, 1, 4),
    "2x2, which are read once": ((2, 65, 14, 14), 17, (2, 2), (2, 2), 0, 1, 1, 4),
    "places that no window reaches": ((2, 24, 12, 16), 16, (3, 3), (3, 2), 0, 1, 1, 6),
    "a stride above the kernel": ((2, 24, 12, 13), 16, (2, 2), (3, 3), 1, 1, 1, 4),
    "along one axis": ((2, 24, 12, 13), 16, (3, 1), (2, 1), 1, 1, 1, 2),
    "groups": ((2, 60, 9, 14), 12, (3, 3), (2, 2), 1, 1, 3, 4),
    "dilation 3": ((2, 20, 16, 15), 24, (3, 3), (2, 2), 1, 3, 1, 4),
    "dilation 2, all taps in one phase": ((2, 20, 16, 15), 24, (3, 3), (2, 2), 2, 2, 1, 0),
    "three axes": ((1, 18, 6, 7, 8), 12, (3, 2, 3), (2, 2, 2), 1, 1, 1, 8),
    "few channels": ((2, 3, 14, 14), 16, (7, 7), (2, 2), 3, 1, 1, 0),
    "depthwise": ((2, 24, 14, 14), 24, (3, 3), (2, 2), 1, 1, 24, 0),
}


def operands(case: tuple[Any, ...]) -> tuple[str, list[np.ndarray], dict[str, Any]]:
    """The op, its operands and its attributes."""
    shape, filters, kernel, strides, padding, dilation, groups, _ = case
    axes, random = len(kernel), np.random.default_rng(len(kernel) * filters)
    attributes = {
        "strides": strides, "padding": (padding,) * 2 * axes, "dilation": (dilation,) * axes, "groups": groups,
    }  # fmt: skip
    weight = random.standard_normal((filters, shape[1] // groups, *kernel)) / 8
    forward = definition_of(f"conv{axes}d").evaluate(np.zeros(shape), weight, **attributes)
    gradient = random.standard_normal(np.shape(forward))
    return f"conv{axes}d_input_gradient", [gradient, weight], attributes | {"input_shape": shape}


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("name", CASES)
def test_values(name: str, level: str) -> None:
    op, arrays, attributes = operands(CASES[name])
    given = [array.astype(np.float32) for array in arrays]
    expected = definition_of(op).evaluate(*(array.astype(np.float64) for array in given), **attributes)
    (result,) = run_compiled(op, tuple(given), attributes, LEVELS[level])
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["odd", "groups", "three axes"])
def test_f64(name: str) -> None:
    op, arrays, attributes = operands(CASES[name])
    (result,) = run_compiled(op, tuple(arrays), attributes)
    np.testing.assert_allclose(result, definition_of(op).evaluate(*arrays, **attributes), rtol=1e-12, atol=1e-12)


def kernels(case: tuple[Any, ...], dtype: str) -> list[FuncOp]:
    """The kernels of a data gradient."""
    op, arrays, attributes = operands(case)
    module = module_of(op, [TensorType(array.shape, dtype) for array in arrays], attributes)
    run_pipeline(module, PIPELINES["cpu"], make_context())
    return [op for op in module.ops if isinstance(op, FuncOp)]


@pytest.mark.parametrize("name", CASES)
def test_phases_share_one_copy(name: str) -> None:
    made, shared = kernels(CASES[name], "f32"), CASES[name][-1]
    parts = [op for kernel in made for op in kernel.walk() if isinstance(op, ExtractSliceOp)]
    copies = [kernel for kernel in made if "move" in kernel.sym_name.data or "taps_" in kernel.sym_name.data[:5]]
    assert len(parts) == shared
    if shared:
        assert [kernel.sym_name.data for kernel in copies] == ["taps_0"]


def test_half_precision_keeps_its_copies():
    made = kernels(CASES["3x3"], "bf16")
    assert not any(isinstance(op, ExtractSliceOp) for kernel in made for op in kernel.walk())


class Reshaped(nn.Cell):
    """Taps of filters become filters of half as many channels, twice as many of them."""

    def construct(self, x: cellc.Tensor, w: cellc.Tensor) -> tuple[cellc.Tensor, ...]:
        parts = (w[:, :, ::2, ::2], w[:, :, 1:, 1:])
        return tuple(ops.conv2d(x, ops.reshape(part, (16, 16, 2, 2))) for part in parts)


def test_filters_that_are_cut_into_channels_keep_their_copies() -> None:
    random = np.random.default_rng(0)
    x, w = (random.standard_normal(shape).astype(np.float32) for shape in ((2, 16, 5, 6), (8, 32, 3, 3)))
    results = Reshaped()(cellc.Tensor(x), cellc.Tensor(w))
    attributes = {"strides": (1, 1), "padding": (0,) * 4, "dilation": (1, 1), "groups": 1}
    for result, part in zip(results, (w[:, :, ::2, ::2], w[:, :, 1:, 1:]), strict=True):
        filters = part.reshape(16, 16, 2, 2).astype(np.float64)
        expected = definition_of("conv2d").evaluate(x.astype(np.float64), filters, **attributes)
        np.testing.assert_allclose(result.asnumpy(), expected, rtol=1e-5, atol=1e-5)
