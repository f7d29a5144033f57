"""PyTorch's side of a workload."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch_networks
from torch.nn import functional
from workloads import RATE, Workload, arrays, in_turn


def module(workload: Workload, cell: Any) -> torch.nn.Module:
    """The network with the cell's weights, in training or inference mode."""
    network = getattr(torch_networks, workload.torch_name)(*workload.arguments)
    torch_networks.copy_weights(cell, network)
    return network.train(bool(workload.optimizer))


def loss(workload: Workload, network: torch.nn.Module, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross entropy where there are labels, else the mean squared error."""
    return (
        functional.cross_entropy(network(x), target.long())
        if workload.classes
        else functional.mse_loss(network(x), target)
    )


def prepare(workload: Workload, cell: Any) -> Callable[[], object]:
    """What runs one step or one inference."""
    network = module(workload, cell)
    turns = [tuple(map(torch.from_numpy, turn)) for turn in arrays(workload)]
    if not workload.optimizer:
        return torch.inference_mode()(in_turn(lambda x: network(x).numpy(), turns))
    if workload.optimizer == "Adam":
        optimizer: torch.optim.Optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    else:
        optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9, fused=True)

    def step(x: torch.Tensor, target: torch.Tensor) -> float:
        optimizer.zero_grad(set_to_none=True)
        value = loss(workload, network, x, target)
        value.backward()
        optimizer.step()
        return value.item()

    return in_turn(step, turns)
