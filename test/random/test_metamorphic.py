"""Random networks compute the same in every way of running them, and their oracle is right about gradients."""

import pytest

from support.random_networks import CHECKS, check, generate

RELATIONS = [name for name in CHECKS if name not in ("train", "train_step", "forward", "derivative")]


@pytest.mark.parametrize("relation", RELATIONS)
def test_relation(relation):
    """Each relation on networks of its own; rows only of networks that keep them apart."""
    first = 1000 * (1 + RELATIONS.index(relation))
    networks = map(generate, range(first, first + 1000))
    chosen = (network for network in networks if network.batched or relation != "batch_split")
    for _ in range(4):
        network = next(chosen)
        problems = check(network.case(), relation)
        assert not problems, "\n".join([*problems, network.source()])


@pytest.mark.parametrize("seed", range(60))
def test_gradients_are_slopes(seed):
    """The oracle's gradients come from a pass; the slope of the loss does not."""
    network = generate(seed)
    problems = check(network.case(), "derivative")
    assert not problems, "\n".join([*problems, network.source()])
