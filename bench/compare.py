"""Outputs and gradients of a workload against PyTorch in float64, with the error that the number of flops justifies."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch_networks
import torch_steps
from torch.utils.flop_counter import FlopCounterMode
from workloads import Workload, arrays, loss_cell

import cellc
from cellc import ops

EPSILON = 2.0**-24


def relative_error(value: np.ndarray, exact: np.ndarray, scale: float = 0.0) -> float:
    """Root mean square of the difference over that of `exact` (over `scale` if that is larger)."""
    difference = np.sqrt(np.mean((value.astype(np.float64) - exact) ** 2))
    return float(difference / max(np.sqrt(np.mean(exact**2)), scale, 1e-30))


def bound(flops: int, exact: np.ndarray) -> float:
    """Errors of random sign grow with the square root of the operations behind one element, and through the layers."""
    return 4 * EPSILON * (8 + float(np.sqrt(flops / exact.size)))


def differences(workload: Workload) -> Iterator[str]:
    """Lines that say how far each result is off; AssertionError where that is more than the bound."""
    cellc.set_seed(1)
    cell = workload.cell().set_train(bool(workload.optimizer))
    turn = arrays(workload)[0]
    network = torch_steps.module(workload, cell).double()
    inputs = [torch.from_numpy(turn[0]).double(), *map(torch.from_numpy, turn[1:])]
    if not workload.optimizer:
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            exact = network(inputs[0]).numpy()
        yield _checked(workload, "output", cell(cellc.Tensor(turn[0])).asnumpy(), exact, counter.get_total_flops())
        return
    yield from _gradients(workload, cell, network, inputs, turn)


def _gradients(workload, cell, network, inputs, turn) -> Iterator[str]:
    with FlopCounterMode(display=False) as counter:
        exact_loss = torch_steps.loss(workload, network, inputs[0], inputs[1])
        exact_loss.backward()
    flops = counter.get_total_flops()
    weights = cell.trainable_params()
    value_and_grad = ops.value_and_grad(loss_cell(workload, cell), None, weights)
    value, gradients = value_and_grad(*map(cellc.Tensor, turn))
    yield _checked(workload, "loss", value.asnumpy(), exact_loss.detach().numpy(), flops)
    theirs = dict(torch_networks.paired_parameters(cell, network))
    exact = [theirs[weight].grad.numpy() for weight in weights]
    scale = 1e-3 * max(float(np.sqrt(np.mean(g**2))) for g in exact)
    worst = max(
        (relative_error(mine.asnumpy(), other, scale) / bound(flops, other), weight.name)
        for weight, mine, other in zip(weights, gradients, exact, strict=True)
    )
    yield _line(workload, f"{len(exact)} gradients, worst {worst[1]}", worst[0])


def _checked(workload: Workload, what: str, value: np.ndarray, exact: np.ndarray, flops: int) -> str:
    return _line(workload, what, relative_error(value, exact) / bound(flops, exact))


def _line(workload: Workload, what: str, error: float) -> str:
    if not error <= 1:
        raise AssertionError(f"{workload.name}: {what}: the error is {error:.2f} of its bound")
    return f"{workload.name}: {what}: error {error:.2f} of the bound"
