"""Matrix products on one core, beside the multiply-add peak measured in the same run and beside NumPy and PyTorch.

`python bench/kernels.py [part of a name ...] [--rounds N]`. Each product is checked first, in float64, against the
bound that its number of additions justifies.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import util

import numpy as np
from timing import seconds

import cellc
from cellc import ops
from cellc.cpu_backend import selected_level
from cellc.targets.cpu.peak import measure_peak

ONE_THREAD = dict.fromkeys(("CELLC_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
OPERANDS = 4
"""Pairs of operands that take turns, so that no side finds its data in cache because it is the same again."""


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


def sides(product: Product, pairs: Sequence[Sequence[np.ndarray]]) -> dict[str, Callable[[int], object]]:
    """For each library: a function that multiplies pair `i` and waits for the result."""
    flags = {"transpose_a": product.transposed == "lhs", "transpose_b": product.transposed == "rhs"}
    operation = (ops.BatchMatMul if product.batch > 1 else ops.MatMul)(**flags)
    compiled = cellc.jit(lambda lhs, rhs: operation(lhs, rhs))
    mine = [tuple(map(cellc.Tensor, pair)) for pair in pairs]
    views = [(_view(lhs, flags["transpose_a"]), _view(rhs, flags["transpose_b"])) for lhs, rhs in pairs]
    found: dict[str, Callable[[int], object]] = {
        "cellc": lambda i: compiled(*mine[i]).asnumpy(),
        "numpy": lambda i: views[i][0] @ views[i][1],
    }
    if util.find_spec("torch") is not None:
        import torch

        theirs = [tuple(map(torch.from_numpy, pair)) for pair in views]
        found["torch"] = lambda i: torch.matmul(*theirs[i]).numpy()
    return found


def _view(array: np.ndarray, transposed: bool) -> np.ndarray:
    return np.swapaxes(array, -1, -2) if transposed else array


def check(product: Product, results: dict[str, np.ndarray], lhs: np.ndarray, rhs: np.ndarray) -> None:
    """Compares each side with float64. Raises AssertionError where the error is above what k roundings justify."""
    lhs, rhs = _view(lhs, product.transposed == "lhs"), _view(rhs, product.transposed == "rhs")
    exact = lhs.astype(np.float64) @ rhs.astype(np.float64)
    bound = 8 * 2.0**-24 * product.k  # a sum of k normal numbers is about sqrt(k), and so are k roundings of eps
    for side, result in results.items():
        error = float(np.abs(result - exact).max())
        assert error <= bound, f"{product.name}: {side} is off by {error:.2e}, {bound:.2e} is justified"


def measure(product: Product, rounds: int) -> tuple[dict[str, float], float]:
    """Median seconds of each side, taken in turn, and the peak around them in operations a second."""
    random = np.random.default_rng(0)
    pairs = [product.operands(random) for _ in range(OPERANDS)]
    work = sides(product, pairs)
    check(product, {side: np.asarray(run(0)) for side, run in work.items()}, *pairs[0])
    level = selected_level()
    before = measure_peak(level, threads=1).flops
    times: dict[str, list[float]] = {side: [] for side in work}
    repeats = max(1, int(2e7 // product.flops))
    for turn in range(rounds):
        for side, run in work.items():
            pair = turn % OPERANDS
            times[side].append(seconds(lambda run=run, pair=pair: _repeat(run, pair, repeats)) / repeats)
    peak = max(before, measure_peak(level, threads=1).flops)
    return {side: statistics.median(found) for side, found in times.items()}, peak


def _repeat(run: Callable[[int], object], pair: int, repeats: int) -> None:
    for i in range(repeats):
        run((pair + i) % OPERANDS)


def rows(products: Sequence[Product], rounds: int) -> Iterator[tuple[Product, dict[str, float], float]]:
    """Each product with its times and the peak."""
    for product in products:
        yield product, *measure(product, rounds)


def main() -> None:
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", help="parts of names; without any, all products")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    if not ONE_THREAD.items() <= os.environ.items():  # read when a library is loaded, so start again with them
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ONE_THREAD)
    products = [p for p in (*SQUARES, *LAYERS) if not options.names or any(part in p.name for part in options.names)]
    table = Table("product", "m x k x n", "us", "GFLOP/s", "of peak", "numpy/cellc", "torch/cellc")
    ratios: dict[str, list[float]] = {"numpy": [], "torch": []}
    for product, times, peak in rows(products, options.rounds):
        mine, batch = times["cellc"], f"{product.batch} x " if product.batch > 1 else ""
        shown = []
        for other, found in ratios.items():
            if other in times:
                found.append(times[other] / mine)
            shown.append(f"{times[other] / mine:.2f}" if other in times else "")
        rate = product.flops / mine
        table.add_row(
            product.name, f"{batch}{product.m} x {product.k} x {product.n}", f"{mine * 1e6:.1f}",
            f"{rate * 1e-9:.1f}", f"{rate / peak:.0%}", *shown,
        )  # fmt: skip
    Console(width=max(Console().width, 110)).print(table)
    for other, found in ratios.items():
        if found:
            print(f"{other}/cellc: geometric mean {statistics.geometric_mean(found):.2f}, worst {min(found):.2f}")


if __name__ == "__main__":
    main()
