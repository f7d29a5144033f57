"""What iterators give, how far they read ahead, and how they end."""

import itertools
import threading
import time

import numpy as np
import pytest
from unit.training.pipelines import numbers, values

from cellc import dataset as ds


def test_iterators_give_lists_and_dicts():
    assert isinstance(next(iter(numbers())), list)
    assert isinstance(next(numbers().create_tuple_iterator()), list)
    assert isinstance(next(numbers().create_dict_iterator()), dict)


def test_columns_and_dicts_of_an_iterator():
    rows = ds.NumpySlicesDataset(([1, 2], [3, 4]), ["a", "b"], shuffle=False)
    assert [int(row[0]) for row in rows.create_tuple_iterator(columns=["b"], num_epochs=1)] == [3, 4]
    assert [{name: int(value) for name, value in row.items()} for row in rows.create_dict_iterator(1)] == [
        {"a": 1, "b": 3}, {"a": 2, "b": 4}
    ]  # fmt: skip


def test_rows_are_read_ahead_of_the_user():
    read = []

    def source():
        for number in range(20):
            read.append(number)
            yield number

    iterator = ds.GeneratorDataset(source, ["x"]).create_tuple_iterator(num_epochs=1)
    next(iterator)
    deadline = time.monotonic() + 10
    while len(read) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert 4 <= len(read) < 20
    iterator.close()


@pytest.mark.parametrize("places", [1, 2, 3, 4, 7])
def test_rows_are_read_ahead_as_far_as_there_are_places(places):
    made = []

    def rows():
        for number in range(25):
            made.append(number)
            yield np.int32(number)

    old = ds.config.get_prefetch_size()
    ds.config.set_prefetch_size(places)
    try:
        iterator = ds.GeneratorDataset(rows, ["x"]).create_tuple_iterator(num_epochs=1, output_numpy=True)
        given = []
        for (number,) in iterator:
            given.append(int(number))
            assert len(made) <= len(given) + places + 1  # one more is made before it needs a place
    finally:
        ds.config.set_prefetch_size(old)
    assert given == list(range(25))


def test_a_dropped_iterator_stops_its_thread():
    iterator = ds.GeneratorDataset(lambda: itertools.count(), ["x"], num_samples=10**9).create_tuple_iterator()
    next(iterator)
    thread = iterator._thread
    del iterator
    thread.join(10)
    assert not thread.is_alive()
    assert not any(other.name == "cellc-dataset" and other is thread for other in threading.enumerate())


def test_closing_an_iterator_ends_who_waits_for_it():
    blocked = threading.Event()

    def source():
        yield 1
        blocked.wait(20)

    iterator = ds.GeneratorDataset(source, ["x"]).create_tuple_iterator(num_epochs=1)
    next(iterator)
    threading.Timer(0.2, iterator.close).start()
    with pytest.raises(StopIteration):
        next(iterator)
    blocked.set()


def test_settings():
    old = ds.config.get_num_parallel_workers(), ds.config.get_prefetch_size()
    ds.config.set_num_parallel_workers(3)
    ds.config.set_prefetch_size(2)
    assert (ds.config.get_num_parallel_workers(), ds.config.get_prefetch_size()) == (3, 2)
    assert values(numbers(9).map(lambda x: x + 1)) == list(range(1, 10))
    ds.config.set_num_parallel_workers(old[0])
    ds.config.set_prefetch_size(old[1])
