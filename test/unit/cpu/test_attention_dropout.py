"""Dropout of an attention's weights: the kernels make the same choices as separate ones, and results as in f64."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from cellc import Tensor, nn, ops
from cellc.function import Function
from cellc.graph import Graph
from cellc.seed import uniform
from cellc.targets.cpu import attention_blocks, attention_gradient, online_attention
from cellc.targets.cpu.hidden_gradients import HiddenGradients
from cellc.targets.cpu.level import native_level
from support import attention
from support.attention import (
    FUSED,
    LEVEL_NAMES,
    attend,
    causal,
    causal_by_index,
    exact,
    heads,
    inputs,
    kinds,
    lowered,
    normal,
)
from support.attention_gradients import SEPARATE, STATE, check, kept_of, problem, run, traced

NATIVE = native_level().name


@pytest.fixture(autouse=True)
def of_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets sequences be joined that are too short for it to pay."""
    monkeypatch.setattr(attention_blocks, "_FEWEST_WEIGHTS", 0)


def traced_with_result(arrays: list[np.ndarray], keep: float) -> Graph:
    """The gradients of Q, K and V where dO is the fourth array times the fifth, and O, which is larger than -1."""

    def step(query: Tensor, key: Tensor, value: Tensor, given: Tensor, matrix: Tensor) -> object:
        def loss(*parts: Tensor) -> tuple[Tensor, Tensor]:
            result = attend(*parts, keep=keep)
            mixed = ops.matmul(result.reshape(-1, result.shape[-1]), matrix).reshape(result.shape)
            return (ops.maximum(mixed, -1.0) * given).sum(), result

        (_, result), gradients = ops.value_and_grad(loss, (0, 1, 2), has_aux=True)(query, key, value)
        return (*gradients, result)

    return Function(step, lambda: "step", "function").trace(tuple(map(Tensor, arrays)), {}).graph


def weights_of(
    keep: float, shape: tuple[int, int], dtype: str, pipeline: tuple[str, ...], level: str
) -> tuple[np.ndarray, np.ndarray]:
    """Weights as V is multiplied with them, and dO, where scores are 0."""
    queries, keys = shape
    given = [np.zeros((2, 3, time, 8), dtype) for time in shape]
    given += [np.tile(np.eye(time, keys, dtype=dtype), (2, 3, 1, 1)) for time in (keys, queries)]
    given = [*given, np.eye(keys, dtype=dtype)]
    program = lowered(traced_with_result(given, keep), pipeline, level)
    assert ("attention_gradient" in kinds(program)) == (pipeline == FUSED)
    *_, gradient, result = run(program, [*given, STATE], level, like=given[:4])
    return result, gradient.swapaxes(2, 3)[..., :queries, :]


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize(
    ("keep", "shape", "dtype"),
    [
        (0.9, (64, 64), np.float32),
        (0.5, (37, 65), np.float32),
        (0.03, (65, 530), np.float32),
        (0.5, (40, 70), np.float64),
    ],
)
def test_choices(keep: float, shape: tuple[int, int], dtype: str, level: str) -> None:
    """Which weights are kept does not depend on how the program is cut into kernels, forward and backward."""
    wanted = kept_of([np.empty((2, 3, time, 8), dtype) for time in shape], keep) != 0
    assert abs(wanted.mean() - keep) < 0.02
    for pipeline in (FUSED, SEPARATE):
        for weights in weights_of(keep, shape, dtype, pipeline, level):
            np.testing.assert_array_equal(weights != 0, wanted)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("shape", [(2, 3, 128, 128, 64), (1, 4, 197, 197, 24), (2, 2, 65, 300, 17)], ids=str)
def test_lengths(shape: tuple[int, ...], level: str) -> None:
    check(attend, problem(*shape), level, keep=0.9)


@pytest.mark.parametrize("keep", [1e-3, 0.2, 0.5, 1 - 1e-6])
def test_probabilities(keep: float) -> None:
    check(attend, problem(1, 4, 70, 96, 16), NATIVE, keep=keep)


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_f64(level: str) -> None:
    check(attend, problem(1, 4, 70, 270, 20, dtype=np.float64), level, keep=0.9)
    check(causal, problem(1, 4, 270, 270, 16, dtype=np.float64), level, seen=np.tri(270, dtype=bool), keep=0.8)


def test_half_precision_stays_in_separate_kernels() -> None:
    arrays = problem(1, 4, 32, 32, 8, dtype=np.float16)
    assert "attention_gradient" not in kinds(lowered(traced(partial(attend, keep=0.9), arrays)))


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("time", [67, 320])
def test_masks(time: int, level: str) -> None:
    arrays, seen = problem(1, 4, time, time, 16), np.tri(time, dtype=bool)
    check(causal, arrays, level, seen=seen, keep=0.9)
    check(attend, arrays, level, np.where(seen, np.float32(0), np.float32(-np.inf)), keep=0.9)
    padding = np.where(np.arange(time) < time - 5, 0, -1e4).astype(np.float32).reshape(1, 1, 1, time)
    check(attend, arrays, level, padding, normal((1, 4, time, time)), keep=0.9)


