"""The meaning of elementwise ops against Python's own scalars, for every dtype and for special values."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import special

from cellc.dialects.nn import DTYPES, FLOATS, INTEGERS, NNTypeError, TensorType, definition_of, infer_types
from cellc.dialects.nn.arrays import numpy_dtype

SHAPES = [(), (0,), (1,), (7,), (3, 0, 2), (2, 1, 5)]
EPSILON = {"f16": 2e-3, "bf16": 1.6e-2, "f32": 5e-7, "f64": 1e-14}

UNARY: dict[str, Callable[[float], float]] = {
    "neg": lambda x: -x,
    "abs": abs,
    "sign": lambda x: (x > 0) - (x < 0),
    "exp": math.exp,
    "expm1": math.expm1,
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "sigmoid": special.expit,
    "erf": special.erf,
    "relu": lambda x: x if x > 0 else 0,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
    "isnan": math.isnan,
    "isfinite": math.isfinite,
}
UNARY_POSITIVE: dict[str, Callable[[float], float]] = {
    "log": math.log,
    "log1p": math.log1p,
    "sqrt": math.sqrt,
    "rsqrt": lambda x: x**-0.5,
    "reciprocal": lambda x: 1 / x,
}
BINARY: dict[str, Callable] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "maximum": max,
    "minimum": min,
    "mod": lambda a, b: a % b,
    "floor_div": lambda a, b: math.floor(a / b),
}
COMPARISONS: dict[str, Callable] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}


def _elementwise(function: Callable, *arrays: np.ndarray) -> np.ndarray:
    """The function on Python scalars, element by element."""
    scalars = [array.astype(np.float64) if array.dtype.kind in "fV" else array for array in arrays]
    results = [function(*(one.item() for one in ones)) for ones in zip(*(s.reshape(-1) for s in scalars), strict=True)]
    return np.array(results).reshape(arrays[0].shape)


def _draw(dtype: str, shape: tuple[int, ...], seed: int, *, positive: bool = False) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if dtype in INTEGERS:
        return rng.integers(1 if positive or dtype == "u8" else -9, 11, shape).astype(numpy_dtype(dtype))
    values = rng.uniform(0.3, 4, shape) if positive else rng.normal(scale=3, size=shape)
    return np.asarray(values).astype(numpy_dtype(dtype))


def _check(name: str, arrays: list[np.ndarray], expected: np.ndarray, dtype: str, **attributes: str) -> None:
    actual = definition_of(name).evaluate(*arrays, **attributes)
    types = tuple(TensorType(array.shape, dtype) for array in arrays)
    (inferred,) = infer_types(name, types, attributes)
    assert (actual.shape, actual.dtype) == (inferred.shape, numpy_dtype(inferred.dtype))
    tolerance = EPSILON.get(dtype, 0)
    np.testing.assert_allclose(actual.astype(np.float64), expected.astype(np.float64), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", [*UNARY, *UNARY_POSITIVE])
def test_unary(name: str, dtype: str) -> None:
    for seed, shape in enumerate(SHAPES):
        x = _draw(dtype, shape, seed, positive=name in UNARY_POSITIVE)
        _check(name, [x], _elementwise((UNARY | UNARY_POSITIVE)[name], x), dtype)


@pytest.mark.parametrize("dtype", [*FLOATS, "i8", "i32", "i64", "u8"])
@pytest.mark.parametrize("name", BINARY)
def test_binary(name: str, dtype: str) -> None:
    for seed, shape in enumerate(SHAPES):
        lhs, rhs = _draw(dtype, shape, seed), _draw(dtype, shape, seed + 10, positive=name in ("mod", "floor_div"))
        expected = _elementwise(BINARY[name], lhs, rhs)
        if dtype == "u8":
            expected = expected.astype(np.int64) % 256
        if name == "mod" and dtype in FLOATS:
            rhs = np.exp2(np.rint(rhs.astype(np.float64))).astype(rhs.dtype)  # an exact quotient in every dtype
            expected = _elementwise(BINARY[name], lhs, rhs)
        _check(name, [lhs, rhs], expected, dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_div_and_pow(dtype: str) -> None:
    for seed, shape in enumerate(SHAPES):
        lhs, rhs = _draw(dtype, shape, seed, positive=True), _draw(dtype, shape, seed + 10, positive=True)
        _check("div", [lhs, rhs], _elementwise(lambda a, b: a / b, lhs, rhs), dtype)
        _check("pow", [lhs, rhs], _elementwise(math.pow, lhs, rhs), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("predicate", COMPARISONS)
def test_compare(predicate: str, dtype: str) -> None:
    lhs, rhs = _draw("i32", (7,), 1, positive=True) % 3, _draw("i32", (7,), 2, positive=True) % 3
    left, right = lhs.astype(numpy_dtype(dtype)), rhs.astype(numpy_dtype(dtype))
    _check("compare", [left, right], _elementwise(COMPARISONS[predicate], left, right), dtype, predicate=predicate)


def test_logical() -> None:
    lhs, rhs = np.array([False, False, True, True]), np.array([False, True, False, True])
    _check("logical_and", [lhs, rhs], np.array([0, 0, 0, 1]), "bool")
    _check("logical_or", [lhs, rhs], np.array([0, 1, 1, 1]), "bool")
    _check("logical_not", [lhs], np.array([1, 1, 0, 0]), "bool")


def test_select_takes_only_what_is_chosen() -> None:
    condition = np.array([True, False])
    result = definition_of("select").evaluate(condition, np.array([1.0, np.nan]), np.array([np.nan, 2.0]))
    assert result.tolist() == [1.0, 2.0]


def test_special_values() -> None:
    evaluate = {
        name: definition_of(name).evaluate for name in ("maximum", "minimum", "relu", "sign", "sigmoid", "round")
    }
    nan, one = np.array([np.nan]), np.array([1.0])
    for name in ("maximum", "minimum"):
        assert np.isnan(evaluate[name](nan, one)).all()
        assert np.isnan(evaluate[name](one, nan)).all()
    assert np.isnan(evaluate["relu"](nan)).all()
    assert np.isnan(evaluate["sign"](nan)).all()
    assert evaluate["sigmoid"](np.array([-1e4, 1e4, -745.0])).tolist() == [0.0, 1.0, pytest.approx(5e-324, abs=5e-324)]
    assert evaluate["round"](np.array([0.5, 1.5, -0.5])).tolist() == [0.0, 2.0, 0.0]


def test_integer_division_never_traps() -> None:
    least = np.iinfo(np.int32).min
    lhs, rhs = np.array([7, -7, least], np.int32), np.array([0, 2, -1], np.int32)
    assert definition_of("floor_div").evaluate(lhs, rhs).tolist() == [0, -4, least]
    assert definition_of("mod").evaluate(lhs, rhs).tolist() == [0, 1, 0]


def test_cast() -> None:
    def cast(values: list[float], source: str, dtype: str) -> list:
        return definition_of("cast").evaluate(np.array(values).astype(numpy_dtype(source)), dtype=dtype).tolist()

    assert cast([-1.7, 1.7], "f32", "i32") == [-1, 1]
    assert cast([300, -1], "i32", "u8") == [44, 255]
    assert cast([0.0, 0.5, math.nan], "f32", "bool") == [False, True, True]
    assert cast([1 + 2**-11, 1 + 3 * 2**-11], "f32", "f16") == [1.0, 1 + 2**-9]
    assert cast([1 + 2**-8], "f32", "bf16") == [1.0]
    assert cast([1, 0], "bool", "f32") == [1.0, 0.0]


@pytest.mark.parametrize(("name", "dtypes"), [("add", ("f32", "f64")), ("exp", ("i32",)), ("logical_not", ("f32",)),
                                              ("div", ("i32", "i32")), ("add", ("bool", "bool"))])  # fmt: skip
def test_wrong_dtypes_are_type_errors(name: str, dtypes: tuple[str, ...]) -> None:
    with pytest.raises(NNTypeError, match=f"^{name}: .*{dtypes[-1]}"):
        infer_types(name, tuple(TensorType((2,), dtype) for dtype in dtypes), {})
