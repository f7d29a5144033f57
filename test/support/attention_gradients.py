"""A training step's attention, in f64 and as kernels: gradients of sum(w (O M)^2), where M is a matrix.

As in a network, the gradient of O is made by a product, so that no kernel of attention makes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import ml_dtypes
import numpy as np

from cellc import Tensor, ops
from cellc.dialects.nn.random import RandomUniform
from cellc.function import Function
from cellc.graph import Graph
from cellc.lowering import LoweredForCpu
from cellc.passes.pipelines import PIPELINES
from support.attention import FUSED, Attend, inputs, kinds, lowered, normal
from support.program_run import run_program

SEPARATE = tuple(name for name in PIPELINES["cpu"] if name != "fuse-attention-gradient")
Arrays = Sequence[np.ndarray]
STATE = np.array([2**40 + 7, 3], np.int64)
"""The seed and the step of a program with dropout, its last array."""
# Of separate kernels: O, what follows M (4), dO, twice the product in its gradient, scores and what scales them,
# weights and their gradients, with dropout twice, dscores (3) and the result.
_ROUNDED = 16


def problem(*shape: int, dtype: type = np.float32) -> list[np.ndarray]:
    """Q, K, V, w and M of a batch of heads, queries, keys and a depth."""
    batch, count, queries, _, depth = shape
    matrix = normal((depth, depth), np.float64, 7) * depth**-0.5
    return [*inputs(*shape, dtype), normal((batch, count, queries, depth), dtype, 5), matrix.astype(dtype)]  # pyright: ignore


def traced(function: Attend, arrays: Arrays) -> Graph:
    """The step: O, and the gradients of Q, K and V. What follows M is passed to the function."""

    def step(query: Tensor, key: Tensor, value: Tensor, weight: Tensor, matrix: Tensor, *rest: Tensor) -> object:
        def loss(*parts: Tensor) -> Tensor:
            found = function(*parts, *rest)
            mixed = ops.matmul(found.reshape(-1, found.shape[-1]), matrix).reshape(found.shape)
            return (mixed * mixed * weight).sum()

        return ops.grad(loss, (0, 1, 2))(query, key, value)

    return Function(step, lambda: "step", "function").trace(tuple(map(Tensor, arrays)), {}).graph


def run(
    program: LoweredForCpu, arrays: Arrays, level: str, threads: int = 1, like: Arrays | None = None
) -> list[np.ndarray]:
    """The program's results, which are like these: else the gradients of the first three arrays."""
    given = [array.copy() if array is STATE else array for array in arrays]  # it is written to
    return run_program(program, given, arrays[:3] if like is None else like, level, threads)


def kept_of(arrays: Arrays, keep: float, stream: int = 0) -> np.ndarray:
    """What each weight is multiplied by: 0 or 1 / keep, by the numbers of a random op, the first one of a program."""
    shape, dtype = (*arrays[0].shape[:3], arrays[1].shape[2]), "f64" if arrays[0].dtype == np.float64 else "f32"
    numbers = RandomUniform.evaluate(STATE, shape=shape, dtype=dtype, stream=stream)
    return np.where(numbers < numbers.dtype.type(keep), 1 / float(_divisor(arrays, keep)), 0)


def _divisor(arrays: Arrays, keep: float) -> np.ndarray:
    """Weights are divided by a number of their own type."""
    half = arrays[0].dtype.itemsize == 2
    return np.asarray(keep, arrays[0].dtype if half else np.float64)


def exact(
    arrays: Arrays, *masks: np.ndarray, seen: np.ndarray | None = None, kept: np.ndarray | float = 1.0
) -> list[np.ndarray]:
    """The gradients in f64; weights are multiplied by `kept` before they are multiplied with V."""
    q, k, v, w, m = (a.astype(np.float64) for a in arrays)
    weights = _weights(q, k, masks, seen)
    gradients = 2 * w * (kept * weights @ v @ m) @ m.T
    inside = kept * (gradients @ v.swapaxes(2, 3))
    scores = weights * (inside - (inside * weights).sum(-1, keepdims=True)) * q.shape[-1] ** -0.5
    scores = scores if seen is None else np.where(seen, scores, 0)
    return [scores @ k, scores.swapaxes(2, 3) @ q, (kept * weights).swapaxes(2, 3) @ gradients]


def bounds(
    arrays: Arrays, *masks: np.ndarray, seen: np.ndarray | None = None, kept: np.ndarray | float = 1.0
) -> list[np.ndarray]:
    """What rounding may change at most: each sum of n terms by n units of the sum of absolute values, scores through
    the exponential, all from the inputs on.

    In f16 and bf16 sums are of f32, and no more than `_ROUNDED` numbers on the way from inputs to results are rounded.
    """
    q, k, v, w, m = (a.astype(np.float64) for a in arrays)
    weights, (queries, keys), depth = _weights(q, k, masks, seen), (q.shape[2], k.shape[2]), q.shape[-1]
    q, k, v, w, m = (np.abs(a) for a in (q, k, v, w, m))
    gradients = 2 * w * (kept * weights @ v @ m) @ m.T
    inside = kept * (gradients @ v.swapaxes(2, 3))
    scores = weights * (inside + (inside * weights).sum(-1, keepdims=True)) * depth**-0.5
    added = sum(np.abs(np.where(np.isfinite(mask) & (mask > -1e3), mask, 0)).max() for mask in masks)
    exponents = 1 + 2 * ((q @ k.swapaxes(2, 3)).max() * depth**-0.5 + added)
    terms = 5 * depth + 2 * keys + max(queries, keys) + 32
    dtype = arrays[0].dtype
    half = dtype.itemsize == 2
    unit = terms * exponents * np.finfo(np.float32 if half else dtype).eps / 2
    unit += _ROUNDED * exponents * float(ml_dtypes.finfo(dtype).eps) / 2 if half else 0
    weights = kept * weights
    return [unit * found for found in (scores @ k, scores.swapaxes(2, 3) @ q, weights.swapaxes(2, 3) @ gradients)]


def _weights(q: np.ndarray, k: np.ndarray, masks: Arrays, seen: np.ndarray | None) -> np.ndarray:
    scores = q @ k.swapaxes(2, 3) * q.shape[-1] ** -0.5 + sum(m.astype(np.float64) for m in masks)
    scores = scores if seen is None else np.where(seen, scores, -1e30)
    with np.errstate(invalid="ignore"):
        weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def check(
    function: Attend,
    arrays: Arrays,
    level: str,
    *masks: np.ndarray,
    seen: np.ndarray | None = None,
    fused: bool = True,
    keep: float = 1.0,
) -> None:
    """One kernel for the gradients gives what f64 does, and so do separate ones; weights are kept with probability
    `keep`."""
    function, kept = (partial(function, keep=keep), kept_of(arrays, keep)) if keep < 1 else (function, 1.0)
    given = [*arrays, *masks, *(() if seen is None else (seen,))]
    graph = traced(function, given)
    one, separate = lowered(graph, FUSED, level), lowered(graph, SEPARATE, level)
    assert ("attention_gradient" in kinds(one)) == fused
    assert "attention_gradient" not in kinds(separate)
    wanted, limits = (of(arrays, *masks, seen=seen, kept=kept) for of in (exact, bounds))
    given += [] if keep == 1 else [STATE]
    for program in (one, separate):
        for found, right, limit in zip(run(program, given, level), wanted, limits, strict=True):
            wide = found.astype(np.float64)
            np.testing.assert_array_equal(np.isnan(wide), np.isnan(right))
            assert (np.abs(wide - right) <= limit)[~np.isnan(right)].all()
