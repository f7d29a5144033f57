"""How far results are from PyTorch's in float64, as a share of the error that the number of flops justifies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

EPSILON = 2.0**-24


def relative_error(value: np.ndarray, exact: np.ndarray, scale: float = 0.0) -> float:
    """Root mean square of the difference over that of `exact` (over `scale` if that is larger)."""
    difference = root_mean_square(value.astype(np.float64) - exact)
    return difference / max(root_mean_square(exact), scale, 1e-30)


def root_mean_square(values: np.ndarray) -> float:
    """Of all elements."""
    return float(np.sqrt(np.mean(values**2)))


def bound(flops: int, exact: np.ndarray) -> float:
    """Errors of random sign grow with the square root of the operations behind one element, and through the layers."""
    return 4 * EPSILON * (8 + float(np.sqrt(flops / exact.size)))


def worst(values: Mapping[str, np.ndarray], exact: Mapping[str, np.ndarray], flops: int) -> tuple[float, str]:
    """The largest share of the bound that a result's error takes, and which result: `nan` where one is not a number.

    Gradients far smaller than the largest are judged by a thousandth of that one.
    """
    assert values.keys() == exact.keys(), f"results differ: {sorted(values.keys() ^ exact.keys())}"
    gradients = [root_mean_square(value) for name, value in exact.items() if name.startswith("gradient")]
    scale = 1e-3 * max(gradients, default=0.0)
    shares = []
    for name, value in values.items():
        error = relative_error(value, exact[name], scale if name.startswith("gradient") else 0.0)
        shares.append((error / bound(flops, exact[name]), name))
    return max(shares, key=lambda share: np.inf if np.isnan(share[0]) else share[0])
