"""Masks of attention: right whatever they hide, and what they hide from many rows is left out, with the same bits."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import pytest

from cellc import Tensor, ops
from cellc.targets.cpu import online_attention
from cellc.targets.cpu.jit import load
from cellc.targets.cpu.level import LEVELS, native_level
from cellc.targets.cpu.workers import compile_kernels
from support.attention import (
    LEVEL_NAMES,
    attend,
    causal,
    causal_by_index,
    check,
    exact,
    inputs,
    lowered,
    normal,
    run,
    traced,
)


def added(seen: np.ndarray, value: float) -> np.ndarray:
    """A mask that adds 0 where a key is seen, else a value."""
    return np.where(seen, np.float32(0), np.float32(value))


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
@pytest.mark.parametrize("value", [-1e4, -1e9, -np.inf])
@pytest.mark.parametrize("time", [65, 130, 700])
def test_causal_masks_that_are_added(time: int, value: float, level: str) -> None:
    arrays, mask = inputs(1, 2, time, time, 16), added(np.tri(time, dtype=bool), value)
    check(attend, [*arrays, mask], exact(*arrays, mask), level)


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("keys", [512, 1455])
@pytest.mark.parametrize("depth", [3, 5, 31])
def test_a_last_chunk_of_fewer_rows(depth: int, keys: int, level: str) -> None:
    """Its products may have panels of another width."""
    arrays, seen = inputs(1, 4, 157, keys, depth), np.tri(157, keys, 300, dtype=bool)
    check(causal, [*arrays, seen], exact(*arrays, seen=seen), level)


SEEN = {
    "a window": lambda i, j: abs(i - j) < 40,
    "the last keys": lambda i, j: j >= 560,
    "the first keys": lambda i, j: j < 70,
    "blocks": lambda i, j: i // 100 == j // 100,
    "a key here and there": lambda i, j: (i + j) % 97 == 0,
    "later keys": lambda i, j: j >= i,
}


@pytest.mark.parametrize("level", LEVEL_NAMES)
@pytest.mark.parametrize("seen", SEEN.values(), ids=SEEN)
def test_masks_of_any_form(seen: Callable[[np.ndarray, np.ndarray], np.ndarray], level: str) -> None:
    arrays = inputs(1, 2, 600, 600, 16)
    mask = np.fromfunction(seen, (600, 600))
    check(causal, [*arrays, mask], exact(*arrays, seen=mask), level)
    check(attend, [*arrays, added(mask, -np.inf)], exact(*arrays, added(mask, -np.inf)), level)


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_large_scores_outweigh_a_mask(level: str) -> None:
    """What a mask adds does not hide a score that is larger by as much; all numbers here are exact in f32."""
    query, key, value = inputs(1, 2, 80, 600, 16)
    query, key = np.round(4 * query), np.round(4 * key)
    mask = added(np.tri(80, 600, dtype=bool), -30)
    wanted = exact(query, key, value, mask)
    assert np.abs(wanted - exact(query, key, value, added(np.tri(80, 600, dtype=bool), -np.inf))).max() > 1
    check(attend, [query, key, value, mask], wanted, level)


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_rows_that_see_no_key(level: str) -> None:
    """With -inf they are NaN, with a lowest number the mean of all values, hidden or not."""
    arrays, seen = inputs(1, 2, 150, 1040, 16), np.tri(150, 1040, dtype=bool)
    seen[[0, 77, 149]] = False
    wanted = exact(*arrays, added(seen, -np.inf))
    assert np.isnan(wanted).sum() == 2 * 3 * 16
    check(attend, [*arrays, added(seen, -np.inf)], wanted, level)
    check(causal, [*arrays, seen], exact(*arrays, seen=seen), level)


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_hidden_values_that_are_not_finite(level: str) -> None:
    """0 times infinity is NaN, as it is in the products; a NaN among the keys that are not selected is nothing."""
    query, key, value = inputs(1, 1, 64, 600, 16)
    seen = np.tri(64, 600, dtype=bool)
    key[0, 0, 500, 3] = np.nan
    with np.errstate(invalid="ignore"):
        wanted = exact(query, key, value, seen=seen)
    assert np.isfinite(wanted).all()
    check(causal, [query, key, value, seen], wanted, level)
    value[0, 0, 599, 2] = np.inf
    wanted = exact(query, key, value, seen=seen)
    assert np.isnan(wanted).sum() == 64
    check(causal, [query, key, value, seen], wanted, level)


def test_a_mask_that_is_not_a_number_is_not_hidden() -> None:
    arrays, mask = inputs(1, 1, 64, 600, 16), added(np.tri(64, 600, dtype=bool), -np.inf)
    mask[5, 400], mask[6, 2], mask[7, 9] = np.nan, np.nan, np.inf
    wanted = exact(*arrays, mask)
    assert np.isnan(wanted).sum() == 3 * 16
    check(attend, [*arrays, mask], wanted, native_level().name)


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_f64(level: str) -> None:
    arrays, seen = inputs(1, 2, 130, 530, 16, np.float64), np.tri(130, 530, dtype=bool)
    check(causal, [*arrays, seen], exact(*arrays, seen=seen), level)


@pytest.mark.parametrize("keys", [1, 70, 97])
def test_panels_of_two_keys(keys: int) -> None:
    """An odd number of them is no whole number of the steps that are written out together."""
    arrays, seen = inputs(1, 4, 100, 100, 2, np.float64), np.tile(np.arange(100) < keys, (100, 1))
    check(causal, [*arrays, seen], exact(*arrays, seen=seen), "v2")


def test_bits_do_not_depend_on_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    level = native_level().name
    for time in (67, 700):
        arrays = [*inputs(1, 2, time, time, 24), np.tri(time, dtype=bool)]
        some = run(lowered(traced(causal, arrays)), arrays, arrays[0], level)
        monkeypatch.setattr(online_attention, "may_hide", lambda parts: False)
        whole = run(lowered(traced(causal, arrays)), arrays, arrays[0], level)
        monkeypatch.undo()
        np.testing.assert_array_equal(some, whole)


def test_bits_do_not_depend_on_threads() -> None:
    arrays = [*inputs(1, 3, 700, 700, 24), np.tri(700, dtype=bool)]
    program = lowered(traced(causal, arrays))
    results = [run(program, arrays, arrays[0], native_level().name, threads) for threads in (1, 2, 5)]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def scores_written(function: Callable[..., Tensor], arrays: list[np.ndarray]) -> np.ndarray:
    """Which scores of a kernel's 64 rows are written to its scratch, where they are an odd number of lines apart.

    The kernel reads Q, K, the mask and V, in this order.
    """
    program, level = lowered(traced(function, arrays)), LEVELS[native_level().name]
    (kernel,) = program.kernels
    (address,) = load({kernel.name: compile_kernels([kernel], level)[0]}).values()
    scratch = np.full(kernel.scratch_bytes + 64, 0x55, np.uint8)
    scratch = scratch[-scratch.ctypes.data % 64 :][: kernel.scratch_bytes]
    query, key, value, mask = map(np.ascontiguousarray, arrays)
    buffers = [query, key, mask, value, np.empty_like(query)]
    pointers = (ctypes.c_void_p * len(buffers))(*(b.ctypes.data for b in buffers))
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)(address)
    call(pointers, None, 0, scratch.ctypes.data)
    keys = arrays[1].shape[2]
    pitch = (keys // 16 + (keys // 16 + 1) % 2) * 16
    return (scratch[: 64 * pitch * 4].view(np.uint32) != 0x55555555).reshape(64, pitch)[:, :keys]


def test_scores_that_no_row_needs_are_not_made() -> None:
    """Of 256 keys, 64 rows with a causal mask need the first 64; with a mask that hides few, all."""
    arrays, seen = inputs(1, 1, 64, 256, 16), np.tri(64, 256, dtype=bool)
    for function, mask in ((causal, seen), (attend, added(seen, -np.inf)), (attend, added(seen, -1e4))):
        written = scores_written(function, [*arrays, mask])
        assert written[:, :64].all()
        assert not written[:, 64:].any()
    seen[20, 200] = True
    assert scores_written(causal, [*arrays, seen])[:, :200].all()
    assert scores_written(attend, [*arrays, normal((64, 256))]).all()


def test_scores_that_fall_with_the_product_are_all_made() -> None:
    def negated(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        scores = mask - ops.matmul(query, key.transpose(0, 1, 3, 2))
        return ops.matmul(ops.softmax(scores, -1), value)

    arrays = [*inputs(1, 1, 64, 256, 16), added(np.tri(64, 256, dtype=bool), -np.inf)]
    assert scores_written(negated, arrays).all()
    query, *others = arrays
    check(negated, arrays, exact(-4 * query, *others), native_level().name)
