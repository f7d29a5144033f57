"""Cells around networks: gradients, loss scaling, parameter updates, steps in time."""

import numpy as np
import pytest

import cellc
from cellc import Parameter, ParameterTuple, Tensor, nn, ops
from support.optimizer_steps import Quadratic, batches


def data(dtype=np.float32):
    return [Tensor(part.astype(dtype)) for part in batches()[0]]


def assert_equal(found, wanted):
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a.asnumpy(), b.asnumpy(), rtol=1e-6, atol=1e-8)


def test_with_grad_cell():
    net = Quadratic()
    expected = ops.GradOperation(get_by_list=True)(net, net.trainable_params())(*data())
    cell = nn.WithGradCell(net)
    assert net.training
    assert_equal(cell(*data()), expected)
    doubled = [gradient * 2.0 for gradient in expected]
    for sens in (2, 2.0, Tensor(2.0)):
        assert_equal(nn.WithGradCell(net, sens=sens)(*data()), doubled)
    dense = nn.Dense(16, 3)
    with_loss = nn.WithLossCell(dense, nn.MSELoss())
    expected = ops.GradOperation(get_by_list=True)(with_loss, dense.trainable_params())(*data())
    assert_equal(nn.WithGradCell(dense, nn.MSELoss())(*data()), expected)


def test_forward_value_and_grad():
    net = Quadratic()
    weights = ParameterTuple(net.trainable_params())
    value, (inputs, of_weights) = nn.ForwardValueAndGrad(net, weights, get_all=True, get_by_list=True)(*data())
    np.testing.assert_array_equal(value.asnumpy(), net(*data()).asnumpy())
    assert_equal(of_weights, ops.GradOperation(get_by_list=True)(net, weights)(*data()))
    assert_equal(inputs, ops.GradOperation(get_all=True)(net)(*data()))
    _, first = nn.ForwardValueAndGrad(net, sens_param=True)(*data(), Tensor(3.0))
    assert_equal([first], [inputs[0] * 3.0])
    value, gradient = nn.ForwardValueAndGrad(lambda x: x * x)(Tensor(3.0))
    assert (float(value), float(gradient)) == (9.0, 6.0)


def test_forward_value_and_grad_runs_the_network_once():
    class Counting(nn.Cell):
        def __init__(self):
            super().__init__()
            self.calls = Parameter(Tensor(0.0), name="calls", requires_grad=False)

        def construct(self, x):
            ops.assign_add(self.calls, 1.0)
            return x * x

    net = Counting()
    nn.ForwardValueAndGrad(net)(Tensor(3.0))
    assert float(net.calls.asnumpy()) == 1


def test_parameter_update():
    net = nn.Dense(3, 2)
    returned = nn.ParameterUpdate(net.weight)(Tensor(np.arange(6, dtype=np.float32).reshape(2, 3)))
    np.testing.assert_array_equal(net.weight.asnumpy(), returned.asnumpy())
    assert net.weight.asnumpy()[1, 2] == 5


class Overflowing(nn.Cell):
    """w x, with a gradient that overflows as float16 where scale * x is above 65504."""

    def __init__(self):
        super().__init__()
        self.w = Parameter(Tensor(np.array([1.0, 2.0], np.float16)), name="w")

    def construct(self, x):
        return ops.reduce_sum(self.w * x)


def test_dynamic_loss_scale():
    net = Overflowing()
    manager = nn.DynamicLossScaleUpdateCell(loss_scale_value=2.0**14, scale_factor=2, scale_window=3)
    optimizer = nn.Momentum(net.trainable_params(), 0.5, 0.9)
    step = nn.TrainOneStepWithLossScaleCell(net, optimizer, manager)
    small, large = (Tensor(np.full(2, value, np.float16)) for value in (0.25, 8.0))
    scales, overflows, weights = [], [], []
    for x in (small, large, large, small, small, small, small):
        loss, overflow, scale = step(x)
        assert loss.dtype == cellc.float16
        scales.append(float(scale))
        overflows.append(bool(overflow))
        weights.append(float(net.w.asnumpy()[0]))
    assert overflows == [False, True, True, False, False, False, False]
    assert scales == [2.0**14, 2.0**14, 2.0**13, 2.0**12, 2.0**12, 2.0**12, 2.0**13]
    assert weights[0] == weights[1] == weights[2] == 0.875  # 1 - 0.5 * 0.25, and left out twice
    assert np.isfinite(optimizer.moments[0].asnumpy()).all()


