"""Long sums of few results as partial sums of parts of them (`split-k`)."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.linalg.ops import GenericOp

from cellc import Tensor, nn, ops
from cellc.function import Function
from cellc.lowering import LoweredForCpu, lower_for_cpu
from cellc.passes.kernel_form import kernels_of
from cellc.passes.linalg_analysis import loop_extents
from cellc.targets.cpu.kernel_variants import kind_of
from cellc.targets.cpu.level import LEVELS, native_level
from support.convolution_kernels import windows
from support.program_run import run_program

LEVEL_NAMES = [name for name in LEVELS if name in ("v3", native_level().name)]
RATE = 0.125


def updated(weight: Tensor, *factors: Tensor) -> Tensor:
    """A parameter after a step of gradient descent, its gradient a product of the factors."""
    x, dy = factors
    if len(x.shape) == 2:
        return weight - RATE * ops.matmul(x.T, dy)
    gradient = ops.grad(lambda w: (ops.conv2d(x, w) * dy).sum(), 0)(weight)
    return weight - RATE * gradient


def exact(weight: np.ndarray, x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    weight, x, dy = (array.astype(np.float64) for array in (weight, x, dy))
    if x.ndim == 2:
        return weight - RATE * (x.T @ dy)
    found = np.einsum("ncijrs,nkij->kcrs", windows(x, *weight.shape[2:], 1), dy, optimize=True)
    return weight - RATE * found


def lowered(arrays: list[np.ndarray], level: str) -> LoweredForCpu:
    graph = Function(updated, lambda: "updated", "function").trace(tuple(map(Tensor, arrays)), {}).graph
    return lower_for_cpu(graph, LEVELS[level])


def operands(case: tuple[tuple[int, ...], ...], dtype: type = np.float32) -> list[np.ndarray]:
    random = np.random.default_rng(len(case))
    return [random.standard_normal(shape).astype(dtype) for shape in case]


# Shapes of the parameter, of what a layer read, and of the gradient of what it made; how many parts there are.
CASES = {
    "few channels of large images": (((24, 17, 3, 3), (2, 17, 74, 76), (2, 24, 72, 74)), 2),
    "1x1": (((40, 48, 1, 1), (8, 48, 41, 43), (8, 40, 41, 43)), 8),
    "one image, cut along its lines": (((32, 16, 3, 3), (1, 16, 98, 98), (1, 32, 96, 96)), 8),
    "a matrix": (((100, 60), (9000, 100), (9000, 60)), 8),
    "a prime number of rows": (((100, 60), (9001, 100), (9001, 60)), 1),
    "many results": (((200, 300), (4096, 200), (4096, 300)), 1),
    "little work": (((40, 48, 1, 1), (8, 48, 21, 23), (8, 40, 21, 23)), 1),
}


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("name", CASES)
def test_updates(name: str, level: str) -> None:
    arrays, _ = operands(CASES[name][0]), CASES[name][1]
    program = lowered(arrays, level)
    first, *others = [run_program(program, arrays, arrays[:1], level, threads)[0] for threads in (1, 2, 3)]
    terms = arrays[1].size // (arrays[0].shape[0 if arrays[0].ndim == 2 else 1])
    # A sum of n random products stays below 6 sqrt(n), and its rounding errors grow as sqrt(n) times that at most.
    bound = RATE * 6 * terms * float(np.finfo(np.float32).eps)
    np.testing.assert_allclose(first, exact(*arrays), rtol=0, atol=bound)
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_f64() -> None:
    arrays = operands(CASES["few channels of large images"][0], np.float64)
    (result,) = run_program(lowered(arrays, native_level().name), arrays, arrays[:1], native_level().name)
    np.testing.assert_allclose(result, exact(*arrays), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_how_many_parts(name: str) -> None:
    """The update is made where the parts are added up: two kernels, or one."""
    arrays, parts = operands(CASES[name][0]), CASES[name][1]
    kernels = kernels_of(lowered(arrays, "v3").module)
    kinds = [kind_of(kernel) for kernel in kernels]
    assert kinds == (["contraction", "reduction"] if parts > 1 else ["contraction"])
    product = next(op for op in kernels[0].walk() if isinstance(op, GenericOp))
    assert parts == 1 or loop_extents(product)[0] == parts


def test_what_is_packed_once_stays_whole() -> None:
    """A layer's weights, which a program that does not train reads, are stored in panels: once, not for each part."""
    net = nn.Dense(8192, 64).set_train(False)
    x = Tensor(np.ones((64, 8192), np.float32))
    graph = Function(net.construct, lambda: "net", "function").trace((x,), {}).graph
    kernels = kernels_of(lower_for_cpu(graph, LEVELS["v3"]).module)
    assert not any(kind_of(kernel) == "reduction" for kernel in kernels)
