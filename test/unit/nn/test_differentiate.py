"""The pass as a whole, and the gradients at the points where a formula would go wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from cellc.dialects.nn import TensorType
from cellc.passes.differentiate import DifferentiatePass
from cellc.passes.rewriting import without_location
from support.interpret_nn import interpret
from support.nn_module import OpBuilder, make_module, op_names


def _differentiate(inputs: list[TensorType], body: Callable) -> ModuleOp:
    module = make_module(inputs, body)
    DifferentiatePass().apply(Context(), module)
    module.verify()
    assert "gradient" not in op_names(module)
    assert not without_location(module)
    return module


def _gradients_at(values: list, f: Callable, *, order: int = 1) -> list[list[float]]:
    """Gradients of sum(f(b, *values)) in every value; of higher order, of the sum of the order before."""
    arrays = [np.array(value, np.float64) for value in values]

    def body(b: OpBuilder, *operands):
        results = [f(b, *operands)]
        for _ in range(order):
            total = results[0]
            for result in results[1:]:
                total = b.add(total, result)
            one = b.full(shape=total.type.get_shape(), dtype="f64", value=1.0)
            gradients = b.gradient(total, one, *operands)
            results = list(gradients) if isinstance(gradients, tuple) else [gradients]
        return results

    module = _differentiate([TensorType(array.shape, "f64") for array in arrays], body)
    return [result.tolist() for result in interpret(module, arrays)]


def test_pow_at_zero() -> None:
    """d(x^y)/dx and /dy where one or both are 0, and for a negative base."""
    x, y = [0.0, 0.0, 0.0, 2.0, -2.0], [0.0, 1.0, 2.0, 0.0, 2.0]
    dx, dy = _gradients_at([x, y], lambda b, x, y: b.pow(x, y))
    assert dx == [0.0, 1.0, 0.0, 0.0, -4.0]
    assert dy == [0.0, 0.0, 0.0, np.log(2.0), 0.0]


def test_pow_twice() -> None:
    """x^2 has the second derivative 2 and x^1 has 0, at 0 as well (no 0 * inf)."""

    def squared(b, x):
        return b.pow(x, b.full(shape=(2,), dtype="f64", value=2.0))

    assert _gradients_at([[0.0, 3.0]], squared, order=2) == [[2.0, 2.0]]
    (d,) = _gradients_at([[0.0, 3.0]], lambda b, x: b.pow(x, b.full(shape=(2,), dtype="f64", value=1.0)), order=2)
    assert d == [0.0, 0.0]


def test_ties_go_to_the_right_operand() -> None:
    for name in ("maximum", "minimum"):
        assert _gradients_at([[1.0], [1.0]], lambda b, x, y, name=name: getattr(b, name)(x, y)) == [[0.0], [1.0]]


def test_ties_of_a_reduction_share() -> None:
    dx = _gradients_at([[2.0, 1.0, 2.0]], lambda b, x: b.reduce_max(x, axes=(0,), keep_dims=False))
    assert dx == [[0.5, 0.0, 0.5]]


def test_kinks() -> None:
    assert _gradients_at([[0.0, -1.0, 2.0]], lambda b, x: b.relu(x)) == [[0.0, 0.0, 1.0]]
    assert _gradients_at([[0.0, -1.0, 2.0]], lambda b, x: b.abs(x)) == [[0.0, -1.0, 1.0]]


@pytest.mark.parametrize(("x", "expected"), [
    ([2.0, 3.0, 4.0], [12.0, 8.0, 6.0]), ([0.0, 3.0, 4.0], [12.0, 0.0, 0.0]), ([0.0, 0.0, 4.0], [0.0, 0.0, 0.0]),
])  # fmt: skip
def test_product_with_zeros(x: list[float], expected: list[float]) -> None:
    assert _gradients_at([x], lambda b, x: b.reduce_prod(x, axes=(0,), keep_dims=False)) == [expected]


def test_third_order() -> None:
    assert _gradients_at([[2.0]], lambda b, x: b.mul(b.mul(x, x), b.mul(x, x)), order=3) == [[48.0]]


def test_y_itself_and_what_y_does_not_reach() -> None:
    def body(b, x, z):
        return list(b.gradient(x, b.full(shape=(2,), dtype="f32", value=3.0), x, z, x))

    type_ = TensorType((2,), "f32")
    zeros = np.zeros(2, np.float32)
    results = interpret(_differentiate([type_, type_], body), [zeros, zeros])
    assert [result.tolist() for result in results] == [[3.0, 3.0], [0.0, 0.0], [3.0, 3.0]]


def test_a_wrt_value_is_independent_of_what_made_it() -> None:
    def body(b, x):
        h = b.mul(x, x)
        return list(b.gradient(b.mul(h, x), b.full(shape=(1,), dtype="f64", value=1.0), x, h))

    dx, dh = interpret(_differentiate([TensorType((1,), "f64")], body), [np.array([3.0])])
    assert (dx.tolist(), dh.tolist()) == ([9.0], [3.0])


def test_through_casts_and_integers() -> None:
    """A float32 gradient comes back through f16; none goes through an integer or a bool."""

    def body(b, x):
        half = b.cast(b.cast(x, dtype="f16"), dtype="f32")
        whole = b.cast(b.cast(x, dtype="i32"), dtype="f32")
        truth = b.cast(b.compare(x, half, predicate="eq"), dtype="f32")
        return [b.gradient(b.add(b.add(half, whole), truth), b.full(shape=(1,), dtype="f32", value=1.0), x)]

    module = _differentiate([TensorType((1,), "f32")], body)
    assert interpret(module, [np.array([2.5], np.float32)])[0].tolist() == [1.0]


def test_only_what_is_asked_for_is_computed() -> None:
    """The first layer's input gradient is never built."""
    x, w = TensorType((1, 1, 5, 5), "f32"), TensorType((2, 1, 3, 3), "f32")
    window = {"strides": (1, 1), "padding": (0, 0, 0, 0), "dilation": (1, 1), "groups": 1}

    def body(b, x, w):
        y = b.conv2d(x, w, **window)
        return [b.gradient(y, y, w)]

    assert op_names(_differentiate([x, w], body)) == ["conv2d", "conv2d_weight_gradient"]


