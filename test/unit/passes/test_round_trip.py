"""What a pass prints can be read back: reproducers and piped `cellc-opt` calls depend on it."""

import numpy as np
import pytest

import cellc
from cellc import nn
from cellc.build_ir import build_module
from cellc.passes.context import make_context, parse_module
from cellc.passes.pipelines import PIPELINES, print_module, run_pipeline


@pytest.fixture(scope="module")
def graph():
    """A training step with results of many kinds, among them pairs (maximum, position)."""
    net = nn.SequentialCell(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Flatten(), nn.Dense(18, 3))
    loss = nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean")
    step = nn.TrainOneStepCell(nn.WithLossCell(net, loss), nn.Adam(net.trainable_params()))
    x, y = cellc.Tensor(np.zeros((2, 1, 6, 6), np.float32)), cellc.Tensor(np.zeros(2, np.int32))
    return step.lower(x, y)._graph


@pytest.mark.parametrize("locations", [True, False])
def test_every_stage_reads_back_to_itself(graph, locations):
    module = build_module(graph)
    for name in PIPELINES["cpu"]:
        run_pipeline(module, (name,), make_context())
        text = print_module(module, locations=locations)
        again = parse_module(text)
        again.verify()
        assert print_module(again, locations=locations) == text, name
