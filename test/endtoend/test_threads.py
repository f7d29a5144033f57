"""Compiled programs that several threads run, also while parameters change."""

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from cellc import Parameter, Tensor, nn

LONG, SHORT = 50_000, 10


class Counting(nn.Cell):
    def __init__(self) -> None:
        super().__init__()
        self.count = Parameter(Tensor(np.zeros(SHORT, np.float32)), name="count")

    def construct(self, x: Tensor, factor: Any) -> Tensor:
        self.count += 1
        return x * factor


class Summing(nn.Cell):
    def __init__(self) -> None:
        super().__init__()
        self.terms = Parameter(Tensor(np.ones(LONG, np.float32)), name="terms")

    def construct(self, x: Tensor) -> Tensor:
        return (self.terms * x).sum()


@pytest.fixture(autouse=True)
def hasty_threads() -> Iterator[None]:
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(old)


def in_threads(works: list[Callable[[], None]]) -> None:
    """Runs all at once; raises what one of them raised."""
    failures: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_no_update_is_lost_and_no_result_is_anothers() -> None:
    net = Counting()

    def work(factor: float) -> None:
        for extent in [1, 2, 3] * 20:
            x = Tensor(np.full(extent, factor, np.float32))
            assert net(x, factor).asnumpy().tolist() == [factor * factor] * extent

    in_threads([lambda factor=factor: work(factor) for factor in (1, 1.0, 2, 3.0)])
    assert net.count.asnumpy().tolist() == [240] * SHORT


def test_a_parameter_that_gets_another_shape_while_programs_run() -> None:
    """Each call sees the value of one moment, and none reads memory that is no more."""
    net = Summing()
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            assert net(Tensor(1.0)).item() in (LONG, 2 * SHORT)

    def change() -> None:
        try:
            for _ in range(100):
                net.terms.set_data(Tensor(np.full(SHORT, 2, np.float32)), slice_shape=True)
                net.terms.set_data(Tensor(np.ones(LONG, np.float32)), slice_shape=True)
        finally:
            done.set()

    in_threads([work, work, work, change])


def test_weights_are_packed_from_the_elements_a_call_holds() -> None:
    """What another thread does after a call has found its program and before it runs."""
    net = nn.Dense(128, 96, has_bias=False).set_train(False)
    x = Tensor(np.ones((16, 128), np.float32))
    before = net(x).asnumpy()
    compiled = net._function._recent.compiled
    assert compiled._prepared is not None
    net.weight.set_data(Tensor(np.ones((1, 1), np.float32)), slice_shape=True)
    assert np.array_equal(compiled.run([x])[0].asnumpy(), before)
    net.weight.set_data(Tensor(np.ones((96, 128), np.float32)), slice_shape=True)
    assert np.array_equal(net(x).asnumpy(), np.full((16, 96), 128, np.float32))


class Reading(nn.Cell):
    """Reads a shape twice, and lets others go on between."""

    def __init__(self, between: Callable[[], None]) -> None:
        super().__init__()
        self.terms = Parameter(Tensor(np.ones(LONG, np.float32)), name="terms")
        self.between = between

    def construct(self, x: Tensor) -> Tensor:
        shape = self.terms.shape
        self.between()
        return (self.terms * x.broadcast_to(shape)).sum()


def test_a_trace_sees_the_shapes_of_one_moment() -> None:
    """Another thread changes a parameter's shape in the middle of the first trace: it is traced again."""
    traces = []

    def change() -> None:
        net.terms.set_data(Tensor(np.full(SHORT, 2, np.float32)), slice_shape=True)

    def between() -> None:
        traces.append(net.terms.shape)
        if len(traces) == 1:
            thread = threading.Thread(target=change)
            thread.start()
            thread.join()

    net = Reading(between)
    assert net(Tensor(1.0)).item() == 2 * SHORT
    assert traces == [(LONG,), (SHORT,)]
