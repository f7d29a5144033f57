"""Makes a failing network smaller, as long as it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from support.random_networks.network import Input, Network, Step

_PLAIN_LOSS = "nn.MSELoss('sum')"


def shrink(network: Network, fails: Callable[[Network], bool]) -> Network:
    """The smallest network found by leaving out steps and settings that the failure does not need."""
    while True:
        smaller = next((candidate for candidate in _candidates(network) if fails(candidate)), None)
        if smaller is None:
            return network
        network = smaller


def _candidates(network: Network) -> Iterator[Network]:
    yield from (pruned(candidate) for candidate in _earlier_outputs(network))
    yield from (pruned(candidate) for candidate in _without_steps(network))
    yield from _plainer(network)


def _earlier_outputs(network: Network) -> Iterator[Network]:
    """The output is an earlier value; the loss becomes one that takes any shape."""
    for step in network.steps:
        if step.name != network.output and step.dtype in ("f16", "bf16", "f32", "f64"):
            label = Input("label", step.shape, step.dtype)
            yield replace(network, output=step.name, loss=network.loss and _PLAIN_LOSS, label=label)


def _without_steps(network: Network) -> Iterator[Network]:
    """A step's value becomes its operand of the same type, or an argument."""
    types = {each.name: (each.shape, each.dtype) for each in (*network.inputs, *network.steps)}
    for step in reversed(network.steps):
        same = [name for name in step.operands if types[name] == (step.shape, step.dtype)]
        for name in same[:1]:
            yield _renamed(_dropped(network, step), step.name, name)
        if step.name != network.output:
            given = Input(f"x_{step.name}", step.shape, step.dtype)
            changed = replace(network, inputs=(*network.inputs, given))
            yield _renamed(_dropped(changed, step), step.name, given.name)


def _dropped(network: Network, step: Step) -> Network:
    """Without a step; the next user of its layer becomes its owner."""
    steps, owner = [], step.name
    for each in network.steps:
        if each is step:
            continue
        if step.makes_layer and each.layer == step.name:
            each = replace(each, layer=step.layer if owner == step.name else owner)
            owner = each.name if owner == step.name else owner
        steps.append(each)
    return replace(network, steps=tuple(steps))


def _renamed(network: Network, old: str, new: str) -> Network:
    steps = [
        replace(step, operands=tuple(new if name == old else name for name in step.operands)) for step in network.steps
    ]
    return replace(network, steps=tuple(steps), output=new if network.output == old else network.output)


def _plainer(network: Network) -> Iterator[Network]:
    """One setting after another at its simplest value."""
    if network.optimizer:
        yield replace(network, optimizer="", sens=1.0)
        yield replace(network, optimizer="nn.SGD(params, 0.1)", sens=1.0)
    if network.loss not in ("", _PLAIN_LOSS):
        output = next(each for each in (*network.steps, *network.inputs) if each.name == network.output)
        yield replace(network, loss=_PLAIN_LOSS, label=Input("label", output.shape, output.dtype))
    if network.training:
        yield replace(network, training=False)
    if network.dtype in ("f16", "bf16", "f64"):
        yield _in_f32(network)


def _in_f32(network: Network) -> Network:
    def changed(each):
        return replace(each, dtype="f32") if each.dtype == network.dtype else each

    label = network.label and changed(network.label)
    inputs = tuple(changed(given) for given in network.inputs)
    return replace(network, dtype="f32", inputs=inputs, steps=tuple(map(changed, network.steps)), label=label)


def pruned(network: Network) -> Network:
    """Without the steps and arguments that the output does not need."""
    needed, layers, steps = {network.output}, set(), []
    for step in reversed(network.steps):
        if step.name in needed:
            needed.update(step.operands)
            layers.add(step.layer)
            steps.append(step)
        elif step.name in layers:
            steps.append(step)
            needed.update(step.operands)
    inputs = tuple(given for given in network.inputs if given.name in needed)
    return replace(network, steps=tuple(reversed(steps)), inputs=inputs)
