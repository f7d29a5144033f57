"""Samplers: which rows a source gives, in which order."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from cellc.errors import bad_argument
from cellc.ops import _validate


class Sampler:
    """Base of samplers. A user's own defines `__iter__`, which gives the numbers of rows; there are `dataset_size`.

    Args:
        num_samples: how many rows at most; None for all.

    Raises:
        TypeError, ValueError: `num_samples` is neither None nor an int of at least 1.
    """

    dataset_size: int
    is_shard = False  # whether other processes sample the rest, in the same order

    def __init__(self, num_samples: int | None = None) -> None:
        name = type(self).__name__
        self.num_samples = None if num_samples is None else _validate.positive_int("num_samples", num_samples, name)

    def __iter__(self) -> Iterator[int]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__, which gives the numbers of rows")

    def order(self, length: int, random: np.random.Generator) -> Iterable[Any]:
        """The numbers of rows, of a source that has `length`, for one time over it."""
        self.dataset_size = length
        return self

    def size(self, length: int) -> int:
        """How many numbers `order` gives, `num_samples` aside."""
        self.dataset_size = length
        return sum(1 for _ in self)


class SequentialSampler(Sampler):
    """Rows in their order.

    Args:
        start_index: the first row; None for 0.
        num_samples: how many rows at most.

    Raises:
        TypeError, ValueError: an argument is neither None nor an int in range.
    """

    def __init__(self, start_index: int | None = None, num_samples: int | None = None) -> None:
        super().__init__(num_samples)
        self._first = _validate.non_negative_int("start_index", start_index or 0, "SequentialSampler")

    def order(self, length: int, random: np.random.Generator) -> Iterable[int]:
        return range(self._first, length)

    def size(self, length: int) -> int:
        return max(0, length - self._first)


class RandomSampler(Sampler):
    """Rows in another order each time.

    Args:
        replacement: whether a row may come several times.
        num_samples: how many rows at most.

    Raises:
        TypeError, ValueError: an argument has another type or value.
    """

    def __init__(self, replacement: bool = False, num_samples: int | None = None) -> None:
        super().__init__(num_samples)
        self._replacement = _validate.boolean("replacement", replacement, "RandomSampler")

    def order(self, length: int, random: np.random.Generator) -> Iterable[int]:
        return random.integers(length, size=length) if self._replacement else random.permutation(length)

    def size(self, length: int) -> int:
        return length


class SubsetSampler(Sampler):
    """The rows of a list of numbers, in its order.

    Args:
        indices: the numbers, ints of at least 0.
        num_samples: how many rows at most.

    Raises:
        TypeError, ValueError: an argument has another type or value; while reading, where there is no such row.
    """

    def __init__(self, indices: Sequence[int], num_samples: int | None = None) -> None:
        super().__init__(num_samples)
        name = type(self).__name__
        if not isinstance(indices, Iterable):
            raise bad_argument(TypeError, f"For '{name}', 'indices' must be a list of ints, but got {indices!r}.")
        self._indices = [_validate.non_negative_int("indices", _int(at), name) for at in indices]

    def order(self, length: int, random: np.random.Generator) -> Iterable[int]:
        return self._indices

    def size(self, length: int) -> int:
        return len(self._indices)


class SubsetRandomSampler(SubsetSampler):
    """The rows of a list of numbers, in another order each time. Args and errors: as for SubsetSampler."""

    def order(self, length: int, random: np.random.Generator) -> Iterable[int]:
        return random.permutation(self._indices)


class WeightedRandomSampler(Sampler):
    """Rows drawn with probabilities.

    Args:
        weights: one for each row, numbers of at least 0 and not all 0.
        num_samples: how many draws; None for as many as there are weights.
        replacement: whether a row may come several times.

    Raises:
        TypeError, ValueError: an argument has another type or value; while reading, where there are more weights than
            rows, or without replacement fewer weights above 0 than draws.
    """

    def __init__(self, weights: Sequence[float], num_samples: int | None = None, replacement: bool = True) -> None:
        super().__init__(num_samples)
        name = "WeightedRandomSampler"
        self._weights = np.asarray(weights, np.float64)
        if self._weights.ndim != 1 or not (self._weights >= 0).all() or not 0 < self._weights.sum() < math.inf:
            message = f"For '{name}', 'weights' must be numbers of at least 0 and not all 0, but got {weights!r}."
            raise bad_argument(ValueError, message)
        self._replacement = _validate.boolean("replacement", replacement, name)

    def order(self, length: int, random: np.random.Generator) -> Iterable[int]:
        if len(self._weights) > length:
            raise ValueError(f"WeightedRandomSampler has {len(self._weights)} weights for {length} rows.")
        probabilities = self._weights / self._weights.sum()
        return random.choice(len(self._weights), self.size(length), self._replacement, probabilities)

    def size(self, length: int) -> int:
        return self.num_samples or len(self._weights)


class DistributedSampler(Sampler):
    """Every `num_shards`-th row, beginning with `shard_id`; all shards have as many rows, see `Source`.

    Args:
        num_shards: how many shards.
        shard_id: which one.
        shuffle: whether each time over the rows has another order, the same on every shard if all processes set the
            same seed, or none.
        num_samples: how many rows at most.
        offset: must be -1.

    Raises:
        TypeError, ValueError: an argument has another type or value.
    """

    is_shard = True

    def __init__(
        self, num_shards: int, shard_id: int, shuffle: bool = True, num_samples: int | None = None, offset: int = -1
    ) -> None:
        super().__init__(num_samples)
        name = "DistributedSampler"
        self._shards = _validate.positive_int("num_shards", num_shards, name)
        self._shard = _validate.int_in("shard_id", shard_id, 0, num_shards - 1, name)
        self._shuffles = _validate.boolean("shuffle", shuffle, name)
        _validate.int_in("offset", offset, -1, -1, name)

    def order(self, length: int, random: np.random.Generator) -> Iterable[int]:
        order = random.permutation(length) if self._shuffles else np.arange(length)
        return shard_of(order, self._shards, self._shard, self.size(length))

    def size(self, length: int) -> int:
        return math.ceil(length / self._shards)


def shard_of(order: np.ndarray, shards: int, shard: int, count: int) -> np.ndarray:
    """The first `count` of every `shards`-th number, beginning with number `shard`; `order` begins again at its end."""
    return order[(np.arange(count) * shards + shard) % len(order)]


class Listed(Sampler):
    """The numbers that any iterable of a user's gives."""

    def __init__(self, numbers: Iterable[int]) -> None:
        super().__init__()
        self._numbers = numbers

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)


