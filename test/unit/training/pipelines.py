"""Datasets that several tests of pipelines use, and what they give."""

import numpy as np

from cellc import dataset as ds


def numbers(count=10, **others):
    return ds.NumpySlicesDataset(np.arange(count), ["x"], **({"shuffle": False} | others))


def values(rows, **others):
    return [row["x"].tolist() for row in rows.create_dict_iterator(1, output_numpy=True, **others)]


class Squares:
    def __len__(self):
        return 6

    def __getitem__(self, at):
        return np.float32(at), at * at


def images(kind=np.uint8, shape=(5, 4, 3), count=23):
    values = np.random.default_rng(3).integers(0, 200, (count, *shape)).astype(kind)
    return ds.NumpySlicesDataset((values, np.arange(count) % 7), ["x", "label"], shuffle=True)


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


def ragged():
    """Rows [0], [0, 1], [0, 1, 2] and their lengths."""
    return ds.GeneratorDataset(lambda: ((np.arange(size), size) for size in (1, 2, 3)), ["x", "n"])


IMAGE = np.random.default_rng(2).integers(0, 256, (6, 9, 3), np.uint8)
