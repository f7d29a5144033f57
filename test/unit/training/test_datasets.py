"""Data pipelines: what comes out, in which order, however many threads there are."""

import itertools
import struct
import threading
import time

import numpy as np
import pytest

import cellc
from cellc import dataset as ds
from cellc.dataset import transforms, vision
from cellc.dataset._rows import Pass


def numbers(count=10, **others):
    return ds.NumpySlicesDataset(np.arange(count), ["x"], **({"shuffle": False} | others))


def values(rows, **others):
    return [row["x"].tolist() for row in rows.create_dict_iterator(1, output_numpy=True, **others)]


class Squares:
    def __len__(self):
        return 6

    def __getitem__(self, at):
        return np.float32(at), at * at


def test_numpy_slices():
    rows = ds.NumpySlicesDataset({"a": [1, 2], "b": [[3.0], [4.0]]}, shuffle=False)
    assert rows.get_col_names() == ["a", "b"]
    found = list(rows)
    assert [type(value) for value in found[0]] == [cellc.Tensor, cellc.Tensor]
    assert (int(found[1][0]), found[1][1].shape) == (2, (1,))
    assert ds.NumpySlicesDataset(([1], [2])).get_col_names() == ["column_0", "column_1"]
    assert len(numbers(7, num_samples=4)) == 4
    assert values(numbers(7, num_samples=4)) == [0, 1, 2, 3]


def test_generators():
    rows = ds.GeneratorDataset(Squares(), ["a", "b"], shuffle=False, column_types=[cellc.float32, cellc.int32])
    assert [tuple(map(float, row)) for row in rows] == [(n, n * n) for n in range(6)]
    assert rows.output_types() == [np.float32, np.int32]
    rows = ds.GeneratorDataset(lambda: iter(range(4)), ["x"])
    assert values(rows) == values(rows) == [0, 1, 2, 3]
    assert rows.get_dataset_size() == 4
    assert values(ds.GeneratorDataset([(1,), (2,)], "x", shuffle=False)) == [1, 2]
    assert values(ds.GeneratorDataset(lambda: itertools.count(), ["x"], num_samples=3)) == [0, 1, 2]


@pytest.mark.parametrize("code", [">f4", ">f8", ">i2", ">u2"])
@pytest.mark.parametrize("source", [ds.NumpySlicesDataset, ds.GeneratorDataset])
def test_columns_of_the_other_byte_order(source, code):
    data = np.arange(12).reshape(6, 2).astype(code)
    rows = source(data, column_names=["x"], shuffle=False)
    for batches in (
        rows.batch(3),
        rows.map(lambda x: x, "x").batch(3),
        rows.map(transforms.TypeCast(cellc.int32)).batch(3),
    ):
        assert [batch.asnumpy().tolist() for (batch,) in batches] == [data[:3].tolist(), data[3:].tolist()]
    assert [row.asnumpy().tolist() for (row,) in rows] == data.tolist()


def test_sources_shuffle_by_default_and_anew_each_time():
    cellc.set_seed(3)
    rows = numbers(50, shuffle=None)
    iterator = rows.create_tuple_iterator(num_epochs=2, output_numpy=True)
    first, second, third = ([int(row[0]) for row in iterator] for _ in range(3))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert third == []
    cellc.set_seed(3)
    assert [int(row[0]) for row in rows.create_tuple_iterator(num_epochs=1)] == first
    cellc.set_seed(4)
    assert [int(row[0]) for row in rows.create_tuple_iterator(num_epochs=1)] != first


@pytest.mark.parametrize("seed", [1, None])
def test_shards_share_the_rows(seed, monkeypatch):
    monkeypatch.setattr(cellc.seed, "_seed", seed)
    parts = [values(numbers(10, shuffle=True, num_shards=3, shard_id=shard)) for shard in range(3)]
    assert [len(part) for part in parts] == [4, 4, 4]
    assert set(itertools.chain.from_iterable(parts)) == set(range(10))
    assert values(numbers(4, num_shards=2, shard_id=1)) == [1, 3]


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


@pytest.mark.parametrize("steps", [lambda x: x, lambda x: x.shuffle(7)])
@pytest.mark.parametrize(
    "source", [{}, {"shuffle": True}, {"num_samples": 11}, {"num_shards": 3, "shard_id": 2}], ids=str
)
def test_batches_taken_at_once_are_those_of_rows_one_by_one(steps, source):
    cellc.set_seed(9)
    rows = steps(numbers(20, **source))
    assert rows.gather() is not None
    one_by_one = rows_one_by_one(rows)
    assert one_by_one.gather() is None
    assert values(rows.batch(4)) == values(one_by_one.batch(4))
    assert values(rows.batch(4, True)) == values(one_by_one.batch(4, True))
    assert next(iter(rows.batch(4))) is not None


