"""Adam."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from cellc import ops
from cellc.dtype import float32
from cellc.initializer import initializer
from cellc.nn._cell import Cell
from cellc.nn._optimizer import Optimizer
from cellc.ops import _validate
from cellc.parameter import Parameter, ParameterTuple
from cellc.tensor import Tensor


class Adam(Optimizer):
    """m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; w = w - lr_t m / (sqrt(v) + eps).

    With lr_t = lr sqrt(1 - beta2^t) / (1 - beta1^t) at step t = 1, 2, ... Kingma and Ba, Adam
    (https://arxiv.org/abs/1412.6980), in the form of the end of its section 2: eps is not corrected for bias. With
    Nesterov beta1 m + (1 - beta1) g stands for m in the update; with AMSGrad (https://arxiv.org/abs/1904.09237) the
    greatest v so far for v. Rows of a table that a step did not look up (`ops.SparseGatherV2`, `nn.EmbeddingLookup`)
    have gradient 0 and move on with their averages; only weight decay leaves them alone.

    Args:
        params, learning_rate, weight_decay, loss_scale: see Optimizer.
        beta1, beta2: decay rates of the averages, in (0, 1).
        eps: a float above 0.
        use_locking: accepted for MindSpore's sake; updates are never torn.
        use_nesterov, use_amsgrad: which update.

    Inputs:
        gradients: a tuple of Tensors, one for each parameter.

    Outputs:
        A tuple of True, one for each parameter.

    Parameters: `learning_rate`, `global_step`, `beta1_power`, `beta2_power`, and for each parameter `moment1.<name>`,
    `moment2.<name>` and, with AMSGrad, `vhat.<name>`.

    Raises:
        TypeError: a rate or `eps` is not a float, a switch is not a bool, and see Optimizer.
        ValueError: a rate or `eps` is out of range, and see Optimizer.

    Examples:
        >>> net = nn.Dense(3, 2)
        >>> step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), nn.Adam(net.trainable_params()))
    """

    beta1_power: Parameter
    beta2_power: Parameter

    _takes_rows = True

    def __init__(
        self,
        params: Iterable[Any],
        learning_rate: Any = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        use_locking: bool = False,
        use_nesterov: bool = False,
        weight_decay: float | Cell = 0.0,
        loss_scale: float = 1.0,
        use_amsgrad: bool = False,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        owner = self.cls_name
        self.beta1 = single(_validate.float_between("beta1", beta1, 0.0, 1.0, owner))
        self.beta2 = single(_validate.float_between("beta2", beta2, 0.0, 1.0, owner))
        self.eps = _validate.positive_float("eps", eps, owner)
        self.use_locking = _validate.boolean("use_locking", use_locking, owner)
        self.use_nesterov = _validate.boolean("use_nesterov", use_nesterov, owner)
        self.use_amsgrad = _validate.boolean("use_amsgrad", use_amsgrad, owner)
        self.beta1_power = Parameter(initializer(1, [1], float32), name="beta1_power", requires_grad=False)
        self.beta2_power = Parameter(initializer(1, [1], float32), name="beta2_power", requires_grad=False)
        self.moment1 = self.parameters.clone(prefix="moment1", init="zeros")
        self.moment2 = self.parameters.clone(prefix="moment2", init="zeros")
        self.vhat = self.parameters.clone(prefix="vhat", init="zeros") if use_amsgrad else ParameterTuple(())

    def construct(self, gradients: tuple[Tensor, ...]) -> tuple[bool, ...]:
        assigning = [self._assigning(gradient) for gradient in self._checked_gradients(gradients)]
        prepared = self.prepared(gradients)
        correction = self._bias_correction()
        for at, (gradient, lr) in enumerate(zip(prepared, self.rates(), strict=True)):
            with assigning[at]:
                direction = self._direction(at, gradient)
                ops.assign_sub(self.parameters[at], ops.mul(direction, ops.mul(lr, correction)))
        return (True,) * len(prepared)

    def _assigning(self, gradient: Tensor) -> AbstractContextManager[None]:
        """Around the update of one parameter: which of its elements are assigned."""
        return nullcontext()

    def _bias_correction(self) -> Tensor:
        """sqrt(1 - beta2^t) / (1 - beta1^t), a Tensor of rank 0; counts t in the powers."""
        power1 = ops.reshape(ops.assign(self.beta1_power, ops.mul(self.beta1_power, self.beta1)), ())
        power2 = ops.reshape(ops.assign(self.beta2_power, ops.mul(self.beta2_power, self.beta2)), ())
        return ops.div(ops.sqrt(ops.sub(1.0, power2)), ops.sub(1.0, power1))

    def _direction(self, at: int, gradient: Tensor) -> Tensor:
        """m / (sqrt(v) + eps) of parameter number `at`, after this step's update of m and v."""
        mean = ops.assign(self.moment1[at], average(self.moment1[at], gradient, self.beta1))
        variance = ops.assign(self.moment2[at], average(self.moment2[at], ops.square(gradient), self.beta2))
        if self.use_nesterov:
            mean = average(mean, gradient, self.beta1)
        if self.use_amsgrad:
            variance = ops.assign(self.vhat[at], ops.maximum(self.vhat[at], variance))
        return ops.div(mean, ops.add(ops.sqrt(variance), self.eps))


def single(value: float) -> float:
    """`value` rounded to float32, so that the powers and the averages have one rate and its rounding cancels."""
    return float(np.float32(value))


def average(running: Tensor, value: Tensor, kept: float) -> Tensor:
    return ops.add(ops.mul(running, kept), ops.mul(value, 1 - kept))
