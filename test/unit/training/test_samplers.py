"""Samplers: which rows sources give, in which order, and how many they say there are."""

import numpy as np
import pytest

import cellc
from cellc import dataset as ds


class Twos:
    def __len__(self):
        return 8

    def __getitem__(self, at):
        return np.int64(at)


class Evens(ds.Sampler):
    """A user's own."""

    def __iter__(self):
        yield from range(0, 8, 2)


class Backwards(ds.Sampler):
    """One that knows how many rows there are."""

    def __iter__(self):
        yield from range(self.dataset_size - 1, -1, -1)


def rows_of(sampler, **others):
    return ds.GeneratorDataset(Twos(), ["x"], sampler=sampler, **others)


def given(rows):
    found = [row["x"].tolist() for row in rows.create_dict_iterator(1, output_numpy=True)]
    assert len(rows) == len(found)
    return found


@pytest.mark.parametrize("seed", [1, None])
def test_shards_are_disjoint_in_a_shuffled_order(seed, monkeypatch):
    monkeypatch.setattr(cellc.seed, "_seed", seed)
    parts = [given(rows_of(ds.DistributedSampler(4, shard))) for shard in range(4)]
    assert sorted(at for part in parts for at in part) == list(range(8))
    assert parts != [[shard, shard + 4] for shard in range(4)]


CASES = [
    (lambda: ds.SequentialSampler(), [0, 1, 2, 3, 4, 5, 6, 7]),
    (lambda: ds.SequentialSampler(5), [5, 6, 7]),
    (lambda: ds.SequentialSampler(2, num_samples=3), [2, 3, 4]),
    (lambda: ds.SequentialSampler(9), []),
    (lambda: ds.SubsetSampler([3, 3, 0]), [3, 3, 0]),
    (lambda: ds.SubsetSampler(np.array([7, 1, 2]), 2), [7, 1]),
    (lambda: ds.DistributedSampler(3, 2, shuffle=False), [2, 5, 0]),
    (lambda: ds.DistributedSampler(2, 1, False, num_samples=2), [1, 3]),
    (lambda: ds.WeightedRandomSampler([0, 0, 1, 0], 5), [2] * 5),
    (lambda: Evens(), [0, 2, 4, 6]),
    (lambda: Evens(num_samples=3), [0, 2, 4]),
    (lambda: Backwards(), [7, 6, 5, 4, 3, 2, 1, 0]),
    (lambda: [6, 1], [6, 1]),
]


@pytest.mark.parametrize(("make", "wanted"), CASES)
def test_numbers(make, wanted):
    rows = rows_of(make())
    assert given(rows) == given(rows) == wanted
    assert given(ds.NumpySlicesDataset(np.arange(8), ["x"], sampler=make())) == wanted
    assert given(rows_of(make(), num_samples=2)) == wanted[:2]


def test_random_orders():
    cellc.set_seed(3)
    found = given(rows_of(ds.RandomSampler()).repeat(2))
    assert sorted(found[:8]) == sorted(found[8:]) == list(range(8))
    assert found[:8] != found[8:]
    cellc.set_seed(3)
    assert given(rows_of(ds.RandomSampler()).repeat(2)) == found
    assert sorted(given(rows_of(ds.SubsetRandomSampler([1, 5, 6])))) == [1, 5, 6]
    assert len(set(given(rows_of(ds.RandomSampler(replacement=True))))) < 8
    halves = [given(rows_of(ds.DistributedSampler(2, shard))) for shard in (0, 1)]
    assert sorted(halves[0] + halves[1]) == list(range(8))
    assert halves[0] != [0, 2, 4, 6]


def test_weights_are_probabilities():
    cellc.set_seed(1)
    found = given(ds.NumpySlicesDataset(np.arange(3), ["x"], sampler=ds.WeightedRandomSampler([1, 2, 5], 4000)))
    share = np.bincount(found) / 4000
    assert np.abs(share - np.array([1, 2, 5]) / 8).max() < 5 * np.sqrt(0.25 / 4000)
    once = given(rows_of(ds.WeightedRandomSampler([1, 9, 1, 0, 0, 0, 0, 0], 3, replacement=False)))
    assert sorted(once) == [0, 1, 2]


def test_batches_taken_at_once_are_those_of_rows_one_by_one():
    cellc.set_seed(4)
    source = ds.NumpySlicesDataset(np.arange(30), ["x"], sampler=ds.SubsetRandomSampler(range(3, 28)))
    rows = source.map(np.negative, "x").shuffle(6)
    assert given(rows.batch(4)) == given(rows.filter(lambda x: True).batch(4))


BAD = [
    (lambda: rows_of(3), TypeError, "'sampler' must be a Sampler or a list"),
    (lambda: rows_of(iter([1])), TypeError, "'sampler' must be a Sampler or a list"),
    (lambda: rows_of([1], shuffle=False), ValueError, "'sampler' and 'shuffle' must not both be given"),
    (lambda: rows_of([1], num_shards=2, shard_id=0), ValueError, "'sampler' and 'num_shards'"),
    (lambda: ds.GeneratorDataset(lambda: iter([1]), ["x"], sampler=[0]), ValueError, "'sampler' need a 'source'"),
    (lambda: given(rows_of([0, 8])), ValueError, "gave the number 8, but there are 8 rows"),
    (lambda: given(rows_of([1.5])), TypeError, "float"),
    (lambda: given(rows_of([-1])), ValueError, "gave the number -1"),
    (lambda: ds.SequentialSampler(-1), ValueError, "'start_index'"),
    (lambda: ds.RandomSampler(1), TypeError, "'replacement'"),
    (lambda: ds.RandomSampler(num_samples=0), ValueError, "'num_samples'"),
    (lambda: ds.SubsetSampler(3), TypeError, "'indices'"),
    (lambda: ds.SubsetSampler([1, "a"]), TypeError, "'indices'"),
    (lambda: ds.SubsetRandomSampler([-1]), ValueError, "'indices'"),
    (lambda: ds.WeightedRandomSampler([0, 0]), ValueError, "'weights'"),
    (lambda: ds.WeightedRandomSampler([1, -1]), ValueError, "'weights'"),
    (lambda: given(rows_of(ds.WeightedRandomSampler([1] * 9))), ValueError, "9 weights for 8 rows"),
    (lambda: ds.DistributedSampler(2, 2), ValueError, "'shard_id'"),
    (lambda: ds.DistributedSampler(2, 0, offset=1), ValueError, "'offset'"),
    (lambda: list(ds.Sampler()), NotImplementedError, "Sampler must define __iter__"),
]


@pytest.mark.parametrize(("make", "error", "said"), BAD)
def test_wrong_arguments(make, error, said):
    with pytest.raises(error, match=said):
        make()
