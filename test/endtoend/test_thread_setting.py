"""`set_context(runtime_num_threads=)`: how many threads run what is compiled from then on."""

import os
from collections.abc import Iterator

import numpy as np
import pytest

import cellc
from cellc import Tensor, nn
from cellc.cpu_backend import CpuProgram


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    cellc.set_context(runtime_num_threads=0)


def net() -> nn.Cell:
    cellc.set_seed(4)
    return nn.SequentialCell(nn.Dense(300, 200), nn.GELU(), nn.Dense(200, 30)).set_train(False)


def program(cell: nn.Cell) -> CpuProgram:
    return cell._function._recent.compiled._executable


def test_what_is_compiled_later_has_that_many_threads_and_the_same_bits() -> None:
    x = Tensor(np.linspace(-1, 1, 90_000, dtype=np.float32).reshape(300, 300))
    answers = []
    for threads in (1, 2, 3, 5, 3):
        cellc.set_context(runtime_num_threads=threads)
        assert cellc.get_context("runtime_num_threads") == threads
        cell = net()
        answers.append(cell(x).asnumpy())
        assert program(cell)._module.threads == threads
    assert all(np.array_equal(answer, answers[0]) for answer in answers)


def test_a_profile_runs_with_the_setting() -> None:
    cellc.set_context(runtime_num_threads=3)
    assert cellc.profile(net(), Tensor(np.ones((2, 300), np.float32)), runs=1).peak.threads == 3


def test_no_setting_is_the_default_of_the_runtime() -> None:
    cell = net()
    cell(Tensor(np.ones((2, 300), np.float32)))
    asked = os.environ.get("CELLC_NUM_THREADS")
    assert program(cell)._module.threads == (int(asked) if asked else len(os.sched_getaffinity(0)))


@pytest.mark.parametrize("value", [-1, 1025])
def test_numbers_out_of_range(value: int) -> None:
    with pytest.raises(
        ValueError, match=f"runtime_num_threads must be from 1 to 1024, or 0 for the default, got {value}"
    ):
        cellc.set_context(runtime_num_threads=value)


@pytest.mark.parametrize("value", ["2", 2.0, True, None])
def test_values_that_are_no_numbers(value: object) -> None:
    with pytest.raises(TypeError, match="runtime_num_threads must be of type int"):
        cellc.set_context(runtime_num_threads=value)