@pytest.mark.parametrize("scale", [nn.FixedLossScaleUpdateCell(1024.0), Tensor(1024.0), Tensor([1024.0])])
def test_fixed_loss_scale_gives_the_plain_step(scale):
    trained = []
    for make in (nn.TrainOneStepCell, lambda net, opt: nn.TrainOneStepWithLossScaleCell(net, opt, scale)):
        net = Quadratic()
        make(net, nn.Momentum(net.trainable_params(), 0.5, 0.9))(*data())
        trained.append(net.trainable_params())
    assert_equal(*trained)


def test_set_sense_scale():
    net = Quadratic()
    step = nn.TrainOneStepWithLossScaleCell(net, nn.SGD(net.trainable_params()), Tensor(2.0))
    step.set_sense_scale(Tensor(8.0))
    assert float(step(*data())[2]) == 8.0


@pytest.mark.parametrize(("time", "batch"), [(1, 0), (0, 1), (2, 0), (-1, -3), (1, 2), (1, None), (2, None)])
def test_time_distributed(time, batch):
    x = np.random.default_rng(0).standard_normal((4, 5, 6)).astype(np.float32)
    layer = nn.Dense(x.shape[max({0, 1, 2} - {time % 3})], 7) if batch != 2 else nn.ReLU()
    found = nn.TimeDistributed(layer, time, batch)(Tensor(x)).asnumpy()
    steps = [layer(Tensor(part)).asnumpy() for part in np.moveaxis(x, time, 0)]
    np.testing.assert_allclose(found, np.stack(steps, time), rtol=1e-5, atol=1e-6)


def quadratic_step(scale):
    net = Quadratic()
    return nn.TrainOneStepWithLossScaleCell(net, nn.SGD(net.trainable_params()), scale)


BAD = [
    (lambda: nn.WithGradCell(Quadratic(), sens="x"), TypeError, "'sens'"),
    (lambda: nn.ForwardValueAndGrad(3), TypeError, "'network'"),
    (lambda: nn.ForwardValueAndGrad(Quadratic(), get_all=1), TypeError, "'get_all'"),
    (lambda: nn.ForwardValueAndGrad(Quadratic(), get_by_list=True), TypeError, "'weights'"),
    (lambda: nn.ParameterUpdate(Tensor(1.0)), TypeError, "'param'"),
    (lambda: nn.ParameterUpdate(nn.Dense(3, 2).weight)(ops.ones((2, 2))), ValueError, r"\(2, 2\)"),
    (lambda: quadratic_step(1024.0), TypeError, "'scale_sense'"),
    (lambda: quadratic_step(nn.Dense(1, 1)), TypeError, "get_loss_scale"),
    (lambda: quadratic_step(Tensor([1.0, 2.0])), ValueError, r"\(2,\)"),
    (lambda: quadratic_step(Tensor(1.0)).set_sense_scale(2.0), TypeError, "'sens'"),
    (lambda: nn.TimeDistributed(3, 1), TypeError, "'layer'"),
    (lambda: nn.TimeDistributed(nn.ReLU(), 1.0), TypeError, "'time_axis'"),
    (lambda: nn.TimeDistributed(nn.ReLU(), 1, "0"), TypeError, "'reshape_with_axis'"),
    (lambda: nn.TimeDistributed(nn.ReLU(), 1)(ops.ones((2, 3))), ValueError, r"\(2, 3\)"),
    (lambda: nn.TimeDistributed(nn.ReLU(), 3)(ops.ones((2, 3, 4))), ValueError, "time_axis"),
    (lambda: nn.TimeDistributed(nn.ReLU(), 1, 1)(ops.ones((2, 3, 4))), ValueError, "another axis"),
    (lambda: nn.TimeDistributed(nn.Dense(4, 2), 0, 2)(ops.ones((2, 3, 4))), ValueError, "Dense|keep"),
]


@pytest.mark.parametrize(("use", "error", "said"), BAD)
def test_wrong_arguments(use, error, said):
    with pytest.raises(error, match=said):
        use()


def test_steps_of_a_deep_network_line_by_line():
    """In PYNATIVE mode what is pending runs once it is long, but not between a network and its gradients."""

    def weights(mode):
        cellc.context.set_context(mode=mode)
        net = nn.SequentialCell([nn.Dense(16, 3, weight_init="ones"), *[nn.Tanh() for _ in range(40)]])
        step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), nn.SGD(net.trainable_params(), 0.5))
        for x, y in batches()[:30]:
            step(Tensor(x.astype(np.float32)), Tensor(y.astype(np.float32)))
        return net[0].weight.asnumpy()

    try:
        found = weights(cellc.context.PYNATIVE_MODE)
    finally:
        cellc.context.set_context(mode=cellc.context.GRAPH_MODE)
    np.testing.assert_allclose(found, weights(cellc.context.GRAPH_MODE), rtol=1e-5)
