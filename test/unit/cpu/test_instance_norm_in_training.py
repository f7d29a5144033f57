"""Instance normalization in training: results and gradients beside exact ones, and how often its image is read."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest

import cellc
from cellc import Tensor, nn, ops
from cellc.lowering import lower_for_cpu
from cellc.passes.kernel_form import kernels_of
from cellc.targets.cpu.level import native_level

SHAPES = [(3, 8, 56, 56), (5, 7, 13, 11), (6, 40, 4, 4)]


class Step(nn.Cell):
    """The gradients of image, gamma and beta."""

    def __init__(self, norm: nn.Cell) -> None:
        super().__init__()
        self.norm = norm
        self.weights = cellc.ParameterTuple(norm.trainable_params())

    def construct(self, x: Any, dy: Any) -> Any:
        gradient = ops.GradOperation(get_all=True, get_by_list=True, sens_param=True)(self.norm, self.weights)
        (dx,), (dgamma, dbeta) = gradient(x, dy)
        return dx, dgamma, dbeta


def made(shape: tuple[int, ...]) -> tuple[Any, list[np.ndarray]]:
    """A norm in training, and image, gradient, gamma and beta."""
    random = np.random.default_rng(0)
    x, dy = (random.standard_normal(shape).astype(np.float32) for _ in range(2))
    gamma, beta = (random.standard_normal(shape[1]).astype(np.float32) for _ in range(2))
    return nn.InstanceNorm2d(shape[1], gamma_init=Tensor(gamma), beta_init=Tensor(beta)).set_train(), [
        x + np.float32(3), dy, gamma, beta,
    ]  # fmt: skip


def exact(x: np.ndarray, dy: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> list[np.ndarray]:
    """Result and gradients in more digits than f64 has."""
    x, dy, gamma, beta = (a.astype(np.longdouble) for a in (x, dy, gamma, beta))
    scale, shift, places = gamma[:, None, None], beta[:, None, None], (2, 3)
    factor = 1 / np.sqrt(x.var(places, keepdims=True) + 1e-5)
    unit = (x - x.mean(places, keepdims=True)) * factor
    means = dy.mean(places, keepdims=True), (dy * unit).mean(places, keepdims=True)
    dx = scale * factor * (dy - means[0] - unit * means[1])
    return [unit * scale + shift, dx, (dy * unit).sum((0, 2, 3)), dy.sum((0, 2, 3))]


@pytest.mark.parametrize("shape", SHAPES)
def test_results_gradients_and_moving_statistics(shape: tuple[int, ...]) -> None:
    norm, arrays = made(shape)
    x, dy = map(Tensor, arrays[:2])
    result = norm(x)
    for found, wanted in zip((result, *Step(norm).set_train()(x, dy)), exact(*arrays), strict=True):
        assert np.abs(found.asnumpy() - wanted).max() <= 1e-5 * np.abs(wanted).max()
    mean = arrays[0].astype(np.float64).mean((2, 3)).mean(0)
    np.testing.assert_allclose(norm.moving_mean.asnumpy(), 0.19 * mean, rtol=1e-5)  # moved by a tenth, twice


@pytest.mark.parametrize("shape", [(3, 8, 56, 56), (4, 64, 14, 14), (2, 32, 39, 41)])
def test_one_kernel_reads_the_image(shape: tuple[int, ...]) -> None:
    norm, arrays = made(shape)
    images = list(map(Tensor, arrays[:2]))
    for cell, given in ((norm, images[:1]), (Step(norm).set_train(), images)):
        graph = cell._as_function().trace(tuple(given), {}).graph
        kernels = kernels_of(lower_for_cpu(graph, native_level()).module)
        sizes = [[prod(type_.get_shape()) for type_ in kernel.function_type.inputs] for kernel in kernels]
        assert [given_sizes.count(prod(shape)) for given_sizes in sizes if prod(shape) in given_sizes] == [len(given)]
