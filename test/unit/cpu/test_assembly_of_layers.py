"""What layers compile to, through the whole compiler: wide registers, no spills, no calls, no gathers."""

from collections.abc import Callable
from functools import cache
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from cellc import Tensor, nn, ops
from support.assembly import (
    called,
    count,
    fma_loop,
    inner_loops,
    program_assembly,
    registers,
    scalar_arithmetic,
    spills,
    widest_loop,
)

Case = tuple[Callable[..., Any], tuple[Tensor, ...]]


def ones(*shape: int, dtype: Any = np.float32) -> Tensor:
    return Tensor(np.ones(shape, dtype))


def cell(layer: nn.Cell, *shape: int, training: bool = False) -> Case:
    return layer.set_train(training).construct, (ones(*shape),)


def gradient(layer: nn.Cell, *shape: int) -> Case:
    return ops.grad(layer), (ones(*shape),)


def step(layer: nn.Cell, optimizer: Callable[[Any], nn.Cell], *shape: int) -> Case:
    loss = nn.WithLossCell(layer, nn.MSELoss())
    return nn.TrainOneStepCell(loss, optimizer(layer.trainable_params())).set_train().construct, (ones(*shape),) * 2


PRODUCTS: dict[str, Callable[[], Case]] = {
    "dense and relu": lambda: cell(nn.Dense(512, 256, activation="relu"), 64, 512),
    "dense, one row": lambda: cell(nn.Dense(768, 3072), 1, 768),
    "dense, data gradient": lambda: gradient(nn.Dense(512, 256), 64, 512),
    "dense, Momentum step": lambda: step(nn.Dense(256, 256), lambda p: nn.Momentum(p, 0.1, 0.9), 64, 256),
    "dense, Adam step": lambda: step(nn.Dense(256, 256), lambda p: nn.Adam(p, 0.1), 64, 256),
    "heads, QK": lambda: (lambda q, k: ops.matmul(q, k.transpose(0, 1, 3, 2)), (ones(2, 12, 128, 64),) * 2),
    "heads, PV": lambda: (ops.matmul, (ones(2, 12, 128, 128), ones(2, 12, 128, 64))),
    "f64 matmul": lambda: (ops.matmul, (ones(256, 256, dtype=np.float64),) * 2),
    "bf16 matmul": lambda: (ops.matmul, (ones(256, 256, dtype=ml_dtypes.bfloat16),) * 2),
    "conv 1x1": lambda: cell(nn.Conv2d(64, 64, 1), 2, 64, 28, 28),
    "conv 1x1, stride 2": lambda: cell(nn.Conv2d(64, 128, 1, 2), 2, 64, 28, 28),
    "conv 3x3": lambda: cell(nn.Conv2d(64, 64, 3), 2, 64, 28, 28),
    "conv 3x3, stride 2": lambda: cell(nn.Conv2d(64, 128, 3, 2), 2, 64, 28, 28),
    "conv 7x7, stride 2": lambda: cell(nn.Conv2d(3, 64, 7, 2), 1, 3, 112, 112),
    "conv 3x3, depthwise": lambda: cell(nn.Conv2d(64, 64, 3, group=64), 2, 64, 28, 28),
    "conv 3x3, few places": lambda: cell(nn.Conv2d(64, 64, 3), 4, 64, 7, 7),
    "conv 3x3x3": lambda: cell(nn.Conv3d(16, 32, 3), 2, 16, 8, 28, 28),
    "conv 3x3x3, data gradient": lambda: gradient(nn.Conv3d(16, 32, 3), 2, 16, 8, 28, 28),
    "conv 3x3, data gradient": lambda: gradient(nn.Conv2d(64, 64, 3), 2, 64, 28, 28),
}
ELEMENTWISE: dict[str, Callable[[], Case]] = {
    "relu": lambda: (ops.relu, (ones(64, 1000),)),
    "gelu": lambda: cell(nn.GELU(), 64, 1000),
    "gelu by erf": lambda: cell(nn.GELU(approximate=False), 64, 1000),
    "tanh": lambda: (ops.tanh, (ones(64, 1000),)),
    "sigmoid": lambda: (ops.sigmoid, (ones(64, 1000),)),
    "exp": lambda: (ops.exp, (ones(64, 1000),)),
    "log": lambda: (ops.log, (ones(64, 1000),)),
    "bias": lambda: (ops.add, (ones(64, 1000), ones(1000))),
    "bf16 relu": lambda: (ops.relu, (ones(64, 1024, dtype=ml_dtypes.bfloat16),)),
    "rows of a table": lambda: (lambda table, i: table[i], (ones(1000, 256), ones(64, dtype=np.int32))),
    "transpose": lambda: (lambda x: x.transpose(1, 0) + 1, (ones(256, 512),)),
}
REDUCTIONS: dict[str, Callable[[], Case]] = {
    "softmax": lambda: cell(nn.Softmax(), 64, 1000),
    "log softmax": lambda: cell(nn.LogSoftmax(), 64, 1000),
    "layer norm": lambda: cell(nn.LayerNorm((768,)), 64, 768),
    "layer norm, short rows": lambda: cell(nn.LayerNorm((64,)), 64, 64),
    "layer norm, gradient": lambda: gradient(nn.LayerNorm((768,)), 64, 768),
    "batch norm": lambda: cell(nn.BatchNorm2d(32), 8, 32, 16, 16, training=True),
    "row sums": lambda: (lambda x: x.sum(1), (ones(256, 1000),)),
    "column sums": lambda: (lambda x: x.sum(0), (ones(256, 1000),)),
    "row maxima": lambda: (lambda x: x.max(1), (ones(256, 1000),)),
    "max pool": lambda: cell(nn.MaxPool2d(2, 2), 8, 16, 32, 32),
    "average pool": lambda: cell(nn.AvgPool2d(3, 2), 8, 16, 33, 33),
    "average pool, gradient": lambda: gradient(nn.AvgPool2d(2, 2), 8, 16, 32, 32),
    "average pool, gradient of windows that overlap": lambda: gradient(nn.AvgPool2d(3, 1), 8, 16, 32, 32),
    "max pool, gradient": lambda: gradient(nn.MaxPool2d(2, 2), 8, 16, 32, 32),
    "running sums of columns": lambda: (lambda x: x.cumsum(0), (ones(256, 512),)),
    "running sums of rows": lambda: (lambda x: x.cumsum(1), (ones(256, 512),)),
}
ALL = PRODUCTS | ELEMENTWISE | REDUCTIONS


