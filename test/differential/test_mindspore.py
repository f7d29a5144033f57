"""Random configurations of every layer that MindSpore 2.10 runs on a CPU: results, gradients, parameters.

`CELLC_MINDSPORE` names an interpreter that has MindSpore, where this one does not; `CELLC_DIFFERENTIAL` is the number
of configurations per layer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
from differential import evaluate
from differential.draw import Configuration, Draw
from differential.layers import LAYERS
from differential.losses import FURTHER
from differential.process import Peer, interpreter

MAKERS = LAYERS | FURTHER
COUNT = int(os.environ.get("CELLC_DIFFERENTIAL", "4"))
TOLERANCE = 1e-4
"""Of the largest number of a result, which counts as a thousandth at least."""
TANH_TOLERANCE = 1e-3
"""MindSpore's tanh has errors of 1e-4, whatever its gradient's size; the largest number counts as one at least."""


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    python = interpreter()
    if python is None:
        pytest.skip("MindSpore is not installed (CELLC_MINDSPORE may name an interpreter that has it)")
    with Peer(python) as peer:
        yield peer


@pytest.mark.parametrize("name", MAKERS)
def test_layers_agree(name: str, peer: Peer) -> None:
    refused = []
    for seed in range(COUNT):
        configuration = MAKERS[name](Draw([seed, *name.encode()]))
        refusal = compare(configuration, peer)
        if refusal:
            refused.append(refusal)
    if len(refused) == COUNT:
        pytest.skip(f"MindSpore does not run it here: {refused[0]}")


def compare(configuration: Configuration, peer: Peer) -> str:
    """Asserts that both give the same; why MindSpore does not run it, or nothing."""
    c = configuration
    cell = evaluate.make(c.layer, c.arguments, c.training)
    shapes = evaluate.parameters(cell)
    random = np.random.default_rng(0)
    values = {name: parameter_values(random, name, shape) for name, shape in shapes.items()}
    evaluate.set_parameters(cell, values)
    mine = evaluate.forward(cell, c.inputs)
    seeds = [
        random.standard_normal(v.shape).astype(np.float32) for name, v in mine.items() if name.startswith("output ")
    ]
    if c.gradient:
        evaluate.set_parameters(cell, values)
        mine |= evaluate.gradients(cell, c.inputs, seeds)
    answer = peer.ask(c, values, seeds)
    if "refused" in answer:
        return answer["refused"]
    assert answer["parameters"] == shapes, f"{c}: MindSpore's parameters are {answer['parameters']}"
    assert mine.keys() == answer["results"].keys()
    tolerance, smallest = (TANH_TOLERANCE, 1.0) if uses_tanh(c) else (TOLERANCE, 1e-3)
    for what, theirs in answer["results"].items():
        if what not in c.differs:
            where = f"{c.layer}({c.arguments}) training={c.training}: {what}"
            close(where, mine[what], theirs, tolerance * max(smallest, float(np.abs(theirs).max(initial=0.0))))
    return ""


def uses_tanh(c: Configuration) -> bool:
    """Whether the layer computes one."""
    return c.layer in ("Tanh", "GELU") or c.layer.startswith(("RNN", "GRU", "LSTM")) or "activation" in c.arguments


def parameter_values(random: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Of size one, so that each matters; variances are positive, and PReLU's slopes, which 1.7 clamps."""
    values = random.uniform(0.5, 1.5, shape) * random.choice([-1, 1], shape)
    return (abs(values) if "variance" in name or name == "a" else values).astype(np.float32)


def close(what: str, mine: np.ndarray, theirs: np.ndarray, error: float) -> None:
    """Same shape and type, and numbers no further apart."""
    assert mine.shape == theirs.shape, f"{what} is {mine.shape}, MindSpore's {theirs.shape}"
    assert mine.dtype == theirs.dtype, f"{what} is {mine.dtype}, MindSpore's {theirs.dtype}"
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=error, err_msg=what)
