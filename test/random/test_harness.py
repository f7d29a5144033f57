"""The generator, the oracle and the shrinker themselves: they cover the ops, notice errors and make them small."""

from dataclasses import replace
from math import prod

import numpy as np

from cellc.dialects.nn.definition import definitions
from support.random_networks import check, generate, shrink
from support.random_networks.network import Network
from support.random_networks.run import Truth, difference, make


def _ops(network: Network) -> set[str]:
    kind = "all" if network.loss else "forward"
    return {node.op for node in make(network.case(), kind).graph().nodes}


def test_a_seed_is_a_network():
    assert generate(7).source() == generate(7).source()
    assert generate(7).source() != generate(8).source()


def test_a_network_that_reduces_more_than_a_thousand_elements():
    network = generate(2978)
    assert network.source()
    assert max(prod(step.shape) for step in network.steps) > 1024


def test_shapes_are_those_the_generator_says():
    """Every value that the generator predicted has that type when it is traced."""
    for seed in range(40):
        network = generate(seed)
        for step in network.steps:
            cell = replace(network, output=step.name).case()
            (output, *_) = make(cell, "forward").graph().outputs
            assert (output.type.shape, output.type.dtype) == (step.shape, step.dtype), (seed, step)


def test_networks_hold_almost_every_op():
    found = set.union(*(_ops(generate(seed)) for seed in range(150)))
    assert {"conv2d", "max_pool2d", "avg_pool2d", "matmul", "lstm", "gru", "rnn", "take", "random_uniform", "softmax",
            "log_softmax", "reduce_max", "reduce_prod", "concat", "slice", "pad", "reverse", "select", "cast", "argmax",
            "pow", "erf", "transpose", "broadcast_to", "reverse_sequence", "gradient"} <= found  # fmt: skip


def test_tolerances_are_tight():
    """Noise widens them, but rarely beyond a thousandth of the largest element, unless the values themselves vanish."""
    loose = total = 0
    for seed in range(40):
        network = generate(seed)
        if network.dtype != "f32" or "f16" in network.source():
            continue
        truth = Truth(make(network.case(), "all"))
        for exact, deviation in truth.step():
            largest = np.max(np.abs(exact), initial=0.0)
            total += 1
            loose += largest > 1e-9 and 32 * deviation > 1e-3 * largest
    assert loose < 0.03 * total


def test_differences_are_noticed():
    exact = np.array([1.0, -2.0])
    assert not difference(np.array([1.0, -2.0], np.float32), exact, 1e-8)
    assert difference(np.array([1.0, -2.0001], np.float32), exact, 1e-8)
    assert difference(np.array([1.0, np.nan], np.float32), exact, 1e-8)
    assert difference(np.array([[1.0, -2.0]], np.float32), exact, 1e-8)


def test_shrinking_keeps_only_what_fails():
    """Of a network that fails because of its convolution one convolution is left, without training."""
    network = next(n for n in map(generate, range(100)) if len(n.steps) >= 5 and "conv2d" in _ops(n))
    small = shrink(network, lambda candidate: "conv2d" in _ops(candidate))
    assert [step.layer[:7] for step in small.steps] == ["nn.Conv"]
    assert not small.optimizer
    assert small.dtype == "f32"


def test_a_wrong_meaning_is_found(monkeypatch):
    """The checks fail when a compiled op and its meaning differ."""
    network = next(n for n in map(generate, range(100)) if n.dtype == "f32" and "tanh" in _ops(n))
    monkeypatch.setattr(definitions()["tanh"], "evaluate", lambda x: np.tanh(x) * 1.001)
    assert check(network.case(), "train")
