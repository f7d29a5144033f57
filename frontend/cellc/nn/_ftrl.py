"""Follow the regularized leader."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.nn._optimizer import Optimizer
from cellc.nn._row_updates import rows_alone
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor


class FTRL(Optimizer):
    """n' = n + g^2; u = u + g - (n'^-p - n^-p) / lr * w; w = (sign(u) l1 - u) / (n'^-p / lr + 2 l2), 0 if |u| <= l1.

    p is `lr_power`. McMahan et al., Ad Click Prediction: a View from the Trenches (2013). Without groups all
    parameters decay, whatever their names. Of a table only the rows that a step looked up are updated, as by LazyAdam.

    Args:
        params, loss_scale, weight_decay: see Optimizer.
        initial_accum: what n begins with, a float of at least 0.
        learning_rate: a number.
        lr_power: a float of at most 0.
        l1, l2: strengths of the regularization, floats of at least 0.
        use_locking: accepted for MindSpore's sake; updates are never torn.

    Inputs:
        gradients: a tuple of Tensors, one for each parameter.

    Outputs:
        A tuple of True, one for each parameter.

    Parameters: `learning_rate`, `global_step`, and `moments.<name>` and `linear.<name>` for each parameter.

    Raises:
        TypeError: an argument has another type, and see Optimizer.
        ValueError: an argument is out of range, the learning rate depends on the step or a group, and see Optimizer.
    """

    _takes_rows = True

    def __init__(
        self,
        params: Iterable[Any],
        initial_accum: float = 0.1,
        learning_rate: Any = 1e-3,
        lr_power: float = -0.5,
        l1: float = 0.0,
        l2: float = 0.0,
        use_locking: bool = False,
        loss_scale: float = 1.0,
        weight_decay: float | Cell = 0.0,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        owner = self.cls_name
        if self.dynamic_lr or self.is_group_lr:
            message = f"For '{owner}', 'learning_rate' must be a number, the same at each step and in each group."
            raise bad_argument(ValueError, message)
        _validate.non_negative_float("initial_accum", initial_accum, owner)
        self.lr_power = _validate.of_type("lr_power", lr_power, float, owner)
        if lr_power > 0:
            raise bad_argument(ValueError, f"For '{owner}', 'lr_power' must not be positive, but got {lr_power}.")
        self.l1 = _validate.non_negative_float("l1", l1, owner)
        self.l2 = _validate.non_negative_float("l2", l2, owner)
        self.use_locking = _validate.boolean("use_locking", use_locking, owner)
        if not self.is_group:
            decays = isinstance(self.weight_decay, Cell) or self.weight_decay > 0
            self.decay_flags = (decays,) * len(self.parameters)
        self.moments = self.parameters.clone(prefix="moments", init=initial_accum)
        self.linear = self.parameters.clone(prefix="linear", init="zeros")

    def construct(self, gradients: tuple[Tensor, ...]) -> tuple[bool, ...]:
        assigning = [rows_alone(gradient) for gradient in self._checked_gradients(gradients)]
        prepared = self.prepared(gradients)
        lr = self.get_lr()
        for at, gradient in enumerate(prepared):
            with assigning[at]:
                self._step(gradient, self.parameters[at], self.moments[at], self.linear[at], lr)
        return (True,) * len(prepared)

    def _step(self, gradient: Tensor, parameter: Parameter, moment: Parameter, linear: Parameter, lr: Tensor) -> None:
        before = self._power(moment)
        after = self._power(ops.assign_add(moment, ops.square(gradient)))
        pull = ops.mul(ops.div(ops.sub(after, before), lr), parameter)
        leader = ops.assign(linear, ops.sub(ops.add(linear, gradient), pull))
        scale = ops.add(ops.div(after, lr), 2 * self.l2)
        moved = ops.div(ops.sub(ops.mul(ops.sign(leader), self.l1), leader), scale)
        ops.assign(parameter, ops.select(ops.greater(ops.abs(leader), self.l1), moved, ops.zeros_like(moved)))

    def _power(self, moment: Tensor) -> Tensor:
        return ops.sqrt(moment) if self.lr_power == -0.5 else ops.pow(moment, -self.lr_power)
