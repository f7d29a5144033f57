"""Residual blocks in training: images that convolutions read padded and others read too, beside f64."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.tensor import ExtractSliceOp

from cellc import Tensor, ops
from cellc.build_ir import build_module
from cellc.function import Function
from cellc.graph import Graph
from cellc.lowering import LoweredForCpu, lower_for_cpu
from cellc.passes.context import make_context
from cellc.passes.kernel_form import kernels_of
from cellc.passes.pipelines import TO_NN, run_pipeline
from cellc.targets.cpu.level import LEVELS, native_level
from support.interpret_nn import interpret
from support.program_run import run_program

LEVEL_NAMES = ["v3", native_level().name]


def conv(x: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
    size = weight.shape[2]
    return ops.Conv2D(weight.shape[0], size, pad_mode="pad", pad=size // 2, stride=stride)(x, weight)


def normalized(x: Tensor) -> Tensor:
    mean, variance = ops.moments(x, (0, 2, 3), keep_dims=True)
    return (x - mean) * ops.rsqrt(variance + 1e-5)


def network(x: Tensor, stem: Tensor, first: Tensor, second: Tensor, third: Tensor, shortcut: Tensor) -> Tensor:
    """A stem with pooling, a block around an identity, and one that halves images."""
    image = ops.MaxPool(3, 2, "same")(ops.relu(conv(x, stem)))
    image = ops.relu(normalized(conv(ops.relu(normalized(conv(image, second))), first)) + image)
    return ops.relu(normalized(conv(image, third, 2)) + conv(image, shortcut, 2))


def step(*arrays: Tensor) -> object:
    return network(*arrays), *ops.grad(lambda *a: (network(*a) ** 2).sum(), tuple(range(len(arrays))))(*arrays)


def operands(dtype: type) -> list[np.ndarray]:
    random = np.random.default_rng(2)
    shapes = [(4, 5, 33, 31), (24, 5, 3, 3), (24, 24, 3, 3), (24, 24, 3, 3), (40, 24, 3, 3), (40, 24, 1, 1)]
    return [random.standard_normal(shape).astype(dtype) for shape in shapes]


def traced(arrays: list[np.ndarray]) -> Graph:
    return Function(step, lambda: "step", "function").trace(tuple(map(Tensor, arrays)), {}).graph


def run(program: LoweredForCpu, arrays: list[np.ndarray], level: str, threads: int) -> list[np.ndarray]:
    outputs = [buffer for buffer in program.program.buffers if buffer.kind == "output"]
    return run_program(program, arrays, [np.empty(b.shape, arrays[0].dtype) for b in outputs], level, threads)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_and_gradients(dtype: type, level: str) -> None:
    graph, arrays = traced(operands(dtype)), operands(dtype)
    module = build_module(graph)
    run_pipeline(module, TO_NN, make_context())
    wanted = interpret(module, arrays, in_f64=True)
    program = lower_for_cpu(graph, LEVELS[level])
    found, other = (run(program, arrays, level, threads) for threads in (1, 3))
    for one, two, exact in zip(found, other, wanted, strict=True):
        assert np.abs(one - exact).max() <= 2000 * np.finfo(dtype).eps * np.abs(exact).max()
        np.testing.assert_array_equal(one, two)


def test_images_are_stored_once() -> None:
    """What the first block makes is padded where it is made, and read there by the shortcut and its gradient."""
    program = lower_for_cpu(traced(operands(np.float32)), native_level())
    reading = [k for k in kernels_of(program.module) if any(isinstance(op, ExtractSliceOp) for op in k.walk())]
    inner = [kernel for kernel in reading if "taps" not in kernel.sym_name.data]  # those read parts of filters
    assert len(inner) == 2
