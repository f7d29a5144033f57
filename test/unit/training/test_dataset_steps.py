"""What the steps of a pipeline make of rows, however many threads there are."""

import itertools

import numpy as np
import pytest
from unit.training.pipelines import numbers, ragged, values

import cellc
from cellc import dataset as ds
from cellc.dataset import vision


def test_shuffle():
    cellc.set_seed(5)
    rows = numbers(100).shuffle(10)
    iterator = rows.create_dict_iterator(num_epochs=2, output_numpy=True)
    first, second = ([int(row["x"]) for row in iterator] for _ in range(2))
    assert sorted(first) == list(range(100))
    assert first != second
    assert all(value <= at + 10 for at, value in enumerate(first))


@pytest.mark.parametrize("workers", [1, 3])
def test_map(workers):
    rows = numbers(20).map(lambda x: (x, x + 1), ["x"], ["a", "b"], num_parallel_workers=workers)
    assert [tuple(map(int, row)) for row in rows] == [(n, n + 1) for n in range(20)]
    rows = rows.map([lambda b: b * 10, lambda b: b + 1], "b", column_order=["b", "a"], num_parallel_workers=workers)
    assert rows.get_col_names() == ["b", "a"]
    assert [int(row[0]) for row in rows] == [10 * n + 11 for n in range(20)]
    assert rows.map(lambda a, b: a + b, ["a", "b"], ["sum"]).get_col_names() == ["sum"]


def test_random_transforms_do_not_depend_on_the_number_of_threads():
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    found = []
    for workers in (1, 2, 5):
        cellc.set_seed(7)
        rows = ds.NumpySlicesDataset([image] * 12, ["x"], shuffle=False)
        rows = rows.map([vision.RandomCrop(5), vision.RandomHorizontalFlip()], "x", num_parallel_workers=workers)
        found.append(values(rows.repeat(2)))
    assert found[0] == found[1] == found[2]
    assert found[0][:12] != found[0][12:]


def test_batch():
    assert values(numbers(5).batch(2)) == [[0, 1], [2, 3], [4]]
    assert values(numbers(5).batch(2, drop_remainder=True)) == [[0, 1], [2, 3]]
    assert (len(numbers(5).batch(2)), len(numbers(5).batch(2, True))) == (3, 2)
    assert numbers(5).batch(2).repeat(3).get_batch_size() == 2

    def doubled(column, info):
        return ([value * 2 + info.get_batch_num() for value in column],)

    assert values(numbers(4).batch(2, per_batch_map=doubled, input_columns=["x"])) == [[0, 2], [5, 7]]


@pytest.mark.parametrize(("pad_info", "expected"), [
    ({"x": ([3], -1)}, [[[0, -1, -1], [0, 1, -1]], [[0, 1, 2]]]),
    ({"x": ([None], 7.0), "n": (None, 0)}, [[[0, 7], [0, 1]], [[0, 1, 2]]]),
    ({"x": (None, 7)}, [[[0, 7], [0, 1]], [[0, 1, 2]]]),
    ({}, [[[0, 0], [0, 1]], [[0, 1, 2]]]),
    ({"x": None}, [[[0, 0], [0, 1]], [[0, 1, 2]]]),
    ({"x": ([np.int64(3)], None)}, [[[0, 0, 0], [0, 1, 0]], [[0, 1, 2]]]),
    ({"x": ((3,), np.float32(2))}, [[[0, 2, 2], [0, 1, 2]], [[0, 1, 2]]]),
])  # fmt: skip
def test_batch_pads_rows(pad_info, expected):
    rows = ragged().batch(2, pad_info=pad_info)
    assert values(rows) == expected
    assert [row["n"].tolist() for row in rows.create_dict_iterator(1, output_numpy=True)] == [[1, 2], [3]]


