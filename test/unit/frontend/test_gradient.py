"""Gradients of functions and Cells, and the forms they come in. They run compiled: only a pass differentiates."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from cellc import Parameter, ParameterTuple, Tensor, context, ms_function, nn, ops
from cellc import compile as compiler


@pytest.fixture(autouse=True)
def real_compiler(reference: object) -> Iterator[None]:
    previous = compiler.set_backend(None)
    yield
    compiler.set_backend(previous)


class Net(nn.Cell):
    """a * x + b * x * y."""

    def __init__(self) -> None:
        super().__init__()
        self.a = Parameter(Tensor([2.0]))
        self.b = Parameter(Tensor([3.0]))

    def construct(self, x: Tensor, y: Tensor) -> Tensor:
        return self.a * x + self.b * x * y


X, Y = Tensor([5.0]), Tensor([7.0])


def _values(nested: Any) -> Any:
    return tuple(map(_values, nested)) if isinstance(nested, tuple) else nested.item()


@pytest.mark.parametrize("mode", [context.GRAPH_MODE, context.PYNATIVE_MODE])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 23),
        ({"get_all": True}, (23, 15)),
        ({"get_by_list": True}, (5, 35)),
        ({"get_all": True, "get_by_list": True}, ((23, 15), (5, 35))),
    ],
)
def test_grad_operation(mode: int, options: dict[str, bool], expected: Any) -> None:
    context.set_context(mode=mode)
    net = Net()
    weights = ParameterTuple(net.trainable_params()) if "get_by_list" in options else None
    assert _values(ops.GradOperation(**options)(net, weights)(X, Y)) == expected


def test_sens() -> None:
    gradient = ops.GradOperation(get_all=True, sens_param=True)(Net())
    assert _values(gradient(X, Y, Tensor([10.0]))) == (230, 150)


def test_value_and_grad() -> None:
    net = Net()
    value, (of_x, of_weights) = ops.value_and_grad(net, 0, net.trainable_params())(X, Y)
    assert _values((value, of_x, of_weights)) == (115, 23, (5, 35))
    value, gradients = ops.value_and_grad(net, (1, 0))(X, Y)
    assert _values(gradients) == (15, 23)
    assert _values(ops.value_and_grad(net, None, net.a)(X, Y)[1]) == 5


def test_grad_with_auxiliary_outputs() -> None:
    gradient, (doubled,) = ops.grad(lambda x: (x * x, x * 2), has_aux=True)(X)
    assert _values((gradient, doubled)) == (10, 10)


def test_equal_inputs_are_independent() -> None:
    assert _values(ops.GradOperation(get_all=True)(lambda x, y: x * x * y)(X, X)) == (50, 25)


def test_integer_inputs_have_zero_gradients() -> None:
    table = Tensor(np.ones((3, 2), np.float32))
    of_table, of_row = ops.GradOperation(get_all=True)(lambda t, i: t[i].sum())(table, Tensor([1]))
    assert of_table.asnumpy().tolist() == [[0, 0], [1, 1], [0, 0]]
    assert of_row.asnumpy().tolist() == [0]


def test_second_order() -> None:
    cube = lambda x: x * x * x  # noqa: E731
    assert ops.grad(ops.grad(cube))(X).item() == 30


def test_an_input_computed_from_a_weight_is_cut() -> None:
    class Step(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.net = Net()
            self.gradient = ops.GradOperation(get_by_list=True)

        def construct(self, x: Tensor) -> Any:
            return self.gradient(self.net, [self.net.a])(self.net.a * x, x)

    assert _values(Step()(X)) == (10,)


def test_the_gradient_is_taken_before_an_update() -> None:
    class Updating(Net):
        def construct(self, x: Tensor, y: Tensor) -> Tensor:
            loss = self.a * x
            self.a.set_data(self.a * 0)
            return loss

    net = Updating()
    assert _values(ops.GradOperation(get_by_list=True)(net, [net.a])(X, Y)) == (5,)
    assert net.a.asnumpy() == [0]


def test_several_outputs_are_summed() -> None:
    assert ops.grad(lambda x: (x * 2, {"k": x * x}))(X).item() == 12


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: ops.GradOperation(get_all=1), TypeError),
        (lambda: ops.GradOperation(get_by_list=True)(lambda x: x), TypeError),
        (lambda: ops.value_and_grad(Net(), None), ValueError),
        (lambda: ops.grad(lambda x: x, 3)(X), ValueError),
        (lambda: ops.grad(lambda x: x > 1)(X), TypeError),
        (lambda: ops.grad(Net(), 0, [X]), TypeError),
    ],
)
def test_misuse(call: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        call()


def test_weights_of_an_output_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"must have its shape \(1,\), but got \(2,\)"):
        ops.vjp(lambda x: x, Tensor([1.0]), Tensor([1.0, 2.0]))
    with pytest.raises(ValueError, match=r"must have its shape \(2,\), but got \(3,\)"):
        ops.GradOperation(sens_param=True)(lambda x: x)(Tensor([1.0, 2.0]), Tensor([1.0, 2.0, 3.0]))


def test_all_gradients_are_those_of_the_inputs_with_tensors() -> None:
    gradient = ops.GradOperation(get_all=True)
    x, y = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    found = gradient(lambda shape, x, scale, y: x.reshape(shape) * y * scale)((2,), x, 10, y)
    assert [part.tolist() for part in found] == [[30, 40], [10, 20]]


def test_an_input_that_is_a_tuple_has_a_tuple_of_gradients() -> None:
    x, y = Tensor([1.0, 2.0]), Tensor([3, 4])
    dx, (dx_again, dy) = ops.grad(lambda x, pair: x * pair[0] * pair[1], (0, 1))(x, (x, y))
    assert [part.tolist() for part in (dx, dx_again, dy)] == [[3, 8], [3, 8], [0, 0]]
    with pytest.raises(TypeError, match=r"no gradient with respect to \(2,\): there is no tensor in it"):
        ops.grad(lambda shape, x: x.reshape(shape))((2,), x)


def test_pynative_gradients_go_through_values_that_were_asked_for() -> None:
    context.set_context(mode=context.PYNATIVE_MODE)
    seen = []

    def cube(x: Tensor) -> Tensor:
        square = x * x
        seen.append(square.item())
        return square * x if square > 1 else x

    assert ops.grad(cube)(X).item() == 75
    assert ops.grad(ops.grad(cube))(X).item() == 30
    assert seen == [25, 25]


def test_pynative_gradients_go_through_long_programs_and_compiled_functions() -> None:
    context.set_context(mode=context.PYNATIVE_MODE)

    @ms_function
    def double(x: Tensor) -> Tensor:
        return x + x

    def long(x: Tensor) -> Tensor:
        for _ in range(600):
            x = -x
        return double(x)

    assert ops.grad(long)(X).item() == 2


def test_pynative_parameters_change_while_a_gradient_is_taken() -> None:
    context.set_context(mode=context.PYNATIVE_MODE)
    weight, seen = Parameter(Tensor([3.0])), []

    def step(x: Tensor) -> Tensor:
        loss = weight * x
        weight.set_data(weight * 2)
        seen.append(weight.asnumpy().tolist())
        return loss

    assert ops.grad(step)(X).item() == 3
    assert (seen, weight.asnumpy().tolist()) == ([[6]], [6])


@pytest.mark.parametrize(
    "call",
    [
        lambda i: ops.grad(lambda i: i * 1.0)(i),
        lambda i: ops.grad(lambda x, i: x * i, (0, 1))(X, i),
        lambda i: ops.GradOperation()(lambda i: i * 1.0)(i),
    ],
)
def test_integers_have_no_gradient(call: Any) -> None:
    """Where one is asked for by its position; among all inputs they have zeros (a network's labels)."""
    with pytest.raises(TypeError, match=r"no gradient with respect to input [01], which holds Int64: only floats"):
        call(Tensor([1]))
    assert ops.GradOperation(get_all=True)(lambda x, i: x * i)(X, Tensor([2]))[1].tolist() == [0]
