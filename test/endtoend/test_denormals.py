"""Numbers below the smallest normal one count as 0 while a program runs: everywhere alike, and nowhere else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from endtoend.helpers import assert_same_bits, cli, run_binary

import cellc
from cellc import Parameter, Tensor, nn, ops
from cellc.targets.cpu.level import native_level, portable_levels

LEVELS = [level.name for level in portable_levels() if level.vector_bytes <= native_level().vector_bytes]
TINY = np.float32(2.0**-126)
HALVES = np.arange(1 << 16, dtype=np.uint16)


@pytest.fixture(params=LEVELS or [""])
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    cellc.set_context(cpu_level=request.param)
    yield request.param
    cellc.set_context(cpu_level="")


class Net(nn.Cell):
    """Sums, products and functions of an input, scaled into the range of denormal numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Dense(40, 64), nn.Dense(64, 12)
        self.scale = Parameter(Tensor(TINY), name="scale")

    def construct(self, x: Tensor) -> tuple[Tensor, ...]:
        hidden = ops.tanh(self.first(x))
        small = hidden * self.scale
        return small, self.second(small), ops.log(ops.abs(small)), ops.softmax(self.second(hidden) * 60.0)


def flushed(x: np.ndarray) -> np.ndarray:
    """Zeros of the same sign where x is denormal."""
    return np.where(np.abs(x) < TINY, np.copysign(np.float32(0), x), x)


def inputs() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((70, 40), np.float32)


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler: cc is not installed")
def test_every_way_of_running_gives_the_same_bits(tmp_path: Path) -> None:
    net, x = Net().set_train(False), Tensor(inputs())
    here = [output.asnumpy() for output in net(x)]
    assert (here[0] == 0).any()
    assert (flushed(here[0]) == here[0]).all()
    cellc.export(net, x, file_name=str(tmp_path / "net.cellir"))
    again = nn.GraphCell(cellc.load(str(tmp_path / "net.cellir")))
    assert_same_bits([output.asnumpy() for output in again(x)], here)
    assert cli("compile", tmp_path / "net.cellir", "-o", tmp_path / "net") == 0
    for threads in "1", "3":
        assert_same_bits(run_binary(tmp_path / "net", [x.asnumpy()], len(here), "--threads", threads), here)


def test_operands_and_results(level: str) -> None:
    small = np.array([0.25, -0.5, 0.75, 1, -1.5, 0] * 11, np.float32) * TINY
    zeros = flushed(small)
    assert_same_bits([(Tensor(small) + Tensor(np.zeros_like(small))).asnumpy()], [zeros + 0])
    assert_same_bits([(Tensor(zeros) * 0.5).asnumpy()], [flushed(zeros / 2)])
    np.testing.assert_array_equal((Tensor(small) == 0.0).asnumpy(), zeros == 0)
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal((1.0 / Tensor(small)).asnumpy(), 1 / zeros)
        np.testing.assert_allclose(ops.log(ops.abs(Tensor(small))).asnumpy(), np.log(np.abs(zeros)), rtol=1e-6)
    np.testing.assert_allclose(ops.sqrt(ops.abs(Tensor(small))).asnumpy(), np.sqrt(np.abs(zeros)), rtol=1e-6)
    assert_same_bits([ops.reshape(Tensor(small), (6, 11)).asnumpy()], [small.reshape(6, 11)])  # only moved
    assert_same_bits([(Tensor(small.astype(np.float64)) * 0.5).asnumpy()], [small.astype(np.float64) * 0.5])


def test_half_precision_has_its_denormal_numbers(level: str) -> None:
    """They are normal in the float32 that computes with them."""
    half = HALVES.view(np.float16)
    numbers = half[np.isfinite(half)]
    wide = numbers.astype(np.float32)
    assert_same_bits([Tensor(numbers).astype(cellc.float32).asnumpy()], [wide])
    assert_same_bits([Tensor(wide).astype(cellc.float16).asnumpy()], [numbers])
    between = (wide[:-1] + wide[1:]) / 2  # ties
    assert_same_bits([Tensor(between).astype(cellc.float16).asnumpy()], [between.astype(np.float16)])
    assert_same_bits([(Tensor(numbers) * 0.75).asnumpy()], [(wide * np.float32(0.75)).astype(np.float16)])
    assert_same_bits([(Tensor(numbers[:7]) * 0.75).asnumpy()], [(wide[:7] * np.float32(0.75)).astype(np.float16)])
    assert_same_bits([Tensor(numbers).astype(cellc.float64).asnumpy()], [numbers.astype(np.float64)])


def test_bfloat16_has_the_range_of_float32(level: str) -> None:
    brain = HALVES.view(ml_dtypes.bfloat16)
    numbers = brain[np.isfinite(brain.astype(np.float32))]
    assert_same_bits([Tensor(numbers).astype(cellc.float32).asnumpy()], [numbers.astype(np.float32)])  # only moved
    wanted = flushed(flushed(numbers.astype(np.float32)) * np.float32(0.75)).astype(ml_dtypes.bfloat16)
    assert_same_bits([(Tensor(numbers) * 0.75).asnumpy()], [wanted])


def test_numpy_keeps_its_denormal_numbers() -> None:
    (Tensor(inputs()) * 0.5).asnumpy()
    assert np.float32(TINY) / np.float32(4) * np.float32(4) == TINY


def test_moments_of_a_weight_without_gradient_become_zero() -> None:
    """Rounding to a few units would keep 0.9 m at m for ever."""

    class Loss(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.w = Parameter(Tensor(np.ones(33, np.float32)), name="w")

        def construct(self, x: Tensor) -> Tensor:
            return ops.reduce_sum(self.w * x)

    net = Loss()
    optimizer = nn.Adam(net.trainable_params(), 1e-3)
    step = nn.TrainOneStepCell(net, optimizer)
    optimizer.moment1[0].set_data(Tensor(np.full(33, 4 * TINY)))
    for number in range(20):
        assert (optimizer.moment1[0].asnumpy() >= TINY).all() == (number < 14), number
        step(Tensor(np.zeros(33, np.float32)))
    assert (optimizer.moment1[0].asnumpy() == 0).all()
