"""Attention as users write it, in f64 and as kernels, for tests of the CPU's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from xdsl.dialects.builtin import StringAttr

from cellc import Tensor, ops
from cellc.function import Function
from cellc.graph import Graph
from cellc.lowering import LoweredForCpu, lower_for_cpu
from cellc.passes.kernel_form import kernels_of
from cellc.passes.pipelines import PIPELINES
from cellc.targets.cpu.level import LEVELS, native_level
from cellc.trace import apply
from support.program_run import run_program

LEVEL_NAMES = [name for name in LEVELS if name in ("v3", native_level().name)]
FUSED = PIPELINES["cpu"]
UNFUSED = tuple(name for name in FUSED if name != "fuse-attention")
TOLERANCE = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 4e-6, "float64": 1e-13}
Shape = tuple[int, ...]
Attend = Callable[..., Tensor]


def mixed(scores: Tensor, value: Tensor, keep: float) -> Tensor:
    """softmax(scores) V; each weight is kept with probability `keep`."""
    weights = ops.softmax(scores, -1)
    return ops.matmul(ops.Dropout(keep)(weights)[0] if keep < 1 else weights, value)


def attend(query: Tensor, key: Tensor, value: Tensor, *masks: Tensor, keep: float = 1.0) -> Tensor:
    """softmax(Q K^T / sqrt(d) + masks) V."""
    scores = ops.matmul(query, key.transpose(0, 1, 3, 2)) * query.shape[-1] ** -0.5
    for mask in masks:
        scores = scores + mask
    return mixed(scores, value, keep)


def heads(function: Attend) -> Attend:
    """The function on [N, T, heads, d], as layers have them, to the same."""

    def attended(query: Tensor, key: Tensor, value: Tensor, *rest: Tensor) -> Tensor:
        parts = (part.transpose(0, 2, 1, 3) for part in (query, key, value))
        return function(*parts, *rest).transpose(0, 2, 1, 3)

    return attended


def causal(query: Tensor, key: Tensor, value: Tensor, seen: Tensor, keep: float = 1.0) -> Tensor:
    """Scores that are not seen are -1e30, whatever they were."""
    scores = ops.matmul(query, key.transpose(0, 1, 3, 2)) * query.shape[-1] ** -0.5
    scores = ops.select(seen, scores, ops.fill(scores.dtype, scores.shape, -1e30))
    return mixed(scores, value, keep)


def causal_by_index(query: Tensor, key: Tensor, value: Tensor, keep: float = 1.0) -> Tensor:
    """A mask that is computed from the indices of a score."""
    scores = ops.matmul(query, key.transpose(0, 1, 3, 2)) * query.shape[-1] ** -0.5
    rows, columns = (apply("iota", shape=scores.shape, dtype="i32", axis=axis) for axis in (2, 3))
    scores = ops.select(rows >= columns, scores, ops.fill(scores.dtype, scores.shape, -1e30))
    return mixed(scores, value, keep)


def with_positions(query: Tensor, key: Tensor, value: Tensor, table: Tensor, places: Tensor) -> Tensor:
    """A bias for each head that is looked up by the distance of query and key."""
    bias = ops.gather(table, places, 0).transpose(2, 0, 1)
    return attend(query, key, value, bias)


def with_residual(query: Tensor, key: Tensor, value: Tensor, before: Tensor) -> Tensor:
    return attend(query, key, value) + before


def exact(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, *masks: np.ndarray, seen: np.ndarray | None = None
) -> np.ndarray:
    """The result in f64."""
    q, k, v = (a.astype(np.float64) for a in (q, k, v))
    scores = q @ k.swapaxes(2, 3) * q.shape[-1] ** -0.5 + sum(m.astype(np.float64) for m in masks)
    scores = scores if seen is None else np.where(seen, scores, -1e30)
    with np.errstate(invalid="ignore"):
        weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ v


def normal(shape: Shape, dtype: type = np.float32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def inputs(batch: int, count: int, queries: int, keys: int, depth: int, dtype: type = np.float32) -> list[np.ndarray]:
    """Q, K and V."""
    times = (queries, keys, keys)
    return [normal((batch, count, time, depth), dtype, i) for i, time in enumerate(times)]


def lowered(graph: Graph, pipeline: tuple[str, ...] = FUSED, level: str = native_level().name) -> LoweredForCpu:
    return lower_for_cpu(graph, LEVELS[level], pipeline=pipeline)


def traced(function: Attend, arrays: list[np.ndarray]) -> Graph:
    return Function(function, lambda: "attention", "function").trace(tuple(map(Tensor, arrays)), {}).graph


def kinds(program: LoweredForCpu) -> list[str]:
    found = [kernel.attributes["cellc.kind"] for kernel in kernels_of(program.module)]
    return [kind.data for kind in found if isinstance(kind, StringAttr)]


def run(
    program: LoweredForCpu, arrays: list[np.ndarray], result: np.ndarray, level: str, threads: int = 1
) -> np.ndarray:
    """The program's result, which has the type of `result`."""
    return run_program(program, arrays, [result], level, threads)[0]


def check(function: Attend, arrays: list[np.ndarray], wanted: np.ndarray, level: str, *, fused: bool = True) -> None:
    """One kernel gives what f64 does, and so do three; with the same bits where rows are whole, as in f16 and bf16."""
    graph, made = traced(function, arrays), wanted.astype(arrays[0].dtype)
    one, three = lowered(graph, FUSED, level), lowered(graph, UNFUSED, level)
    assert ("attention" in kinds(one)) == fused
    assert "attention" not in kinds(three)
    result, expected = (run(program, arrays, made, level) for program in (one, three))
    tolerance = TOLERANCE[made.dtype.name]
    for found in (result, expected):
        np.testing.assert_allclose(found.astype(np.float64), wanted, rtol=tolerance, atol=tolerance)
    if made.dtype.itemsize == 2 or not fused:
        np.testing.assert_array_equal(result, expected)
