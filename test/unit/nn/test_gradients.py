"""Every gradient rule against central differences in f64, and once more through its own gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from unit.nn.gradient_cases import CASES, Case, is_fixed
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from cellc.dialects.nn import TensorType, definitions
from cellc.dialects.nn.arrays import dtype_name
from cellc.passes.differentiate import EXEMPTIONS, DifferentiatePass, expansion_named, has_rule
from support.interpret_nn import interpret
from support.nn_module import make_module

EPS, ATOL, RTOL = 1e-6, 1e-5, 1e-3
RULED = {name for name in definitions() if has_rule(name) or expansion_named(name)}

Arrays = Sequence[np.ndarray]


def types_of(arrays: Arrays) -> list[TensorType]:
    return [TensorType(array.shape, dtype_name(array.dtype)) for array in arrays]


def differentiated(arrays: Arrays, body: Callable) -> ModuleOp:
    module = make_module(types_of(arrays), body)
    DifferentiatePass().apply(Context(), module)
    module.verify()
    return module


def apply_case(b, case: Case, operands: Sequence) -> list:
    """The op's float results that a gradient may come from."""
    results = getattr(b, case.op)(*operands, **case.attributes)
    listed = list(results) if isinstance(results, tuple) else [results]
    return [result for result in listed if str(result.type).endswith("f64>")]


def weighted_sum(b, values: Sequence, weights: Sequence):
    """sum over all values and elements of value * weight: a scalar."""
    total = None
    for value, weight in zip(values, weights, strict=True):
        rank = len(value.type.get_shape())
        term = b.reduce_sum(b.mul(value, weight), axes=tuple(range(rank)), keep_dims=False)
        total = term if total is None else b.add(total, term)
    return total


def _gradients(b, case: Case, operands: Sequence, seeds: Sequence) -> list:
    """First-order gradients of the seeded sum in every float operand."""
    y = weighted_sum(b, apply_case(b, case, operands), seeds)
    one = b.full(shape=(), dtype="f64", value=1.0)
    wrt = [value for value, shape in zip(operands, case.operands, strict=True) if not is_fixed(shape)]
    gradients = b.gradient(y, one, *wrt)
    return list(gradients) if isinstance(gradients, tuple) else [gradients]


def _central_differences(f: Callable[[Arrays], float], arrays: Arrays, wrt: Sequence[int]) -> list[np.ndarray]:
    differences = []
    for which in wrt:
        slope = np.zeros_like(arrays[which])
        for at in np.ndindex(slope.shape):
            ends = []
            for step in (EPS, -EPS):
                moved = [array.copy() for array in arrays]
                moved[which][at] += step
                ends.append(f(moved))
            slope[at] = (ends[0] - ends[1]) / (2 * EPS)
        differences.append(slope)
    return differences


def _seeds(case: Case, arrays: Arrays, rng: np.random.Generator) -> list[np.ndarray]:
    probe = make_module(types_of(arrays), lambda b, *operands: apply_case(b, case, operands))
    return [rng.normal(size=array.shape) for array in interpret(probe, arrays)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradient(case: Case) -> None:
    rng = np.random.default_rng(7)
    arrays = case.arrays(rng)
    seeds = _seeds(case, arrays, rng)
    n = len(arrays)
    wrt = [index for index, operand in enumerate(case.operands) if not is_fixed(operand)]

    forward = make_module(
        types_of([*arrays, *seeds]), lambda b, *xs: [weighted_sum(b, apply_case(b, case, xs[:n]), xs[n:])]
    )
    module = differentiated([*arrays, *seeds], lambda b, *xs: _gradients(b, case, xs[:n], xs[n:]))
    results = interpret(module, [*arrays, *seeds])
    expected = _central_differences(lambda xs: float(interpret(forward, [*xs, *seeds])[0]), arrays, wrt)
    for actual, difference in zip(results, expected, strict=True):
        np.testing.assert_allclose(actual, difference, atol=ATOL, rtol=RTOL)

    _check_second_order(case, arrays, seeds, results, module, rng, wrt)


def _check_second_order(
    case: Case, arrays: Arrays, seeds: Arrays, firsts: Arrays, first: ModuleOp, rng: np.random.Generator, wrt: list[int]
) -> None:
    """The gradient of sum(v * first-order gradients) against differences of the first-order module."""
    directions = [rng.normal(size=array.shape) for array in firsts]
    n, m = len(arrays), len(seeds)

    def body(b, *xs):
        gradients = _gradients(b, case, xs[:n], xs[n : n + m])
        total = weighted_sum(b, gradients, xs[n + m :])
        second = b.gradient(total, b.full(shape=(), dtype="f64", value=1.0), *(xs[index] for index in wrt))
        return list(second) if isinstance(second, tuple) else [second]

    def directional(xs: Arrays) -> float:
        gradients = interpret(first, [*xs, *seeds])
        return float(sum(np.sum(v * g) for v, g in zip(directions, gradients, strict=True)))

    results = interpret(differentiated([*arrays, *seeds, *directions], body), [*arrays, *seeds, *directions])
    for actual, difference in zip(results, _central_differences(directional, arrays, wrt), strict=True):
        np.testing.assert_allclose(actual, difference, atol=ATOL, rtol=RTOL)


def test_every_op_has_a_rule_or_a_reason() -> None:
    assert RULED.isdisjoint(EXEMPTIONS)
    assert RULED | EXEMPTIONS.keys() == definitions().keys()


def test_every_rule_is_checked() -> None:
    assert {case.op for case in CASES} | {"stop_gradient"} == RULED


def test_stop_gradient_lets_nothing_through() -> None:
    def body(b, x):
        y = b.add(b.mul(x, x), b.stop_gradient(b.exp(x)))
        return [b.gradient(y, b.full(shape=(3,), dtype="f64", value=1.0), x)]

    x = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(interpret(differentiated([x], body), [x])[0], 2 * x)