def images(kind=np.uint8, shape=(5, 4, 3), count=23):
    values = np.random.default_rng(3).integers(0, 200, (count, *shape)).astype(kind)
    return ds.NumpySlicesDataset((values, np.arange(count) % 7), ["x", "label"], shuffle=True)


AT_ONCE = [
    [vision.Rescale(1 / 255, -0.3), vision.HWC2CHW()],
    [vision.Rescale(1 / 3, 0), vision.Normalize([0.1, 0.2, 0.7], [0.3, 1.5, 7])],
    [vision.Normalize([3], [7]), vision.HWC2CHW()],
    [vision.HWC2CHW(), vision.Normalize([0.1, 0.2, 0.7], [0.3, 1.5, 7], is_hwc=False)],
    [vision.ToTensor(), transforms.TypeCast(cellc.float16)],
    [transforms.TypeCast(cellc.int32), vision.Rescale(0.1, 0.1)],
    [transforms.Compose([vision.Rescale(1 / 3, 0), transforms.Compose([vision.HWC2CHW()])]), transforms.Fill(7)],
]


def rows_one_by_one(rows):
    """The same without `gather`, and so by another way."""
    return rows.filter(lambda *row: True)


def assert_same_bits(some, others):
    some, others = (list(rows.create_tuple_iterator(num_epochs=1, output_numpy=True)) for rows in (some, others))
    assert len(some) == len(others) > 0
    for row, other in zip(some, others, strict=True):
        for value, wanted in zip(row, other, strict=True):
            assert value.dtype == wanted.dtype
            np.testing.assert_array_equal(value, wanted, strict=True)


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("operations", AT_ONCE, ids=lambda one: "-".join(type(part).__name__ for part in one))
def test_transforms_of_batches_have_the_bits_of_transforms_of_rows(operations, kind):
    cellc.set_seed(5)
    rows = images(kind).map(operations, "x").map(transforms.OneHot(7), "label", "class").shuffle(6)
    rows = rows.skip(2).take(17).rename("x", "image").project(["class", "image"])
    assert len(rows.gather()([2, 0, 1])[1]) == 3
    by_rows = rows_one_by_one(rows)
    assert by_rows.gather() is None
    assert_same_bits(rows.batch(4), by_rows.batch(4))


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 4, 4, 3), ()])
@pytest.mark.parametrize(
    "operation", [vision.Rescale(2, 1), vision.Normalize([1], [2]), vision.Normalize([1], [2], is_hwc=False),
                  vision.Normalize([1, 2, 3], [2, 3, 4]), vision.Normalize([1, 2, 3], [2, 3, 4], is_hwc=False),
                  vision.HWC2CHW(), vision.ToTensor(), transforms.OneHot(200), transforms.OneHot(190),
                  transforms.Fill(300), transforms.Fill(np.arange(3)), transforms.Fill(np.zeros((4, 1))),
                  transforms.Compose([vision.HWC2CHW()])],
    ids=lambda one: type(one).__name__)  # fmt: skip
def test_rows_of_any_rank_are_transformed_or_refused_alike(shape, operation):
    cellc.set_seed(5)
    rows = images(shape=shape).map(operation, "x")
    found = []
    for way in (rows, rows_one_by_one(rows)):
        given, iterator = [], way.batch(4).create_tuple_iterator(num_epochs=1, output_numpy=True)
        try:
            given.extend(row[0].tolist() for row in iterator)
        except Exception as error:
            given.append((type(error), str(error)))
        found.append(given)
    assert found[0] == found[1]
    assert found[0]


def test_an_error_in_a_later_batch_comes_after_the_batches_before():
    labels = ds.NumpySlicesDataset(np.array([0, 1, 2, 1, 9, 0, 8]), ["x"], shuffle=False)
    iterator = labels.map(transforms.OneHot(3)).batch(2).create_tuple_iterator(num_epochs=1, output_numpy=True)
    assert [next(iterator)[0].argmax(1).tolist() for _ in range(2)] == [[0, 1], [2, 1]]
    with pytest.raises(ValueError, match="got class 9"):
        next(iterator)


