"""Adagrad and ProximalAdagrad: steps that shrink with the squares of all gradients so far."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cellc import ops
from cellc.nn._cell import Cell
from cellc.nn._optimizer import Optimizer
from cellc.nn._row_updates import rows_alone
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor


class Adagrad(Optimizer):
    """a = a + g^2; w = w - lr * g / sqrt(a).

    Duchi et al., Adaptive Subgradient Methods for Online Learning and Stochastic Optimization (2011).

    Args:
        params, learning_rate, loss_scale, weight_decay: see Optimizer.
        accum: what a begins with, a float of at least 0.
        update_slots: False leaves a as it is.

    Inputs:
        gradients: a tuple of Tensors, one for each parameter.

    Outputs:
        A tuple of True, one for each parameter.

    Parameters: `learning_rate`, `global_step`, and `accum.<name>` for each parameter.

    Raises:
        TypeError: `accum` is not a float, `update_slots` is not a bool, and see Optimizer.
        ValueError: `accum` is negative, and see Optimizer.

    Examples:
        >>> net = nn.Dense(3, 2)
        >>> step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), nn.Adagrad(net.trainable_params()))
    """

    def __init__(
        self,
        params: Iterable[Any],
        accum: float = 0.1,
        learning_rate: Any = 1e-3,
        update_slots: bool = True,
        loss_scale: float = 1.0,
        weight_decay: float | Cell = 0.0,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        _validate.non_negative_float("accum", accum, self.cls_name)
        self.update_slots = _validate.boolean("update_slots", update_slots, self.cls_name)
        self.accum = self.parameters.clone(prefix="accum", init=accum)

    def construct(self, gradients: tuple[Tensor, ...]) -> tuple[bool, ...]:
        prepared = self.prepared(gradients)
        for gradient, parameter, accum, lr in zip(prepared, self.parameters, self.accum, self.rates(), strict=True):
            squares = ops.assign_add(accum, ops.square(gradient)) if self.update_slots else accum
            ops.assign_sub(parameter, ops.mul(ops.div(gradient, ops.sqrt(squares)), lr))
        return (True,) * len(prepared)


class ProximalAdagrad(Optimizer):
    """a = a + g^2; r = lr / sqrt(a); p = w - r * g; w = sign(p) * max(|p| - r * l1, 0) / (1 + r * l2).

    Duchi and Singer, Efficient Learning using Forward-Backward Splitting (2009). Of a table only the rows that a step
    looked up are updated, as by LazyAdam.

    Args:
        params, learning_rate, loss_scale, weight_decay: see Optimizer.
        accum: what a begins with, a float of at least 0.
        l1, l2: strengths of the regularization, floats of at least 0.
        use_locking: accepted for MindSpore's sake; updates are never torn.

    Inputs:
        gradients: a tuple of Tensors, one for each parameter.

    Outputs:
        A tuple of True, one for each parameter.

    Parameters: `learning_rate`, `global_step`, and `accum.<name>` for each parameter.

    Raises:
        TypeError: `accum`, `l1` or `l2` is not a float, `use_locking` is not a bool, and see Optimizer.
        ValueError: `accum`, `l1` or `l2` is negative, and see Optimizer.
    """

    _takes_rows = True

    def __init__(
        self,
        params: Iterable[Any],
        accum: float = 0.1,
        learning_rate: Any = 1e-3,
        l1: float = 0.0,
        l2: float = 0.0,
        use_locking: bool = False,
        loss_scale: float = 1.0,
        weight_decay: float | Cell = 0.0,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        _validate.non_negative_float("accum", accum, self.cls_name)
        self.l1 = _validate.non_negative_float("l1", l1, self.cls_name)
        self.l2 = _validate.non_negative_float("l2", l2, self.cls_name)
        self.use_locking = _validate.boolean("use_locking", use_locking, self.cls_name)
        self.accum = self.parameters.clone(prefix="accum", init=accum)

    def construct(self, gradients: tuple[Tensor, ...]) -> tuple[bool, ...]:
        assigning = [rows_alone(gradient) for gradient in self._checked_gradients(gradients)]
        prepared = self.prepared(gradients)
        for at, (gradient, lr) in enumerate(zip(prepared, self.rates(), strict=True)):
            with assigning[at]:
                self._step(gradient, self.parameters[at], self.accum[at], lr)
        return (True,) * len(prepared)

    def _step(self, gradient: Tensor, parameter: Parameter, accum: Parameter, lr: Tensor) -> None:
        rate = ops.mul(ops.rsqrt(ops.assign_add(accum, ops.square(gradient))), lr)
        moved = ops.sub(parameter, ops.mul(gradient, rate))
        if self.l1 > 0:
            moved = ops.mul(ops.sign(moved), ops.maximum(ops.sub(ops.abs(moved), ops.mul(rate, self.l1)), 0.0))
        ops.assign(parameter, ops.div(moved, ops.add(ops.mul(rate, self.l2), 1.0)) if self.l2 > 0 else moved)
