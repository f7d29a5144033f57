"""Errors of vector math in units in the last place, against wider arithmetic."""

import functools
import zlib
from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from cellc.targets.cpu import vector_math
from cellc.targets.cpu.level import LEVELS, native_level
from support.kernel_calls import elementwise_text, jit

COUNT = 1 << 14
DTYPES = {"f32": np.float32, "f64": np.float64}
LANES = {"f32": native_level().lanes(4), "f64": native_level().lanes(8)}
UNARY = ("exp", "expm1", "log", "log1p", "tanh", "erf", "sin", "cos")
# Of f64 arguments beyond 2^30, sin and cos reach 2.2, elsewhere 1.5.
BOUNDS = {"exp": 1, "log": 1, "sin": 2.5, "cos": 2.5, "expm1": 2, "log1p": 1.5, "tanh": 1.75, "erf": 1.25, "powf": 1}
RANGES = {
    "exp": [(-1, 1), (-20, 20), (-104, 89), (-745, 710)],
    "expm1": [(-1e-3, 1e-3), (-1, 1), (-20, 20), (-50, 89)],
    "log": [(0, 3), (0.9, 1.1), (0, 1e30)],
    "log1p": [(-1, 1), (-1e-3, 1e-3), (0, 1e30)],
    "tanh": [(-1, 1), (0.5, 0.6), (-20, 20)],
    "erf": [(-1, 1), (0.9, 1.1), (-6, 6)],
    "sin": [(-1, 1), (-100, 100), (-1.3e5, 1.3e5), (-2e9, 2e9), (-1e38, 1e38)],
    "cos": [(-1, 1), (-100, 100), (-1.3e5, 1.3e5), (-2e9, 2e9), (-1e38, 1e38)],
}


@functools.cache
def kernel(op: str, dtype: str) -> Callable[..., None]:
    """The function on COUNT elements."""
    arity = 2 if op == "powf" else 1
    function = vector_math.call(f"math.{op}", LANES[dtype], dtype)
    return jit(elementwise_text(function, arity, COUNT, LANES[dtype], dtype))


def run(op: str, dtype: str, *inputs: np.ndarray) -> np.ndarray:
    """The function of up to COUNT elements."""
    size = inputs[0].size
    padded = [np.resize(x.astype(DTYPES[dtype]), COUNT) for x in inputs]
    result = np.empty(COUNT, DTYPES[dtype])
    kernel(op, dtype)(*padded, result)
    return result[:size]


def wide(op: str, dtype: str, x: np.ndarray) -> np.ndarray:
    """The function in f64 for f32, in longdouble for f64; erf and powf through mpmath."""
    if op == "erf":
        with mpmath.workprec(100):
            values = np.array([np.longdouble(mpmath.nstr(mpmath.erf(float(v)), 22)) for v in x])
        return np.copysign(values, x)  # mpmath has no -0
    return getattr(np, op)(x.astype(np.float64 if dtype == "f32" else np.longdouble))


