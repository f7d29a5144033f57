"""Gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cellc import ops
from cellc.nn._cell import Cell
from cellc.nn._optimizer import Optimizer
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor


class Momentum(Optimizer):
    """v = momentum * v + g; w = w - lr * v, or with Nesterov w = w - lr * g - lr * momentum * v.

    Sutskever et al., On the importance of initialization and momentum in deep learning (2013). `use_nesterov` does
    what it says; MindSpore ignores it on CPUs.

    Args:
        params, learning_rate, weight_decay, loss_scale: see Optimizer. `learning_rate` has no default.
        momentum: a float of at least 0.
        use_nesterov: which of the two updates.

    Inputs:
        gradients: a tuple of Tensors, one for each parameter.

    Outputs:
        A tuple of True, one for each parameter.

    Parameters: `learning_rate`, `momentum`, `global_step`, and `moments.<name>` for each parameter.

    Raises:
        TypeError: `momentum` is not a float, `use_nesterov` is not a bool, and see Optimizer.
        ValueError: `momentum` is negative, and see Optimizer.

    Examples:
        >>> net = nn.Dense(3, 2)
        >>> step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()),
        ...                            nn.Momentum(net.trainable_params(), learning_rate=0.1, momentum=0.9))
    """

    momentum: Parameter

    def __init__(
        self,
        params: Iterable[Any],
        learning_rate: Any,
        momentum: float,
        weight_decay: float | Cell = 0.0,
        loss_scale: float = 1.0,
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        _validate.non_negative_float("momentum", momentum, self.cls_name)
        self.momentum = Parameter(Tensor(momentum), name="momentum", requires_grad=False)
        self.use_nesterov = _validate.boolean("use_nesterov", use_nesterov, self.cls_name)
        self.moments = self.parameters.clone(prefix="moments", init="zeros")

    def construct(self, gradients: tuple[Tensor, ...]) -> tuple[bool, ...]:
        prepared = self.prepared(gradients)
        for gradient, parameter, moment, lr in zip(prepared, self.parameters, self.moments, self.rates(), strict=True):
            velocity = ops.assign(moment, ops.add(ops.mul(moment, self.momentum), gradient))
            if self.use_nesterov:
                velocity = ops.add(gradient, ops.mul(velocity, self.momentum))
            ops.assign_sub(parameter, ops.mul(velocity, lr))
        return (True,) * len(prepared)
