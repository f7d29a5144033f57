"""A small network trained by an optimizer, beside the same steps in NumPy float64."""

import numpy as np

import cellc
from cellc import Tensor, nn, ops

STEPS = 50


class Quadratic(nn.Cell):
    """A loss with a curved gradient: mean(exp(x W^T + b - y) - (x W^T + b - y)) over a layer and its scale gamma."""

    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(11)
        self.weight = cellc.Parameter(Tensor(rng.standard_normal((3, 16)).astype(np.float32)), name="weight")
        self.bias = cellc.Parameter(Tensor(rng.standard_normal(3).astype(np.float32)), name="bias")
        self.gamma = cellc.Parameter(Tensor(rng.uniform(0.5, 1.5, 3).astype(np.float32)), name="gamma")

    def construct(self, x, y):
        error = (ops.matmul(x, self.weight, transpose_b=True) + self.bias) * self.gamma - y
        return ops.reduce_mean(ops.exp(error * 0.1) - error * 0.1)


def numpy_gradients(p, x, y):
    linear = x @ p["weight"].T + p["bias"]
    error = linear * p["gamma"] - y
    slope = 0.1 * (np.exp(error * 0.1) - 1) / error.size
    inner = slope * p["gamma"]
    return {"weight": inner.T @ x, "bias": inner.sum(axis=0), "gamma": (slope * linear).sum(axis=0)}


def batches():
    rng = np.random.default_rng(5)
    return [(rng.standard_normal((8, 16)), rng.standard_normal((8, 3))) for _ in range(STEPS)]


def train(make, sens=1.0):
    """The trained parameters after all steps, and the optimizer."""
    net = Quadratic()
    optimizer = make(net)
    step = nn.TrainOneStepCell(net, optimizer, sens=sens).set_train()
    for x, y in batches():
        step(Tensor(x.astype(np.float32)), Tensor(y.astype(np.float32)))
    return {p.name: p.asnumpy() for p in net.trainable_params()}, optimizer


def train_numpy(update):
    """The same in float64; `update(t, name, w, g, state)` returns the new w."""
    p = {x.name: x.asnumpy().astype(np.float64) for x in Quadratic().trainable_params()}
    states = {name: {} for name in p}
    for t, (x, y) in enumerate(batches()):
        g = numpy_gradients(p, x.astype(np.float32).astype(np.float64), y.astype(np.float32).astype(np.float64))
        p = {name: update(t, name, p[name], g[name], states[name]) for name in p}
    return p


def check(make, update, sens=1.0, tolerance=1e-5):
    """Trains with both; the optimizer. `tolerance` is of the greatest weight."""
    found, optimizer = train(make, sens)
    truth = train_numpy(update)
    assert found.keys() == truth.keys()
    for name, wanted in truth.items():
        assert np.abs(found[name] - wanted).max() <= tolerance * np.abs(wanted).max(), name
    return optimizer