def test_order_of_the_columns_of_batches():
    def extended(x, info):
        return x, [value + info.get_batch_num() for value in x]

    rows = numbers(4).batch(2, False, 2, extended, ["x"], ["p", "q"], ["q", "p"])
    assert rows.get_col_names() == ["q", "p"]
    assert rows.get_batch_size() == 2
    found = [[column.tolist() for column in row] for row in rows.create_tuple_iterator(None, 1, output_numpy=True)]
    assert found == [[[0, 1], [0, 1]], [[3, 4], [2, 3]]]


def test_batches_of_sizes_that_a_function_gives():
    def size(info):
        return 1 + info.get_batch_num() + info.get_epoch_num()

    rows = numbers(6).batch(size)
    assert (rows.get_dataset_size(), rows.get_batch_size()) == (3, 1)
    iterator = rows.create_tuple_iterator(num_epochs=2, output_numpy=True)
    assert [len(x) for (x,) in iterator] == [1, 2, 3]
    assert [len(x) for (x,) in iterator] == [2, 3, 1]
    assert [len(x) for (x,) in numbers(6).batch(lambda info: 4, drop_remainder=True)] == [4]


def test_functions_see_arrays_of_their_own():
    seen = []

    def spoil(x):
        seen.append((type(x), x.shape, x.dtype))
        x[...] = 0
        return x

    images_, labels = np.ones((4, 2), np.float32), np.ones(4, np.int32)
    rows = ds.NumpySlicesDataset((images_, labels), ["x", "label"], shuffle=False)
    list(rows.map(spoil, "x").map(spoil, "label").batch(4))
    assert set(seen) == {(np.ndarray, (2,), np.dtype(np.float32)), (np.ndarray, (), np.dtype(np.int32))}
    assert images_.all()
    assert labels.all()


def test_tensors_of_batches_are_not_the_users_arrays():
    held, given = np.arange(64.0, dtype=np.float32), []

    def whole(column, info):
        given.append(cellc.tensor_base.aligned_copy(np.stack(column), np.dtype(np.float32)))
        return given[-1]

    source = ds.NumpySlicesDataset(held, ["x"], shuffle=False)
    for rows in (source.batch(64), source.batch(64, per_batch_map=whole), source.batch(64).map(lambda x: x, "x")):
        (batch,) = next(iter(rows))
        held += 1
        for array in given:
            array += 1
        np.testing.assert_array_equal(batch.asnumpy(), held - 1)


@pytest.mark.parametrize("workers", [None, 2])
def test_functions_that_change_their_argument_change_no_source(workers):
    source = np.ones((4, 2))
    data = ds.NumpySlicesDataset((source,), shuffle=False)
    data = data.map(lambda x: x.__imul__(2), ["column_0"], num_parallel_workers=workers).batch(2)
    for _ in range(2):
        assert [float(x.max()) for (x,) in data.create_tuple_iterator(output_numpy=True)] == [2, 2]
    assert (source == 1).all()


def values_of(rows):
    return (int(row[0]) for row in rows.create_tuple_iterator())


def test_other_steps():
    assert values(numbers(3).repeat(2)) == [0, 1, 2, 0, 1, 2]
    assert (len(numbers(3).repeat(2)), numbers(3).repeat(2).get_repeat_count()) == (6, 2)
    assert list(itertools.islice(values_of(numbers(2).repeat()), 5)) == [0, 1, 0, 1, 0]
    assert values(numbers(5).skip(2).take(2)) == [2, 3]
    assert len(numbers(5).skip(4).take(3)) == 1
    odd = numbers(5).filter(lambda x: x % 2 == 1)
    assert (values(odd), len(odd)) == ([1, 3], 2)
    pair = ds.zip((numbers(3), numbers(5).rename("x", "y")))
    assert (pair.get_col_names(), len(pair)) == (["x", "y"], 3)
    assert values(pair.project(["y", "x"])) == [0, 1, 2]
    assert values(numbers(2) + numbers(3)) == [0, 1, 0, 1, 2]


def test_what_a_function_makes_of_a_dataset():
    assert numbers(6).apply(lambda rows: rows.batch(4)).get_dataset_size() == 2
