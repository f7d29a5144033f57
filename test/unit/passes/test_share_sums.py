"""Sums that are made from other sums have the numbers of sums of their own, and gradients lose the passes they save."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp

import cellc
from cellc import nn, ops
from cellc.build_ir import build_module
from cellc.dialects.nn.ir import NNOperation, tensor_type
from cellc.passes.context import make_context
from cellc.passes.linalg_analysis import main_function
from cellc.passes.pipelines import run_pipeline
from support.interpret_nn import interpret

BEFORE = ("canonicalize-nn", "differentiate")
IMAGE = (4, 5, 6, 3)


class LayerNorm(nn.Cell):
    """A normalization over the last two axes."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(IMAGE[2:], 2, 2)

    def construct(self, x: Any) -> Any:
        return ops.tanh(self.norm(x))


class Residual(nn.Cell):
    """A normalization whose result is used twice: its gradient is a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(5)

    def construct(self, x: Any) -> Any:
        y = self.norm(x)
        return ops.tanh(y) + y


def batch_norm(norm: nn.Cell) -> nn.Cell:
    return nn.SequentialCell(norm, nn.ReLU())


# The cell, its input, and how many sums over all elements are left: of x, of squares, of dy and of dy (x - mean).
CELLS = {
    "batch norm": (lambda: batch_norm(nn.BatchNorm2d(5)), IMAGE, 4),
    "batch norm of volumes": (lambda: batch_norm(nn.BatchNorm3d(5)), (4, 5, 2, 3, 3), 4),
    "batch norm of rows": (lambda: batch_norm(nn.BatchNorm1d(5)), (12, 5), 4),
    "group norm": (lambda: batch_norm(nn.GroupNorm(1, 5)), IMAGE, 6),
    "group norm of single channels": (lambda: batch_norm(nn.GroupNorm(5, 5)), IMAGE, 4),
    "instance norm": (lambda: batch_norm(nn.InstanceNorm2d(5)), IMAGE, 4),
    "instance norm of a residual": (Residual, IMAGE, 4),
    "layer norm": (LayerNorm, IMAGE, 6),
}


def step_of(make: Any, shape: tuple[int, ...]) -> ModuleOp:
    """The gradients of a loss with respect to image and parameters."""
    cell = make().set_train()
    weights = cell.trainable_params()
    image = cellc.Tensor(np.ones(shape, np.float32))
    network = nn.WithLossCell(cell, nn.MSELoss())
    gradient = ops.GradOperation(get_all=True, get_by_list=True)(network, cellc.ParameterTuple(weights))

    class Gradient(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def construct(self, x: Any, y: Any) -> Any:
            return gradient(x, y)

    return build_module(Gradient().set_train()._as_function().trace((image, image), {}).graph)


def sums_of(module: ModuleOp, shape: tuple[int, ...]) -> int:
    """How many sums read as many elements as an image has."""
    ops_of_main = main_function(module).body.block.ops
    sums = [op for op in ops_of_main if isinstance(op, NNOperation) and op.mnemonic == "reduce_sum"]
    return sum(prod(tensor_type(op.operands[0].type).shape) == prod(shape) for op in sums)


@pytest.mark.parametrize("name", CELLS)
def test_gradients(name: str) -> None:
    make, shape, left = CELLS[name]
    module = step_of(make, shape)
    random = np.random.default_rng(0)
    arguments = [
        random.uniform(0.5, 1.5, tensor_type(value.type).shape).astype(np.float32)
        for value in main_function(module).body.block.args
    ]
    run_pipeline(module, BEFORE, make_context(), verify_each=True)
    exact, rounded = interpret(module, arguments, in_f64=True), interpret(module, arguments)
    before = sums_of(module, shape)
    run_pipeline(module, ("share-sums", "canonicalize-nn"), make_context(), verify_each=True)
    shared = interpret(module, arguments)
    assert sums_of(module, shape) == left < before
    for got, plain, wanted in zip(shared, rounded, exact, strict=True):
        error, usual = (np.abs(value - wanted).max() for value in (got, plain))
        assert error <= max(2 * usual, 1e-6 * np.abs(wanted).max())
    for got, wanted in zip(interpret(module, arguments, in_f64=True), exact, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-12 * max(1.0, np.abs(wanted).max()))
