"""Rows of activations that are not in `table.py`, and their oracles."""

import numpy as np
from conformance.row import Row, floats, of

from cellc import nn


def spread(low, high, *shape):
    """One input of floats from `low` to `high`, so that each piece of an activation is met."""
    return lambda rng: (rng.uniform(low, high, shape).astype(np.float32),)


def celu(alpha):
    return lambda p, x: np.maximum(x, 0) + np.minimum(0, alpha * (np.exp(x / alpha) - 1))


def fast_gelu(p, x):
    return x / (1 + np.exp(-1.702 * np.abs(x))) * np.exp(0.851 * (x - np.abs(x)))


def hard_shrink(threshold):
    return lambda p, x: np.where(np.abs(x) <= threshold, 0, x)


def soft_shrink(threshold):
    return lambda p, x: np.where(np.abs(x) <= threshold, 0, x - threshold * np.sign(x))


def hard_sigmoid(p, x):
    return np.clip((x + 3) / 6, 0, 1)


def hard_swish(p, x):
    return x * np.clip(x + 3, 0, 6) / 6


def leaky_relu(alpha):
    return lambda p, x: np.where(x >= 0, x, alpha * x)


def log_sigmoid(p, x):
    return -np.logaddexp(0, -x)


def prelu(p, x):
    w = np.maximum(p.get("a", p.get("0.w")), 0)
    w = w.reshape(-1, *[1] * (x.ndim - 2)) if x.ndim > 1 else w
    return np.maximum(x, 0) + w * np.minimum(x, 0)


ROWS = [
    Row("CELU", nn.CELU, floats((3, 7)), celu(1.0)),
    Row("CELU alpha", lambda: nn.CELU(2.5), spread(-20, 5, 5, 7), celu(2.5)),
    Row("CELU negative alpha", lambda: nn.CELU(-1.5), floats((33, 17)), celu(-1.5), tolerance=4e-6),
    Row("ELU", nn.ELU, floats((1, 1)), celu(1.0)),
    Row("ELU wide", nn.ELU, spread(-20, 5, 31, 65), celu(1.0)),
    Row("FastGelu", nn.FastGelu, spread(-9, 9, 5, 17), fast_gelu),
    Row("HShrink", nn.HShrink, floats((5, 17)), hard_shrink(0.5)),
    Row("HShrink rank 0", lambda: nn.HShrink(0.25), floats(()), hard_shrink(0.25)),
    Row("SoftShrink", nn.SoftShrink, floats((5, 17)), soft_shrink(0.5)),
    Row("SoftShrink zero", lambda: nn.SoftShrink(0.0), floats((3, 1, 2, 1, 4)), soft_shrink(0.0)),
    Row("HSigmoid", nn.HSigmoid, spread(-5, 5, 7, 9), hard_sigmoid),
    Row("HSwish", nn.HSwish, spread(-5, 5, 7, 9), hard_swish),
    Row("LeakyReLU", nn.LeakyReLU, floats((5, 7)), leaky_relu(0.2)),
    Row("LeakyReLU steep", lambda: nn.LeakyReLU(3), floats((5, 7)), leaky_relu(3)),
    Row("LogSigmoid", nn.LogSigmoid, spread(-100, 20, 5, 17), log_sigmoid),
    Row("PReLU", of(nn.PReLU, 3), floats((2, 3, 4, 5)), prelu),
    Row("PReLU training", of(nn.PReLU, 3), floats((2, 3, 4)), prelu, training=True),
    Row("PReLU one slope", nn.PReLU, floats((2, 3)), prelu),
    Row("PReLU vector", nn.PReLU, floats((5,)), prelu),
    Row("PReLU in a network", of(lambda: nn.SequentialCell([nn.PReLU(2)])), floats((3, 2)), prelu),
]
