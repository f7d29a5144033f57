"""Settings of data pipelines: seed, worker threads, how far to read ahead."""

from __future__ import annotations

from cellc import seed as global_seed
from cellc.ops import _validate

_seed: int | None = None
_workers = 1
_prefetch = 16


def set_seed(seed: int) -> None:
    """Makes shuffling and random transforms repeatable; without it they follow `cellc.set_seed`.

    Raises:
        TypeError, ValueError: `seed` is not an int of at least 0.
    """
    global _seed
    _seed = _validate.non_negative_int("seed", seed, "set_seed")


def get_seed() -> int | None:
    """The seed of data pipelines: that of `set_seed`, or of `cellc.set_seed`, or None."""
    return global_seed.get_seed() if _seed is None else _seed


def set_num_parallel_workers(num: int) -> None:
    """How many threads a `map` uses that is not told.

    Raises:
        TypeError, ValueError: `num` is not an int of at least 1.
    """
    global _workers
    _workers = _validate.positive_int("num", num, "set_num_parallel_workers")


def get_num_parallel_workers() -> int:
    """How many threads a `map` uses that is not told."""
    return _workers


def set_prefetch_size(size: int) -> None:
    """How many rows or batches an iterator reads ahead.

    Raises:
        TypeError, ValueError: `size` is not an int of at least 1.
    """
    global _prefetch
    _prefetch = _validate.positive_int("size", size, "set_prefetch_size")


def get_prefetch_size() -> int:
    """How many rows or batches an iterator reads ahead."""
    return _prefetch
