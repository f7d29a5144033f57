"""Tensors that one thread computes from and another asks for, before they have a value."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from cellc import Parameter, Tensor
from cellc import trace as tracing
from support.reference import ReferenceBackend


def elsewhere(function: Callable[[], Any]) -> Any:
    """What the function gives in another thread, which has ended by then."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result(timeout=60)


def test_several_threads_go_on_with_one_tensor() -> None:
    def work(number: int) -> list[float]:
        together.wait()
        return [(shared + number + step).item() for step in range(5)]

    for turn in range(20):
        together = threading.Barrier(4)
        shared = Tensor([1.0]) * 2 + turn
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(work, range(4)))
        assert found == [[2 + turn + number + step for step in range(5)] for number in range(4)]
        assert shared.item() == 2 + turn


def test_another_thread_asks_in_the_middle_of_an_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    infer = tracing.infer_types

    def infer_late(op: str, *arguments: Any) -> Any:
        if op == "mul":  # its operands are values of the trace already
            asked.append(elsewhere(first.item))
        return infer(op, *arguments)

    first = Tensor([1.0]) + 1
    monkeypatch.setattr(tracing, "infer_types", infer_late)
    second = first * 10
    assert asked == [2]
    assert second.item() == 20
    assert (first + second).item() == 22


def test_a_thread_that_has_ended_leaves_its_tensors(reference: ReferenceBackend) -> None:
    one, other = elsewhere(lambda: (Tensor([1.0]) + 1, Tensor([1.0]) + 2))
    assert reference.compiled == 0
    assert (one.item(), other.item()) == (2, 3)
    assert reference.compiled == 1  # the first that was asked for brought the other


def test_values_that_another_thread_asked_for_are_not_made_again(reference: ReferenceBackend) -> None:
    y = Tensor([1.0]) + 1
    elements = elsewhere(y._elements)
    z = y * 10
    assert z.item() == 20
    assert y._elements() is elements
    w = Tensor([1.0]) - 1
    assert elsewhere(w.item) == 0
    before = reference.compiled
    tracing.current().flush()
    assert reference.compiled == before


def test_another_thread_assigns_nothing() -> None:
    count = Parameter(Tensor([1.0]), "count")
    before = count * 10
    count[...] = 5
    after = count * 10
    assert elsewhere(lambda: (before.item(), after.item())) == (10, 50)
    assert count.asnumpy() == 5
    count[...] = count + 1
    assert elsewhere((count * 10).item) == 60
    assert count.asnumpy() == 6


def test_what_another_thread_asked_for_stays_what_it_was() -> None:
    weight = Parameter(Tensor([2.0]), "weight")
    y = weight * 2
    assert elsewhere(y.item) == 4
    elsewhere(lambda: weight.set_data(Tensor([0.0])))
    z = y + 1
    assert (y.item(), z.item(), (weight * 2).item()) == (4, 5, 0)


def test_an_index_that_is_assigned_after_another_thread_asked() -> None:
    t = Tensor([1.0, 2.0]) * 2
    read = t + 0
    assert elsewhere(t.tolist) == [2, 4]
    t[0] = 7
    assert elsewhere(t.tolist) == [7, 4]
    assert (t.tolist(), read.tolist()) == ([7, 4], [2, 4])


def test_two_threads_that_want_each_others_tensors() -> None:
    def work(number: int) -> list[float]:
        found = []
        for step in range(20):
            mine = Parameter(Tensor([float(number)]))
            mine[...] = mine + step
            places[number] = mine * 2
            together.wait()
            found.append((places[1 - number] + places[number]).item())
            together.wait()
        return found

    places: list[Any] = [None, None]
    together = threading.Barrier(2, timeout=60)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, range(2))) == [[2 + 4 * step for step in range(20)]] * 2


def test_what_failed_has_no_value_elsewhere(monkeypatch: pytest.MonkeyPatch, reference: ReferenceBackend) -> None:
    def fail(graph: object, key: str) -> None:
        raise RuntimeError("no compiler")

    y = Tensor([1.0]) + 1
    with monkeypatch.context() as patch:
        patch.setattr(reference, "compile", fail)
        with pytest.raises(RuntimeError, match="no compiler"):
            y.asnumpy()
    for ask in (y.asnumpy, lambda: y + 1, lambda: repr(y)):
        with pytest.raises(RuntimeError, match="failed earlier"):
            elsewhere(ask)
        with pytest.raises(RuntimeError, match="failed earlier"):
            ask()


def test_results_under_fire() -> None:
    """One thread records and asks, others ask for what it has just recorded."""

    def record() -> None:
        x = Tensor(np.arange(4, dtype=np.float32))
        for step in range(60):
            x = x + 1
            seen.append((step + 1, x))
            if step % 7 == 6:
                x.asnumpy()
        done.set()

    def ask() -> int:
        number = 0
        while not done.is_set() or number < len(seen):
            if number < len(seen):
                step, tensor = seen[number]
                np.testing.assert_array_equal(tensor.asnumpy(), np.arange(4) + step)
                number += 1
        return number

    seen: list[tuple[int, Tensor]] = []
    done = threading.Event()
    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        pool.submit(record).result(timeout=60)
        assert [each.result(timeout=60) for each in asking] == [60, 60]
