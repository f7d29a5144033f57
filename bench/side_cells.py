"""The side of a framework with Cells: cellc, or MindSpore under cellc's name (`side_mindspore.py`)."""

from __future__ import annotations

import numpy as np
from side import Side
from workloads import Workload, arrays, in_turn, loss_cell, training_step

import cellc
from cellc import nn, ops


def prepare(workload: Workload, weights: dict[str, np.ndarray], variant: str) -> Side:
    """The cell with these weights; there are no variants."""
    cell = workload.cell().set_train(bool(workload.optimizer))
    parameters = {parameter.name: parameter for parameter in cell.get_parameters()}
    assert list(parameters) == list(weights), "the networks' parameters have other names or another order"
    for name, value in weights.items():
        parameters[name].set_data(cellc.Tensor(value))
    turns = [tuple(map(cellc.Tensor, turn)) for turn in arrays(workload)]
    run = training_step(workload, cell) if workload.optimizer else cell
    return Side(lambda: results(workload, cell, turns[0]), in_turn(lambda *inputs: run(*inputs).asnumpy(), turns))


def results(workload: Workload, cell: nn.Cell, turn: tuple[cellc.Tensor, ...]) -> dict[str, np.ndarray]:
    """The output, or the loss and the gradients."""
    if not workload.optimizer:
        return {"output": cell(*turn).asnumpy()}
    weights = cell.trainable_params()
    names = [weight.name for weight in weights]  # before a loss is put around the cell and its name before theirs
    value, gradients = ops.value_and_grad(loss_cell(workload, cell), None, weights)(*turn)
    found = {f"gradient of {name}": gradient.asnumpy() for name, gradient in zip(names, gradients, strict=True)}
    return {"loss": value.asnumpy()} | found
