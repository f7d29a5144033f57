"""LARS: layer-wise scaled gradients for another optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._adam_variants import norm
from cellc.nn._optimizer import Optimizer
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor


def _is_scaled(parameter: Parameter) -> bool:
    return "LayerNorm" not in parameter.name and "bias" not in parameter.name


class LARS(Optimizer):
    """Gives `optimizer` r (g + weight_decay w) for g, with r = coefficient |w| / (|g| + weight_decay |w| + epsilon).

    r is 1 where w or g is zero. You et al., Large Batch Training of Convolutional Networks
    (https://arxiv.org/abs/1708.03888). Weight decay and loss scale of `optimizer` are taken over: the gradients it
    gets are scaled and decayed already.

    Args:
        optimizer: an Optimizer; it makes the step.
        epsilon: a float, added below the fraction.
        coefficient: the trust coefficient, a float.
        use_clip: whether r is min(r / learning rate, 1), so that the step is not longer than the optimizer's own.
        lars_filter: takes a Parameter and tells whether its gradient is scaled; by default, those with neither
            "LayerNorm" nor "bias" in their names.

    Inputs:
        gradients: a tuple of Tensors, one for each parameter.

    Outputs:
        What `optimizer` returns.

    Raises:
        TypeError: an argument has another type.
        ValueError: with `use_clip`, the optimizer has groups with rates that depend on the step.

    Examples:
        >>> net = nn.Dense(3, 2)
        >>> optimizer = nn.LARS(nn.Momentum(net.trainable_params(), 0.1, 0.9), coefficient=0.02)
    """

    def __init__(
        self,
        optimizer: Optimizer,
        epsilon: float = 1e-5,
        coefficient: float = 1e-3,
        use_clip: bool = False,
        lars_filter: Callable[[Parameter], bool] = _is_scaled,
    ) -> None:
        owner = type(self).__name__
        _validate.of_type("optimizer", optimizer, Optimizer, owner)
        super().__init__(0.0, list(optimizer.parameters))
        self.epsilon = _validate.of_type("epsilon", epsilon, float, owner)
        self.coefficient = _validate.of_type("coefficient", coefficient, float, owner)
        self.use_clip = _validate.boolean("use_clip", use_clip, owner)
        if use_clip and optimizer.is_group_lr and optimizer.dynamic_lr:
            message = f"For '{owner}', 'use_clip' does not go with groups whose rates depend on the step."
            raise bad_argument(ValueError, message)
        self.lars_flag = tuple(bool(lars_filter(parameter)) for parameter in optimizer.parameters)
        self.opt = optimizer
        self._take_over(optimizer)

    def _take_over(self, optimizer: Optimizer) -> None:
        """Weight decay and loss scale of `optimizer`, which keeps none."""
        for name in ("weight_decay", "decay_flags", "dynamic_weight_decay", "_decay_cells", "is_group", "loss_scale",
                     "global_step", "learning_rate", "is_group_lr", "dynamic_lr"):  # fmt: skip
            setattr(self, name, getattr(optimizer, name))
        optimizer.decay_flags = (False,) * len(optimizer.parameters)
        optimizer.dynamic_weight_decay = False
        optimizer.loss_scale = 1.0

    def construct(self, gradients: tuple[Tensor, ...]) -> Any:
        scaled = self.scale_grad(self._checked_gradients(gradients))
        decays = self.decays()
        rates = tuple(self._rate_now(rate) for rate in self._rates())
        rates = rates if self.is_group_lr else rates * len(scaled)
        result = self.opt(
            tuple(self._scaled(at, *row) for at, row in enumerate(zip(scaled, decays, rates, strict=True)))
        )
        if self.dynamic_weight_decay and not self.opt.dynamic_lr:
            ops.assign_add(self.global_step, 1)
        return result

    def _scaled(self, at: int, gradient: Tensor, decay: Any, lr: Tensor) -> Tensor:
        if not self.lars_flag[at]:
            return gradient
        parameter = self.parameters[at]
        length, slope = norm(parameter), norm(gradient)
        below: Any = slope
        if self.decay_flags[at]:
            share = ops.div(decay, self.loss_scale) if isinstance(decay, Tensor) else decay / self.loss_scale
            below = ops.add(slope, ops.mul(length, share))
            gradient = ops.add(gradient, ops.mul(parameter, share))
        ratio = ops.div(ops.mul(length, self.coefficient), ops.add(below, self.epsilon))
        known = ops.logical_and(ops.greater(length, 0), ops.greater(slope, 0))
        ratio = ops.select(known, ratio, ops.ones_like(ratio))
        return ops.mul(gradient, ops.minimum(ops.div(ratio, lr), 1.0) if self.use_clip else ratio)