@pytest.mark.parametrize("size", [1, 3, 16])  # of int64: 16 begin where a Tensor's memory may, 3 do not
@pytest.mark.parametrize("drop", [False, True])
def test_batches_gathered_together_are_those_gathered_alone(size, drop):
    wide = np.arange(500 * 40).reshape(500, 40)
    rows = ds.NumpySlicesDataset((np.arange(500), wide), ["x", "y"]).map(vision.Rescale(2, 1), "y").shuffle(5)
    cellc.set_seed(3)
    together = [[column.asnumpy() for column in batch] for batch in rows.batch(size, drop).repeat(2)]
    cellc.set_seed(3)
    alone = [[column.asnumpy() for column in batch] for batch in rows_one_by_one(rows).batch(size, drop).repeat(2)]
    assert len(together) == len(alone) == 2 * (500 // size if drop else -(-500 // size))
    for batch, wanted in zip(together, alone, strict=True):
        for column, other in zip(batch, wanted, strict=True):
            np.testing.assert_array_equal(column, other)


def test_batches_gathered_together_begin_where_a_tensors_memory_may():
    rows = ds.NumpySlicesDataset(np.arange(2048, dtype=np.int32), ["x"], shuffle=False).batch(16)
    groups = list(rows.groups(Pass(0, 0)))
    assert max(map(len, groups)) > 1
    assert all(column.ctypes.data % 64 == 0 for group in groups for (column,) in group)
    odd = ds.NumpySlicesDataset(np.zeros((100, 1001), np.int8), ["x"]).batch(5)  # would be copied once more
    assert {len(group) for group in odd.groups(Pass(0, 0))} == {1}
    large = ds.NumpySlicesDataset(np.zeros((40, 1 << 18), np.int8), ["x"]).batch(4)
    assert max(sum(column.nbytes for (column,) in group) for group in large.groups(Pass(0, 0))) <= 1 << 21


def add(image, label):
    return image + label, image.dtype.itemsize, label


def crop(image):
    """A function of the user's that draws numbers as the transforms do."""
    return vision.RandomCrop(3)(image)


BY_ROW = {
    "of the user's": [lambda image: image[::2], np.negative],
    "drawing": [vision.RandomHorizontalFlip(), crop],
    "between others": [vision.Rescale(2, 1), lambda image: image.T, vision.Rescale(1, 1), vision.RandomVerticalFlip()],
    "in a Compose": [transforms.Compose([vision.RandomCrop(4), vision.HWC2CHW(), np.square]), vision.Rescale(1, 1)],
    "in RandomApply": [transforms.RandomApply([vision.Rescale(2, 1), transforms.TypeCast(cellc.uint8)])],
    "that give lists": [lambda image: image[0].tolist(), np.float32],
    "that give numbers": [np.mean, vision.Rescale(2, 1)],
}


@pytest.mark.parametrize("operations", BY_ROW.values(), ids=list(BY_ROW))
def test_operations_on_rows_of_a_batch_have_the_bits_of_rows_one_by_one(operations):
    cellc.set_seed(5)
    rows = images().map(transforms.TypeCast(cellc.int64), "label").shuffle(5).map(operations, "x").shuffle(6)
    rows = rows.skip(2).take(17).map(add, ["x", "label"], ["sum", "size", "label"])
    assert len(rows.gather()(list(itertools.islice(rows.numbers(Pass(0, 0)), 3)))[1]) == 3
    assert_same_bits(rows.batch(4), rows_one_by_one(rows).batch(4))


def test_rows_that_differ_are_made_one_by_one():
    rows = numbers(7).map(lambda x: x * (0.5 if x > 4 else 2))
    assert values(rows.batch(3)) == [[0, 2, 4], [6, 8, 2.5], [3]]
    with pytest.raises(ValueError, match="must have one shape, but column 'x' has"):
        list(numbers(4).map(lambda x: np.zeros(x)).batch(2))
    with pytest.raises(ZeroDivisionError):
        list(numbers(4).map(lambda x: 1 // int(x - 3)).batch(2))
    with pytest.raises(ValueError, match="gave 2 columns, but 'output_columns' are"):
        list(numbers(4).map(lambda x: (x, x)).batch(2))


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


@pytest.mark.parametrize("wrong", [6, -7])
def test_a_sampler_that_names_a_row_which_is_not_there(wrong):
    rows = ds.NumpySlicesDataset(np.arange(6), ["x"], sampler=[0, wrong]).batch(2)
    with pytest.raises((IndexError, ValueError), match=str(wrong)):
        list(rows)


def test_a_batch_that_is_made_again_calls_functions_for_its_own_rows():
    calls = []

    def ragged(x):
        calls.append(int(x))
        return np.zeros(3 if x == 9 else 2)

    data = ds.NumpySlicesDataset(np.arange(16), ["x"], shuffle=False).map(ragged, ["x"]).batch(4)
    rows = data.create_tuple_iterator(output_numpy=True)
    assert [next(rows)[0].shape for _ in range(2)] == [(4, 2), (4, 2)]
    with pytest.raises(ValueError, match="rows of one batch must have one shape"):
        next(rows)
    assert sorted(set(calls)) == list(range(len(set(calls))))
    assert all(calls.count(row) == 1 for row in range(8))


@pytest.mark.parametrize("workers", [None, 2])
def test_functions_that_change_their_argument_change_no_source(workers):
    source = np.ones((4, 2))
    data = ds.NumpySlicesDataset((source,), shuffle=False)
    data = data.map(lambda x: x.__imul__(2), ["column_0"], num_parallel_workers=workers).batch(2)
    for _ in range(2):
        assert [float(x.max()) for (x,) in data.create_tuple_iterator(output_numpy=True)] == [2, 2]
    assert (source == 1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_of_a_generator_are_copies(dtype):
    held = [np.ones(2, dtype) for _ in range(3)]
    data = ds.GeneratorDataset(held, ["x"], [cellc.float32], shuffle=False)
    kept = data.map(lambda x: held[0], "x")
    changing = data.map(lambda x: x.__imul__(2), "x")
    for rows in (data, kept, changing, changing.batch(2)):
        for (x,) in rows.create_tuple_iterator(num_epochs=1, output_numpy=True):
            x += 5
        for (x,) in rows.create_tuple_iterator(num_epochs=1):
            assert x.asnumpy().max() == (2 if rows not in (data, kept) else 1)
    assert all((array == 1).all() for array in held)


def test_threads_of_a_map_take_rows_one_by_one():
    assert numbers(3).map(np.negative, num_parallel_workers=2).gather() is None
    assert numbers(3).map(transforms.TypeCast(cellc.int8), num_parallel_workers=2).gather() is not None


def test_subclasses_that_do_something_else_with_a_row():
    class Twice(vision.Rescale):
        def __call__(self, image):
            return 2 * super().__call__(image)

    class Same(vision.Rescale):
        """Changes nothing."""

    class Reversed(transforms.Compose):
        def __call__(self, image):
            return super().__call__(image)[::-1]

    assert_same_bits(images().map(Same(2, 0), "x").batch(4), images().map(vision.Rescale(2, 0), "x").batch(4))
    assert_same_bits(images().map(Twice(1, 0), "x").batch(4), images().map(vision.Rescale(2, 0), "x").batch(4))
    rows = images().map(Reversed([vision.Rescale(2, 0)]), "x")
    assert_same_bits(rows.batch(4), rows_one_by_one(rows).batch(4))


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


def values_of(rows):
    return (int(row[0]) for row in rows.create_tuple_iterator())


def ragged():
    """Rows [0], [0, 1], [0, 1, 2] and their lengths."""
    return ds.GeneratorDataset(lambda: ((np.arange(size), size) for size in (1, 2, 3)), ["x", "n"])


@pytest.mark.parametrize(("pad_info", "expected"), [
    ({"x": ([3], -1)}, [[[0, -1, -1], [0, 1, -1]], [[0, 1, 2]]]),
    ({"x": ([None], 7.0), "n": (None, 0)}, [[[0, 7], [0, 1]], [[0, 1, 2]]]),
    ({"x": (None, 7)}, [[[0, 7], [0, 1]], [[0, 1, 2]]]),
    ({}, [[[0, 0], [0, 1]], [[0, 1, 2]]]),
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


def test_a_dropped_iterator_stops_its_thread():
    iterator = ds.GeneratorDataset(lambda: itertools.count(), ["x"], num_samples=10**9).create_tuple_iterator()
    next(iterator)
    thread = iterator._thread
    del iterator
    thread.join(10)
    assert not thread.is_alive()
    assert not any(other.name == "cellc-dataset" and other is thread for other in threading.enumerate())


def test_rows_of_a_batch_that_fails_are_made_once_more_only():
    """Once together, where the batch would be gathered, and once one by one."""
    made = []

    def picky(x):
        made.append(int(x))
        if x == 5:
            raise ValueError("five")
        return x

    rows = numbers(12).map(picky, ["x"], num_parallel_workers=1).batch(4)
    with pytest.raises(ValueError, match="five"):
        values(rows)
    assert made == [0, 1, 2, 3, 4, 5, 4, 5]


def test_an_error_in_a_users_function_arrives_where_rows_are_read():
    rows = numbers(5).map(lambda x: 1 // int(2 - x))
    with pytest.raises(ZeroDivisionError):
        list(rows)
    with pytest.raises(ValueError, match=r"column 'x' has"):
        list(ds.GeneratorDataset([np.ones(2), np.ones(3)], ["x"], shuffle=False).batch(2))
    with pytest.raises(ValueError, match="2 values for the columns"):
        list(ds.GeneratorDataset(Squares(), ["a"]))
    with pytest.raises(ValueError, match="gave 2 columns"):
        list(numbers(2).map(lambda x: (x, x)))


def test_no_end_of_a_users_function_is_the_end_of_the_rows():
    def ends(x):
        if x == 2:
            raise StopIteration
        return x

    for workers in (1, 2):
        with pytest.raises(RuntimeError, match="StopIteration"):
            list(numbers(5).map(ends, num_parallel_workers=workers))

    def leaves(x):
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        list(numbers(5).map(leaves))


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


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def test_mnist(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
    labels = np.array([3, 1, 4, 1, 5], np.uint8)
    for part, count in (("train", 5), ("t10k", 2)):
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx(images[:count]))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels[:count]))
    rows = ds.MnistDataset(str(tmp_path), "train", shuffle=False)
    found = list(rows.create_dict_iterator(1, output_numpy=True))
    assert [int(row["label"]) for row in found] == labels.tolist()
    assert (found[0]["image"].shape, found[0]["image"].dtype, found[0]["label"].dtype) == ((28, 28, 1), "u1", "u4")
    np.testing.assert_array_equal(found[2]["image"][..., 0], images[2])
    assert (len(ds.MnistDataset(str(tmp_path))), len(ds.MnistDataset(str(tmp_path), "test"))) == (7, 2)
    assert next(iter(rows))[1].dtype == cellc.int64
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(images)[:-1])
    with pytest.raises(ValueError, match="t10k-images-idx3-ubyte: damaged"):
        ds.MnistDataset(str(tmp_path), "test")


def test_a_folder_with_the_files_of_one_usage(tmp_path):
    """As in the published archives of MNIST, with a folder for each usage."""
    images = np.arange(3 * 784).astype(np.uint8).reshape(3, 28, 28)
    for part in ("train", "t10k"):
        folder = tmp_path / part
        folder.mkdir()
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(images[:, 0, 0]))
        assert len(ds.MnistDataset(str(folder))) == 3
    with pytest.raises(FileNotFoundError, match="t10k-images"):
        ds.MnistDataset(str(tmp_path / "train"), "test")
    with pytest.raises(FileNotFoundError, match="train-images"):
        ds.MnistDataset(str(tmp_path))
    (tmp_path / "data_batch_2.bin").write_bytes(bytes(3073 * 2))
    assert len(ds.Cifar10Dataset(str(tmp_path))) == 2
    with pytest.raises(FileNotFoundError, match="data_batch_1"):
        ds.Cifar10Dataset(str(tmp_path), "train")


def pets(folder):
    pillow = pytest.importorskip("PIL.Image")
    for name, count in (("dog", 2), ("cat", 1)):
        (folder / name).mkdir()
        for number in range(count):
            pillow.fromarray(IMAGE + np.uint8(number)).save(folder / name / f"{number}.png")
    (folder / "cat" / "notes.txt").write_text("no image")
    return str(folder)


def test_batches_of_sizes_that_a_function_gives():
    def size(info):
        return 1 + info.get_batch_num() + info.get_epoch_num()

    rows = numbers(6).batch(size)
    assert (rows.get_dataset_size(), rows.get_batch_size()) == (3, 1)
    iterator = rows.create_tuple_iterator(num_epochs=2, output_numpy=True)
    assert [len(x) for (x,) in iterator] == [1, 2, 3]
    assert [len(x) for (x,) in iterator] == [2, 3, 1]
    assert [len(x) for (x,) in numbers(6).batch(lambda info: 4, drop_remainder=True)] == [4]


def test_the_order_of_a_batchs_columns():
    rows = numbers().zip(numbers().rename("x", "y").map(lambda y: -y)).batch(2, column_order=["y", "x"])
    assert rows.get_col_names() == ["y", "x"]
    assert [y.tolist() for y, _ in rows.create_tuple_iterator(num_epochs=1, output_numpy=True)][1] == [-2, -3]


def test_what_a_function_makes_of_a_dataset():
    assert numbers(6).apply(lambda rows: rows.batch(4)).get_dataset_size() == 2


def test_iterators_give_lists_and_dicts():
    assert isinstance(next(iter(numbers())), list)
    assert isinstance(next(numbers().create_tuple_iterator()), list)
    assert isinstance(next(numbers().create_dict_iterator()), dict)


def test_classes_of_folders(tmp_path):
    folder = pets(tmp_path)
    rows = ds.ImageFolderDataset(folder).batch(2)
    assert (rows.num_classes(), rows.get_class_indexing()) == (2, {"cat": 0, "dog": 1})
    rows = ds.ImageFolderDataset(folder, class_indexing={"dog": 7})
    assert (rows.num_classes(), rows.get_class_indexing()) == (1, {"dog": 7})
    assert (numbers().num_classes(), numbers().get_class_indexing()) == (None, {})


def test_image_folders(tmp_path):
    folder = pets(tmp_path)
    rows = list(ds.ImageFolderDataset(folder, shuffle=False).create_tuple_iterator(num_epochs=1, output_numpy=True))
    assert [int(label) for _, label in rows] == [0, 1, 1]
    np.testing.assert_array_equal(vision.Decode()(rows[2][0]), IMAGE + np.uint8(1))
    rows = ds.ImageFolderDataset(folder, class_indexing={"dog": 7}, decode=True, shuffle=False)
    assert [(image.shape, int(label)) for image, label in rows] == [((6, 9, 3), 7)] * 2
    assert rows.output_types() == [np.uint8, np.int32]
    for arguments, said in (({"class_indexing": {"cow": 0}}, "no folder"), ({"extensions": [".gif"]}, "no image")):
        with pytest.raises(ValueError, match=said):
            ds.ImageFolderDataset(folder, **arguments)
    with pytest.raises(NotImplementedError, match="decrypt"):
        ds.ImageFolderDataset(folder, decrypt=abs)


def test_cifar10(tmp_path):
    records = np.random.default_rng(0).integers(0, 10, (3, 3073), np.uint8)
    for name in [f"data_batch_{n}.bin" for n in range(1, 6)] + ["test_batch.bin"]:
        (tmp_path / name).write_bytes(records.tobytes())
    rows = list(ds.Cifar10Dataset(str(tmp_path), "test", shuffle=False).create_tuple_iterator(output_numpy=True,
                                                                                             num_epochs=1))  # fmt: skip
    assert (rows[1][0].shape, int(rows[1][1])) == ((32, 32, 3), records[1, 0])
    np.testing.assert_array_equal(rows[1][0][2, 7], records[1, 1:].reshape(3, 32, 32)[:, 2, 7])
    assert len(ds.Cifar10Dataset(str(tmp_path))) == 18


IMAGE = np.random.default_rng(2).integers(0, 256, (6, 9, 3), np.uint8)


def test_transforms():
    assert transforms.TypeCast(cellc.float32)(np.array([1])).dtype == np.float32
    assert transforms.OneHot(3)(np.array(1)).tolist() == [0, 1, 0]
    assert transforms.OneHot(3)(np.array([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert transforms.Fill(7)(np.zeros(2, np.int8)).tolist() == [7, 7]
    assert transforms.Compose([lambda x: x + 1, lambda x: x * 2])(3) == 8
    assert transforms.RandomApply([lambda x: x + 1], 1.0)(3) == 4
    assert transforms.RandomApply([lambda x: x + 1], 0.0)(3) == 3
    assert transforms.RandomChoice([lambda x: x + 1])(3) == 4


def test_vision():
    assert vision.HWC2CHW()(IMAGE).shape == (3, 6, 9)
    np.testing.assert_allclose(vision.Rescale(1 / 255, -0.5)(IMAGE), IMAGE / 255 - 0.5, atol=1e-6)
    normal = vision.Normalize([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    np.testing.assert_allclose(normal(IMAGE), (IMAGE - np.array([1, 2, 3])) / np.array([4, 5, 6]), rtol=1e-6)
    np.testing.assert_allclose(vision.Normalize([1.0, 2.0, 3.0], [4.0, 5.0, 6.0], False)(IMAGE.transpose(2, 0, 1)),
                               normal(IMAGE).transpose(2, 0, 1))  # fmt: skip
    np.testing.assert_allclose(vision.ToTensor()(IMAGE), IMAGE.transpose(2, 0, 1) / np.float32(255))
    np.testing.assert_array_equal(vision.CenterCrop((2, 3))(IMAGE), IMAGE[2:4, 3:6])
    assert vision.CenterCrop(12)(IMAGE).shape == (12, 12, 3)
    np.testing.assert_array_equal(vision.Pad((1, 2))(IMAGE)[2:-2, 1:-1], IMAGE)
    assert vision.Pad((1, 2, 3, 4), 9)(IMAGE[..., 0])[0, 0] == 9
    np.testing.assert_array_equal(vision.Pad(1, padding_mode=vision.Border.EDGE)(IMAGE)[0, 1:-1], IMAGE[0])
    np.testing.assert_array_equal(vision.RandomHorizontalFlip(1.0)(IMAGE), IMAGE[:, ::-1])
    np.testing.assert_array_equal(vision.RandomVerticalFlip(1.0)(IMAGE), IMAGE[::-1])
    assert vision.RandomCrop((4, 4), padding=2)(IMAGE).shape == (4, 4, 3)
    assert vision.RandomCrop(16, pad_if_needed=True)(IMAGE).shape == (16, 16, 3)


def test_random_resized_crop(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    # Pixels that tell their place: what is cut out is known by its values.
    ramp = np.stack(np.meshgrid(np.arange(40), np.arange(60), indexing="ij"), axis=-1).astype(np.uint8)
    nearest = {"interpolation": vision.Inter.NEAREST}
    for _ in range(50):
        piece = vision.RandomResizedCrop((40, 60), (0.25, 0.5), (0.9, 1.1), **nearest)(ramp)
        tall, wide = (int(piece[..., axis].max()) - int(piece[..., axis].min()) + 1 for axis in range(2))
        assert 0.2 < tall * wide / 2400 < 0.6
        assert 0.8 < wide / tall < 1.2
    whole = vision.RandomResizedCrop((40, 60), (4.0, 4.0), (1.0, 1.0), **nearest)(ramp)
    assert (whole[..., 1].min(), whole[..., 1].max()) == (10, 49)
    pillow.fromarray(IMAGE).save(tmp_path / "image.png")
    data = np.frombuffer((tmp_path / "image.png").read_bytes(), np.uint8)
    assert vision.RandomCropDecodeResize(5, scale=(0.08, 1.0), ratio=(0.75, 1.333))(data).shape == (5, 5, 3)


def test_resize_and_decode(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    for interpolation in vision.Inter:
        assert vision.Resize((4, 5), interpolation)(IMAGE).shape == (4, 5, 3)
    tall = np.repeat(IMAGE[:3, :3], 2, axis=0)
    wanted = np.asarray(pillow.fromarray(tall).resize((3, 3), pillow.Resampling.NEAREST))
    np.testing.assert_array_equal(vision.Resize((3, 3), vision.Inter.NEAREST)(tall), wanted)
    assert vision.Resize(12)(IMAGE).shape == (12, 18, 3)
    assert vision.Resize((28, 28))(IMAGE[..., :1]).shape == (28, 28, 1)
    pillow.fromarray(IMAGE).save(tmp_path / "image.png")
    data = np.frombuffer((tmp_path / "image.png").read_bytes(), np.uint8)
    np.testing.assert_array_equal(vision.Decode()(data), IMAGE)
    with pytest.raises(ValueError, match="no image"):
        vision.Decode()(data[:20])


def test_names_of_mindspore_17():
    from cellc.dataset.transforms import c_transforms
    from cellc.dataset.vision import c_transforms as c_vision
    from cellc.dataset.vision import py_transforms as py_vision

    assert c_transforms.TypeCast is transforms.TypeCast
    assert c_vision.Resize is py_vision.Resize is vision.Resize
    assert transforms.TypeCast(data_type=cellc.int32)(1.5).dtype == np.int32
    image = py_vision.Normalize((0.25, 0.5, 0.0), (0.5, 1.0, 2.0))(vision.ToTensor()(np.full((2, 4, 3), 255, np.uint8)))
    assert image[:, 0, 0].tolist() == [1.5, 0.5, 0.5]
    assert py_vision.Normalize(1.0, 2.0)(np.ones((3, 2, 2), np.float32)).max() == 0


def test_settings():
    old = ds.config.get_num_parallel_workers(), ds.config.get_prefetch_size()
    ds.config.set_num_parallel_workers(3)
    ds.config.set_prefetch_size(2)
    assert (ds.config.get_num_parallel_workers(), ds.config.get_prefetch_size()) == (3, 2)
    assert values(numbers(9).map(lambda x: x + 1)) == list(range(1, 10))
    ds.config.set_num_parallel_workers(old[0])
    ds.config.set_prefetch_size(old[1])


BAD = [
    (lambda: values(ragged().batch(2, pad_info={"x": ([1], 0)})), ValueError, r"\(1,\) of column 'x' .* up to \(2,\)"),
    (lambda: values(ragged().batch(2, pad_info={"x": ([2, 2], 0)})), ValueError, r"one rank .* \(2, 2\)"),
    (lambda: ragged().batch(2, pad_info={"y": ([2], 0)}), ValueError, "'y'"),
    (lambda: ragged().batch(2, pad_info={"x": [2]}), TypeError, "pad_info"),
    (lambda: ragged().batch(2, column_order=["y"]), ValueError, "'y'"),
    (lambda: ds.NumpySlicesDataset(([1], [1, 2])), ValueError, "length"),
    (lambda: ds.NumpySlicesDataset([1], ["a", "b"]), ValueError, "column_names"),
    (lambda: ds.NumpySlicesDataset([1], num_shards=2), ValueError, "shard_id"),
    (lambda: ds.NumpySlicesDataset([1], num_shards=2, shard_id=2), ValueError, "shard_id"),
    (lambda: ds.GeneratorDataset(3, ["x"]), TypeError, "source"),
    (lambda: ds.GeneratorDataset([1]), ValueError, "column_names"),
    (lambda: ds.GeneratorDataset(lambda: iter([]), ["x"], shuffle=True), ValueError, "shuffle"),
    (lambda: ds.GeneratorDataset([1], ["x"], column_types=[]), ValueError, "column_types"),
    (lambda: ds.MnistDataset("none"), ValueError, "dataset_dir"),
    (lambda: ds.MnistDataset(".", "other"), ValueError, "usage"),
    (lambda: numbers().shuffle(1), ValueError, "buffer_size"),
    (lambda: numbers().map(3), TypeError, "operations"),
    (lambda: numbers().map(abs, "y"), ValueError, "no column 'y'; there are x"),
    (lambda: numbers().map(abs, "x", num_parallel_workers=0), ValueError, "num_parallel_workers"),
    (lambda: numbers().batch(0), ValueError, "batch_size"),
    (lambda: numbers().batch(2, 1), TypeError, "drop_remainder"),
    (lambda: numbers().batch("2"), TypeError, "batch_size"),
    (lambda: numbers().batch(lambda info: 0).get_dataset_size(), ValueError, "batch_size"),
    (lambda: numbers().batch(2, column_order=["y"]), ValueError, "'y'"),
    (lambda: numbers().map(abs, callbacks=[]), NotImplementedError, "callbacks"),
    (lambda: numbers().apply(3), TypeError, "apply_func"),
    (lambda: numbers().apply(len), TypeError, "must return a Dataset, but it gave"),
    (lambda: numbers().repeat(0), ValueError, "count"),
    (lambda: numbers().take(0), ValueError, "count"),
    (lambda: numbers().skip(-1), ValueError, "count"),
    (lambda: numbers().filter(3), TypeError, "predicate"),
    (lambda: numbers().rename("x", ["a", "b"]), ValueError, "rename"),
    (lambda: numbers().zip(numbers()), ValueError, "different names"),
    (lambda: numbers().concat(numbers().rename("x", "y")), ValueError, "concat"),
    (lambda: numbers().zip(3), TypeError, "int"),
    (lambda: ds.zip([]), TypeError, "datasets"),
    (lambda: numbers().create_tuple_iterator(num_epochs=0), ValueError, "num_epochs"),
    (lambda: numbers().create_tuple_iterator(["y"]), ValueError, "'y'"),
    (lambda: numbers().repeat().get_dataset_size(), RuntimeError, "without end"),
    (lambda: ds.config.set_prefetch_size(0), ValueError, "size"),
    (lambda: transforms.TypeCast("x"), TypeError, "output_type"),
    (lambda: transforms.TypeCast(data_type="x"), TypeError, "data_type"),
    (lambda: transforms.OneHot(0), ValueError, "num_classes"),
    (lambda: transforms.OneHot(2)(np.array(2)), ValueError, "class 2"),
    (lambda: transforms.Compose([]), ValueError, "transforms"),
    (lambda: transforms.RandomApply([abs], 2.0), ValueError, "prob"),
    (lambda: vision.Decode(rgb=False), ValueError, "rgb"),
    (lambda: vision.Decode(1), TypeError, "rgb"),
    (lambda: vision.Resize((0, 1)), ValueError, "size"),
    (lambda: vision.Normalize([1.0], [0.0]), ValueError, "std"),
    (lambda: vision.Normalize([1.0, 2.0], [1.0, 1.0])(IMAGE), ValueError, "2 means"),
    (lambda: vision.HWC2CHW()(IMAGE[0]), ValueError, "rank 3"),
    (lambda: vision.RandomCrop(100)(IMAGE), ValueError, "RandomCrop"),
    (lambda: vision.RandomResizedCrop(0), ValueError, "size"),
    (lambda: vision.RandomResizedCrop(4, scale=(0.5, 0.1)), ValueError, "scale"),
    (lambda: vision.RandomResizedCrop(4, ratio=1.0), ValueError, "ratio"),
    (lambda: vision.RandomResizedCrop(4, max_attempts=0), ValueError, "max_attempts"),
    (lambda: vision.RandomResizedCrop(4)(np.zeros(3)), ValueError, "RandomResizedCrop takes images"),
    (lambda: vision.Pad((1, 2, 3)), ValueError, "padding"),
    (lambda: vision.RandomVerticalFlip(-1), ValueError, "prob"),
]


@pytest.mark.parametrize(("use", "error", "said"), BAD)
def test_wrong_arguments(use, error, said):
    with pytest.raises(error, match=said):
        use()


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
