"""Levels of mixed precision: what computes in float16, what stays in float32, and that training works."""

import numpy as np
import pytest

import cellc
from cellc import Model, Tensor, nn, train
from support.list_dataset import ListDataset


def network():
    cellc.set_seed(3)
    return nn.SequentialCell([nn.Dense(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dense(16, 2)])


def data(count=30):
    rng = np.random.default_rng(0)
    w = rng.standard_normal((4, 2))
    xs = [rng.standard_normal((16, 4)).astype(np.float32) for _ in range(count)]
    return ListDataset([(x, (x @ w).astype(np.float32)) for x in xs])


def last_loss(level, **others):
    losses = []

    class Keep(cellc.Callback):
        def step_end(self, run_context):
            out = run_context.original_args().net_outputs
            losses.append(float((out[0] if isinstance(out, tuple) else out).asnumpy()))

    net = network()
    Model(net, nn.MSELoss(), nn.Momentum(net.trainable_params(), 0.05, 0.9), amp_level=level, **others).train(
        3, data(), callbacks=Keep()
    )
    assert all(parameter.dtype == cellc.float32 for parameter in net.get_parameters())
    return np.mean(losses[-10:]), losses[0]


def assert_learns(last, first):
    """As float32 does, but for rounding and the steps that loss scaling leaves out."""
    assert last < 0.5 * first
    np.testing.assert_allclose(last, last_loss("O0")[0], rtol=0.2)


@pytest.mark.parametrize("level", ["O2", "O3", "auto"])
def test_levels_learn(level):
    assert_learns(*last_loss(level))


def test_loss_scale_managers():
    for manager in (train.FixedLossScaleManager(1024.0), train.DynamicLossScaleManager(2**10, 2, 10), None):
        assert_learns(*last_loss("O2", loss_scale_manager=manager))


def test_float16_computes_in_float16_and_the_loss_in_float32():
    net = network()
    step = train.build_train_network(net, nn.SGD(net.trainable_params(), 0.1), nn.MSELoss(), "O3")
    assert isinstance(step, nn.TrainOneStepCell)
    x, y = data().batches[0]
    loss = step(Tensor(x), Tensor(y))
    assert loss.dtype == cellc.float32
    assert net(Tensor(x)).dtype == cellc.float16


def test_batch_norm_stays_in_float32_at_o2():
    for level, dtype in (("O2", cellc.float32), ("O3", cellc.float16)):
        net = train.auto_mixed_precision(network(), level)
        net[1].set_train(False)
        assert net[1](Tensor(np.ones((2, 16), np.float32))).dtype == dtype


def test_level_o0_changes_nothing():
    net = train.auto_mixed_precision(network(), "O0")
    assert net(Tensor(np.ones((2, 4), np.float32))).dtype == cellc.float32


def test_fixed_scale_without_leaving_steps_out_needs_the_optimizers_scale():
    trained = []
    for scale, manager in ((1.0, None), (512.0, train.FixedLossScaleManager(512.0, drop_overflow_update=False))):
        net = network()
        optimizer = nn.Momentum(net.trainable_params(), 0.05, 0.9, loss_scale=scale)
        step = train.build_train_network(net, optimizer, nn.MSELoss(), loss_scale_manager=manager)
        step(*map(Tensor, data().batches[0]))
        trained.append([parameter.asnumpy() for parameter in net.get_parameters()])
    for one, other in zip(*trained, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("options", "error", "said"), [
    ({"level": "O1"}, ValueError, "O1"),
    ({"level": 2}, TypeError, "'level'"),
    ({"boost_level": "O1"}, ValueError, "'boost_level'"),
    ({"cast_model_type": cellc.float64}, TypeError, "'cast_model_type'"),
    ({"keep_batchnorm_fp32": 1}, TypeError, "'keep_batchnorm_fp32'"),
    ({"loss_scale_manager": 3}, TypeError, "'loss_scale_manager'"),
    ({"scale": 3}, ValueError, "'scale'"),
    ({"loss_fn": 3}, TypeError, "'loss_fn'"),
])  # fmt: skip
def test_wrong_arguments(options, error, said):
    net = network()
    with pytest.raises(error, match=said):
        train.build_train_network(net, nn.SGD(net.trainable_params()), **options)