@cache
def compiled(name: str, level: str) -> dict[str, str]:
    return program_assembly(*ALL[name](), level)


@pytest.mark.parametrize("level", ["v4", "v3"])
@pytest.mark.parametrize("name", PRODUCTS)
def test_products_are_chains_of_multiply_adds(name: str, level: str) -> None:
    """Some kernel of the program has a loop of little else; bf16 is widened in it."""
    texts = [text for kernel, text in compiled(name, level).items() if "matmul" in kernel or "conv" in kernel]
    assert texts
    for text in texts:
        loop = fma_loop(text)
        fused = count("vfmadd231", loop)
        assert fused >= 4
        assert len(loop) <= 3.5 * fused
        assert count(rf"vfmadd231.*{registers(level)}", loop) == fused
        assert not spills(loop)
        assert not scalar_arithmetic(loop)
        assert not count("gather|vinsertps|shuf|vperm|call", loop)


@pytest.mark.parametrize("level", ["v4", "v3"])
@pytest.mark.parametrize("name", ELEMENTWISE | REDUCTIONS)
def test_the_busiest_loops_stay_in_wide_registers(name: str, level: str) -> None:
    """In every kernel. Where several rows of vector math are under way, v3's 16 registers do not hold all of them."""
    for text in compiled(name, level).values():
        loop = widest_loop(text, level)
        if not loop:
            continue
        assert count(registers(level), loop) >= len(loop) / 3
        assert spills(loop) <= (len(loop) / 10 if level == "v3" and name in REDUCTIONS else 0)
        assert not scalar_arithmetic(loop)
        assert not count("gather|vinsertps|vpinsr", loop)


@pytest.mark.parametrize("level", ["v4", "v3"])
@pytest.mark.parametrize("name", ALL)
def test_layers_call_nothing_but_memory_functions(name: str, level: str) -> None:
    """No function of the C library computes a lane."""
    for text in compiled(name, level).values():
        assert called(text) <= {"memcpy", "memset"}


@pytest.mark.parametrize("name", ELEMENTWISE | REDUCTIONS)
def test_every_program_has_a_wide_loop(name: str) -> None:
    assert any(widest_loop(text, "v4") for text in compiled(name, "v4").values())


@pytest.mark.parametrize("level", ["v3", "v4"])
@pytest.mark.parametrize("shape", [(4, 128, 768), (4000, 100)])
def test_random_numbers_use_all_words_of_a_counter(shape: tuple[int, ...], level: str) -> None:
    """Ten rounds of two products for each vector of 8 counters (of 4 at v3: twice), which make 32 numbers."""
    function, arguments = cell(nn.Dropout(0.9), *shape, training=True)
    kernels = program_assembly(function, arguments, level)
    (text,) = (text for name, text in kernels.items() if "random" in name)
    loop = max(inner_loops(text), key=lambda lines: count(r"\bvcvtdq2ps", lines))
    assert 15 <= count(r"\bvpmul[lu]", loop) <= (20 if level == "v4" else 40)
    assert count(r"\bvcvtdq2ps", loop) >= 4
