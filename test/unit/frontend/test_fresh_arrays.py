"""Memory for results: how it is laid out, and when it is used again."""

import ctypes
import gc
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from cellc import Tensor, jit
from cellc.fresh_arrays import BufferPool, FreshArrays
from cellc.storage import ALIGNMENT

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
LARGE = (300, 400)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 5), (2, 0, 3), (1008,), (1009,), (100, 100), (300, 400)])
@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(bool), BFLOAT16])
def test_fresh_arrays(shape: tuple[int, ...], dtype: np.dtype) -> None:
    fresh = FreshArrays(shape, dtype)
    (array, address), (other, there) = fresh.make(), fresh.make()
    assert array.shape == shape
    assert array.dtype == dtype
    assert array.flags.c_contiguous
    assert array.flags.writeable
    assert address % ALIGNMENT == 0 == there % ALIGNMENT
    assert address == array.ctypes.data
    assert there == other.ctypes.data
    array.fill(1)
    other.fill(0)
    assert array.all()
    assert ctypes.string_at(address, array.nbytes) == array.tobytes()


def test_memory_is_lent_again_when_no_view_is_left() -> None:
    fresh = FreshArrays(LARGE, np.dtype(np.float32))
    array, address = fresh.make()
    array[...] = 7
    view = array[3:, ::2].T.reshape(-1)[:5]
    other = array.ravel()[1:]
    del array
    assert view.tolist() == [7] * 5
    second, there = fresh.make()
    assert there != address
    second[...] = 8
    assert (other == 7).all()
    del other
    assert fresh.make()[1] == address


def test_another_size_is_other_memory() -> None:
    pool = BufferPool(1000)
    (first, address), (second, there) = pool.lend(100), pool.lend(200)
    del first, second
    assert pool.lend(200)[1] == there
    assert pool.lend(100)[1] == address


def test_what_was_freed_last_is_lent_first() -> None:
    """The caches hold it."""
    pool = BufferPool(1000)
    buffers = [pool.lend(100) for _ in range(3)]
    addresses = [address for _, address in buffers]
    while buffers:
        buffers.pop(0)
    again = [pool.lend(100) for _ in range(3)]
    assert [address for _, address in again] == addresses[::-1]


def test_what_has_waited_longest_is_freed() -> None:
    pool = BufferPool(250)
    buffers = [pool.lend(100) for _ in range(3)]
    addresses = [address for _, address in buffers]
    while buffers:
        buffers.pop(0)
    first, second = pool.lend(100), pool.lend(100)
    assert {first[1], second[1]} == set(addresses[1:])


def test_buffers_freed_by_a_collection() -> None:
    pool = BufferPool(1000)
    buffer, address = pool.lend(100)
    cycle: list[Any] = [buffer]
    cycle.append(cycle)
    del buffer, cycle
    gc.collect()
    assert pool.lend(100)[1] == address


def test_collections_while_the_pool_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.11 collects cycles when a tuple or a list is made: buffers come back in the middle of `lend`."""
    pool = BufferPool(1 << 30)
    monkeypatch.setattr(sys, "unraisablehook", lambda error: pytest.fail(repr(error.exc_value)))
    before = gc.get_threshold()
    gc.set_threshold(30)
    try:
        for step in range(3000):
            cycle: list[Any] = [pool.lend(64 * (1 + step % 7)), pool.lend(64)]
            cycle.append(cycle)
    finally:
        gc.set_threshold(*before)


_TELLS_OF_ITS_END = """
import os
from cellc.fresh_arrays import BufferPool
BufferPool.__del__ = lambda self, write=os.write: write(1, b"freed")
"""


def test_the_pool_is_there_until_the_process_ends() -> None:
    """Threads that still run when Python exits write results."""
    done = subprocess.run([sys.executable, "-c", _TELLS_OF_ITS_END], capture_output=True, check=True)
    assert done.stdout == b""


def test_threads_do_not_share_a_buffer() -> None:
    fresh = FreshArrays(LARGE, np.dtype(np.int64))

    def fill(number: int) -> bool:
        array, _ = fresh.make()
        array[...] = number
        kept = array[::3]
        del array
        return bool((kept == number).all())

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(fill, range(200)))


def test_results_that_are_kept_stay_as_they_are() -> None:
    double = jit(lambda x: x + x)
    results = [double(Tensor(np.full(LARGE, i, np.float32))) for i in range(5)]
    parts = [result.asnumpy()[5] for result in results[:3]]
    del results[:3]
    double(Tensor(np.full(LARGE, 9, np.float32)))
    assert [part[0] for part in parts] == [0, 2, 4]
    assert [result.asnumpy()[0, 0] for result in results] == [6, 8]
