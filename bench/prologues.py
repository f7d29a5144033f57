"""Products with weights that are masked, scaled or dequantized, or an activated input, on one core.

`python bench/prologues.py [part of a name ...] [--rounds N]`. cellc makes the factor in the product, PyTorch before it.
Each is checked first, in float64, against the bound that its number of additions justifies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import util
from typing import Any

import numpy as np
from kernel_table import Sides, main

import cellc
from cellc import ops


@dataclass(frozen=True)
class Made:
    """[rows, steps] * [steps, columns], where `kind` says which factor is made of what."""

    kind: str
    rows: int
    steps: int = 768
    columns: int = 3072

    @property
    def name(self) -> str:
        """What is made, and for how many rows."""
        return f"{self.kind}, {self.rows} rows"

    @property
    def extents(self) -> str:
        """rows x steps x columns."""
        return f"{self.rows} x {self.steps} x {self.columns}"

    @property
    def flops(self) -> int:
        """Those of the product."""
        return 2 * self.rows * self.steps * self.columns

    @property
    def terms(self) -> int:
        """The length of the sums."""
        return self.steps

    def operands(self, random: np.random.Generator) -> list[np.ndarray]:
        """x, w, and the mask, or the scale of each column; numbers of a normal distribution, or about so large."""
        x = random.standard_normal((self.rows, self.steps), np.float32)
        w = random.standard_normal((self.steps, self.columns), np.float32)
        if self.kind == "mask":
            return [x, w, (random.random(w.shape) < 0.5).astype(np.float32)]
        if self.kind == "int8":
            return [x, random.integers(-127, 128, w.shape, np.int8), np.full(self.columns, 1 / 64, np.float32)]
        return [x, w, random.random(self.columns, np.float32)]

    def exact(self, operands: Sequence[np.ndarray]) -> np.ndarray:
        """The product in float64."""
        x, w, third = (array.astype(np.float64) for array in operands)
        return np.maximum(x, 0) @ w if self.kind == "relu" else x @ (w * third)

    def sides(self, operands: Sequence[Sequence[np.ndarray]]) -> Sides:
        """cellc and PyTorch."""
        compiled = cellc.jit(self._written(ops.matmul, ops.relu, lambda w: ops.cast(w, cellc.float32)))
        mine = [tuple(map(cellc.Tensor, arrays)) for arrays in operands]
        found: Sides = {"cellc": lambda i: compiled(*mine[i])}
        if util.find_spec("torch") is not None:
            import torch

            run = self._written(torch.matmul, torch.relu, lambda w: w)  # integers are promoted by the product
            theirs = [tuple(map(torch.from_numpy, arrays)) for arrays in operands]
            found["torch"] = lambda i: run(*theirs[i]).numpy()
        return found

    def _written(
        self, matmul: Callable[..., Any], relu: Callable[[Any], Any], cast: Callable[[Any], Any]
    ) -> Callable[..., Any]:
        """The computation in the words of a library."""
        if self.kind == "relu":
            return lambda x, w, _: matmul(relu(x), w)
        return lambda x, w, third: matmul(x, cast(w) * third)


CASES = (
    *(Made(kind, rows) for kind in ("mask", "scale", "int8") for rows in (1, 4, 64, 512)),
    Made("relu", 2048, 512, 16),
    Made("relu", 4096, 64, 64),
)


if __name__ == "__main__":
    main(__doc__.splitlines()[0] if __doc__ else None, CASES, ("torch",))
