"""The networks of `networks.py` in JAX, as functions of their layers in order and of the input."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from weights import layers

Layer = dict[str, jax.Array]


class Layers:
    """Hands out a network's layers in order, and keeps the running statistics that a training step updates."""

    def __init__(self, names: Sequence[str], values: Sequence[jax.Array], training: bool):
        given = dict(zip(names, values, strict=True))
        groups = layers(list(names)).items()
        self.training, self.updates = training, {}
        self._rest = iter([(layer, {w: given[f"{layer}.{w}"] for w in weights}) for layer, weights in groups])

    def next(self) -> Layer:
        """The next layer's weights."""
        return next(self._rest)[1]

    def dense(self, x: jax.Array) -> jax.Array:
        """f32[..., inputs] -> f32[..., outputs]."""
        layer = self.next()
        return x @ layer["weight"].T + layer["bias"]

    def conv(self, x: jax.Array, stride: int = 1, group: int = 1, padding: int | None = None) -> jax.Array:
        """A convolution, padded by kernel // 2 unless told otherwise."""
        weight = self.next()["weight"]
        pad = weight.shape[-1] // 2 if padding is None else padding
        return lax.conv_general_dilated(
            x, weight, (stride, stride), [(pad, pad)] * 2,
            feature_group_count=group, dimension_numbers=("NCHW", "OIHW", "NCHW"),
        )  # fmt: skip

    def batch_norm(self, x: jax.Array) -> jax.Array:
        """With the batch's statistics in training, which move the running ones by a tenth."""
        name, layer = next(self._rest)
        mean, variance = layer["moving_mean"], layer["moving_variance"]
        if self.training:
            batch = (x.mean((0, 2, 3)), x.var((0, 2, 3)))
            self.updates[f"{name}.moving_mean"] = 0.9 * mean + 0.1 * batch[0]
            self.updates[f"{name}.moving_variance"] = 0.9 * variance + 0.1 * batch[1]
            mean, variance = batch
        scale = layer["gamma"] * lax.rsqrt(variance + 1e-5)
        return x * scale[:, None, None] + (layer["beta"] - mean * scale)[:, None, None]

    def layer_norm(self, x: jax.Array, epsilon: float) -> jax.Array:
        """Over the last axis."""
        layer = self.next()
        return (x - x.mean(-1, keepdims=True)) * lax.rsqrt(x.var(-1, keepdims=True) + epsilon) * layer["gamma"] + layer[
            "beta"
        ]

    def conv_bn(self, x: jax.Array, stride: int = 1, group: int = 1) -> jax.Array:
        """A convolution and its batch normalization."""
        return self.batch_norm(self.conv(x, stride, group))


def max_pool(x: jax.Array, kernel: int, after: int = 0) -> jax.Array:
    """Stride 2, `after` elements of padding at the bottom and the right."""
    padding = [(0, 0), (0, 0), (0, after), (0, after)]
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, kernel, kernel), (1, 1, 2, 2), padding)


def MLP(net: Layers, x: jax.Array) -> jax.Array:
    return net.dense(jax.nn.relu(net.dense(jax.nn.relu(net.dense(x)))))


def LeNet(net: Layers, x: jax.Array) -> jax.Array:
    x = max_pool(jax.nn.relu(net.conv(x)), 2)
    x = max_pool(jax.nn.relu(net.conv(x, padding=0)), 2).reshape(len(x), -1)
    return MLP(net, x)


def ResNet18(net: Layers, x: jax.Array) -> jax.Array:
    x = max_pool(jax.nn.relu(net.conv_bn(x, 2)), 3, after=1)
    for inputs, outputs, stride in ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)):
        x = basic_block(net, x, stride, inputs != outputs)
        x = basic_block(net, x, 1, False)
    return net.dense(x.mean((2, 3)))


def basic_block(net: Layers, x: jax.Array, stride: int, changes: bool) -> jax.Array:
    body = net.conv_bn(jax.nn.relu(net.conv_bn(x, stride)))
    return jax.nn.relu(body + (net.conv_bn(x, stride) if changes else x))


def MobileNetBlocks(net: Layers, x: jax.Array) -> jax.Array:
    for inputs, outputs, stride in ((24, 24, 1), (24, 32, 2), (32, 32, 1), (32, 32, 1)):
        wide = jax.nn.relu6(net.conv_bn(x))
        body = net.conv_bn(jax.nn.relu6(net.conv_bn(wide, stride, group=6 * inputs)))
        x = x + body if stride == 1 and inputs == outputs else body
    return x


def attention(query: jax.Array, key: jax.Array, value: jax.Array, causal: bool = False) -> jax.Array:
    """Of 12 heads: f32[N, T, D], three times, -> f32[N, T, D]."""
    q, k, v = (part.reshape(*part.shape[:2], 12, -1).transpose(0, 2, 1, 3) for part in (query, key, value))
    scores = q @ k.swapaxes(-1, -2) * q.shape[-1] ** -0.5
    if causal:
        scores = jnp.where(jnp.tri(scores.shape[-1], dtype=bool), scores, -1e30)
    return (jax.nn.softmax(scores, -1) @ v).transpose(0, 2, 1, 3).reshape(query.shape)


def Encoder(net: Layers, x: jax.Array, depth: int) -> jax.Array:
    for _ in range(depth):
        attended = attention(net.dense(x), net.dense(x), net.dense(x))
        x = net.layer_norm(x + net.dense(attended), 1e-12)
        x = net.layer_norm(x + net.dense(jax.nn.gelu(net.dense(x), approximate=False)), 1e-12)
    return x


def DecoderLayer(net: Layers, x: jax.Array) -> jax.Array:
    qkv = jnp.split(net.dense(net.layer_norm(x, 1e-5)), 3, -1)
    x = x + net.dense(attention(*qkv, causal=True))
    return x + net.dense(jax.nn.gelu(net.dense(net.layer_norm(x, 1e-5))))


def LastStep(net: Layers, x: jax.Array) -> jax.Array:
    lstm = net.next()
    gates = x @ lstm["weight_ih_l0"].T + (lstm["bias_ih_l0"] + lstm["bias_hh_l0"])
    zeros = jnp.zeros((x.shape[1], lstm["weight_hh_l0"].shape[1]), x.dtype)
    (h, _), _ = lax.scan(partial(lstm_step, lstm["weight_hh_l0"].T), (zeros, zeros), gates)
    return net.dense(h)


def lstm_step(weight: jax.Array, state: tuple[jax.Array, jax.Array], gates: jax.Array):
    """One step's (h, c); gates in the order i, f, g, o."""
    i, f, g, o = jnp.split(gates + state[0] @ weight, 4, -1)
    c = jax.nn.sigmoid(f) * state[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
    return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None
