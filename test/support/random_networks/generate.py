"""`generate(seed)`: a whole network with its loss and optimizer."""

from __future__ import annotations

import support.random_networks.further_layer_rules
import support.random_networks.layer_rules
import support.random_networks.tensor_rules  # noqa: F401  (all register rules)
from support.random_networks.generator import HALVES, Generator, Shape, Value
from support.random_networks.network import Input, Network


def generate(seed: int, steps: int | None = None) -> Network:
    """The network of a seed.

    Args:
        seed: decides everything.
        steps: how often the network grows; 1 to 9 when not given.
    """
    g = Generator(seed)
    for _ in range(g.random.choice([1, 1, 1, 2])):
        g.add_input(_input_shape(g))
    for _ in range(steps or g.random.randint(1, 9)):
        g.grow()
    output = g.squashed(g.joined())
    loss, label = _loss(g, output)
    optimizer, sens = _optimizer(g)
    return g.network(
        output, training=g.chance(0.7), loss=loss, label=label, optimizer=optimizer, sens=sens, batched=output.batched
    )


def _input_shape(g: Generator) -> Shape:
    if g.chance(0.02):
        return (0, g.extent(9))
    match g.random.choice(["image", "image", "sequence", "rows", "rows", "vector", "volume"]):
        case "image":
            return (g.extent(5), g.extent(9), g.extent(9), g.extent(17))
        case "sequence":
            return (g.extent(9), g.extent(9), g.extent(17))
        case "volume":
            return (g.extent(3), g.extent(3), g.extent(5), g.extent(5), g.extent(8))
        case "rows":
            return (g.extent(), g.extent())
        case _:
            return (g.extent(),)


def _loss(g: Generator, output: Value) -> tuple[str, Input]:
    reductions = ["mean", "sum", "none"] if output.elements else ["sum", "none"]
    reduction = g.random.choice(reductions)
    if output.rank == 2 and output.elements and g.chance(0.5):
        sparse = g.chance(0.6)
        shape, classes = (output.shape[:1], output.shape[1]) if sparse else (output.shape, 0)
        label = Input("label", shape, g.random.choice(["i32", "i64"]) if sparse else output.dtype, classes)
        return f"nn.SoftmaxCrossEntropyWithLogits(sparse={sparse}, reduction={reduction!r})", label
    label = Input("label", output.shape, output.dtype)
    kind = g.random.choice(["MSELoss", "MSELoss", "L1Loss", "SmoothL1Loss", "SoftMarginLoss"])
    return f"nn.{kind}(reduction={reduction!r})", label


def _optimizer(g: Generator) -> tuple[str, float]:
    """Code of an optimizer of `params`, and the scale of the loss that it expects."""
    scale = g.random.choice([1.0, 1.0, 16.0]) if g.dtype not in HALVES else 1.0
    rate = g.random.choice(["0.01", "0.05", "[0.05, 0.02, 0.01]"])
    decay = g.random.choice(["0.0", "0.0", "0.01"])
    params = "params"
    if g.chance(0.25):
        group = f"'params': params[:1], 'lr': 0.02, 'weight_decay': 0.02, 'grad_centralization': {g.chance(0.5)}"
        params = f"[{{{group}}}, {{'params': params[1:]}}] if len(params) > 1 else params"
    common = f"{params}, {rate}, weight_decay={decay}, loss_scale={scale}"
    momentum = g.random.choice([0.0, 0.5, 0.9])
    match g.random.choice(["SGD", "Momentum", "Adam"]):
        case "SGD":
            nesterov = momentum > 0 and g.chance(0.4)
            dampening = 0.0 if nesterov else g.random.choice([0.0, 0.1])
            rest = f"momentum={momentum}, dampening={dampening}, nesterov={nesterov}"
            return f"nn.SGD({common}, {rest})", scale
        case "Momentum":
            return f"nn.Momentum({common}, momentum={momentum}, use_nesterov={g.chance(0.4)})", scale
        case _:
            betas, eps = f"beta1={g.number(0.5, 0.95)}, beta2={g.number(0.9, 0.99)}", g.random.choice([1e-8, 1e-3])
            eps = max(eps, 1e-3) if g.dtype == "f16" else eps  # 1e-8 is 0 there, and a gradient of 0 would make 0 / 0
            rest = f"{betas}, eps={eps}"
            flags = f"use_nesterov={g.chance(0.3)}, use_amsgrad={g.chance(0.3)}"
            return f"nn.Adam({common}, {rest}, {flags})", scale
