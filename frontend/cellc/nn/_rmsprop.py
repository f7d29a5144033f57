"""RMSProp."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cellc import ops
from cellc.nn._cell import Cell
from cellc.nn._optimizer import Optimizer
from cellc.ops import _validate
from cellc.parameter import ParameterTuple
from cellc.tensor import Tensor


class RMSProp(Optimizer):
    """s = decay s + (1 - decay) g^2; m = momentum m + lr g / sqrt(s + epsilon); w = w - m.

    Centered, a = decay a + (1 - decay) g too, and s - a^2 + epsilon stands below the root; elements where that is not
    positive stay as they are. Tieleman and Hinton, Lecture 6.5 (2012); Graves, Generating Sequences With Recurrent
    Neural Networks (https://arxiv.org/abs/1308.0850), equations 38 to 45.

    Args:
        params, learning_rate, loss_scale, weight_decay: see Optimizer.
        decay, momentum: floats of at least 0.
        epsilon: a float above 0.
        use_locking: accepted for MindSpore's sake; updates are never torn.
        centered: which of the two.

    Inputs:
        gradients: a tuple of Tensors, one for each parameter.

    Outputs:
        A tuple of True, one for each parameter.

    Parameters: `learning_rate`, `global_step`, and for each parameter `mean_square.<name>`, which begins with ones,
    `moment.<name>` and, centered, `mean_grad.<name>`.

    Raises:
        TypeError: a number is not a float, a switch is not a bool, and see Optimizer.
        ValueError: a number is out of range, and see Optimizer.
    """

    def __init__(
        self,
        params: Iterable[Any],
        learning_rate: Any = 0.1,
        decay: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        loss_scale: float = 1.0,
        weight_decay: float | Cell = 0.0,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        owner = self.cls_name
        self.decay = _validate.non_negative_float("decay", decay, owner)
        self.momentum = _validate.non_negative_float("momentum", momentum, owner)
        self.epsilon = _validate.positive_float("epsilon", epsilon, owner)
        self.use_locking = _validate.boolean("use_locking", use_locking, owner)
        self.centered = _validate.boolean("centered", centered, owner)
        self.mg = self.parameters.clone(prefix="mean_grad", init="zeros") if centered else ParameterTuple(())
        self.ms = self.parameters.clone(prefix="mean_square", init="ones")
        self.moment = self.parameters.clone(prefix="moment", init="zeros")

    def construct(self, gradients: tuple[Tensor, ...]) -> tuple[bool, ...]:
        prepared = self.prepared(gradients)
        for at, (gradient, lr) in enumerate(zip(prepared, self.rates(), strict=True)):
            (self._centered_step if self.centered else self._step)(at, gradient, lr)
        return (True,) * len(prepared)

    def _step(self, at: int, gradient: Tensor, lr: Tensor) -> None:
        squares = ops.assign(self.ms[at], self._average(self.ms[at], ops.square(gradient)))
        ops.assign_sub(self.parameters[at], ops.assign(self.moment[at], self._moved(at, gradient, lr, squares)))

    def _centered_step(self, at: int, gradient: Tensor, lr: Tensor) -> None:
        mean = ops.assign(self.mg[at], self._average(self.mg[at], gradient))
        squares = ops.assign(self.ms[at], self._average(self.ms[at], ops.square(gradient)))
        variance = ops.sub(squares, ops.square(mean))
        moved = self._moved(at, gradient, lr, variance)
        moves = ops.greater(ops.add(variance, self.epsilon), 0)
        ops.assign(self.moment[at], ops.select(moves, moved, self.moment[at]))
        ops.assign_sub(self.parameters[at], ops.select(moves, moved, ops.zeros_like(moved)))

    def _average(self, running: Tensor, value: Tensor) -> Tensor:
        return ops.add(ops.mul(running, self.decay), ops.mul(value, 1 - self.decay))

    def _moved(self, at: int, gradient: Tensor, lr: Tensor, variance: Tensor) -> Tensor:
        step = ops.mul(ops.mul(gradient, ops.rsqrt(ops.add(variance, self.epsilon))), lr)
        return ops.add(ops.mul(self.moment[at], self.momentum), step)