def sampler_of(value: Any, owner: str, others: dict[str, Any]) -> Sampler | None:
    """A source's argument `sampler`, which goes without its arguments `others`.

    Raises:
        TypeError: it is neither None, a Sampler nor an iterable that can be gone over again and again.
        ValueError: another argument is given too.
    """
    if value is None:
        return None
    for name, other in others.items():
        if other is not None:
            raise bad_argument(ValueError, f"For '{owner}', 'sampler' and '{name}' must not both be given.")
    if not isinstance(value, Iterable) or isinstance(value, Iterator):
        message = f"For '{owner}', 'sampler' must be a Sampler or a list of row numbers, but got {value!r}."
        raise bad_argument(TypeError, message)
    return value if isinstance(value, Sampler) else Listed(value)


def numbers_of(sampler: Sampler, length: int, random: np.random.Generator, owner: str) -> Iterator[int]:
    """The numbers of rows for one time over a source with `length` rows.

    Raises:
        TypeError: a number is no int.
        ValueError: there is no such row.
    """
    for number in itertools.islice(sampler.order(length, random), sampler.num_samples):
        at = operator.index(number)
        if not 0 <= at < length:
            raise ValueError(f"For '{owner}', 'sampler' gave the number {number}, but there are {length} rows.")
        yield at


def _int(value: Any) -> Any:
    return int(value) if isinstance(value, np.integer) else value
