"""Random numbers of a data pipeline: each row has its own, so the number of threads does not matter."""

from __future__ import annotations

import secrets
from contextvars import ContextVar

import numpy as np

_row: ContextVar[_Row | None] = ContextVar("row", default=None)


class _Row:
    """A block with the generator of a key, made when numbers are wanted: that takes longer than most transforms."""

    def __init__(self, key: tuple[int, ...]) -> None:
        self._key = key
        self._generator: np.random.Generator | None = None

    def __enter__(self) -> _Row:
        self._token = _row.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        _row.reset(self._token)

    def begin(self, key: tuple[int, ...]) -> None:
        """From here on the block is that of another key."""
        self._key, self._generator = key, None

    def generator(self) -> np.random.Generator:
        """The same one each time."""
        if self._generator is None:
            self._generator = np.random.default_rng(self._key)
        return self._generator


def generator() -> np.random.Generator:
    """The generator of the row that is being transformed; a fresh one outside of a pipeline."""
    row = _row.get()
    return np.random.default_rng() if row is None else row.generator()


def fresh_seed(seed: int | None) -> int:
    """`seed`, or one that nobody knows."""
    return secrets.randbits(63) if seed is None else seed


def of_row(*key: int) -> _Row:
    """Inside its block `generator()` is the one of this key."""
    return _Row(key)