def test_tangent_of_a_value_named_twice_and_of_what_nothing_reaches() -> None:
    def body(b, x, z, v):
        return list(b.tangent(b.mul(x, x), z, b.exp(z), x, x, v, v, outputs=3))

    type_ = TensorType((2,), "f64")
    x, z, v = np.array([1.0, 3.0]), np.zeros(2), np.array([1.0, 10.0])
    results = interpret(_differentiate([type_] * 3, body), [x, z, v])
    assert [result.tolist() for result in results] == [[4.0, 120.0], [0.0, 0.0], [0.0, 0.0]]


def test_tangent_of_a_wrt_value_is_its_direction() -> None:
    def body(b, x, v, w):
        h = b.mul(x, x)
        return list(b.tangent(h, b.mul(h, x), x, h, v, w, outputs=2))

    one = TensorType((1,), "f64")
    results = interpret(_differentiate([one] * 3, body), [np.array([3.0]), np.array([1.0]), np.array([10.0])])
    assert [result.item() for result in results] == [10.0, 9.0 * 1 + 3 * 10]


def test_forward_over_reverse_and_reverse_over_forward() -> None:
    """Both give the second derivative of x^4 in the direction v, 12 x^2 v."""

    def fourth(b, x):
        return b.mul(b.mul(x, x), b.mul(x, x))

    def body(b, x, v):
        one = b.full(shape=(), dtype="f64", value=1.0)
        of_gradient = b.tangent(b.gradient(fourth(b, x), one, x), x, v, outputs=1)
        return [of_gradient, b.gradient(b.tangent(fourth(b, x), x, v, outputs=1), one, x)]

    scalar = TensorType((), "f64")
    results = interpret(_differentiate([scalar, scalar], body), [np.array(2.0), np.array(10.0)])
    assert [result.item() for result in results] == [480.0, 480.0]


def test_a_tangent_needs_no_gradient_op() -> None:
    """Forward mode is one sweep: a product's tangent is two products and their sum."""
    matrix = TensorType((3, 3), "f32")

    def body(b, x, w, v, u):
        return [b.tangent(b.matmul(x, w, transpose_lhs=False, transpose_rhs=False), x, w, v, u, outputs=1)]

    assert op_names(_differentiate([matrix] * 4, body)) == ["matmul", "matmul", "matmul", "add"]
