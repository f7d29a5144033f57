"""Matrix products on one core, beside the multiply-add peak measured in the same run and beside NumPy and PyTorch.

`python bench/kernels.py [part of a name ...] [--rounds N]`. Each product is checked first, in float64, against the
bound that its number of additions justifies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import util

import numpy as np
from kernel_table import Sides, main

import cellc
from cellc import ops


@dataclass(frozen=True)
class Product:
    """batch x [m, k] * [k, n]; `transposed` names the operands that lie transposed in memory ("", "lhs", "rhs")."""

    name: str
    m: int
    k: int
    n: int
    batch: int = 1
    transposed: str = ""

    @property
    def flops(self) -> int:
        """A multiplication and an addition for each term."""
        return 2 * self.batch * self.m * self.k * self.n

    def operands(self, random: np.random.Generator) -> list[np.ndarray]:
        """Normal numbers, as they lie in memory."""
        batch = (self.batch,) if self.batch > 1 else ()
        lhs = (self.k, self.m) if self.transposed == "lhs" else (self.m, self.k)
        rhs = (self.n, self.k) if self.transposed == "rhs" else (self.k, self.n)
        return [random.standard_normal((*batch, *shape), np.float32) for shape in (lhs, rhs)]

    @property
    def terms(self) -> int:
        """The length of the sums."""
        return self.k

    @property
    def extents(self) -> str:
        """batch x m x k x n."""
        return " x ".join(map(str, (*([self.batch] if self.batch > 1 else []), self.m, self.k, self.n)))

    def exact(self, operands: Sequence[np.ndarray]) -> np.ndarray:
        """The product in float64."""
        lhs, rhs = self._views(operands)
        return lhs.astype(np.float64) @ rhs.astype(np.float64)

    def sides(self, operands: Sequence[Sequence[np.ndarray]]) -> Sides:
        """cellc, NumPy and PyTorch."""
        kind = ops.BatchMatMul if self.batch > 1 else ops.MatMul
        operation = kind(transpose_a=self.transposed == "lhs", transpose_b=self.transposed == "rhs")
        compiled = cellc.jit(lambda lhs, rhs: operation(lhs, rhs))
        mine = [tuple(map(cellc.Tensor, pair)) for pair in operands]
        views = [self._views(pair) for pair in operands]
        found: Sides = {
            "cellc": lambda i: compiled(*mine[i]),
            "numpy": lambda i: views[i][0] @ views[i][1],
        }
        if util.find_spec("torch") is not None:
            import torch

            theirs = [tuple(map(torch.from_numpy, pair)) for pair in views]
            found["torch"] = lambda i: torch.matmul(*theirs[i]).numpy()
        return found

    def _views(self, operands: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The factors as matrices [m, k] and [k, n]."""
        lhs, rhs = operands
        return (
            np.swapaxes(lhs, -1, -2) if self.transposed == "lhs" else lhs,
            np.swapaxes(rhs, -1, -2) if self.transposed == "rhs" else rhs,
        )


SQUARES = tuple(Product(f"square {n}", n, n, n) for n in (256, 512, 1024, 2048))
LAYERS = (
    Product("MLP 784-512", 64, 784, 512, transposed="rhs"),
    Product("MLP 784-512, weight gradient", 512, 64, 784, transposed="lhs"),
    Product("MLP 512-512", 64, 512, 512, transposed="rhs"),
    Product("MLP 512-512, data gradient", 64, 512, 512),
    Product("MLP 512-10", 64, 512, 10, transposed="rhs"),
    Product("LeNet 400-120", 32, 400, 120, transposed="rhs"),
    Product("BERT 768-768", 512, 768, 768, transposed="rhs"),
    Product("BERT 768-768, weight gradient", 768, 512, 768, transposed="lhs"),
    Product("BERT 768-3072", 512, 768, 3072, transposed="rhs"),
    Product("BERT 3072-768", 512, 3072, 768, transposed="rhs"),
    Product("BERT 3072-768, data gradient", 512, 768, 3072),
    Product("BERT heads, QK", 128, 64, 128, batch=48, transposed="rhs"),
    Product("BERT heads, PV", 128, 128, 64, batch=48),
    Product("GPT-2 768-2304, 1024 tokens", 1024, 768, 2304),
    Product("GPT-2 768-3072, 1 token", 1, 768, 3072),
    Product("GPT-2 3072-768, 1 token", 1, 3072, 768),
    Product("MobileNetV2 1280-1000, 1 image", 1, 1280, 1000, transposed="rhs"),
    Product("LSTM 64-1024, 2048 rows", 2048, 64, 1024, transposed="rhs"),
)


if __name__ == "__main__":
    main(__doc__.splitlines()[0] if __doc__ else None, (*SQUARES, *LAYERS), ("numpy", "torch"))