def test_a_mask_of_indices() -> None:
    arrays, seen = problem(1, 4, 200, 200, 16), np.tri(200, dtype=bool)
    by_index = lowered(traced(partial(causal_by_index, keep=0.9), arrays))
    assert "attention_gradient" in kinds(by_index)
    found = run(by_index, [*arrays, STATE], NATIVE)
    wanted = run(lowered(traced(partial(causal, keep=0.9), [*arrays, seen])), [*arrays, seen, STATE], NATIVE)
    for each, same in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(each, same)


def test_bits_do_not_depend_on_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = [*problem(1, 4, 300, 300, 24), np.tri(300, dtype=bool)]
    function = partial(causal, keep=0.9)
    some = run(lowered(traced(function, arrays)), [*arrays, STATE], NATIVE)
    seen = HiddenGradients.panels_seen

    def all_panels(self: HiddenGradients, position: list[str], rows: int, scores: object, width: int) -> str:
        seen(self, position, rows, scores, width)  # pyright: ignore[reportArgumentType]
        return self._writer.index(-(-self._keys.count // width))  # pyright: ignore[reportPrivateUsage]

    monkeypatch.setattr(attention_gradient.HiddenGradients, "panels_seen", all_panels)
    monkeypatch.setattr(online_attention, "may_hide", lambda parts: False)
    whole = run(lowered(traced(function, arrays)), [*arrays, STATE], NATIVE)
    for found, other in zip(some, whole, strict=True):
        np.testing.assert_array_equal(found, other)


def test_hidden_quotients_that_are_not_finite() -> None:
    """dO V^T is finite here, but not what dropout divides by keep_prob."""
    shapes = ((1, 4, 64, 2), (1, 4, 300, 2), (1, 4, 300, 64), (1, 4, 64, 64))
    arrays = [*(np.ones(shape, np.float32) for shape in shapes), np.eye(64, dtype=np.float32)]
    arrays[2][0, 1, 250:], arrays[3][:] = 1e24, 1e12
    arrays.append(np.where(np.tri(64, 300, 150, dtype=bool), np.float32(0), np.float32(-1e4)))
    graph = traced(partial(attend, keep=0.1), arrays)
    one, separate = (run(lowered(graph, passes), [*arrays, STATE], NATIVE)[0] for passes in (FUSED, SEPARATE))
    assert np.isnan(separate[0, 1]).any(axis=-1).mean() > 0.9
    np.testing.assert_array_equal(np.isnan(one), np.isnan(separate))


def test_bits_do_not_depend_on_threads() -> None:
    arrays = [*problem(1, 5, 300, 300, 24), np.tri(300, dtype=bool)]
    program = lowered(traced(partial(causal, keep=0.9), arrays))
    results = [run(program, [*arrays, STATE], NATIVE, threads) for threads in (1, 2, 5)]
    for result in results[1:]:
        for found, first in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(found, first)


def test_layouts() -> None:
    """Heads beside each other in memory, as layers have them."""
    arrays = [normal((2, 90, 3, 24), seed=i) for i in range(4)] + problem(1, 1, 1, 1, 24)[-1:]
    function = partial(attend, keep=0.9)
    graph = traced(heads(function), arrays)
    assert kinds(lowered(graph)).count("attention_gradient") == 1
    swapped = [*(np.ascontiguousarray(a.swapaxes(1, 2)) for a in arrays[:4]), arrays[4]]
    wanted = run(lowered(traced(function, swapped)), [*swapped, STATE], NATIVE)
    for found, right in zip(run(lowered(graph), [*arrays, STATE], NATIVE), wanted, strict=True):
        np.testing.assert_array_equal(found, right.swapaxes(1, 2))


@pytest.mark.parametrize("time", [1024, 1000])
def test_nothing_of_the_size_of_scores_is_in_memory(time: int) -> None:
    graph = traced(partial(attend, keep=0.9), problem(1, 4, time, time, 16))
    one, separate = lowered(graph), lowered(graph, SEPARATE)
    scores = 4 * 4 * time**2
    assert separate.program.arena_bytes >= 2 * scores
    assert one.program.arena_bytes + max(kernel.scratch_bytes for kernel in one.kernels) < scores // 8


@pytest.mark.parametrize("time", [64, 100])
def test_two_attentions_choose_differently(time: int) -> None:
    """Each random op has a stream of its own."""

    def step(weight: Tensor, matrix: Tensor, *parts: Tensor) -> object:
        def loss(query: Tensor, key: Tensor, value: Tensor, second_key: Tensor, second_value: Tensor) -> Tensor:
            between = ops.matmul(attend(query, key, value, keep=0.5), matrix)
            mixed = ops.matmul(attend(between, second_key, second_value, keep=0.5), matrix)
            return (mixed * mixed * weight).sum()

        return ops.grad(loss, (0, 1, 2, 3, 4))(*parts)

    query, key, value, weight, matrix = problem(1, 4, time, time, 16)
    arrays = [weight, matrix, query, key, value, key[:, ::-1], value[:, ::-1]]
    graph = Function(step, lambda: "step", "function").trace(tuple(map(Tensor, arrays)), {}).graph
    one, separate = lowered(graph), lowered(graph, SEPARATE)
    assert kinds(one).count("attention_gradient") == 2
    results = [run(program, [*arrays, STATE], NATIVE, like=arrays[2:]) for program in (one, separate)]
    for found, other in zip(*results, strict=True):
        np.testing.assert_allclose(found, other, rtol=1e-4, atol=1e-4 * np.abs(other).max())


@pytest.mark.parametrize("time", [64, 100])
def test_choices_that_others_read_stay_in_separate_kernels(time: int) -> None:
    def counted(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        weights, mask = ops.Dropout(0.9)(ops.softmax(ops.matmul(query, key.transpose(0, 1, 3, 2)), -1))
        return ops.matmul(weights, value) + mask.mean()

    def added(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        weights, _ = ops.Dropout(0.9)(ops.softmax(ops.matmul(query, key.transpose(0, 1, 3, 2)), -1))
        return ops.matmul(weights, value) + weights.max()

    for function in (counted, added):
        assert "attention_gradient" not in kinds(lowered(traced(function, problem(1, 4, time, time, 16))))


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("shape", [(2, 3, 8, 40, 16), (1, 4, 5, 64, 16), (1, 4, 130, 70, 16)], ids=str)
def test_without_gradients(shape: tuple[int, ...], level: str) -> None:
    """Of few rows each is whole in scratch."""
    arrays = inputs(*shape)  # pyright: ignore[reportArgumentType]
    query, key, value = arrays
    weights = exact(query, key, np.eye(shape[3]))
    program = lowered(attention.traced(partial(attend, keep=0.9), arrays), level=level)
    assert "attention" in kinds(program)
    found = attention.run(program, [*arrays, STATE.copy()], query, level)
    np.testing.assert_allclose(found, kept_of(arrays, 0.9) * weights @ value, rtol=4e-6, atol=4e-6)


@pytest.mark.parametrize("time", [64, 100])
def test_two_attentions_without_gradients_choose_differently(time: int) -> None:
    arrays = inputs(1, 4, time, time, 16)
    query, key, value = arrays
    program = lowered(attention.traced(lambda q, k, v: attend(q, k, attend(q + 0, k, v, keep=0.5), keep=0.5), arrays))
    weights, first = exact(query, key, np.eye(time)), kept_of(arrays, 0.5)
    second = kept_of(arrays, 0.5, stream=1)
    found = attention.run(program, [*arrays, STATE.copy()], query, NATIVE)
    wanted = second * weights @ (first * weights @ value)
    np.testing.assert_allclose(found, wanted, rtol=4e-6, atol=4e-6)


def test_random_numbers_in_scores_stay_in_memory() -> None:
    """Such a kernel reads them, as it reads a mask."""

    def noisy(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        scores = ops.matmul(query, key.transpose(0, 1, 3, 2))
        return ops.matmul(ops.softmax(scores + uniform(scores.shape, scores.dtype), -1), value)

    assert "attention" in kinds(lowered(attention.traced(noisy, inputs(1, 4, 100, 100, 16))))


class Attention(nn.Cell):
    """One layer with dropout of its weights."""

    def __init__(self, recompute: bool) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.8)
        if recompute:
            self.recompute()

    def construct(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        scores = ops.matmul(query, key.transpose(0, 1, 3, 2)) * query.shape[-1] ** -0.5
        return ops.matmul(self.dropout(ops.softmax(scores, -1)), value)


@pytest.mark.parametrize("time", [128, 100])
def test_layers_that_are_computed_again(time: int) -> None:
    """The forward pass that the gradients do not use is one kernel too, which makes the same choices."""
    arrays = problem(1, 4, time, time, 16)
    programs = [lowered(traced(Attention(again).set_train(), arrays)) for again in (False, True)]
    assert ["attention" in kinds(program) for program in programs] == [True, True]
    assert ["attention_gradient" in kinds(program) for program in programs] == [True, False]
    results = [run(program, [*arrays, STATE], NATIVE) for program in programs]
    for found, other in zip(*results, strict=True):
        np.testing.assert_allclose(found, other, rtol=1e-4, atol=1e-4 * np.abs(other).max())
