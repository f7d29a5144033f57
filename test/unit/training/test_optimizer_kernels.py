"""What an optimizer does to a parameter is one kernel, and nothing of the parameter's size is copied."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from cellc import Parameter, ParameterTuple, Tensor, nn

ONE_PASS: dict[str, Callable[[ParameterTuple], nn.Optimizer]] = {
    "SGD": lambda weights: nn.SGD(weights),
    "SGD with momentum": lambda weights: nn.SGD(weights, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "SGD with Nesterov's momentum": lambda weights: nn.SGD(weights, momentum=0.9, nesterov=True),
    "Momentum": lambda weights: nn.Momentum(weights, 0.1, 0.9, weight_decay=0.01),
    "Momentum with Nesterov's": lambda weights: nn.Momentum(weights, 0.1, 0.9, use_nesterov=True),
    "Adam": lambda weights: nn.Adam(weights),
    "AdamWeightDecay": lambda weights: nn.AdamWeightDecay(weights),
    "AdamOffload": lambda weights: nn.AdamOffload(weights),
    "LazyAdam": lambda weights: nn.LazyAdam(weights),
    "RMSProp": lambda weights: nn.RMSProp(weights),
    "RMSProp, centered": lambda weights: nn.RMSProp(weights, centered=True, momentum=0.5),
    "Adagrad": lambda weights: nn.Adagrad(weights),
    "ProximalAdagrad": lambda weights: nn.ProximalAdagrad(weights),
    "FTRL": lambda weights: nn.FTRL(weights),
    "ASGD": lambda weights: nn.ASGD(weights),
    "Rprop": lambda weights: nn.Rprop(weights),
}


@pytest.mark.parametrize("name", ONE_PASS)
def test_one_kernel_reads_and_writes_the_parameter(name: str) -> None:
    gradient = Tensor(np.ones((40, 30), np.float32))
    optimizer = ONE_PASS[name](ParameterTuple([Parameter(gradient, "w")]))
    host = str(optimizer.lower((gradient,)).host)
    large = set(re.findall(r"(%\w+) = host\.buffer .*memref<40x30xf32>", host))
    commands = [set(re.findall(r"%\w+", line)) for line in re.findall(r"host\.(?:launch|copy|fill) .*", host)]
    assert len([values for values in commands if values & large]) == 1
    assert "arena" not in "".join(re.findall(r"host\.buffer .*memref<40x30xf32>", host))
