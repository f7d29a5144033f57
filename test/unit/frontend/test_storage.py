"""Where elements lie: fresh arrays, and the addresses that compiled programs are given of tensors."""

from concurrent.futures import ThreadPoolExecutor

import ml_dtypes
import numpy as np
import pytest

import cellc
from cellc import Parameter, Tensor, jit, ops
from cellc.storage import address_of, aligned_copy, aligned_empty

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


@pytest.mark.parametrize("array", [np.ones(3), np.ones(0), np.ones((2, 2), BFLOAT16), aligned_empty((7,), BFLOAT16)])
def test_addresses(array: np.ndarray) -> None:
    assert address_of(array) == array.ctypes.data
    array.flags.writeable = False
    assert address_of(array) == array.ctypes.data


@jit
def doubled(x: Tensor) -> Tensor:
    return x + x


def test_a_tensor_that_is_edited_between_calls() -> None:
    x = Tensor([1.0, 2.0])
    assert doubled(x).asnumpy().tolist() == [2, 4]
    x[0] = 5
    assert doubled(x).asnumpy().tolist() == [10, 4]
    assert doubled(x).asnumpy().tolist() == [10, 4]
    x += 1
    assert doubled(x).asnumpy().tolist() == [12, 6]


def test_memory_shared_with_numpy() -> None:
    array = aligned_copy([1, 2], np.dtype(np.float32))
    x = Tensor.from_numpy(array)
    assert doubled(x).asnumpy().tolist() == [2, 4]
    array[0] = 7
    array.flags.writeable = False
    assert doubled(x).asnumpy().tolist() == [14, 4]
    assert doubled(Tensor.from_numpy(array[:1])).asnumpy().tolist() == [14]


def test_results_of_calls_are_apart() -> None:
    x = Tensor([1.0])
    results = [x := doubled(x) for _ in range(5)]
    assert [result.asnumpy().tolist() for result in results] == [[2], [4], [8], [16], [32]]
    assert doubled(Tensor(np.zeros((2, 0), np.float32))).shape == (2, 0)
    assert doubled(Tensor([1.5], cellc.bfloat16)).asnumpy().tolist() == [3]


def test_a_pending_value_as_an_argument() -> None:
    x = Tensor([1.0]) + 1
    assert doubled(x).asnumpy().tolist() == [4]
    assert doubled(x).asnumpy().tolist() == [4]


def test_a_parameter_as_an_argument_that_the_program_overwrites() -> None:
    parameter = Parameter(np.ones(2, np.float32), name="p")

    @jit
    def step(x: Tensor) -> Tensor:
        ops.assign(parameter, x + 1)
        return x * 10

    for value in (1.0, 2.0, 3.0):
        assert step(parameter).asnumpy().tolist() == [value * 10] * 2
        assert parameter.asnumpy().tolist() == [value + 1] * 2


def test_calls_of_one_program_from_several_threads() -> None:
    inputs = [Tensor(np.full(1000, i, np.float32)) for i in range(16)]
    doubled(inputs[0])
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(doubled, inputs * 20))
    for i, result in enumerate(results):
        assert (result.asnumpy() == 2 * (i % 16)).all()
