"""RNN, GRU and the cells: parameters, errors, dropout, empty batches and MindSpore's worked examples."""

import numpy as np
import pytest

import cellc
from cellc import Tensor, nn, ops


def shapes(cell):
    return [(parameter.name, parameter.shape) for parameter in cell.get_parameters()]


def test_parameters_of_cells():
    for cell, gates in ((nn.RNNCell(3, 2), 1), (nn.GRUCell(3, 2), 3), (nn.LSTMCell(3, 2), 4)):
        weights = [("weight_ih", (2 * gates, 3)), ("weight_hh", (2 * gates, 2))]
        assert shapes(cell) == [*weights, ("bias_ih", (2 * gates,)), ("bias_hh", (2 * gates,))]
    assert [name for name, _ in shapes(nn.GRUCell(3, 2, has_bias=False))] == ["weight_ih", "weight_hh"]


def test_parameters_of_layers():
    assert sorted(shapes(nn.GRU(3, 2, 2, bidirectional=True, has_bias=False))) == [
        *[("weight_hh_l0", (6, 2)), ("weight_hh_l0_reverse", (6, 2))],
        *[("weight_hh_l1", (6, 2)), ("weight_hh_l1_reverse", (6, 2))],
        *[("weight_ih_l0", (6, 3)), ("weight_ih_l0_reverse", (6, 3))],
        *[("weight_ih_l1", (6, 4)), ("weight_ih_l1_reverse", (6, 4))],
    ]
    assert sorted(shapes(nn.RNN(3, 2))) == [
        *[("bias_hh_l0", (2,)), ("bias_ih_l0", (2,)), ("weight_hh_l0", (2, 2)), ("weight_ih_l0", (2, 3))],
    ]


@pytest.mark.parametrize("make", [nn.RNNCell, nn.GRUCell, nn.LSTMCell, nn.RNN, nn.GRU])
def test_start_within_the_bound(make):
    values = np.concatenate([parameter.asnumpy().ravel() for parameter in make(5, 16).get_parameters()])
    assert 0.22 < np.abs(values).max() <= 0.25


@pytest.mark.parametrize("make", [nn.RNNCell, nn.GRUCell, nn.LSTMCell])
def test_worked_examples_of_cells(make):
    net, x = make(10, 16), Tensor(np.ones([5, 3, 10]).astype(np.float32))
    state = ops.ones((3, 16))
    hx = (state, state) if make is nn.LSTMCell else state
    output = []
    for i in range(5):
        hx = net(x[i], hx)
        output.append(hx)
    first = output[0][0] if make is nn.LSTMCell else output[0]
    assert first.shape == (3, 16)


@pytest.mark.parametrize("make", [nn.RNN, nn.GRU])
def test_worked_examples_of_layers(make):
    net = make(10, 16, 2, has_bias=True, batch_first=True, bidirectional=False)
    output, hn = net(ops.ones((3, 5, 10)), ops.ones((1 * 2, 3, 16)))
    assert output.shape == (3, 5, 16)
    assert hn.shape == (2, 3, 16)


@pytest.mark.parametrize("make", [nn.RNN, nn.GRU])
def test_empty_batch_and_half_precision(make):
    output, last = make(3, 2)(ops.ones((2, 0, 3)))
    assert (output.shape, last.shape) == ((2, 0, 2), (1, 0, 2))
    output, last = make(3, 2, bidirectional=True)(ops.ones((2, 1, 3), cellc.float16))
    assert (output.dtype, last.dtype) == (cellc.float16, cellc.float16)


def test_dropout_between_layers_in_training_only():
    layer, x = nn.GRU(4, 8, 2, dropout=0.5), ops.ones((3, 2, 4))
    still = layer(x)[0].asnumpy()
    assert np.array_equal(still, layer(x)[0].asnumpy())
    layer.set_train()
    assert not np.array_equal(layer(x)[0].asnumpy(), layer(x)[0].asnumpy())
    with pytest.warns(UserWarning, match="dropout acts between the layers of an RNN"):
        nn.RNN(3, 2, dropout=0.5)


def test_a_layer_is_its_cell_repeated():
    layer, cell = nn.GRU(3, 2), nn.GRUCell(3, 2)
    for parameter in cell.get_parameters():
        parameter.set_data(layer.parameters_dict()[f"{parameter.name}_l0"])
    x, h = Tensor(np.random.default_rng(0).standard_normal((4, 2, 3)).astype(np.float32)), ops.zeros((2, 2))
    for step in range(4):
        h = cell(x[step], h)
    np.testing.assert_allclose(layer(x)[1].asnumpy()[0], h.asnumpy(), rtol=1e-6, atol=1e-7)


ONES = ops.ones((2, 3))


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: nn.RNNCell(0, 2), ValueError, "For 'RNNCell', 'input_size' must be at least 1, but got 0"),
        (lambda: nn.GRUCell(3, 2.0), TypeError, "'hidden_size' must be int, but got 2.0"),
        (lambda: nn.LSTMCell(3, 2, 1), TypeError, "'has_bias' must be bool, but got 1"),
        (lambda: nn.RNNCell(3, 2, nonlinearity="elu"), ValueError, "'nonlinearity' must be one of 'tanh', 'relu'"),
        (lambda: nn.RNN(3, 2, nonlinearity="elu"), ValueError, "'nonlinearity' must be one of 'tanh', 'relu'"),
        (lambda: nn.GRU(3, 2, dropout=1.0), ValueError, "'dropout' must be in [0, 1), but got 1.0"),
        (lambda: nn.GRU(3, 2, 0), ValueError, "'num_layers' must be at least 1"),
        (lambda: nn.RNNCell(3, 2)(ONES, 1), TypeError, "'hx' must be Tensor, but got 1"),
        (lambda: nn.RNNCell(3, 2)(ONES, ops.ones((2, 3))), ValueError, "'hx' must have shape (2, 2), where 'x' has"),
        (lambda: nn.GRUCell(4, 2)(ONES, ops.ones((2, 2))), ValueError, "'x' must have shape (N, 4), but got shape"),
        (lambda: nn.GRUCell(3, 2)(ONES, ops.ones((2, 2), cellc.float16)), TypeError, "must have one dtype"),
        (lambda: nn.LSTMCell(3, 2)(ONES, ops.ones((2, 2))), TypeError, "'hx' must be a tuple of two Tensors"),
        (lambda: nn.RNN(3, 2)(ONES), ValueError, "'x' must have shape (T, N, 3), but got shape (2, 3)"),
        (lambda: nn.RNN(3, 2)(ops.ones((0, 1, 3))), ValueError, "'x' must have at least one step"),
        (lambda: nn.GRU(3, 2)(ops.ones((4, 1, 3)), ops.ones((1, 1, 3))), ValueError, "'hx' must have shape (1, 1, 2)"),
        (lambda: nn.GRU(3, 2)(ops.ones((4, 1, 3)), (ONES, ONES)), TypeError, "'hx' must be Tensor"),
        (
            lambda: nn.GRU(3, 2)(ops.ones((4, 2, 3)), None, ops.ones((2,))),
            TypeError,
            "'seq_length' must be Int32 or Int64, but got Float32",
        ),
    ],
)
def test_errors(call, error, said):
    with pytest.raises(error) as caught:
        call()
    assert said in str(caught.value)
