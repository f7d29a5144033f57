"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cellc import ops
from cellc.nn._cell import Cell
from cellc.nn._optimizer import Optimizer, widened
from cellc.ops import _validate
from cellc.parameter import Parameter, ParameterTuple
from cellc.tensor import Tensor


class ASGD(Optimizer):
    """w = w (1 - lambd eta) - eta g; ax = ax + mu (w - ax), ax = w while mu is 1.

    After step t, eta = lr / (1 + lambd lr t)^alpha and mu = 1 / max(1, t - t0); eta begins with lr and mu with 1.
    Polyak and Juditsky, Acceleration of stochastic approximation by averaging (1992). All is computed in float32 at
    least.

    Args:
        params, learning_rate, weight_decay: see Optimizer.
        lambd: decay of the parameters, a float.
        alpha: power of eta's decay, a float.
        t0: the step at which averaging begins, a float.

    Inputs:
        gradients: a tuple of Tensors, one for each parameter.

    Outputs:
        True.

    Parameters: `learning_rate`, `global_step`, which counts every step, and `mu_<name>`, `eta_<name>` and
    `ax_.<name>`, the average, for each parameter.

    Raises:
        TypeError: `lambd`, `alpha` or `t0` is not a float, and see Optimizer.
        ValueError: see Optimizer.
    """

    def __init__(
        self,
        params: Iterable[Any],
        learning_rate: Any = 0.1,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float | Cell = 0.0,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay)
        self.lambd = _validate.of_type("lambd", lambd, float, self.cls_name)
        self.alpha = _validate.of_type("alpha", alpha, float, self.cls_name)
        self.t0 = _validate.of_type("t0", t0, float, self.cls_name)
        self.mu = ParameterTuple(Parameter(Tensor(1.0), name=f"mu_{weight.name}") for weight in self.parameters)
        self.eta = ParameterTuple(Parameter(Tensor(0.0), name=f"eta_{weight.name}") for weight in self.parameters)
        self.ax = self.parameters.clone(prefix="ax_", init="zeros")

    def construct(self, gradients: tuple[Tensor, ...]) -> bool:
        prepared = self.prepared(gradients)
        rates = self.rates()
        step = self.counted_step()
        for at, (gradient, lr) in enumerate(zip(prepared, rates, strict=True)):
            self._step(at, gradient, lr, step)
        return True

    def _step(self, at: int, gradient: Tensor, lr: Tensor, step: Tensor) -> None:
        eta = ops.select(ops.equal(step, 1), lr, self.eta[at])
        parameter = widened(self.parameters[at])
        parameter = ops.sub(ops.mul(parameter, ops.sub(1.0, ops.mul(eta, self.lambd))), ops.mul(widened(gradient), eta))
        ops.assign(self.parameters[at], parameter)
        average, mu = widened(self.ax[at]), self.mu[at]
        moved = ops.add(average, ops.mul(ops.sub(parameter, average), mu))
        ops.assign(self.ax[at], ops.select(ops.equal(mu, 1), parameter, moved))
        decayed = ops.pow(ops.add(ops.mul(ops.mul(lr, step), self.lambd), 1.0), self.alpha)
        ops.assign(self.eta[at], ops.div(lr, decayed))
        ops.assign(mu, ops.div(1.0, ops.maximum(ops.sub(step, self.t0), 1.0)))
