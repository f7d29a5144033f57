"""Attention in a training step: the kernel of its gradients against f64, for masks, layouts and lengths of any kind."""

from __future__ import annotations

from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest

from cellc import Tensor, ops
from cellc.targets.cpu import attention_blocks, attention_gradient
from cellc.targets.cpu.hidden_gradients import HiddenGradients
from cellc.targets.cpu.level import native_level
from support.attention import FUSED, LEVEL_NAMES, attend, causal, causal_by_index, heads, kinds, lowered, normal
from support.attention_gradients import SEPARATE, bounds, check, exact, problem, run, traced

NATIVE = native_level().name


@pytest.fixture(autouse=True)
def of_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets sequences be joined that are too short for it to pay."""
    monkeypatch.setattr(attention_blocks, "_FEWEST_WEIGHTS", 0)
    monkeypatch.setattr(attention_blocks, "_FEWEST_HALF_WEIGHTS", 0)
    monkeypatch.setattr(attention_blocks, "_FEW_HEADS_WEIGHTS", 0)


def added(seen: np.ndarray, value: float) -> np.ndarray:
    """A mask that adds 0 where a key is seen, else a value."""
    return np.where(seen, np.float32(0), np.float32(value))


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize(
    "shape",
    [(2, 3, 128, 128, 64), (1, 4, 197, 197, 24), (2, 2, 65, 300, 17)],
    ids=str,
)
def test_lengths(shape: tuple[int, ...], level: str) -> None:
    check(attend, problem(*shape), level)


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_f64(level: str) -> None:
    check(attend, problem(1, 4, 70, 270, 20, dtype=np.float64), level)
    check(causal, problem(1, 4, 270, 270, 16, dtype=np.float64), level, seen=np.tri(270, dtype=bool))


HALF = [np.float16, ml_dtypes.bfloat16]


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("dtype", HALF, ids=["f16", "bf16"])
def test_half_precision(dtype: type, level: str) -> None:
    """Whole, in chunks of rows, with a block of few keys, with what a mask hides, and with dropout."""
    for shape in ((1, 4, 64, 64, 24), (1, 4, 197, 130, 17), (1, 4, 40, 300, 64)):
        check(attend, problem(*shape, dtype=dtype), level)
    check(causal, problem(1, 4, 150, 150, 16, dtype=dtype), level, seen=np.tri(150, dtype=bool))
    check(attend, problem(1, 4, 70, 140, 16, dtype=dtype), level, keep=0.75)


@pytest.mark.parametrize("dtype", HALF, ids=["f16", "bf16"])
def test_half_precision_errs_less_than_separate_kernels(dtype: type) -> None:
    arrays = problem(1, 4, 140, 140, 32, dtype=dtype)
    one, separate = (run(lowered(traced(attend, arrays), p), arrays, NATIVE) for p in (FUSED, SEPARATE))
    for found, other, right in zip(one, separate, exact(arrays), strict=True):
        errors = [float(np.square(each.astype(np.float64) - right).sum()) for each in (found, other)]
        assert errors[0] < 0.7 * errors[1]


def test_half_precision_in_layouts_and_threads() -> None:
    """Heads beside each other, a mask that adds, and bits that do not depend on threads."""
    dtype = np.float16
    arrays = [normal((2, 130, 3, 24), dtype, i) for i in range(4)] + problem(1, 1, 1, 1, 24, dtype=dtype)[-1:]
    arrays.append(added(np.tri(130, dtype=bool), -1e4).astype(dtype))
    program = lowered(traced(heads(attend), arrays))
    assert kinds(program).count("attention_gradient") == 1
    swapped = [*(a.swapaxes(1, 2) for a in arrays[:4]), arrays[4]]
    results = [run(program, arrays, NATIVE, threads) for threads in (1, 3)]
    for found, other, right, limit in zip(*results, exact(swapped, arrays[5]), bounds(swapped, arrays[5]), strict=True):
        np.testing.assert_array_equal(found, other)
        assert (np.abs(found.swapaxes(1, 2).astype(np.float64) - right) <= limit).all()


def test_half_precision_of_weights_in_f32() -> None:
    """Scores that users cast before their softmax."""

    def cast(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        scores = ops.matmul(query, key.transpose(0, 1, 3, 2)).astype("float32") * query.shape[-1] ** -0.5
        return ops.matmul(ops.softmax(scores, -1).astype("float16"), value)

    check(cast, problem(1, 4, 100, 100, 16, dtype=np.float16), NATIVE)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("time", [16, 67, 300])
def test_causal_masks(time: int, level: str) -> None:
    arrays, seen = problem(1, 4, time, time, 16), np.tri(time, dtype=bool)
    check(causal, arrays, level, seen=seen)
    check(attend, arrays, level, added(seen, -np.inf))


def test_a_mask_of_indices() -> None:
    arrays, seen = problem(1, 4, 200, 200, 16), np.tri(200, dtype=bool)
    separate, one = (run(lowered(traced(causal_by_index, arrays), p), arrays, NATIVE) for p in (SEPARATE, FUSED))
    by_tensor = run(lowered(traced(causal, [*arrays, seen])), [*arrays, seen], NATIVE)
    for found, other, same in zip(one, separate, by_tensor, strict=True):
        np.testing.assert_allclose(found, other, rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(found, same)


SEEN = {
    "a window": lambda i, j: abs(i - j) < 40,
    "the last keys": lambda i, j: j >= 260,
    "the first keys": lambda i, j: j < 70,
    "blocks": lambda i, j: i // 100 == j // 100,
    "a key here and there": lambda i, j: (i + j) % 97 == 0,
    "later keys": lambda i, j: j >= i,
}


@pytest.mark.parametrize("seen", SEEN.values(), ids=SEEN)
def test_masks_of_any_form(seen: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """The kernels are the same for all forms; how they look at a mask does not depend on the level."""
    arrays, mask = problem(1, 4, 330, 330, 16), np.fromfunction(seen, (330, 330))
    check(causal, arrays, NATIVE, seen=mask)
    check(attend, arrays, NATIVE, added(mask, -1e4))


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_rows_that_see_no_key(level: str) -> None:
    """With a lowest number their weights are the same for all keys; with -inf all gradients of the head are NaN."""
    arrays, seen = problem(1, 4, 150, 300, 16), np.tri(150, 300, dtype=bool)
    seen[[0, 77, 149]] = False
    check(causal, arrays, level, seen=seen)
    mask = np.zeros((1, 4, 150, 300), np.float32)
    mask[0, 1, 77] = -np.inf
    check(attend, arrays, level, mask)


def test_hidden_numbers_that_are_not_finite() -> None:
    """A weight of 0 times infinity is NaN: what is hidden makes NaNs where separate kernels do."""
    seen = np.tri(64, 300, dtype=bool)
    programs = [lowered(traced(causal, [*problem(1, 4, 64, 300, 16), seen]), p) for p in (FUSED, SEPARATE)]
    for number, place, value in ((1, 250, np.nan), (1, 250, np.inf), (2, 299, np.inf), (0, 3, np.nan), (3, 3, np.inf)):
        arrays = problem(1, 4, 64, 300, 16)
        arrays[number][0, 1, place, 2] = value
        one, separate = (run(program, [*arrays, seen], NATIVE) for program in programs)
        assert any(np.isnan(found).any() for found in separate)
        for found, other in zip(one, separate, strict=True):
            np.testing.assert_array_equal(np.isfinite(found), np.isfinite(other))


def test_hidden_sums_that_are_not_finite() -> None:
    """Of dO V, whose terms may be more than those of a score."""
    shapes = ((1, 4, 64, 2), (1, 4, 300, 2), (1, 4, 300, 64), (1, 4, 64, 64))
    arrays = [*(np.ones(shape, np.float32) for shape in shapes), np.eye(64, dtype=np.float32)]
    arrays[2][0, 1, 250], arrays[3][:] = 1e25, 1e12
    arrays.append(added(np.tri(64, 300, dtype=bool), -1e4))
    for passes in (FUSED, SEPARATE):
        queries, *_ = run(lowered(traced(attend, arrays), passes), arrays, NATIVE)
        assert np.isnan(queries[0, 1]).all()
        assert np.isfinite(queries[0, [0, 2, 3]]).all()


def test_layouts() -> None:
    """Heads beside each other in memory, as layers have them."""
    arrays = [normal((2, 90, 3, 24), seed=i) for i in range(4)] + problem(1, 1, 1, 1, 24)[-1:]
    graph = traced(heads(attend), arrays)
    assert kinds(lowered(graph)).count("attention_gradient") == 1
    swapped = [*(np.ascontiguousarray(a.swapaxes(1, 2)) for a in arrays[:4]), arrays[4]]
    wanted = run(lowered(traced(attend, swapped)), swapped, NATIVE)
    for found, right in zip(run(lowered(graph), arrays, NATIVE), wanted, strict=True):
        np.testing.assert_array_equal(found, right.swapaxes(1, 2))


@pytest.mark.parametrize("time", [67, 300])
def test_bits_do_not_depend_on_what_is_left_out(time: int, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = [*problem(1, 4, time, time, 24), np.tri(time, dtype=bool)]
    some = run(lowered(traced(causal, arrays)), arrays, NATIVE)
    seen = HiddenGradients.panels_seen

    def all_panels(self: HiddenGradients, position: list[str], rows: int, scores: object, width: int) -> str:
        seen(self, position, rows, scores, width)  # pyright: ignore[reportArgumentType]
        return self._writer.index(-(-self._keys.count // width))  # pyright: ignore[reportPrivateUsage]

    monkeypatch.setattr(attention_gradient.HiddenGradients, "panels_seen", all_panels)
    whole = run(lowered(traced(causal, arrays)), arrays, NATIVE)
    for found, other in zip(some, whole, strict=True):
        np.testing.assert_array_equal(found, other)


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_a_rest_of_one_row(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention_blocks, "_chunk", lambda extent, most: min(extent, 32))
    monkeypatch.setattr(attention_blocks, "_MORE_ROWS", 32)
    check(attend, problem(1, 4, 33, 64, 20), level)
    check(causal, problem(1, 4, 97, 64, 20), level, seen=np.tri(97, 64, dtype=bool))


def test_a_rest_of_one_key_stays_in_separate_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention_blocks, "_chunk", lambda extent, most: min(extent, 32))
    check(attend, problem(1, 4, 32, 65, 20), NATIVE, fused=False)


def test_bits_do_not_depend_on_threads() -> None:
    arrays = [*problem(1, 5, 300, 300, 24), np.tri(300, dtype=bool)]
    program = lowered(traced(causal, arrays))
    results = [run(program, arrays, NATIVE, threads) for threads in (1, 2, 5)]
    for result in results[1:]:
        for found, first in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(found, first)


def test_nothing_of_the_size_of_scores_is_in_memory() -> None:
    graph = traced(attend, problem(1, 4, 1024, 1024, 16))
    one, separate = lowered(graph), lowered(graph, SEPARATE)
    scores = 4 * 4 * 1024**2
    assert separate.program.arena_bytes >= 2 * scores
    assert one.program.arena_bytes + max(kernel.scratch_bytes for kernel in one.kernels) < scores // 8


def test_short_sequences_stay_in_separate_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    def fused(time: int, dtype: type, count: int = 4) -> bool:
        return "attention_gradient" in kinds(lowered(traced(attend, problem(1, count, time, time, 16, dtype=dtype))))

    assert [fused(time, np.float32) for time in (64, 128)] == [False, True]
    assert [fused(time, np.float16) for time in (128, 192)] == [False, True]
    assert [fused(time, np.float32, 1) for time in (512, 1024)] == [False, True]


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_few_heads_have_blocks_of_keys(level: str) -> None:
    """One head in four parts, two and three in two; rows of which a mask hides whole parts; results in any order."""
    check(attend, problem(1, 1, 300, 300, 16), level)
    check(attend, problem(1, 3, 270, 260, 20), level)
    check(attend, problem(2, 1, 100, 512, 24, dtype=np.float16), level)
    check(causal, problem(1, 1, 512, 512, 16), level, seen=np.tri(512, dtype=bool))
    check(attend, problem(1, 2, 300, 300, 16), level, added(np.tri(300, dtype=bool), -np.inf))


def test_bits_of_few_heads_do_not_depend_on_threads() -> None:
    arrays = [normal((1, 384, 2, 16), seed=i) for i in range(4)] + problem(1, 1, 1, 1, 16)[-1:]
    program = lowered(traced(heads(causal_by_index), arrays))
    assert kinds(program).count("attention_gradient") == 1
    results = [run(program, arrays, NATIVE, threads) for threads in (1, 2, 5)]
    separate = run(lowered(traced(heads(causal_by_index), arrays), SEPARATE), arrays, NATIVE)
    for *found, other in zip(*results, separate, strict=True):
        assert all((each == found[0]).all() for each in found)
        np.testing.assert_allclose(found[0], other, rtol=1e-4, atol=1e-4 * np.abs(other).max())


def test_few_heads_that_stay_in_separate_kernels() -> None:
    """Of a prime number of keys there are no equal parts; with dropout places would be numbered otherwise."""
    check(attend, problem(1, 1, 300, 307, 16), NATIVE, fused=False)
    check(attend, problem(1, 1, 300, 300, 16), NATIVE, fused=False, keep=0.5)


def test_weights_that_others_read_stay_in_separate_kernels() -> None:
    def returned(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        weights = ops.softmax(ops.matmul(query, key.transpose(0, 1, 3, 2)), -1)
        return ops.matmul(weights, value) + weights.max()

    assert "attention_gradient" not in kinds(lowered(traced(returned, problem(1, 4, 64, 64, 16))))
