"""Random configurations: a layer's name, its arguments, and what it is called with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Inputs = list[Any]
"""NumPy arrays, Python values, and tuples of arrays."""


@dataclass(frozen=True)
class Configuration:
    """A layer `getattr(nn, layer)(**arguments)` and one call of it.

    Attributes:
        training: whether it runs in training mode.
        gradient: whether its result is differentiated with respect to float inputs and parameters.
        differs: which results MindSpore 2.10 is known to have otherwise, and why; they are not compared.
    """

    layer: str
    arguments: dict[str, Any]
    inputs: Inputs
    training: bool = False
    gradient: bool = True
    differs: dict[str, str] = field(default_factory=dict)


class Draw:
    """Draws what configurations are made of."""

    def __init__(self, seed: Sequence[int]):
        self.random = np.random.default_rng(seed)

    def size(self, most: int = 9, least: int = 1) -> int:
        """An extent from `least` to `most`."""
        return int(self.random.integers(least, most + 1))

    def sizes(self, rank: int, most: int = 7, least: int = 1) -> tuple[int, ...]:
        """`rank` extents."""
        return tuple(self.size(most, least) for _ in range(rank))

    def shape(self, least: int = 1, most: int = 4) -> tuple[int, ...]:
        """Of any rank from `least` to `most`."""
        return self.sizes(self.size(most, least))

    def flag(self) -> bool:
        """Either."""
        return bool(self.random.integers(2))

    def one(self, *choices: Any) -> Any:
        """One of them."""
        return choices[self.random.integers(len(choices))]

    def number(self, low: float, high: float) -> float:
        """Between them, with two decimals."""
        return round(float(self.random.uniform(low, high)), 2)

    def normal(self, *shape: int) -> np.ndarray:
        """Normal numbers."""
        return self.random.standard_normal(shape).astype(np.float32)

    def uniform(self, low: float, high: float, *shape: int) -> np.ndarray:
        """Numbers between them."""
        return self.random.uniform(low, high, shape).astype(np.float32)

    def integers(self, low: int, high: int, *shape: int) -> np.ndarray:
        """int32 from `low` to below `high`."""
        return self.random.integers(low, high, shape, np.int32)

    def signs(self, *shape: int) -> np.ndarray:
        """-1 and 1."""
        return self.random.choice(np.array([-1, 1], np.float32), shape)


Maker = Callable[[Draw], Configuration]