def errors(actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Units in the last place of the result's type; infinite where only one is finite or NaN."""
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = expected.astype(actual.dtype)
        unit = np.spacing(np.abs(rounded))
        distance = np.abs(actual.astype(np.longdouble) - expected) / unit
    same = (actual == rounded) | (np.isnan(actual) & np.isnan(rounded))
    finite = np.isfinite(actual) & np.isfinite(rounded)
    return np.where(finite, distance, np.where(same, 0, np.inf))


def samples(low: float, high: float, dtype: str, count: int = COUNT) -> np.ndarray:
    """Random numbers of a type in a range, the same in every run."""
    seed = zlib.crc32(f"{low} {high} {dtype}".encode())
    return np.random.default_rng(seed).uniform(low, high, count).astype(DTYPES[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", UNARY)
def test_error_on_ranges(op: str, dtype: str):
    for low, high in RANGES[op]:
        x = samples(low, high, dtype, 1000 if op == "erf" else COUNT)
        with np.errstate(all="ignore"):
            error = errors(run(op, dtype, x), wide(op, dtype, x))
        worst = int(error.argmax())
        bound = 1.5 if op in ("sin", "cos") and high < 2**30 else BOUNDS[op]
        assert error[worst] <= bound, f"{op}({x[worst]!r}): {error[worst]} ulp on [{low}, {high}]"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", UNARY)
def test_error_on_all_magnitudes(op: str, dtype: str):
    """Random bit patterns: denormal, huge and NaN arguments, both signs."""
    rng = np.random.default_rng(5)
    bits = rng.integers(0, 2**64, 500 if op == "erf" else 4096, dtype=np.uint64)
    x = (bits >> 32).astype(np.uint32).view(np.float32) if dtype == "f32" else bits.view(np.float64)
    with np.errstate(all="ignore"):
        expected = wide(op, dtype, x)
        actual = run(op, dtype, x)
        assert errors(actual, expected).max() <= BOUNDS[op]
        signed = ~np.isnan(actual)
        np.testing.assert_array_equal(np.signbit(actual)[signed], np.signbit(expected.astype(x.dtype))[signed])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", UNARY)
def test_special_arguments(op: str, dtype: str):
    info = np.finfo(DTYPES[dtype])
    tiny = float(info.smallest_subnormal)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, tiny, -tiny, info.tiny, -info.tiny, info.max, -info.max, 1.0, -1.0]
    x = np.array([*special, 0.5, -0.5, 88.8, 709.9, -103.9, -745.2], DTYPES[dtype])
    with np.errstate(all="ignore"):
        expected = wide(op, dtype, x)
        actual = run(op, dtype, x)
        assert errors(actual, expected).max() <= BOUNDS[op], list(zip(x, actual, expected, strict=True))
        signed = ~np.isnan(actual)
        np.testing.assert_array_equal(np.signbit(actual)[signed], np.signbit(expected.astype(x.dtype))[signed])


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_plus_erf(dtype: str):
    """To 2.25 units of 1/2 whatever the sign, as adding 1 would give; for x > 0 to one unit of the result."""
    for low, high in ((-1, 1), (-6, 6)):
        x = samples(low, high, dtype, 1000)
        with mpmath.workprec(100):
            expected = np.array([np.longdouble(mpmath.nstr(mpmath.erfc(-float(v)), 22)) for v in x])
        actual = run("one_plus_erf", dtype, x)
        unit = np.finfo(DTYPES[dtype]).eps / 2
        assert (np.abs(actual - expected) / np.maximum(expected, 0.5)).max() <= 2.25 * unit
        assert errors(actual, expected)[x > 0].max() <= 1
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e38, -1e38, 6.0, -6.0], DTYPES[dtype])
    np.testing.assert_array_equal(run("one_plus_erf", dtype, special), [1, 1, 2, 0, np.nan, 2, 0, 2, 0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_arguments_nearest_to_multiples_of_a_right_angle(dtype: str):
    """Where reduction cancels most: 16367173 * 2^72 for f32 and 6381956970095103 * 2^797 for f64 (Muller)."""
    hard = 16367173.0 * 2.0**72 if dtype == "f32" else 6381956970095103.0 * 2.0**797
    x = np.array([hard, -hard, np.pi, np.pi / 2, 22.0, 355.0, 2.0**30, 2.0**30 + 1, 2.0**17], DTYPES[dtype])
    with mpmath.workprec(1200):
        for op in ("sin", "cos"):
            exact = [np.longdouble(mpmath.nstr(getattr(mpmath, op)(float(v)), 25)) for v in x]
            assert errors(run(op, dtype, x), np.array(exact)).max() <= BOUNDS[op]


def exact_powers(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x^y in longdouble, of finite results."""
    with mpmath.workprec(120):
        pairs = zip(x.astype(float), y.astype(float), strict=True)
        return np.array([np.longdouble(mpmath.nstr(mpmath.power(a, b), 25)) for a, b in pairs])


@pytest.mark.parametrize("dtype", DTYPES)
def test_error_of_power(dtype: str):
    rng = np.random.default_rng(11)
    largest = 85 if dtype == "f32" else 700
    bases = np.exp(rng.uniform(-80, 80, 500)), rng.uniform(0.2, 5, 500), 1 + rng.uniform(-1e-6, 1e-6, 500)
    for x in bases:
        x = x.astype(DTYPES[dtype])
        with np.errstate(divide="ignore"):
            y = rng.uniform(-1, 1, 500) * np.minimum(largest / np.abs(np.log(x.astype(float))), 1e8)
        y = y.astype(DTYPES[dtype])
        assert errors(run("powf", dtype, x, y), exact_powers(x, y)).max() <= BOUNDS["powf"]
    x = rng.uniform(-9, 9, 500).astype(DTYPES[dtype])
    y = rng.integers(-9, 9, 500).astype(DTYPES[dtype])
    assert errors(run("powf", dtype, x, y), exact_powers(x, y)).max() <= BOUNDS["powf"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_power_of_special_arguments(dtype: str):
    """C's rules, which NumPy follows."""
    info = np.finfo(DTYPES[dtype])
    special = [0.0, 1.0, 0.5, 2.0, 3.0, 2.5, np.inf, 1e30, 1e-30, float(info.smallest_subnormal), float(info.max)]
    values = np.array([*special, *(-v for v in special), np.nan], DTYPES[dtype])
    x, y = (grid.ravel() for grid in np.meshgrid(values, values))
    with np.errstate(all="ignore"):
        expected = np.power(x.astype(np.longdouble), y.astype(np.longdouble))
        actual = run("powf", dtype, x, y)
        assert errors(actual, expected).max() <= BOUNDS["powf"]
        signed = ~np.isnan(actual)
        np.testing.assert_array_equal(np.signbit(actual)[signed], np.signbit(expected.astype(x.dtype))[signed])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("exponent", [-64.0, -3.0, -2.5, -1.0, -0.5, 0.5, 1.5, 3.0, 4.0, 7.5, 31.0, 64.0])
def test_constant_exponents(dtype: str, exponent: float):
    """As accurate as other powers, and C's rules for special bases."""
    function = vector_math.call_power(exponent, LANES[dtype], dtype)
    if function is None:
        assert dtype == "f64"
        assert exponent not in (-1.0, 0.5)
        return
    compiled = jit(elementwise_text(function, 1, COUNT, LANES[dtype], dtype))
    info = np.finfo(DTYPES[dtype])
    special = np.array([0, 1, 0.5, np.inf, 1e30, 1e-30, info.tiny, info.max], DTYPES[dtype])
    rng = np.random.default_rng(3)
    ordinary = np.exp(rng.uniform(-1, 1, COUNT // 2) * min(80 / abs(exponent), 40)) * rng.choice([-1, 1], COUNT // 2)
    x = np.resize(np.concatenate([special, -special, [np.nan], ordinary]).astype(DTYPES[dtype]), COUNT)
    actual = np.empty_like(x)
    compiled(x, actual)
    with np.errstate(all="ignore"):
        expected = np.power(x.astype(np.longdouble), np.longdouble(exponent))
        assert errors(actual, expected).max() <= 0.501
        signed = ~np.isnan(actual)
        np.testing.assert_array_equal(np.signbit(actual)[signed], np.signbit(expected.astype(x.dtype))[signed])


@pytest.mark.parametrize("exponent", [0.0, 1 / 3, 65.0, 2.25, np.inf, np.nan])
def test_other_exponents_have_no_function(exponent: float):
    assert vector_math.call_power(exponent, 16, "f32") is None


@pytest.mark.parametrize("lanes", [1, 2, 4, 8, 32])
def test_results_do_not_depend_on_the_lanes(lanes: int):
    x = samples(-200, 200, "f32")
    for op in ("exp", "sin", "tanh"):
        other = np.empty(COUNT, np.float32)
        text = elementwise_text(vector_math.call(op, lanes, "f32"), 1, COUNT, lanes, "f32")
        jit(text)(x, other)
        np.testing.assert_array_equal(other, run(op, "f32", x))


@pytest.mark.skipif(native_level().name == "neon", reason="runs code of the x86-64 levels")
@pytest.mark.parametrize("level", ["v3", "v2"])
def test_results_do_not_depend_on_the_level(level: str):
    x = samples(-104, 100, "f32")
    for op in ("exp", "cos"):
        other = np.empty(COUNT, np.float32)
        lanes = LEVELS[level].lanes(4)
        text = elementwise_text(vector_math.call(op, lanes, "f32"), 1, COUNT, lanes, "f32")
        jit(text, level=LEVELS[level])(x, other)
        np.testing.assert_array_equal(other, run(op, "f32", x))
