"""Lowerings of ops that move elements, follow indices, slide windows or loop over time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cellc.dialects.nn import DTYPES, FLOATS, INTEGERS, NUMBERS, definition_of
from cellc.dialects.nn.arrays import numpy_dtype
from support.check_lowering import check_lowering as check
from support.check_lowering import values


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ((2, 3), (6,)), ((6,), (2, 3)), ((2, 3), (3, 2)), ((4, 3, 2), (4, 6)), ((4, 6), (4, 3, 2)), ((4, 6), (2, 12)),
        ((), (1, 1)), ((1, 1), ()), ((1,), (1, 1)), ((2, 1), (2,)), ((2,), (1, 2, 1)), ((0, 3), (0,)),
        ((0,), (5, 0, 2)), ((2, 0), (0, 7)), ((1, 2, 1, 3), (2, 3, 1)), ((2, 3), (2, 3)),
    ],
)  # fmt: skip
def test_reshape(source: tuple[int, ...], target: tuple[int, ...]) -> None:
    check("reshape", values(source), shape=target)


@pytest.mark.parametrize("dtype", DTYPES)
def test_transpose(dtype: str) -> None:
    for shape, permutation in [((2, 3), (1, 0)), ((2, 3, 4), (2, 0, 1)), ((), ()), ((1, 0), (1, 0)), ((3,), (0,))]:
        check("transpose", values(shape, dtype), permutation=permutation)


@pytest.mark.parametrize("dtype", ["f32", "bool", "f16"])
def test_broadcast_to(dtype: str) -> None:
    for source, shape, dimensions in [
        ((3,), (2, 3), (1,)), ((3,), (3, 2), (0,)), ((1, 3), (4, 3), (0, 1)), ((), (2, 2), ()), ((1,), (1, 1), (0,)),
        ((2, 1), (2, 0), (0, 1)), ((2, 3), (2, 3), (0, 1)), ((1, 1), (5, 4, 3), (0, 2)),
    ]:  # fmt: skip
        check("broadcast_to", values(source, dtype), shape=shape, dimensions=dimensions)


@pytest.mark.parametrize("dtype", ["f32", "u8", "bf16"])
def test_slice(dtype: str) -> None:
    for shape, starts, limits, strides in [
        ((5,), (1,), (4,), (1,)), ((5,), (0,), (2,), (1,)), ((5,), (0,), (5,), (2,)), ((5,), (0,), (1,), (3,)),
        ((4, 5), (0, 2), (2, 5), (1, 2)), ((4, 5), (0, 0), (4, 3), (1, 1)), ((3,), (1,), (1,), (1,)),
        ((0, 3), (0, 0), (0, 2), (1, 1)), ((), (), (), ()), ((4,), (3,), (4,), (1,)), ((2, 3), (0, 0), (2, 3), (1, 1)),
    ]:  # fmt: skip
        check("slice", values(shape, dtype), starts=starts, limits=limits, strides=strides)


@pytest.mark.parametrize("dtype", ["f32", "i64", "bool"])
def test_pad_with_a_computed_value(dtype: str) -> None:
    for shape, low, high, interior in [
        ((3,), (1,), (2,), (0,)), ((3,), (0,), (0,), (2,)), ((2, 3), (1, 0), (0, 2), (1, 0)), ((0,), (2,), (1,), (1,)),
        ((), (), (), ()), ((2, 2), (0, 0), (0, 0), (0, 0)), ((1, 1), (0, 1), (1, 0), (4, 4)),
    ]:  # fmt: skip
        x = values(shape, dtype)
        check("pad", x, values((), dtype, seed=3), low=low, high=high, interior=interior)


@pytest.mark.parametrize("dtype", ["f32", "i8"])
def test_concat(dtype: str) -> None:
    for shapes, axis in [([(2,), (3,)], 0), ([(2, 3), (2, 1), (2, 4)], 1), ([(2, 3)], 0), ([(0, 2), (3, 2)], 0)]:
        check("concat", *(values(shape, dtype, seed=i) for i, shape in enumerate(shapes)), axis=axis)


def test_reverse() -> None:
    for shape, axes in [((4,), (0,)), ((2, 3), (1,)), ((2, 3), (0, 1)), ((1, 3), (0,)), ((0,), (0,)), ((2,), ())]:
        check("reverse", values(shape), axes=axes)


@pytest.mark.parametrize("name", ["identity", "stop_gradient"])
def test_identity(name: str) -> None:
    check(name, values((2, 3)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_constants(dtype: str) -> None:
    for shape in [(), (3,), (0, 2), (2, 2)]:
        check("constant", value=values(shape, dtype))
        check("full", shape=shape, dtype=dtype, value=1.0)
    check("constant", value=np.zeros((2, 3), numpy_dtype(dtype)))


def test_full_rounds_and_keeps_signs() -> None:
    for dtype in FLOATS:
        for value in (0.1, -0.0, float("inf"), float("nan"), 1e4):
            check("full", shape=(2,), dtype=dtype, value=value)
    check("full", shape=(2,), dtype="u8", value=255.0)
    check("constant", value=np.array([0.0, -0.0], np.float32))


@pytest.mark.parametrize("dtype", NUMBERS)
def test_iota(dtype: str) -> None:
    for shape, axis in [((5,), 0), ((2, 3), 1), ((2, 3), 0), ((0,), 0), ((300,), 0)]:
        check("iota", shape=shape, dtype=dtype, axis=axis)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_take(dtype: str) -> None:
    for table, indices in [
        ((5, 3), (4,)),
        ((5,), (2, 2)),
        ((3, 2, 2), ()),
        ((0, 2), (3,)),
        ((4, 0), (2,)),
        ((4, 1), (0,)),
    ]:
        check("take", values(table), values(indices, dtype))
    limits = np.iinfo(numpy_dtype(dtype))
    check("take", values((5, 3)), np.array([limits.min, limits.max, 0, 4, 5], numpy_dtype(dtype)))


@pytest.mark.parametrize("dtype", ["f16", "f32", "i8", "u8"])
@pytest.mark.parametrize("index_dtype", ["i32", "i64", "u8", "i16"])
def test_scatter_add(dtype: str, index_dtype: str) -> None:
    for indices, row, rows in [
        ((6,), (3,), 4),
        ((2, 3), (), 5),
        ((), (2, 2), 3),
        ((0,), (2,), 3),
        ((3,), (0,), 2),
        ((3,), (2,), 0),
    ]:
        check("scatter_add", values(indices, index_dtype), values((*indices, *row), dtype), rows=rows)


@pytest.mark.parametrize("dtype", ["f32", "i64", "bf16", "u8"])
def test_cumsum(dtype: str) -> None:
    for shape, axis in [((5,), 0), ((2, 3, 4), 1), ((2, 3), 0), ((2, 1), 1), ((0, 3), 1), ((3, 0), 1)]:
        for reverse in (False, True):
            check("cumsum", values(shape, dtype), axis=axis, reverse=reverse)


def test_reverse_sequence() -> None:
    for shape, time_axis, batch_axis in [
        ((5, 3, 2), 0, 1),
        ((3, 5), 1, 0),
        ((2, 4, 3), 2, 0),
        ((4, 0), 0, 1),
        ((0, 3), 0, 1),
    ]:
        lengths = np.array([7, -2, 3], np.int32)[: shape[batch_axis]]
        check("reverse_sequence", values(shape), lengths, time_axis=time_axis, batch_axis=batch_axis)


CONVOLUTIONS = [  # input, weight, strides, padding, dilation, groups
    ((2, 3, 5, 6), (4, 3, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1),
    ((1, 2, 7, 7), (2, 2, 3, 2), (2, 3), (0, 1, 2, 0), (1, 2), 1),
    ((2, 4, 5, 5), (6, 2, 3, 3), (2, 2), (1, 1, 1, 1), (1, 1), 2),
    ((1, 3, 4, 4), (3, 1, 2, 2), (1, 1), (0, 0, 0, 0), (2, 2), 3),
    ((1, 1, 3, 3), (1, 1, 1, 1), (2, 2), (0, 0, 0, 0), (1, 1), 1),
    ((1, 1, 2, 2), (1, 1, 1, 1), (1, 1), (2, 3, 1, 0), (1, 1), 1),
    ((0, 2, 4, 4), (3, 2, 3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1),
    ((1, 1, 6, 6), (2, 1, 2, 2), (3, 3), (0, 0, 0, 0), (1, 1), 1),
    ((1, 1, 4, 5), (1, 1, 2, 2), (1, 2), (4, 0, 0, 3), (1, 1), 1),
    ((1, 2, 9, 14), (2, 2, 3, 3), (2, 4), (1, 2, 3, 1), (2, 6), 1),
    ((2, 3, 7, 8), (3, 1, 3, 3), (2, 2), (1, 1, 1, 1), (1, 1), 3),
    ((2, 3, 3, 5, 4), (4, 3, 2, 3, 3), (1, 1, 1), (1, 0, 1, 1, 1, 1), (1, 1, 1), 1),
    ((1, 4, 5, 4, 6), (6, 2, 3, 2, 2), (2, 1, 3), (1, 1, 0, 2, 1, 0), (1, 2, 1), 2),
    ((2, 3, 4, 5, 4), (3, 1, 2, 3, 2), (2, 2, 1), (0, 1, 1, 1, 0, 0), (2, 1, 1), 3),
    ((0, 1, 2, 2, 2), (2, 1, 2, 2, 2), (1, 1, 1), (0, 0, 0, 0, 0, 0), (1, 1, 1), 1),
]


@pytest.mark.parametrize("dtype", ["f32", "f64", "f16", "bf16"])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolutions_and_their_gradients(case: Any, dtype: str) -> None:
    x_shape, w_shape, strides, padding, dilation, groups = case
    attributes = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
    name = f"conv{len(strides)}d"
    x, w = values(x_shape, dtype, scale=1), values(w_shape, dtype, scale=1)
    check(name, x, w, **attributes)
    extents = [
        (x_shape[2 + a] + padding[2 * a] + padding[2 * a + 1] - (w_shape[2 + a] - 1) * dilation[a] - 1) // strides[a]
        + 1
        for a in range(len(strides))
    ]
    gradient = values((x_shape[0], w_shape[0], *extents), dtype, scale=0.5)
    check(f"{name}_input_gradient", gradient, w, **attributes, input_shape=x_shape)
    check(f"{name}_weight_gradient", x, gradient, **attributes, weight_shape=w_shape)


POOLS = [  # input, kernel, strides, padding
    ((2, 3, 4, 6), (2, 2), (2, 2), (0, 0, 0, 0)),
    ((1, 2, 5, 7), (2, 3), (2, 3), (0, 0, 0, 0)),
    ((1, 1, 5, 5), (3, 3), (1, 1), (1, 1, 1, 1)),
    ((1, 2, 6, 5), (3, 2), (2, 1), (1, 0, 0, 1)),
    ((1, 1, 7, 7), (2, 2), (3, 3), (0, 0, 0, 0)),
    ((1, 1, 3, 3), (1, 1), (1, 1), (0, 0, 0, 0)),
    ((0, 1, 4, 4), (2, 2), (2, 2), (0, 0, 0, 0)),
    ((1, 1, 4, 4), (3, 3), (3, 3), (2, 0, 1, 2)),
    # Windows that overlap at a stride: even and odd padding, phases without a tap, windows only of padding.
    ((1, 2, 9, 8), (3, 3), (2, 2), (0, 0, 0, 0)),
    ((2, 1, 8, 9), (3, 3), (2, 2), (1, 1, 1, 1)),
    ((1, 1, 11, 12), (5, 5), (2, 2), (2, 2, 2, 1)),
    ((1, 1, 10, 7), (5, 3), (2, 1), (3, 3, 1, 1)),
    ((1, 1, 13, 14), (5, 6), (4, 4), (0, 1, 4, 3)),
    ((1, 1, 9, 9), (2, 3), (4, 2), (0, 0, 2, 2)),
    ((1, 1, 5, 5), (4, 4), (2, 2), (3, 3, 3, 3)),
    # One window along an axis, or both.
    ((2, 2, 4, 5), (4, 5), (1, 1), (0, 0, 0, 0)),
    ((1, 2, 5, 6), (4, 2), (3, 2), (0, 0, 0, 0)),
    ((1, 2, 4, 6), (2, 3), (2, 2), (0, 0, 0, 0)),
]


@pytest.mark.parametrize("dtype", ["f32", "f64", "f16"])
@pytest.mark.parametrize("case", POOLS)
def test_pooling_and_its_gradients(case: Any, dtype: str) -> None:
    shape, kernel, strides, padding = case
    attributes = {"kernel": kernel, "strides": strides, "padding": padding}
    x = np.round(values(shape, dtype))  # with ties
    check("max_pool2d", x, **attributes)
    _, index = definition_of("max_pool2d").evaluate(x, **attributes)
    gradient = values(index.shape, dtype)
    check("max_pool2d_gradient", gradient, index, **attributes, input_shape=shape)
    check("max_pool2d_gather", x, index, **attributes)
    for whole in (False, True):
        check("avg_pool2d", x, **attributes, count_include_pad=whole)
        check("avg_pool2d_gradient", gradient, **attributes, count_include_pad=whole, input_shape=shape)


@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (1, 1, 1, 0)])
def test_max_pool_of_nan_and_infinity(padding: tuple[int, ...]) -> None:
    x = np.full((1, 1, 4, 4), -np.inf, np.float32)
    x[0, 0, 0, 3] = x[0, 0, 1, 2] = np.nan
    x[0, 0, 2, 2] = np.inf
    check("max_pool2d", x, kernel=(2, 2), strides=(1, 1), padding=padding)


@pytest.mark.parametrize("dtype", FLOATS)
def test_random_uniform(dtype: str) -> None:
    for seed, step, shape, stream in [
        (0, 0, (3, 4), 0),
        (-1, 2**40 + 3, (7,), 2**32 - 1),
        (12345, 1, (), 5),
        (1, 2, (0, 3), 0),
    ]:
        check("random_uniform", np.array([seed, step], np.int64), shape=shape, dtype=dtype, stream=stream)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("extents", [(3, 2, 4), (1, 1, 1), (4, 3, 2), (0, 2, 3), (2, 0, 3), (2, 2, 0)])
def test_lstm_and_its_gradient(extents: tuple[int, int, int], dtype: str) -> None:
    t, n, h = extents
    gates_x, w_hh = values((t, n, 4 * h), dtype, scale=1), values((4 * h, h), dtype, scale=0.5)
    h0, c0 = values((n, h), dtype, seed=1, scale=1), values((n, h), dtype, seed=2, scale=1)
    lengths = np.array([2, 9, 0], np.int32)[:n]
    check("lstm", gates_x, w_hh, h0, c0, lengths)
    _, c, gates = definition_of("lstm").evaluate(gates_x, w_hh, h0, c0, lengths)
    dh, dc = values((t, n, h), dtype, seed=3, scale=0.5), values((t, n, h), dtype, seed=4, scale=0.5)
    check("lstm_gradient", gates, c, w_hh, c0, lengths, dh, dc)


EXTENTS = [(3, 2, 4), (1, 1, 1), (4, 3, 2), (0, 2, 3), (2, 0, 3), (2, 2, 0)]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("extents", EXTENTS)
def test_gru_and_its_gradient(extents: tuple[int, int, int], dtype: str) -> None:
    t, n, h = extents
    gates_x, w_hh = values((t, n, 3 * h), dtype, scale=1), values((3 * h, h), dtype, scale=0.5)
    b_hh, h0 = values((3 * h,), dtype, seed=1, scale=1), values((n, h), dtype, seed=2, scale=1)
    lengths = np.array([2, 9, 0], np.int32)[:n]
    check("gru", gates_x, w_hh, b_hh, h0, lengths)
    states, gates = definition_of("gru").evaluate(gates_x, w_hh, b_hh, h0, lengths)
    check("gru_gradient", gates, states, w_hh, h0, lengths, values((t, n, h), dtype, seed=3, scale=0.5))


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("extents", EXTENTS)
def test_rnn_and_its_gradient(extents: tuple[int, int, int], dtype: str, nonlinearity: str) -> None:
    t, n, h = extents
    x, w_hh, h0 = (values(shape, dtype, seed=seed, scale=0.5) for seed, shape in enumerate([(t, n, h), (h, h), (n, h)]))
    lengths = np.array([2, 9, 0], np.int32)[:n]
    check("rnn", x, w_hh, h0, lengths, nonlinearity=nonlinearity)
    states = definition_of("rnn").evaluate(x, w_hh, h0, lengths, nonlinearity=nonlinearity)
    check("rnn_gradient", states, w_hh, lengths, values((t, n, h), dtype, seed=3), nonlinearity=nonlinearity)
