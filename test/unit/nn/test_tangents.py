"""Every tangent rule, on the table of gradient cases: against differences, the gradient, and differentiated again."""

from __future__ import annotations

import numpy as np
import pytest
from unit.nn.gradient_cases import CASES, Case, is_fixed
from unit.nn.test_gradients import ATOL, RTOL, RULED, Arrays, apply_case, differentiated, types_of, weighted_sum

from cellc.passes.differentiate import expansion_named, has_tangent_rule
from support.interpret_nn import interpret
from support.nn_module import make_module

STEP = 1e-6


def _moved(case: Case, operands: Arrays, directions: Arrays, step: float) -> list[np.ndarray]:
    ways = iter(directions)
    return [
        array if is_fixed(operand) else array + step * next(ways)
        for array, operand in zip(operands, case.operands, strict=True)
    ]


def _tangents(b, case: Case, operands, directions) -> list:
    """The tangents of the op's float results along the directions of its float operands."""
    ys = apply_case(b, case, operands)
    wrt = [value for value, operand in zip(operands, case.operands, strict=True) if not is_fixed(operand)]
    tangents = b.tangent(*ys, *wrt, *directions, outputs=len(ys))
    return list(tangents) if isinstance(tangents, tuple) else [tangents]


def _slopes(f, case: Case, arrays: Arrays, directions: Arrays) -> list[np.ndarray]:
    """Central differences of f along the directions."""
    ends = [f(_moved(case, arrays, directions, step)) for step in (STEP, -STEP)]
    return [(after - before) / (2 * STEP) for after, before in zip(*ends, strict=True)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_tangent(case: Case) -> None:
    rng = np.random.default_rng(11)
    arrays = case.arrays(rng)
    floats = [array for array, operand in zip(arrays, case.operands, strict=True) if not is_fixed(operand)]
    directions = [rng.normal(size=array.shape) for array in floats]
    n, m = len(arrays), len(floats)
    forward = make_module(types_of(arrays), lambda b, *xs: apply_case(b, case, xs))
    module = differentiated([*arrays, *directions], lambda b, *xs: _tangents(b, case, xs[:n], xs[n:]))
    tangents = interpret(module, [*arrays, *directions])
    for actual, slope in zip(
        tangents, _slopes(lambda xs: interpret(forward, xs), case, arrays, directions), strict=True
    ):
        np.testing.assert_allclose(actual, slope, atol=ATOL, rtol=RTOL)

    seeds = [rng.normal(size=tangent.shape) for tangent in tangents]
    wrt = [at for at, operand in enumerate(case.operands) if not is_fixed(operand)]
    _check_dot_product(case, [*arrays, *seeds], n, wrt, directions, float(_dot(tangents, seeds)))
    _check_gradient_of_tangent(case, [*arrays, *directions, *seeds], (n, m), wrt)


def _dot(left: Arrays, right: Arrays) -> float:
    return sum(float(np.sum(a * b)) for a, b in zip(left, right, strict=True))


def _check_dot_product(case: Case, arrays: Arrays, n: int, wrt: list[int], directions: Arrays, expected: float) -> None:
    """<J v, s> = <v, J^T s>: both modes see one Jacobian, to rounding."""

    def body(b, *xs):
        y = weighted_sum(b, apply_case(b, case, xs[:n]), xs[n:])
        gradients = b.gradient(y, b.full(shape=(), dtype="f64", value=1.0), *(xs[at] for at in wrt))
        return list(gradients) if isinstance(gradients, tuple) else [gradients]

    gradients = interpret(differentiated(arrays, body), arrays)
    assert _dot(gradients, directions) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def _check_gradient_of_tangent(case: Case, arrays: Arrays, counts: tuple[int, int], wrt: list[int]) -> None:
    """Reverse over forward equals forward over reverse: d/dx <J v, s> and the tangent of J^T s along v."""
    n, m = counts

    def body(b, *xs):
        operands, directions, seeds = xs[:n], xs[n : n + m], xs[n + m :]
        one = b.full(shape=(), dtype="f64", value=1.0)
        moving = [operands[at] for at in wrt]
        outer = b.gradient(weighted_sum(b, _tangents(b, case, operands, directions), seeds), one, *moving)
        inner = b.gradient(weighted_sum(b, apply_case(b, case, operands), seeds), one, *moving)
        inner = inner if isinstance(inner, tuple) else (inner,)
        forward = b.tangent(*inner, *moving, *directions, outputs=len(inner))
        return [each for pair in (outer, forward) for each in (pair if isinstance(pair, tuple) else (pair,))]

    results = interpret(differentiated(arrays, body), arrays)
    for outer, forward in zip(results[: len(wrt)], results[len(wrt) :], strict=True):
        np.testing.assert_allclose(outer, forward, rtol=1e-9, atol=1e-9)


def test_every_op_with_a_gradient_has_a_tangent() -> None:
    assert {name for name in RULED if has_tangent_rule(name) or expansion_named(name)} == RULED
