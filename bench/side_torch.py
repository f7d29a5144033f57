"""PyTorch's sides: eager, `torch.compile`, and in float64 what all others are compared with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch_networks
from side import Side
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from workloads import RATE, Workload, arrays, in_turn

Turn = tuple[torch.Tensor, ...]


def prepare(workload: Workload, weights: dict[str, np.ndarray], variant: str) -> Side:
    """`variant` is "eager", "compile" or "float64"."""
    network, names = module(workload, weights), list(weights)
    turns = [tuple(map(torch.from_numpy, turn)) for turn in arrays(workload)]
    if variant == "float64":
        exact = (turns[0][0].double(), *turns[0][1:])
        return Side(lambda: counted(workload, network.double(), names, exact), lambda: None)
    run = torch.compile(network) if variant == "compile" else network
    step = training_step(workload, network, run) if workload.optimizer else inference(run)
    return Side(lambda: results(workload, network, run, names, turns[0]), in_turn(step, turns))


def module(workload: Workload, weights: dict[str, np.ndarray]) -> torch.nn.Module:
    """The network with these weights, in training or inference mode."""
    network = getattr(torch_networks, workload.torch_name)(*workload.arguments)
    torch_networks.set_weights(network, weights)
    return network.train(bool(workload.optimizer))


def loss(workload: Workload, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross entropy where there are labels, else the mean squared error."""
    if workload.classes:
        return functional.cross_entropy(output, target.long())
    return functional.mse_loss(output, target.to(output.dtype))


def results(
    workload: Workload, network: torch.nn.Module, run: Callable, names: list[str], turn: Turn
) -> dict[str, np.ndarray]:
    """The output, or the loss and the gradients; `run` is the network or what it was compiled to."""
    if not workload.optimizer:
        with torch.inference_mode():
            return {"output": run(*turn).numpy()}
    value = loss(workload, run(turn[0]), turn[1])
    value.backward()
    pairs = torch_networks.named(network, names)
    found = {f"gradient of {name}": weight.grad.numpy() for name, weight in pairs if weight.grad is not None}
    network.zero_grad()
    return {"loss": value.detach().numpy()} | found


def counted(workload: Workload, network: torch.nn.Module, names: list[str], turn: Turn) -> dict[str, np.ndarray]:
    """The results, and the multiplications and additions in products and convolutions behind them as "flops"."""
    with FlopCounterMode(display=False) as counter:
        found = results(workload, network, network, names, turn)
    return found | {"flops": np.array(counter.get_total_flops())}


def inference(run: Callable) -> Callable[..., object]:
    """One call."""
    return torch.inference_mode()(lambda x: run(x).numpy())


def training_step(workload: Workload, network: torch.nn.Module, run: Callable) -> Callable[..., object]:
    """One step with the workload's optimizer."""
    if workload.optimizer == "Adam":
        optimizer: torch.optim.Optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    else:
        optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9, fused=True)

    def step(x: torch.Tensor, target: torch.Tensor) -> float:
        optimizer.zero_grad(set_to_none=True)
        value = loss(workload, run(x), target)
        value.backward()
        optimizer.step()
        return value.item()

    return step
