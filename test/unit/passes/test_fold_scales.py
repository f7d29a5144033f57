"""Scales in filters give the numbers of scales behind convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cellc
from cellc import Parameter, nn, ops
from cellc.build_ir import build_module
from cellc.dialects.nn.ir import NNOperation
from cellc.passes.context import make_context
from cellc.passes.linalg_analysis import main_function
from cellc.passes.pipelines import run_pipeline
from support.interpret_linalg import interpret


class Affine(nn.Cell):
    """Numbers for each channel in several orders, one of them a divisor, one taken away."""

    def __init__(self, layer: nn.Cell, places: int) -> None:
        super().__init__()
        self.layer = layer
        for name in ("factor", "divisor", "less", "more"):
            setattr(self, name, Parameter(np.ones((5, *(1,) * places), np.float32), name))

    def construct(self, x: Any) -> Any:
        y = self.less * ((self.layer(x) * self.factor - self.less) / self.divisor)
        return self.more + y


class Shared(nn.Cell):
    """Filters that two convolutions read, one of them with a scale behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm = nn.Conv2d(3, 5, 2), nn.BatchNorm2d(5)

    def construct(self, x: Any) -> Any:
        return self.norm(self.layer(x)), self.layer(ops.Exp()(x))


IMAGE = (2, 3, 5, 4)
CELLS = {
    "batch norm": (nn.SequentialCell(nn.Conv2d(3, 5, 3, has_bias=True), nn.BatchNorm2d(5), nn.ReLU()), IMAGE, 1),
    "depthwise": (nn.SequentialCell(nn.Conv2d(3, 6, 3, group=3), nn.BatchNorm2d(6)), IMAGE, 1),
    "each its own": (nn.SequentialCell(nn.Conv2d(3, 3, 3, group=3), nn.BatchNorm2d(3)), IMAGE, 1),
    "a reshape between": (nn.SequentialCell(nn.Conv3d(2, 4, 2), nn.BatchNorm3d(4)), (1, 2, 3, 3, 2), 0),
    "dense": (nn.SequentialCell(nn.Dense(6, 5), nn.BatchNorm1d(5), nn.Dense(5, 4)), (3, 6), 1),
    "chain": (Affine(nn.Conv2d(3, 5, 3, has_bias=True), 2), IMAGE, 1),
    "volumes": (Affine(nn.Conv3d(2, 5, 2), 3), (1, 2, 3, 3, 2), 1),
    "shared": (Shared(), IMAGE, 1),
    "two": (
        nn.SequentialCell(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Conv2d(5, 4, 1), nn.BatchNorm2d(4)), IMAGE, 2
    ),
    "transposed": (nn.SequentialCell(nn.Conv2dTranspose(3, 4, 2), nn.BatchNorm2d(4)), IMAGE, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", CELLS)
def test_numbers(name: str) -> None:
    cell, shape, folded = CELLS[name]
    random = np.random.default_rng(0)
    image = cellc.Tensor(random.uniform(-1, 1, shape).astype(np.float32))
    graph = cell.set_train(False)._as_function().trace((image,), {}).graph
    results, scaled = [], 0
    arguments = [random.uniform(0.5, 1.5, value.type.shape).astype(np.float32) for value in graph.inputs]
    for steps in (("canonicalize-nn",), ("canonicalize-nn", "fold-scales")):
        module = build_module(graph)
        run_pipeline(module, steps, make_context(), verify_each=True)
        scaled = sum(_has_computed_filters(op) for op in main_function(module).body.block.ops)
        run_pipeline(module, ("convert-nn-to-linalg",), make_context(), verify_each=True)
        results.append(interpret(module, *arguments))
    assert scaled == folded
    for got, wanted in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=2e-6 * np.abs(wanted).max())


def _has_computed_filters(op: object) -> bool:
    if not isinstance(op, NNOperation) or op.mnemonic not in ("conv2d", "conv3d", "matmul"):
        return False
    filters = op.operands[1].owner
    return isinstance(filters, NNOperation) and filters.mnemonic == "mul"


def test_in_training_nothing_is_folded() -> None:
    cell = nn.SequentialCell(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5)).set_train()
    step = nn.TrainOneStepCell(nn.WithLossCell(cell, nn.MSELoss()), nn.SGD(cell.trainable_params(), 0.1))
    image, target = cellc.Tensor(np.ones(IMAGE, np.float32)), cellc.Tensor(np.ones((2, 5, 5, 4), np.float32))
    module = build_module(step._as_function().trace((image, target), {}).graph)
    run_pipeline(module, ("canonicalize-nn", "differentiate", "canonicalize-nn"), make_context())
    before = str(module)
    run_pipeline(module, ("fold-scales",), make_context())
    assert str(module) == before
