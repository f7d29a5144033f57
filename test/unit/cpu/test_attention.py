"""Attention as one kernel: right for every shape and mask, on any number of threads, without scores in memory."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from cellc import ops
from cellc.targets.cpu.level import native_level
from support.attention import (
    LEVEL_NAMES,
    UNFUSED,
    attend,
    check,
    exact,
    heads,
    inputs,
    kinds,
    lowered,
    normal,
    run,
    traced,
    with_positions,
    with_residual,
)

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


def test_whole_rows_too_long_for_the_cache_stay_in_memory() -> None:
    """Those of f16 are whole; of a softmax in f32, scratch has some keys at a time, however many there are."""
    arrays = inputs(1, 8, 32, 20000, 4)
    assert "attention" not in kinds(lowered(traced(attend, [a.astype(np.float16) for a in arrays])))
    (kernel,), (shorter,) = (lowered(traced(attend, a)).kernels for a in (arrays, inputs(1, 8, 32, 10000, 4)))
    assert kernel.scratch_bytes == shorter.scratch_bytes < 1 << 20


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("keys", [513, 1537])
def test_maxima_that_grow_from_block_to_block(keys: int, level: str) -> None:
    """Scores that rise by hundreds along the keys, or fall: what was summed before counts for nothing, or all."""
    query, key, value = inputs(1, 2, 70, keys, 16)
    for scale in (300.0, -300.0):
        key[..., 0], query[..., 0] = np.linspace(0, scale, keys, dtype=np.float32), 4.0
        key[..., 1:] = np.round(key[..., 1:])
        query[..., 1:] = np.round(query[..., 1:])
        key[..., 0] = np.round(key[..., 0])
        check(attend, [query, key, value], exact(query, key, value), level)


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_what_is_not_finite(level: str) -> None:
    """A NaN or an infinite score makes its row NaN, a value that is infinite its column infinite, and no others."""
    query, key, value = inputs(1, 1, 40, 600, 16)
    query[0, 0, 3, 5], query[0, 0, 7, 2], value[0, 0, 590, 1] = np.nan, np.inf, np.inf
    wanted = exact(query, key, value)
    assert np.isnan(wanted).sum() == 2 * 16
    assert np.isinf(wanted).sum() == 38
    check(attend, [query, key, value], wanted, level)
