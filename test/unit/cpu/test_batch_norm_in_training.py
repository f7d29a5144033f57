"""Batch normalizations in training: results and gradients beside f64, and their bits on several threads."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.linalg.ops import GenericOp

from cellc import Tensor, ops
from cellc.function import Function
from cellc.lowering import LoweredForCpu, lower_for_cpu
from cellc.passes.kernel_form import kernels_of
from cellc.passes.linalg_analysis import reduction_loops
from cellc.targets.cpu.level import LEVELS, native_level
from support.program_run import run_program

EPS = 1e-5
LEVEL_NAMES = ["v3", native_level().name]
# Images whose channels fill a level 2 cache, whose channels fit it, and those of two elements to a row.
SHAPES = [(9, 3, 93, 101), (5, 7, 13, 11), (6, 5, 1, 2)]
# Images of few places, whose channels fill no whole vectors in the end, and more of them than a partial sum has terms.
SMALL = [(5, 133, 2, 2), (70, 128, 1, 2), (3, 130, 4, 4)]


def normalized(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """As a layer has it, without moving statistics."""
    mean, variance = ops.moments(x, (0, 2, 3))
    mean, factor, shift = (each.reshape(1, -1, 1, 1) for each in (mean, scale * ops.rsqrt(variance + EPS), shift))
    return (x - mean) * factor + shift


def step(x: Tensor, scale: Tensor, shift: Tensor, dy: Tensor) -> object:
    """The result, and the gradients of x, scale and shift."""
    dx, *others = ops.grad(lambda *arguments: (normalized(*arguments) * dy).sum(), (0, 1, 2))(x, scale, shift)
    return normalized(x, scale, shift), dx, *others


def exact(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The same in more digits than f64 has."""
    x, scale, shift, dy = (a.astype(np.longdouble) for a in arrays)
    axes, count = (0, 2, 3), x[:, 0].size
    mean = x.mean(axes, keepdims=True)
    factor = 1 / np.sqrt(((x - mean) ** 2).mean(axes, keepdims=True) + EPS)
    unit = (x - mean) * factor
    wide = scale[:, None, None]
    sums, dots = dy.sum(axes, keepdims=True), (dy * unit).sum(axes, keepdims=True)
    dx = wide * factor * (dy - sums / count - unit * dots / count)
    return [unit * wide + shift[:, None, None], dx, dots.ravel(), sums.ravel()]


def operands(shape: tuple[int, ...], dtype: type, mean: float) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    shapes = [shape, shape[1:2], shape[1:2], shape]
    x, *others = (random.standard_normal(each).astype(dtype) for each in shapes)
    return [x + dtype(mean), *others]


def lowered(arrays: list[np.ndarray], level: str) -> LoweredForCpu:
    graph = Function(step, lambda: "step", "function").trace(tuple(map(Tensor, arrays)), {}).graph
    return lower_for_cpu(graph, LEVELS[level])


def run(program: LoweredForCpu, arrays: list[np.ndarray], level: str, threads: int = 1) -> list[np.ndarray]:
    return run_program(program, arrays, [arrays[0], *arrays[:3]], level, threads)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mean", [0.0, 300.0])
@pytest.mark.parametrize("shape", [*SHAPES, *SMALL])
def test_results_and_gradients(shape: tuple[int, ...], mean: float, dtype: type, level: str) -> None:
    """What a mean is rounded by, beside a deviation of 1, is what differences from it are wrong by."""
    arrays = operands(shape, dtype, mean)
    found, rounding = run(lowered(arrays, level), arrays, level), float(np.finfo(dtype).eps) * max(mean, 1)
    for one, wanted in zip(found, exact(arrays), strict=True):
        assert np.abs(one - wanted).max() <= 10 * rounding * np.abs(wanted).max()


def test_bits_do_not_depend_on_threads() -> None:
    for shape in (*SHAPES, *SMALL):
        arrays, level = operands(shape, np.float32, 3.0), native_level().name
        program = lowered(arrays, level)
        first, *others = [run(program, arrays, level, threads) for threads in (1, 2, 5)]
        for other in others:
            for one, two in zip(first, other, strict=True):
                np.testing.assert_array_equal(one, two)


def test_sums_of_the_gradient_are_made_together() -> None:
    program = lowered(operands(SHAPES[1], np.float32, 0.0), native_level().name)
    generics = [op for kernel in kernels_of(program.module) for op in kernel.walk() if isinstance(op, GenericOp)]
    assert any(len(op.results) > 1 and reduction_loops(op) for op in generics)
