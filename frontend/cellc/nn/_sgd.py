"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.nn._optimizer import Optimizer
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor


class SGD(Optimizer):
    """v = momentum * v + (1 - dampening) * g, v = g at the first step; w = w - lr * v.

    With Nesterov w = w - lr * (g + momentum * v); with momentum 0, w = w - lr * g. Weight decay is that of Optimizer,
    as in MindSpore 2; MindSpore 1 adds that of the argument to every parameter, whatever its group or name.

    Args:
        params, learning_rate, weight_decay, loss_scale: see Optimizer.
        momentum: a number of at least 0.
        dampening: a number of at least 0.
        nesterov: needs positive `momentum` and no `dampening`.

    Inputs:
        gradients: a tuple of Tensors, one for each parameter.

    Outputs:
        A tuple of True, one for each parameter.

    Parameters: `learning_rate`, `momentum`, `global_step`, and for each parameter `accum.<name>` and `stat.<name>`,
    which is 1 before the first step and 0 after it.

    Raises:
        TypeError: an argument is not a number, `nesterov` is not a bool, and see Optimizer.
        ValueError: an argument is negative, `nesterov` does not fit the others, and see Optimizer.

    Examples:
        >>> net = nn.Dense(3, 2)
        >>> step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), nn.SGD(net.trainable_params()))
    """

    momentum: Parameter

    def __init__(
        self,
        params: Iterable[Any],
        learning_rate: Any = 0.1,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float | Cell = 0.0,
        nesterov: bool = False,
        loss_scale: float = 1.0,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        owner = self.cls_name
        factor = _number("momentum", momentum, owner)
        self.dampening = _number("dampening", dampening, owner)
        self.nesterov = _validate.boolean("nesterov", nesterov, owner)
        if nesterov and (factor <= 0 or self.dampening != 0):
            message = (
                f"For '{owner}', 'nesterov' needs 'momentum' > 0 and 'dampening' 0, but got {momentum}, {dampening}."
            )
            raise bad_argument(ValueError, message)
        self._has_momentum = factor > 0
        self.momentum = Parameter(Tensor(factor), name="momentum", requires_grad=False)
        self.accum = self.parameters.clone(prefix="accum", init="zeros")
        self.stat = self.parameters.clone(prefix="stat", init="ones")

    def construct(self, gradients: tuple[Tensor, ...]) -> tuple[bool, ...]:
        prepared = self.prepared(gradients)
        slots = zip(prepared, self.parameters, self.accum, self.stat, self.rates(), strict=True)
        for gradient, parameter, accum, stat, lr in slots:
            if self._has_momentum:
                gradient = self._direction(gradient, accum, stat)
            ops.assign_sub(parameter, ops.mul(gradient, lr))
        return (True,) * len(prepared)

    def _direction(self, gradient: Tensor, accum: Parameter, stat: Parameter) -> Tensor:
        running = ops.add(ops.mul(accum, self.momentum), ops.mul(gradient, 1 - self.dampening))
        first = ops.greater(stat, 0)
        velocity = ops.assign(accum, ops.select(first, gradient, running))
        ops.assign(stat, ops.select(first, 0.0, stat))  # and not 0.0 alone, which would take a kernel and a copy
        return ops.add(gradient, ops.mul(velocity, self.momentum)) if self.nesterov else velocity


def _number(name: str, value: Any, owner: str) -> float:
    return _validate.non_negative_float(name, float(value) if type(value) is int else value, owner)
