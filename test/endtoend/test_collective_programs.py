"""Collectives of a process alone, and how their commands are ordered; see test/endtoend/test_processes.py."""

import numpy as np
import pytest

import cellc
from cellc import Tensor, communication, nn, ops
from cellc.nn import _grad_reducer


class Two(nn.Cell):
    """Two reductions, and work that needs neither."""

    def construct(self, x, y):
        first = ops.all_reduce(ops.exp(x))
        return first + ops.all_reduce(ops.sin(y)), ops.matmul(x, y)


def test_a_process_alone_keeps_its_values():
    x = np.random.default_rng(0).random((4, 4), np.float32)
    total, product = Two()(Tensor(x), Tensor(x))
    np.testing.assert_allclose(total.asnumpy(), np.exp(x) + np.sin(x), rtol=1e-5)
    np.testing.assert_allclose(product.asnumpy(), x @ x, rtol=1e-5)


def test_collectives_begin_early_and_are_waited_for_late():
    x = Tensor(np.ones((4, 4), np.float32))
    calls = [line.split("@")[1].split("(")[0].split("_", 2)[2]
             for line in str(Two().lower(x, x).kernels).splitlines() if "func.call" in line]  # fmt: skip
    assert calls.index("exp") + 1 == calls.index("all_reduce_start")
    assert calls.index("matmul") < calls.index("collective_wait")
    exchanged = [name for name in calls if name in ("all_reduce_start", "collective_wait")]
    assert exchanged == ["all_reduce_start"] * 2 + ["collective_wait"] * 2


def test_gradients_are_sent_while_others_are_computed(monkeypatch):
    monkeypatch.setattr(_grad_reducer, "BUCKET_BYTES", 1)
    cellc.set_auto_parallel_context(parallel_mode="data_parallel")
    try:
        net = nn.SequentialCell([nn.Dense(4, 8), nn.ReLU(), nn.Dense(8, 2)])
        loss = nn.WithLossCell(net, nn.MSELoss())
        step = nn.TrainOneStepCell(loss, nn.SGD(net.trainable_params(), 0.1))
    finally:
        cellc.reset_auto_parallel_context()
    kernels = step.lower(Tensor(np.ones((3, 4), np.float32)), Tensor(np.ones((3, 2), np.float32))).kernels
    calls = [line for line in str(kernels).splitlines() if "func.call" in line]
    starts = [at for at, call in enumerate(calls) if "all_reduce_start" in call]
    waits = [at for at, call in enumerate(calls) if "collective_wait" in call]
    assert len(starts) == len(waits) == 4
    assert any("matmul" in calls[at] for at in range(starts[0], starts[-1]))
    assert max(starts) < min(waits)


def test_large_gradients_travel_alone_and_small_ones_together(monkeypatch):
    monkeypatch.setattr(_grad_reducer, "ALONE_BYTES", 64)
    monkeypatch.setattr(_grad_reducer, "BUCKET_BYTES", 40)
    grads = tuple(ops.zeros((size,), cellc.float32) for size in (16, 4, 20, 4, 4, 6))
    weights = [cellc.Parameter(grad, name=f"w{number}") for number, grad in enumerate(grads)]
    # In the order in which they are complete, the last parameter's gradient being the first.
    assert nn.DistributedGradReducer(weights)._buckets(grads) == [[5, 4], [2], [3, 1], [0]]


def test_a_large_gradient_is_reduced_where_it_was_made(monkeypatch):
    """Nothing is joined, cut or copied."""
    monkeypatch.setattr(_grad_reducer, "ALONE_BYTES", 1)
    cellc.set_auto_parallel_context(parallel_mode="data_parallel")
    try:
        net = nn.SequentialCell([nn.Dense(4, 8, has_bias=False), nn.ReLU(), nn.Dense(8, 2, has_bias=False)])
        step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), nn.SGD(net.trainable_params(), 0.1))
    finally:
        cellc.reset_auto_parallel_context()
    lowered = step.lower(Tensor(np.ones((3, 4), np.float32)), Tensor(np.ones((3, 2), np.float32)))
    launches = [line for line in str(lowered.host).splitlines() if "host.launch" in line or "host.copy" in line]
    assert not any("concat" in line or "move" in line or "copy" in line for line in launches)
    exchanges = [line for line in launches if "all_reduce_start" in line or "collective_wait" in line]
    assert len(exchanges) == 4
    for line in exchanges:
        source, target = line[line.index("(") + 1 : line.index(")")].split(", ")
        assert _place(lowered.host, source) == _place(lowered.host, target)


def _place(host, name):
    """Where a buffer lies: its text but for the name and the shape."""
    (line,) = (line for line in str(host).splitlines() if line.strip().startswith(f"{name} = host.buffer"))
    return line[line.index("{") : line.index("}")]


@pytest.mark.parametrize("op", ["sum", "prod", "min", "max"])
def test_gradients_of_a_process_alone(op):
    assert float(ops.grad(lambda x: ops.all_reduce(x, op) * 3.0)(Tensor(2.0))) == 3.0
    pair = Tensor([2.0, -1.0])
    for use in (lambda x: ops.reduce(x, 0, op), lambda x: ops.reduce_scatter(x, op), ops.all_gather, ops.broadcast):
        np.testing.assert_array_equal(use(pair).asnumpy(), [2, -1])
        np.testing.assert_array_equal(ops.grad(lambda x, use=use: ops.reduce_sum(use(x) * 3.0))(pair).asnumpy(), [3, 3])


def test_a_process_alone_has_one_rank():
    with pytest.raises(ValueError, match=r"'root_rank' must be in \[0, 0\], but got 1"):
        ops.broadcast(Tensor([1.0]), 1)


def test_shares_begin_early_too():
    """A sum that is cut is exchanged in a buffer of its own while the product is made."""

    class Net(nn.Cell):
        def construct(self, x, y):
            return ops.reduce_scatter(ops.exp(x)), ops.all_gather(ops.sin(y)), ops.matmul(x, y)

    x = np.random.default_rng(0).random((4, 4), np.float32)
    net = Net()
    for found, wanted in zip(net(Tensor(x), Tensor(x)), (np.exp(x), np.sin(x), x @ x), strict=True):
        np.testing.assert_allclose(found.asnumpy(), wanted, rtol=1e-5)
    calls = [line for line in str(net.lower(Tensor(x), Tensor(x)).kernels).splitlines() if "func.call" in line]
    found = [next(i for i, call in enumerate(calls) if name in call)
             for name in ("reduce_scatter_start", "all_gather_start", "matmul", "collective_wait")]  # fmt: skip
    assert found == sorted(found)


def test_a_binary_has_no_collectives(tmp_path):
    from cellc.tools.main import main

    class Net(nn.Cell):
        def __init__(self):
            super().__init__()
            self.w = cellc.Parameter(Tensor([2.0]), name="w")

        def construct(self, x):
            return x * ops.all_reduce(self.w)  # of a weight, but not computed when the binary is made

    cellc.export(Net(), Tensor([1.0]), file_name=str(tmp_path / "net.cellir"))
    assert main(["compile", str(tmp_path / "net.cellir"), "-o", str(tmp_path / "net")]) == 2


def test_before_init():
    with pytest.raises(RuntimeError, match=r"communication\.init"):
        communication.get_rank()
    assert communication.world_size() == 1
    assert communication.get_auto_parallel_context("device_num") == 1
