"""Every lowering, interpreted, gives the numbers of the op's own meaning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cellc.dialects.nn import FLOATS, INTEGERS, NUMBERS, definition_of, definitions
from cellc.dialects.nn.arrays import numpy_dtype
from cellc.dialects.nn.gradient import DERIVATIVES
from cellc.passes.convert_nn_to_linalg import rules
from support.check_lowering import check_lowering as check
from support.check_lowering import values
from support.interpret_linalg import interpret
from support.lowering import lowered

SHAPES = [(), (1,), (0,), (3, 5), (2, 1, 4)]
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-5, 90.0, -90.0, 1e4, np.inf, -np.inf, np.nan]
UNARY = [name for name, each in definitions().items() if each.operands == ("x",) and not each.attributes]
BINARY = [name for name, each in definitions().items() if each.operands == ("lhs", "rhs") and not each.attributes]


def allowed(name: str) -> tuple[str, ...]:
    return getattr(definition_of(name), "allowed", NUMBERS)


def cases(names: list[str]) -> list[Any]:
    return [pytest.param(name, dtype, id=f"{name}-{dtype}") for name in names for dtype in allowed(name)]


@pytest.mark.parametrize(("name", "dtype"), cases(UNARY))
def test_unary(name: str, dtype: str) -> None:
    for shape in SHAPES:
        check(name, values(shape, dtype))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", [name for name in UNARY if "f32" in allowed(name) and name not in ("sin", "cos")])
def test_unary_of_special_values(name: str, dtype: str) -> None:
    check(name, np.array(SPECIAL).astype(numpy_dtype(dtype)))


@pytest.mark.parametrize(("name", "dtype"), cases(BINARY))
def test_binary(name: str, dtype: str) -> None:
    for shape in SHAPES:
        lhs, rhs = values(shape, dtype), values(shape, dtype, seed=1)
        check(name, np.abs(lhs) if name == "pow" else lhs, rhs)


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize(
    "name", [name for name in BINARY if "f32" in allowed(name) and name not in ("mod", "floor_div")]
)
def test_binary_of_special_values(name: str, dtype: str) -> None:
    lhs, rhs = np.meshgrid(np.array(SPECIAL, numpy_dtype(dtype)), np.array(SPECIAL, numpy_dtype(dtype)))
    check(name, lhs, rhs)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", ["mod", "floor_div"])
def test_integer_division_never_traps(name: str, dtype: str) -> None:
    limits = np.iinfo(numpy_dtype(dtype))
    extremes = np.array([limits.min, limits.min + 1, 0, 1, 2, 7, limits.max], numpy_dtype(dtype))
    extremes = extremes if dtype == "u8" else np.append(extremes, np.array([-1, -7], numpy_dtype(dtype)))
    check(name, *np.meshgrid(extremes, extremes))


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_modulo_has_the_sign_of_the_divisor(dtype: str) -> None:
    numbers = np.array([5.0, -5.0, 7.5, -7.5, 0.1 if dtype == "f32" else 0.125, 1e6, np.inf], numpy_dtype(dtype))
    lhs, rhs = np.meshgrid(numbers[:-1], numbers)
    check("mod", lhs, rhs)


@pytest.mark.parametrize("dtype", [*NUMBERS, "bool"])
@pytest.mark.parametrize("predicate", ["eq", "ne", "lt", "le", "gt", "ge"])
def test_compare(predicate: str, dtype: str) -> None:
    lhs, rhs = values((4, 5), dtype), values((4, 5), dtype, seed=1)
    rhs[0] = lhs[0]
    if dtype in FLOATS:
        rhs[1, 1] = lhs[2, 2] = np.nan
    check("compare", lhs, rhs, predicate=predicate)


@pytest.mark.parametrize("dtype", [*NUMBERS, "bool"])
def test_select(dtype: str) -> None:
    check("select", values((3, 4), "bool"), values((3, 4), dtype), values((3, 4), dtype, seed=1))


@pytest.mark.parametrize("target", [*NUMBERS, "bool"])
@pytest.mark.parametrize("source", [*NUMBERS, "bool"])
def test_cast(source: str, target: str) -> None:
    x = values((40,), source)
    check("cast", np.abs(x) if target == "u8" and source in FLOATS else x, dtype=target)


@pytest.mark.parametrize("target", INTEGERS)
@pytest.mark.parametrize("source", FLOATS)
def test_cast_of_a_float_that_does_not_fit_saturates(source: str, target: str) -> None:
    x = np.array([1e30, -1e30, np.inf, -np.inf, np.nan, 2.0**31, -(2.0**31), 2.0**63, 300, -300])
    with np.errstate(over="ignore"):
        x = x.astype(numpy_dtype(source))
    limits = np.iinfo(numpy_dtype(target))
    exact = [
        0 if np.isnan(v) else limits.max if v > limits.max else limits.min if v < limits.min else v for v in x.tolist()
    ]
    (result,) = interpret(lowered("cast", [x], {"dtype": target}), x)
    assert result.view(numpy_dtype(target)).tolist() == [int(v) for v in exact]


@pytest.mark.parametrize("dtype", ["f16", "bf16", "f32", "f64", "i8", "i32", "u8"])
@pytest.mark.parametrize("flags", [(False, False), (True, False), (False, True), (True, True)])
def test_matmul(dtype: str, flags: tuple[bool, bool]) -> None:
    for batch, m, n, k in [((), 3, 4, 5), ((2,), 1, 3, 2), ((2, 3), 2, 1, 1), ((), 2, 3, 0), ((0,), 2, 3, 4)]:
        lhs = values((*batch, k, m) if flags[0] else (*batch, m, k), dtype)
        rhs = values((*batch, n, k) if flags[1] else (*batch, k, n), dtype, seed=1)
        check("matmul", lhs, rhs, transpose_lhs=flags[0], transpose_rhs=flags[1])


REDUCTIONS = ["reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_any", "reduce_all"]


@pytest.mark.parametrize(("name", "dtype"), cases(REDUCTIONS))
def test_reductions(name: str, dtype: str) -> None:
    for shape, axes in [((3, 4), (1,)), ((3, 4), (0,)), ((2, 3, 4), (2, 0)), ((3,), ()), ((2, 0), (1,)), ((), ()),
                        ((1, 5), (0, 1)), ((0, 3), (1,))]:  # fmt: skip
        for keep_dims in (False, True):
            check(name, values(shape, dtype, scale=1), axes=axes, keep_dims=keep_dims)


@pytest.mark.parametrize("name", ["reduce_max", "reduce_min"])
def test_extremes_propagate_nan(name: str) -> None:
    x = np.array([[1, np.nan, 3], [-np.inf, -np.inf, -np.inf], [np.inf, 0, 1]], np.float32)
    check(name, x, axes=(1,), keep_dims=False)


@pytest.mark.parametrize(("name", "dtype"), cases(["argmax", "argmin"]))
def test_argmax(name: str, dtype: str) -> None:
    for shape, axis in [((3, 4), 1), ((3, 4), 0), ((2, 3, 4), 1), ((5,), 0), ((0, 2), 1), ((1, 1), 0)]:
        check(name, values(shape, dtype), axis=axis)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_argmax_takes_the_first_nan_or_tie(name: str) -> None:
    nan, inf = np.nan, np.inf
    x = np.array([[1, nan, 3, nan], [2, 2, 2, 1], [-inf, -inf, -inf, -inf], [inf, inf, inf, inf]], np.float32)
    check(name, x, axis=1)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name: str, dtype: str) -> None:
    for shape, axis in [((3, 4), 1), ((3, 4), 0), ((2, 3, 4), 1), ((5,), 0), ((2, 1), 1), ((0, 3), 1)]:
        check(name, values(shape, dtype), axis=axis)
    check(name, (values((2, 5), dtype) + numpy_dtype(dtype).type(300)).astype(numpy_dtype(dtype)), axis=1)


def test_every_op_is_lowered() -> None:
    assert set(rules()) == set(definitions()) - set(DERIVATIVES)
