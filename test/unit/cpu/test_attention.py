"""Attention as one kernel: right for every shape and mask, on any number of threads, without scores in memory."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest
from xdsl.dialects.builtin import StringAttr

from cellc import Tensor, ops
from cellc.function import Function
from cellc.graph import Graph
from cellc.lowering import LoweredForCpu, lower_for_cpu
from cellc.passes.kernel_form import kernels_of
from cellc.passes.pipelines import PIPELINES
from cellc.runtime import Module
from cellc.targets.cpu.jit import load
from cellc.targets.cpu.level import LEVELS, native_level
from cellc.targets.cpu.workers import compile_kernels
from cellc.trace import apply

LEVEL_NAMES = [name for name in LEVELS if name in ("v3", native_level().name)]
FUSED = PIPELINES["cpu"]
UNFUSED = tuple(name for name in FUSED if name != "fuse-attention")
TOLERANCE = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 4e-6, "float64": 1e-13}
Shape = tuple[int, ...]
Attend = Callable[..., Tensor]


def attend(query: Tensor, key: Tensor, value: Tensor, *masks: Tensor) -> Tensor:
    """softmax(Q K^T / sqrt(d) + masks) V."""
    scores = ops.matmul(query, key.transpose(0, 1, 3, 2)) * query.shape[-1] ** -0.5
    for mask in masks:
        scores = scores + mask
    return ops.matmul(ops.softmax(scores, -1), value)


def heads(function: Attend) -> Attend:
    """The function on [N, T, heads, d], as layers have them, to the same."""

    def attended(query: Tensor, key: Tensor, value: Tensor, *rest: Tensor) -> Tensor:
        parts = (part.transpose(0, 2, 1, 3) for part in (query, key, value))
        return function(*parts, *rest).transpose(0, 2, 1, 3)

    return attended


def causal(query: Tensor, key: Tensor, value: Tensor, seen: Tensor) -> Tensor:
    """Scores that are not seen are -1e30, whatever they were."""
    scores = ops.matmul(query, key.transpose(0, 1, 3, 2)) * query.shape[-1] ** -0.5
    scores = ops.select(seen, scores, ops.fill(scores.dtype, scores.shape, -1e30))
    return ops.matmul(ops.softmax(scores, -1), value)


def causal_by_index(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """A mask that is computed from the indices of a score."""
    scores = ops.matmul(query, key.transpose(0, 1, 3, 2)) * query.shape[-1] ** -0.5
    rows, columns = (apply("iota", shape=scores.shape, dtype="i32", axis=axis) for axis in (2, 3))
    scores = ops.select(rows >= columns, scores, ops.fill(scores.dtype, scores.shape, -1e30))
    return ops.matmul(ops.softmax(scores, -1), value)


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
    objects = compile_kernels(program.kernels, LEVELS[level])
    addresses = load({kernel.name: data for kernel, data in zip(program.kernels, objects, strict=True)})
    module, result = Module(program.program.to_bytes(), addresses, threads), np.empty(result.shape, result.dtype)
    pointers = module.pointer_array()
    for i, array in enumerate([*map(np.ascontiguousarray, arrays), result]):
        pointers[i] = array.ctypes.data_as(ctypes.c_void_p)
    module.run(pointers)
    return result


def check(function: Attend, arrays: list[np.ndarray], wanted: np.ndarray, level: str, *, fused: bool = True) -> None:
    """One kernel gives what f64 does, and the bits of three kernels."""
    graph, made = traced(function, arrays), wanted.astype(arrays[0].dtype)
    one, three = lowered(graph, FUSED, level), lowered(graph, UNFUSED, level)
    assert ("attention" in kinds(one)) == fused
    assert "attention" not in kinds(three)
    result, expected = (run(program, arrays, made, level) for program in (one, three))
    tolerance = TOLERANCE[made.dtype.name]
    np.testing.assert_allclose(result.astype(np.float64), wanted, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(result, expected)


SHAPES = {
    "small": (2, 4, 16, 16, 8),
    "one head": (1, 1, 24, 24, 8),
    "one query": (2, 3, 1, 37, 16),
    "prime": (1, 3, 127, 127, 13),
    "a lane less": (3, 2, 31, 31, 15),
    "a lane more": (3, 2, 33, 33, 17),
    "other keys": (2, 2, 19, 45, 24),
    "few keys": (2, 2, 45, 2, 3),
    "BERT": (1, 2, 128, 128, 64),
    "chunks that share panels": (1, 2, 600, 1024, 16),
    "a last chunk of fewer rows": (1, 1, 523, 1031, 16),
    "sums in pieces": (2, 1, 67, 2100, 20),
}


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_shapes(shape: tuple[int, int, int, int, int], level: str) -> None:
    arrays = inputs(*shape)
    check(attend, arrays, exact(*arrays), level)


@pytest.mark.parametrize("shape", [(2, 3, 1, 1, 8), (1, 2, 7, 1, 4), (1, 2, 7, 5, 1)])
def test_shapes_without_a_loop_for_lanes_stay_three_kernels(shape: tuple[int, int, int, int, int]) -> None:
    arrays = inputs(*shape)
    check(attend, arrays, exact(*arrays), native_level().name, fused=False)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64], ids=["f16", "bf16", "f64"])
@pytest.mark.parametrize("shape", [(2, 3, 33, 40, 24), (1, 1, 300, 1040, 16)], ids=["small", "chunks"])
def test_dtypes(shape: tuple[int, int, int, int, int], dtype: type, level: str) -> None:
    arrays = inputs(*shape, dtype)
    check(attend, arrays, exact(*arrays), level)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("time", [16, 67, 1040])
def test_masks(time: int, level: str) -> None:
    arrays = inputs(2, 2, time, time, 16)
    seen = np.tri(time, dtype=bool)
    check(causal, [*arrays, seen], exact(*arrays, seen=seen), level)
    check(causal_by_index, arrays, exact(*arrays, seen=seen), level)
    padding = np.where(np.arange(time) < np.array([[[[time - 3]]], [[[1]]]]), 0, -np.inf).astype(np.float32)
    bias = normal((1, 2, time, time))
    check(attend, [*arrays, padding, bias], exact(*arrays, padding, bias), level)


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_a_row_that_sees_no_key_is_nan(level: str) -> None:
    arrays = inputs(2, 1, 20, 20, 8)
    mask = np.zeros((2, 1, 20, 20), np.float32)
    mask[1, 0, 3] = -np.inf
    wanted = exact(*arrays, mask)
    assert np.isnan(wanted[1, 0, 3]).all()
    assert np.isnan(wanted).sum() == 8
    check(attend, [*arrays, mask], wanted, level)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("time", [20, 1040])
def test_a_bias_from_a_table(time: int, level: str) -> None:
    arrays, table = inputs(2, 3, time, time, 8), normal((2 * time - 1, 3))
    places = (np.arange(time)[:, None] - np.arange(time) + time - 1).astype(np.int32)
    wanted = exact(*arrays, table[places].transpose(2, 0, 1))
    check(with_positions, [*arrays, table, places], wanted, level)


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_layouts_and_epilogues(level: str) -> None:
    """Heads beside each other in memory, as layers have them; and a sum on the result."""
    arrays = [normal((2, 33, 3, 24), seed=i) for i in range(3)]
    wanted = exact(*(a.swapaxes(1, 2) for a in arrays)).swapaxes(1, 2)
    check(heads(attend), arrays, wanted, level)
    before = normal((2, 3, 33, 24), seed=9)
    wanted = exact(*(a.swapaxes(1, 2) for a in arrays)) + before
    check(with_residual, [*(np.ascontiguousarray(a.swapaxes(1, 2)) for a in arrays), before], wanted, level)


@pytest.mark.parametrize("shape", [(1, 3, 128, 128, 64), (1, 1, 523, 1031, 16), (2, 3, 31, 31, 8)])
def test_bits_do_not_depend_on_threads(shape: tuple[int, int, int, int, int]) -> None:
    arrays, level = inputs(*shape), native_level().name
    program = lowered(traced(attend, arrays))
    results = [run(program, arrays, arrays[0], level, threads) for threads in (1, 2, 5)]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_scores_have_no_memory() -> None:
    """Nor do weights: of a whole attention nothing is in the arena, and scratch has some rows."""
    arrays = inputs(1, 2, 1024, 1024, 16)
    graph = traced(attend, arrays)
    one, three = lowered(graph), lowered(graph, UNFUSED)
    scores = 4 * 2 * 1024**2
    assert three.program.arena_bytes >= scores
    assert one.program.arena_bytes == 0
    (kernel,) = one.kernels
    assert kernel.scratch_bytes < scores // 8


def test_rows_are_blocks_and_small_heads_share_one() -> None:
    def blocks(*shape: int) -> int:
        (kernel,) = lowered(traced(attend, inputs(*shape))).kernels  # pyright: ignore[reportArgumentType]
        return kernel.blocks

    assert blocks(4, 12, 128, 128, 64) == 48
    assert blocks(1, 1, 1024, 1024, 64) >= 8
    assert blocks(8, 4, 8, 8, 8) == 1


def test_scores_that_others_read_stay_in_memory() -> None:
    """As those of a training step, whose backward pass reads the weights."""
    arrays = inputs(1, 2, 16, 16, 8)
    gradients = ops.grad(lambda *parts: attend(*parts).sum(), (0, 1, 2))
    assert "attention" not in kinds(lowered(traced(lambda *parts: gradients(*parts)[0], arrays)))


def test_one_row_of_many_keys_is_cut_along_them() -> None:
    arrays = inputs(1, 1, 1, 40000, 64)
    assert "attention" not in kinds(lowered(traced(attend, arrays)))


def test_rows_too_long_for_the_cache_stay_in_memory() -> None:
    arrays = inputs(1, 1, 32, 20000, 4)
    assert "attention" not in kinds(lowered(traced(attend, arrays)))
