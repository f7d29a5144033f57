"""Batches that are made at once have the bits, and the errors, of rows made one by one."""

import itertools

import numpy as np
import pytest
from unit.training.pipelines import assert_same_bits, images, numbers, rows_one_by_one, values

import cellc
from cellc import dataset as ds
from cellc.dataset import transforms, vision
from cellc.dataset._rows import Pass


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


AT_ONCE = [
    [vision.Rescale(1 / 255, -0.3), vision.HWC2CHW()],
    [vision.Rescale(1 / 3, 0), vision.Normalize([0.1, 0.2, 0.7], [0.3, 1.5, 7])],
    [vision.Normalize([3], [7]), vision.HWC2CHW()],
    [vision.HWC2CHW(), vision.Normalize([0.1, 0.2, 0.7], [0.3, 1.5, 7], is_hwc=False)],
    [vision.ToTensor(), transforms.TypeCast(cellc.float16)],
    [transforms.TypeCast(cellc.int32), vision.Rescale(0.1, 0.1)],
    [transforms.Compose([vision.Rescale(1 / 3, 0), transforms.Compose([vision.HWC2CHW()])]), transforms.Fill(7)],
]


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


def test_an_error_in_a_later_batch_comes_after_the_batches_before():
    labels = ds.NumpySlicesDataset(np.array([0, 1, 2, 1, 9, 0, 8]), ["x"], shuffle=False)
    iterator = labels.map(transforms.OneHot(3)).batch(2).create_tuple_iterator(num_epochs=1, output_numpy=True)
    assert [next(iterator)[0].argmax(1).tolist() for _ in range(2)] == [[0, 1], [2, 1]]
    with pytest.raises(ValueError, match="got class 9"):
        next(iterator)


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
