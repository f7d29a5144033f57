"""200 random networks: what the compiled ones compute is what their oracle says. `fuzz.py` runs more."""

import pytest

from support.random_networks import check, generate

SEEDS = range(200)
KINDS = ("train", "train", "train_step", "forward")


@pytest.mark.parametrize("seed", SEEDS)
def test_network(seed):
    """Forward, loss, gradients and three steps of an optimizer; or a step as users write it; or inference."""
    network = generate(seed)
    problems = check(network.case(), KINDS[seed % len(KINDS)])
    assert not problems, "\n".join([*problems, network.source()])
