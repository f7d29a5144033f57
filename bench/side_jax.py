"""JAX's side: one compiled function for an inference, or for a whole step whose weights are donated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax_networks
import numpy as np
from side import Side
from weights import trainable
from workloads import RATE, Workload, arrays, in_turn

Values = dict[str, jax.Array]


def prepare(workload: Workload, weights: dict[str, np.ndarray], variant: str) -> Side:
    """There are no variants."""
    names = list(weights)
    forward = network(workload, names)
    turns = [tuple(map(jnp.asarray, turn)) for turn in arrays(workload)]
    values = {name: jnp.asarray(value) for name, value in weights.items()}
    if not workload.optimizer:
        call = jax.jit(lambda x: forward(values, x)[0])
        return Side(lambda: {"output": np.asarray(call(*turns[0]))}, in_turn(lambda x: np.asarray(call(x)), turns))
    fixed = {name: value for name, value in values.items() if not trainable(name)}
    learned = {name: value for name, value in values.items() if trainable(name)}
    gradient = jax.value_and_grad(loss(workload, forward), has_aux=True)
    return Side(
        lambda: results(*jax.jit(gradient)(learned, fixed, *turns[0])),
        in_turn(training_step(workload, gradient, learned, fixed), turns),
    )


def network(workload: Workload, names: list[str]) -> Callable[[Values, jax.Array], tuple[jax.Array, Values]]:
    """A function of the weights by name and the input: the output, and the running statistics afterwards."""

    def forward(values: Values, x: jax.Array) -> tuple[jax.Array, Values]:
        net = jax_networks.Layers(names, [values[name] for name in names], bool(workload.optimizer))
        output = getattr(jax_networks, workload.torch_name)(net, x, *workload.arguments)
        return output, net.updates

    return forward


def loss(workload: Workload, forward: Callable) -> Callable[..., tuple[jax.Array, Values]]:
    """Cross entropy where there are labels, else the mean squared error, as a function of what is learned first."""

    def of(learned: Values, fixed: Values, x: jax.Array, target: jax.Array) -> tuple[jax.Array, Values]:
        output, updates = forward(learned | fixed, x)
        if not workload.classes:
            return jnp.mean((output - target) ** 2), updates
        chosen = jnp.take_along_axis(jax.nn.log_softmax(output), target[:, None], 1)
        return -jnp.mean(chosen), updates

    return of


def results(value: tuple[jax.Array, Values], gradients: Values) -> dict[str, np.ndarray]:
    """By the names under which all sides give them."""
    found = {f"gradient of {name}": np.asarray(gradient) for name, gradient in gradients.items()}
    return {"loss": np.asarray(value[0])} | found


def training_step(workload: Workload, gradient: Callable, learned: Values, fixed: Values) -> Callable[..., object]:
    """One step; the state lives between calls in buffers that the compiled function reuses."""
    update = adam if workload.optimizer == "Adam" else momentum

    def step(state: Any, x: jax.Array, target: jax.Array):
        weights, fixed, slots, count = state
        (value, fixed), gradients = gradient(weights, fixed, x, target)
        changed = {name: update(weights[name], gradients[name], slots[name], count + 1) for name in weights}
        slots = {name: slot for name, (_, slot) in changed.items()}
        return value, ({name: weight for name, (weight, _) in changed.items()}, fixed, slots, count + 1)

    compiled = jax.jit(step, donate_argnums=0)
    slots = {name: (jnp.zeros_like(value), jnp.zeros_like(value)) for name, value in learned.items()}
    # Copies: the first step takes them over.
    state = [jax.tree.map(jnp.copy, (learned, fixed, slots, jnp.zeros(())))]

    def run(x: jax.Array, target: jax.Array) -> float:
        value, state[0] = compiled(state[0], x, target)
        jax.block_until_ready(state[0])
        return float(value)

    return run


def adam(weight: jax.Array, gradient: jax.Array, slots: tuple[jax.Array, jax.Array], count: jax.Array):
    """Kingma and Ba, algorithm 1."""
    mean, square = 0.9 * slots[0] + 0.1 * gradient, 0.999 * slots[1] + 0.001 * gradient**2
    step = RATE / (1 - 0.9**count)
    return weight - step * mean / (jnp.sqrt(square / (1 - 0.999**count)) + 1e-8), (mean, square)


def momentum(weight: jax.Array, gradient: jax.Array, slots: tuple[jax.Array, jax.Array], count: jax.Array):
    """The first slot is the velocity."""
    velocity = 0.9 * slots[0] + gradient
    return weight - RATE * velocity, (velocity, slots[1])
