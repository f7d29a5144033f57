"""What is computed of parameters once (packed weights, scales of batch norms) is never that of an earlier value."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

import cellc
from cellc import Parameter, Tensor, nn, ops

RNG = np.random.default_rng(0)
X = RNG.standard_normal((64, 96), np.float32)


class Net(nn.Cell):
    """Two layers whose weights are packed, and a batch norm whose scale is computed once."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Dense(96, 128), nn.BatchNorm1d(128), nn.Dense(128, 64)

    def construct(self, x: Tensor) -> Tensor:
        return self.second(ops.relu(self.norm(self.first(x))))


def expected(net: Net) -> np.ndarray:
    w = {name: p.asnumpy().astype(np.float64) for name, p in net.parameters_dict().items()}
    y = X.astype(np.float64) @ w["first.weight"].T + w["first.bias"]
    scale = w["norm.gamma"] / np.sqrt(w["norm.moving_variance"] + 1e-5)
    y = (y - w["norm.moving_mean"]) * scale + w["norm.beta"]
    return np.maximum(y, 0) @ w["second.weight"].T + w["second.bias"]


def check(net: Net) -> None:
    np.testing.assert_allclose(net(Tensor(X)).asnumpy(), expected(net), rtol=1e-4, atol=1e-4)


@pytest.fixture
def net() -> Net:
    """A network that has run once, so that its values are prepared; they are, or the tests would test nothing."""
    made = Net().set_train(False)
    check(made)
    assert "@prepare" in str(made.lower(Tensor(X)).host)
    return made


def other(parameter: Parameter) -> np.ndarray:
    return RNG.uniform(0.5, 1.5, parameter.shape).astype(np.float32)


@pytest.mark.parametrize(
    "name", ["first.weight", "first.bias", "norm.moving_mean", "norm.moving_variance", "norm.gamma", "norm.beta"]
)
def test_set_data(net: Net, name: str) -> None:
    parameter = net.parameters_dict()[name]
    parameter.set_data(Tensor(other(parameter)))
    check(net)


def test_assignment_outside_cells(net: Net) -> None:
    ops.Assign()(net.first.weight, Tensor(other(net.first.weight)))
    check(net)
    ops.AssignAdd()(net.second.weight, Tensor(other(net.second.weight)))
    check(net)


def test_training_between_calls(net: Net) -> None:
    loss = nn.WithLossCell(net, nn.MSELoss())
    step = nn.TrainOneStepCell(loss, nn.SGD(net.trainable_params(), learning_rate=0.1))
    for _ in range(3):
        before = net.first.weight.asnumpy()
        step.set_train()
        step(Tensor(X), Tensor(np.zeros((64, 64), np.float32)))
        assert (net.first.weight.asnumpy() != before).any()
        net.set_train(False)
        check(net)


def test_graph_cell(net: Net, tmp_path: Path) -> None:
    cellc.export(net, Tensor(X), file_name=tmp_path / "net.cellir", file_format="MLIR")
    loaded = nn.GraphCell(cellc.load(tmp_path / "net.cellir")).set_train(False)
    np.testing.assert_array_equal(loaded(Tensor(X)).asnumpy(), net(Tensor(X)).asnumpy())
    own = net.parameters_dict()
    for parameter in loaded.get_parameters():
        parameter.set_data(Tensor(other(parameter)))
        own[parameter.name].set_data(Tensor(parameter.asnumpy()))
    np.testing.assert_array_equal(loaded(Tensor(X)).asnumpy(), net(Tensor(X)).asnumpy())
    check(net)


def test_another_parameter_in_its_place(net: Net) -> None:
    net.first.weight = Parameter(other(net.first.weight), name="first.weight")
    check(net)


def test_networks_that_share_a_program(net: Net) -> None:
    twin = Net().set_train(False)
    check(twin)
    net.first.weight.set_data(Tensor(other(net.first.weight)))
    check(twin)
    check(net)


def test_a_cell_that_updates_what_another_reads(net: Net) -> None:
    class Decay(nn.Cell):
        def __init__(self, weight: Parameter) -> None:
            super().__init__()
            self.weight = weight

        def construct(self) -> Tensor:
            return ops.assign(self.weight, self.weight * 0.5)

    decay = Decay(net.second.weight)
    for _ in range(2):
        decay()
        check(net)


def test_written_while_another_thread_calls(net: Net) -> None:
    """The last call comes after the last write, whatever the calls before saw."""
    values = [Tensor(other(net.first.weight)) for _ in range(50)]

    def write() -> None:
        for value in values:
            net.first.weight.set_data(value)

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        net(Tensor(X))
    writer.join()
    np.testing.assert_array_equal(net.first.weight.asnumpy(), values[-1].asnumpy())
    check(net)


def test_values_stay_while_parameters_do(net: Net) -> None:
    from cellc import preparation

    computed = []
    original = preparation.PreparedValues.compute

    def counting(self: preparation.PreparedValues, sources: list[int]) -> None:
        computed.append(len(sources))
        original(self, sources)

    preparation.PreparedValues.compute = counting
    try:
        for _ in range(3):
            net(Tensor(X))
        assert not computed
        Parameter(Tensor(X), name="elsewhere").set_data(Tensor(X + 1))
        net(Tensor(X))
        assert not computed, "another parameter was written"
        net.norm.gamma.set_data(net.norm.gamma * 2)
        net(Tensor(X))
        assert len(computed) == 1
    finally:
        preparation.PreparedValues.compute = original
