"""Random numbers of a data pipeline: each row has its own, so the number of threads does not matter."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

_generator: ContextVar[np.random.Generator | None] = ContextVar("generator", default=None)


def generator() -> np.random.Generator:
    """The generator of the row that is being transformed; a fresh one outside of a pipeline."""
    return _generator.get() or np.random.default_rng()


def fresh_seed(seed: int | None) -> int:
    """`seed`, or one that nobody knows."""
    return secrets.randbits(63) if seed is None else seed


@contextmanager
def of_row(*key: int) -> Iterator[None]:
    """Inside the block `generator()` is the one of this key."""
    token = _generator.set(np.random.default_rng(key))
    try:
        yield
    finally:
        _generator.reset(token)
