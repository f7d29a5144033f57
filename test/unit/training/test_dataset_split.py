"""`Dataset.split`: which rows the parts have, in which order, and what is said of wrong sizes."""

import numpy as np
import pytest

from cellc import dataset as ds


def numbers(count=10, **arguments):
    return ds.NumpySlicesDataset(np.arange(count), "x", **arguments)


def values(rows):
    return [row["x"].tolist() for row in rows.create_dict_iterator(num_epochs=1, output_numpy=True)]


@pytest.fixture(autouse=True)
def seed(monkeypatch):
    monkeypatch.setattr(ds.config, "_seed", 3)


@pytest.mark.parametrize(("sizes", "expected"), [
    ([7, 3], [7, 3]),
    ([0.7, 0.3], [7, 3]),
    ([1.0], [10]),
    ([0.25, 0.25, 0.5], [3, 2, 5]),  # 2.5 is rounded to 2 and what is left over is in the first part
    ([0.35, 0.35, 0.3], [3, 4, 3]),  # 4 + 4 + 3 is one too much
])  # fmt: skip
def test_parts_share_no_row(sizes, expected):
    for rows in (numbers(), numbers().map(lambda x: x, "x"), numbers(shuffle=False)):
        parts = rows.split(sizes)
        assert [part.get_dataset_size() for part in parts] == expected
        assert [len(values(part)) for part in parts] == expected
        if not isinstance(rows, ds.NumpySlicesDataset):
            continue
        assert sorted(row for part in parts for row in values(part)) == list(range(10))
        assert [values(part) for part in parts] == [values(part) for part in parts]


def test_one_after_the_other():
    first, second = numbers(shuffle=False).split([6, 4], randomize=False)
    assert values(first) == [0, 1, 2, 3, 4, 5]
    assert values(second.batch(2)) == [[6, 7], [8, 9]]
    assert values(first.repeat(2)) == 2 * [0, 1, 2, 3, 4, 5]


def test_random_rows_are_those_of_the_seed():
    parts = [list(map(values, numbers(100, shuffle=False).split([0.5, 0.5]))) for _ in range(2)]
    assert parts[0] == parts[1]
    assert parts[0][0] != sorted(parts[0][0])
    ds.config.set_seed(4)
    assert list(map(values, numbers(100, shuffle=False).split([0.5, 0.5]))) != parts[0]


def test_parts_of_rows_that_are_made_one_by_one():
    rows = ds.GeneratorDataset(lambda: ((np.int64(i),) for i in range(10)), ["x"])
    rows = rows.filter(lambda x: x % 2 == 0, "x")
    first, second = rows.split([3, 2])
    assert sorted(values(first) + values(second)) == [0, 2, 4, 6, 8]
    assert sorted(values(first.shuffle(3))) == sorted(values(first))


@pytest.mark.parametrize(("sizes", "error", "said"), [
    ([5, 6], ValueError, "10 rows, not 11"),
    ([0, 10], ValueError, "sizes"),
    ([0.5, 0.6], ValueError, "add up to 1"),
    ([0.5, 1], ValueError, "no ints"),
    ([0.99, 0.01], ValueError, "without any"),
    ([], TypeError, "sizes"),
    ("ab", TypeError, "sizes"),
    (3, TypeError, "sizes"),
])  # fmt: skip
def test_wrong_sizes(sizes, error, said):
    with pytest.raises(error, match=said):
        numbers().split(sizes)


def test_wrong_randomize():
    with pytest.raises(TypeError, match="randomize"):
        numbers().split([5, 5], 1)
