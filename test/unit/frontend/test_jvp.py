"""Forward mode as users call it: `nn.Jvp`, `ops.jvp` and `ops.vjp`, nested, of networks with random ops and state."""

import numpy as np
import pytest

import cellc
from cellc import Tensor, context, nn, ops
from cellc import compile as compiler
from support.meanings import MeaningsBackend


@pytest.fixture(autouse=True)
def meanings(reference: object):
    backend = MeaningsBackend()
    previous = compiler.set_backend(backend)
    yield backend
    compiler.set_backend(previous)


X, V = Tensor([1.0, 2.0]), Tensor([1.0, 10.0])


def test_jvp_and_vjp_of_a_function():
    for inputs in (X, [X], (X,)):
        output, product = ops.jvp(lambda x: x * x * x, inputs, V)
        assert (output.tolist(), product.tolist()) == ([1, 8], [3, 120])
    assert ops.vjp(lambda x: x * x * x, X, V)[1].tolist() == [3, 120]
    _, (dx, dy) = ops.vjp(lambda x, y: x * y, (X, V), Tensor([1.0, 1.0]))
    assert (dx.tolist(), dy.tolist()) == ([1, 10], [1, 2])


def test_structure_of_results():
    """Tangents have the structure of the outputs; what does not move has zeros."""
    output, moved = ops.jvp(lambda x, y: (x * y, {"k": [x + y]}, x > y, V), (X, X), (V, V))
    assert output[0].tolist() == [1, 4]
    assert moved[0].tolist() == [2, 40]
    assert moved[1]["k"][0].tolist() == [2, 20]
    assert (moved[2].dtype, moved[2].tolist()) == (cellc.bool_, [False, False])
    assert moved[3].tolist() == [0, 0]


@pytest.mark.parametrize("mode", [context.GRAPH_MODE, context.PYNATIVE_MODE])
def test_of_a_cell_in_both_modes(mode):
    context.set_context(mode=mode)
    net = nn.Dense(2, 1, weight_init="ones", bias_init="ones")
    for output, product in (nn.Jvp(net)(X.reshape((1, 2)), V.reshape((1, 2))),
                            ops.jvp(net, X.reshape((1, 2)), V.reshape((1, 2)))):  # fmt: skip
        assert (output.tolist(), product.tolist()) == ([[4]], [[11]])


def test_nested():
    """The second derivative of x^3 in the direction v, three ways, and the third."""

    def cube(x):
        return x * x * x

    expected = [6.0, 120.0]
    assert ops.jvp(ops.grad(cube), X, V)[1].tolist() == expected
    assert ops.jvp(lambda x: ops.jvp(cube, x, ops.ones_like(x))[1], X, V)[1].tolist() == expected
    assert ops.grad(lambda x: ops.jvp(cube, x, V)[1])(X).tolist() == expected
    third = ops.grad(lambda x: ops.jvp(ops.grad(cube), x, V)[1])
    assert third(X).tolist() == [6, 60]


def test_dropout_draws_once():
    """The tangent goes through the elements that the value went through."""
    net = nn.Dropout(0.5).set_train()
    output, product = nn.Jvp(net)(ops.ones((64,)), ops.ones((64,)) * 3)
    assert 0 < np.count_nonzero(output.asnumpy()) < 64
    np.testing.assert_array_equal(product.asnumpy(), 3 * output.asnumpy())


def test_state_moves_on_once():
    """Batch norm in training: the running mean is updated by the values, once, and the tangent is that of the batch."""
    rng = np.random.default_rng(2)
    x, v = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    net = nn.BatchNorm1d(3, momentum=0.5).set_train()
    _, product = nn.Jvp(net)(Tensor(x, cellc.float32), Tensor(v, cellc.float32))
    np.testing.assert_allclose(net.moving_mean.asnumpy(), 0.5 * x.mean(0), rtol=1e-6)

    def normalized(x):
        return (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)

    slope = (normalized(x + 1e-5 * v) - normalized(x - 1e-5 * v)) / 2e-5
    np.testing.assert_allclose(product.asnumpy(), slope, atol=1e-5)


def test_no_reverse_pass_runs(meanings):
    """One sweep: the graph holds a tangent and no gradient, and the function's ops once."""
    nn.Jvp(lambda x: ops.exp(x))(X, V)
    names = [node.op for node in meanings.graphs[-1].nodes]
    assert (names.count("tangent"), names.count("gradient"), names.count("exp")) == (1, 0, 1)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: nn.Jvp(3), TypeError, "'fn' must be a Cell or a function, but got 3"),
    (lambda: nn.Jvp(nn.Tanh())(X), ValueError, "inputs and 'v' must be given, but got 1"),
    (lambda: nn.Jvp(nn.Tanh())(X, (V, V)), ValueError, "one Tensor for each input, but got 2 for 1 input"),
    (lambda: ops.jvp(lambda x, y: x, (X, X), V), ValueError, "one Tensor for each input, but got 1 for 2 input"),
    (lambda: nn.Jvp(nn.Tanh())(X, ops.ones((3,))), ValueError, r"shape \(2,\) of input 0, but got \(3,\)"),
    (lambda: nn.Jvp(nn.Tanh())(X, 1.0), TypeError, "'v' must hold Tensors, but got 1.0 for input 0"),
    (lambda: ops.jvp(lambda i: i, Tensor([1]), Tensor([1])), TypeError, "Tensors of floats, but input 0 is Int64"),
    (lambda: ops.jvp(lambda x: x, 1.0, V), TypeError, "For 'jvp', 'inputs' must be a Tensor, or a tuple or list"),
    (lambda: ops.vjp(lambda x: x, 1.0, V), TypeError, "For 'vjp', 'inputs' must be a Tensor, or a tuple or list"),
])  # fmt: skip
def test_misuse(call, error, message):
    with pytest.raises(error, match=message):
        call()
