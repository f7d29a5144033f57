"""The meaning of the other ops against formulas that name one element at a time."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from cellc.dialects.nn import TensorType, definition_of, infer_types
from cellc.dialects.nn.arrays import dtype_name
from cellc.dialects.nn.random import FRACTION_BITS, philox

RNG = np.random.default_rng(11)


def _evaluate(name: str, *arrays: np.ndarray, **attributes: Any) -> Any:
    """The result, after checking that it has the inferred type."""
    types = tuple(TensorType(array.shape, dtype_name(array.dtype)) for array in arrays)
    results = definition_of(name).evaluate(*arrays, **attributes)
    listed = results if isinstance(results, tuple) else (results,)
    found = tuple(TensorType(result.shape, dtype_name(result.dtype)) for result in listed)
    assert found == infer_types(name, types, attributes)
    return results


def _by_element(shape: tuple[int, ...], formula: Callable[..., Any]) -> np.ndarray:
    result = np.zeros(shape)
    for index in np.ndindex(shape):
        result[index] = formula(*index)
    return result


@pytest.mark.parametrize("flags", [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize(("m", "k", "n"), [(1, 1, 1), (2, 7, 3), (3, 0, 2), (0, 2, 5)])
def test_matmul(m: int, k: int, n: int, flags: tuple[bool, bool]) -> None:
    a, b = RNG.normal(size=(2, m, k)), RNG.normal(size=(2, k, n))
    lhs, rhs = a.swapaxes(1, 2) if flags[0] else a, b.swapaxes(1, 2) if flags[1] else b
    result = _evaluate("matmul", lhs, rhs, transpose_lhs=flags[0], transpose_rhs=flags[1])
    expected = _by_element((2, m, n), lambda z, i, j: sum(a[z, i, p] * b[z, p, j] for p in range(k)))
    np.testing.assert_allclose(result, expected, atol=1e-12)


@pytest.mark.parametrize(("strides", "padding", "dilation", "groups"), [
    ((1, 1), (0, 0, 0, 0), (1, 1), 1), ((2, 1), (1, 0, 2, 1), (1, 2), 2), ((3, 2), (0, 2, 1, 1), (2, 1), 4),
])  # fmt: skip
def test_conv2d(strides: tuple, padding: tuple, dilation: tuple, groups: int) -> None:
    x, w = RNG.normal(size=(2, 4, 7, 5)), RNG.normal(size=(4, 4 // groups, 2, 3))
    result = _evaluate("conv2d", x, w, strides=strides, padding=padding, dilation=dilation, groups=groups)

    def element(n: int, k: int, row: int, column: int) -> float:
        total, first = 0.0, k // (4 // groups) * (4 // groups)
        for c, r, s in np.ndindex(w.shape[1:]):
            y = row * strides[0] + r * dilation[0] - padding[0]
            z = column * strides[1] + s * dilation[1] - padding[2]
            if 0 <= y < 7 and 0 <= z < 5:
                total += x[n, first + c, y, z] * w[k, c, r, s]
        return total

    np.testing.assert_allclose(result, _by_element(result.shape, element), atol=1e-12)


@pytest.mark.parametrize(("strides", "padding", "dilation", "groups"), [
    ((1, 1, 1), (0, 0, 0, 0, 0, 0), (1, 1, 1), 1), ((2, 1, 3), (1, 0, 0, 2, 1, 1), (1, 2, 1), 2),
])  # fmt: skip
def test_conv3d(strides: tuple, padding: tuple, dilation: tuple, groups: int) -> None:
    x, w = RNG.normal(size=(2, 4, 4, 5, 6)), RNG.normal(size=(4, 4 // groups, 3, 2, 2))
    result = _evaluate("conv3d", x, w, strides=strides, padding=padding, dilation=dilation, groups=groups)

    def element(n: int, k: int, *place: int) -> float:
        total, first = 0.0, k // (4 // groups) * (4 // groups)
        for c, *tap in np.ndindex(w.shape[1:]):
            at = [place[a] * strides[a] + tap[a] * dilation[a] - padding[2 * a] for a in range(3)]
            if all(0 <= i < extent for i, extent in zip(at, x.shape[2:], strict=True)):
                total += x[(n, first + c, *at)] * w[(k, c, *tap)]
        return total

    np.testing.assert_allclose(result, _by_element(result.shape, element), atol=1e-12)


def _window(x: np.ndarray, at: tuple, kernel: tuple, strides: tuple, padding: tuple) -> dict[int, float]:
    """Position in the window -> value, of what lies inside the input."""
    n, c, row, column = at
    inside = {}
    for r, q in np.ndindex(kernel):
        y, z = row * strides[0] + r - padding[0], column * strides[1] + q - padding[2]
        if 0 <= y < x.shape[2] and 0 <= z < x.shape[3]:
            inside[r * kernel[1] + q] = x[n, c, y, z]
    return inside


@pytest.mark.parametrize(("kernel", "strides", "padding"), [
    ((1, 1), (1, 1), (0, 0, 0, 0)), ((2, 2), (2, 2), (0, 0, 0, 0)), ((3, 2), (1, 2), (2, 1, 0, 1)),
])  # fmt: skip
def test_pooling(kernel: tuple, strides: tuple, padding: tuple) -> None:
    x = RNG.integers(0, 3, size=(2, 3, 7, 5)).astype(np.float64)
    window = {"kernel": kernel, "strides": strides, "padding": padding}
    values, index = _evaluate("max_pool2d", x, **window)
    for at in np.ndindex(values.shape):
        inside = _window(x, at, kernel, strides, padding)
        assert values[at] == max(inside.values())
        assert index[at] == min(position for position, value in inside.items() if value == values[at])
        assert _evaluate("avg_pool2d", x, **window, count_include_pad=False)[at] == pytest.approx(
            sum(inside.values()) / len(inside)
        )
    np.testing.assert_array_equal(_evaluate("max_pool2d_gather", x, index, **window), values)
    counted = _evaluate("avg_pool2d", x, **window, count_include_pad=True)
    at = (1, 2, 0, 0)
    assert counted[at] == pytest.approx(sum(_window(x, at, kernel, strides, padding).values()) / math.prod(kernel))


def test_max_pool_takes_nan_for_the_largest() -> None:
    x = np.array([[[[1.0, np.nan], [np.inf, np.nan]]]])
    values, index = _evaluate("max_pool2d", x, kernel=(2, 2), strides=(1, 1), padding=(0, 0, 0, 0))
    assert np.isnan(values).all()
    assert index.item() == 1


@pytest.mark.parametrize(("shape", "axis"), [((7,), 0), ((1,), 0), ((3, 0, 2), 1), ((0, 3), 1), ((2, 3, 5), 1)])
def test_softmax(shape: tuple[int, ...], axis: int) -> None:
    x = 300 * RNG.normal(size=shape)
    if shape[axis]:
        np.testing.assert_allclose(_evaluate("softmax", x, axis=axis), special.softmax(x, axis), atol=1e-15)
        np.testing.assert_allclose(_evaluate("log_softmax", x, axis=axis), special.log_softmax(x, axis), rtol=1e-14)
    else:
        assert _evaluate("softmax", x, axis=axis).shape == _evaluate("log_softmax", x, axis=axis).shape == shape


FOLDS: dict[str, tuple[Callable, Any]] = {
    "reduce_sum": (operator.add, 0.0),
    "reduce_prod": (operator.mul, 1.0),
    "reduce_max": (max, -math.inf),
    "reduce_min": (min, math.inf),
    "reduce_any": (operator.or_, False),
    "reduce_all": (operator.and_, True),
}


@pytest.mark.parametrize("keep_dims", [False, True])
@pytest.mark.parametrize(
    ("shape", "axes"), [((), ()), ((7,), (0,)), ((0,), (0,)), ((2, 3, 5), (2, 0)), ((3, 0, 2), (1,))]
)
@pytest.mark.parametrize("name", FOLDS)
def test_reduction(name: str, shape: tuple[int, ...], axes: tuple[int, ...], keep_dims: bool) -> None:
    function, initial = FOLDS[name]
    x = np.asarray(RNG.normal(size=shape) if isinstance(initial, float) else RNG.random(size=shape) < 0.6)
    groups: dict[tuple[int, ...], list] = {}
    for index in np.ndindex(shape):
        key = tuple(0 if axis in axes else at for axis, at in enumerate(index) if keep_dims or axis not in axes)
        groups.setdefault(key, []).append(x[index].item())
    result = _evaluate(name, x, axes=axes, keep_dims=keep_dims)
    expected = _by_element(result.shape, lambda *at: functools.reduce(function, groups.get(at, []), initial))
    np.testing.assert_allclose(result.astype(float), expected, atol=1e-13)


def test_integer_reductions_keep_their_dtype() -> None:
    x = np.array([[100, 100], [-128, 3]], np.int8)
    assert _evaluate("reduce_sum", x, axes=(1,), keep_dims=False).tolist() == [-56, -125]
    assert _evaluate("reduce_max", x[:, :0], axes=(1,), keep_dims=False).tolist() == [-128, -128]


@pytest.mark.parametrize(("shape", "axis"), [((7,), 0), ((1,), 0), ((3, 5), 0), ((0, 5), 1)])
def test_argmax_argmin(shape: tuple[int, ...], axis: int) -> None:
    x = RNG.integers(0, 3, shape).astype(np.float32)
    for name, pick in (("argmax", max), ("argmin", min)):
        result = _evaluate(name, x, axis=axis)
        for at in np.ndindex(result.shape):
            line = np.moveaxis(x, axis, -1)[at].tolist()
            assert result[at] == line.index(pick(line))


def test_reshape_and_transpose() -> None:
    x = RNG.normal(size=(2, 3, 5))
    flat = x.ravel()
    moved = _evaluate("transpose", x, permutation=(2, 0, 1))
    np.testing.assert_array_equal(moved, _by_element((5, 2, 3), lambda i, j, k: x[j, k, i]))
    np.testing.assert_array_equal(
        _evaluate("reshape", x, shape=(5, 6)), _by_element((5, 6), lambda i, j: flat[6 * i + j])
    )


def test_broadcast_to() -> None:
    x = RNG.normal(size=(3, 1))
    result = _evaluate("broadcast_to", x, shape=(2, 3, 5), dimensions=(1, 2))
    np.testing.assert_array_equal(result, _by_element((2, 3, 5), lambda i, j, k: x[j, 0]))


def test_slice_and_pad() -> None:
    x = RNG.normal(size=(7, 4))
    part = _evaluate("slice", x, starts=(1, 3), limits=(7, 4), strides=(2, 1))
    np.testing.assert_array_equal(part, _by_element((3, 1), lambda i, j: x[1 + 2 * i, 3 + j]))
    padded = _evaluate("pad", part, np.array(9.0), low=(1, 0), high=(0, 2), interior=(1, 3))
    assert padded.shape == (6, 3)
    inside = {1: 0, 3: 1, 5: 2}
    expected = _by_element((6, 3), lambda i, j: part[inside[i], 0] if i in inside and j == 0 else 9.0)
    np.testing.assert_array_equal(padded, expected)
    assert _evaluate("pad", x[:0], np.array(1.0), low=(2, 0), high=(1, 0), interior=(5, 0)).tolist() == [[1.0] * 4] * 3


def test_concat_reverse_identity() -> None:
    a, b = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 0))
    assert _evaluate("concat", a, b, a, axis=1).tolist() == [[*row, *row] for row in a.tolist()]
    assert _evaluate("reverse", a, axes=(1,)).tolist() == [row[::-1] for row in a.tolist()]
    for name in ("identity", "stop_gradient"):
        assert _evaluate(name, a) is a


def test_take_and_scatter_add() -> None:
    table, indices = RNG.normal(size=(3, 2)), np.array([[0, 2, 2], [-1, 3, 1]], np.int32)
    rows = [[table[i].tolist() if 0 <= i < 3 else [0.0, 0.0] for i in line] for line in indices.tolist()]
    assert _evaluate("take", table, indices).tolist() == rows
    updates = RNG.normal(size=(2, 3, 2))
    sums = np.zeros((3, 2))
    for at in np.ndindex(2, 3):
        if 0 <= indices[at] < 3:
            sums[indices[at]] += updates[at]
    np.testing.assert_allclose(_evaluate("scatter_add", indices, updates, rows=3), sums)


def test_cumsum() -> None:
    x = np.array([[1, 2, 4], [8, 16, 32]], np.int8)
    assert _evaluate("cumsum", x, axis=1, reverse=False).tolist() == [[1, 3, 7], [8, 24, 56]]
    assert _evaluate("cumsum", x, axis=1, reverse=True).tolist() == [[7, 6, 4], [56, 48, 32]]
    assert _evaluate("cumsum", x, axis=0, reverse=False).tolist() == [[1, 2, 4], [9, 18, 36]]


def test_reverse_sequence() -> None:
    x, lengths = RNG.normal(size=(2, 5)), np.array([3, 9], np.int64)
    result = _evaluate("reverse_sequence", x, lengths, time_axis=1, batch_axis=0)
    assert result.tolist() == [[*x[0, 2::-1], *x[0, 3:]], x[1, ::-1].tolist()]


def test_sources() -> None:
    assert _evaluate("constant", value=np.array([1, 2], np.int8)).tolist() == [1, 2]
    assert _evaluate("full", shape=(2,), dtype="bf16", value=1.5).tolist() == [1.5, 1.5]
    assert _evaluate("iota", shape=(2, 3), dtype="i32", axis=1).tolist() == [[0, 1, 2]] * 2
    assert _evaluate("iota", shape=(2, 3), dtype="f32", axis=0).tolist() == [[0.0] * 3, [1.0] * 3]


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_lstm() -> None:
    (t, n, hidden), lengths = (4, 2, 3), np.array([4, 2], np.int32)
    gates_x, w = RNG.normal(size=(t, n, 4 * hidden)), RNG.normal(size=(4 * hidden, hidden))
    h0, c0 = RNG.normal(size=(n, hidden)), RNG.normal(size=(n, hidden))
    hs, cs, gates = _evaluate("lstm", gates_x, w, h0, c0, lengths)
    for batch in range(n):
        h, c = h0[batch].tolist(), c0[batch].tolist()
        for step in range(t):
            raw = [gates_x[step, batch, k] + sum(w[k, j] * h[j] for j in range(hidden)) for k in range(4 * hidden)]
            i, f, g, o = (raw[k * hidden : (k + 1) * hidden] for k in range(4))
            if step < lengths[batch]:
                c = [_logistic(f[j]) * c[j] + _logistic(i[j]) * math.tanh(g[j]) for j in range(hidden)]
                h = [_logistic(o[j]) * math.tanh(c[j]) for j in range(hidden)]
                np.testing.assert_allclose(gates[step, batch, :hidden], [_logistic(each) for each in i])
            np.testing.assert_allclose(hs[step, batch], h)
            np.testing.assert_allclose(cs[step, batch], c)


@pytest.mark.parametrize(("counter", "key", "words"), [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
     (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
])  # fmt: skip
def test_philox_known_answers(counter: tuple, key: tuple, words: tuple) -> None:
    """The vectors published with Random123."""
    assert [word.item() for word in philox([np.array([c], np.uint64) for c in counter], key)] == list(words)


@pytest.mark.parametrize("dtype", FRACTION_BITS)
def test_random_uniform(dtype: str) -> None:
    state = np.array([7, 3], np.int64)
    numbers = _evaluate("random_uniform", state, shape=(50, 20), dtype=dtype, stream=1).astype(np.float64)
    assert 0 <= numbers.min() < numbers.max() < 1
    assert np.unique(numbers).size > 200
    np.testing.assert_array_equal(numbers * 2.0 ** FRACTION_BITS[dtype] % 1, 0)
    assert numbers.mean() == pytest.approx(0.5, abs=0.04)
    first = _evaluate("random_uniform", state, shape=(3,), dtype=dtype, stream=1).astype(np.float64)
    np.testing.assert_array_equal(first, numbers.ravel()[:3])
    for other, stream in (([8, 3], 1), ([7, 4], 1), ([7, 3], 2)):
        changed = _evaluate("random_uniform", np.array(other, np.int64), shape=(50, 20), dtype=dtype, stream=stream)
        assert np.mean(changed.astype(np.float64) == numbers) < 0.05


def test_gru() -> None:
    (t, n, hidden), lengths = (4, 2, 3), np.array([4, 2], np.int32)
    gates_x, w, b = (RNG.normal(size=shape) for shape in ((t, n, 3 * hidden), (3 * hidden, hidden), (3 * hidden,)))
    h0 = RNG.normal(size=(n, hidden))
    hs, gates = _evaluate("gru", gates_x, w, b, h0, lengths)
    for batch in range(n):
        h = h0[batch].tolist()
        for step in range(t):
            if step < lengths[batch]:
                raw = [b[k] + sum(w[k, j] * h[j] for j in range(hidden)) for k in range(3 * hidden)]
                x_r, x_z, x_n = np.split(gates_x[step, batch], 3)
                r = [_logistic(x_r[j] + raw[j]) for j in range(hidden)]
                z = [_logistic(x_z[j] + raw[hidden + j]) for j in range(hidden)]
                new = [math.tanh(x_n[j] + r[j] * raw[2 * hidden + j]) for j in range(hidden)]
                h = [(1 - z[j]) * new[j] + z[j] * h[j] for j in range(hidden)]
                np.testing.assert_allclose(gates[step, batch], [*r, *z, *new, *raw[2 * hidden :]])
            np.testing.assert_allclose(hs[step, batch], h)


@pytest.mark.parametrize(("nonlinearity", "function"), [("tanh", math.tanh), ("relu", lambda x: max(x, 0.0))])
def test_rnn(nonlinearity: str, function: Callable[[float], float]) -> None:
    (t, n, hidden), lengths = (4, 2, 3), np.array([4, 2], np.int32)
    x, w, h0 = RNG.normal(size=(t, n, hidden)), RNG.normal(size=(hidden, hidden)), RNG.normal(size=(n, hidden))
    hs = _evaluate("rnn", x, w, h0, lengths, nonlinearity=nonlinearity)
    for batch in range(n):
        h = h0[batch].tolist()
        for step in range(t):
            if step < lengths[batch]:
                raw = [x[step, batch, k] + sum(w[k, j] * h[j] for j in range(hidden)) for k in range(hidden)]
                h = [function(each) for each in raw]
            np.testing.assert_allclose(hs[step, batch], h)
