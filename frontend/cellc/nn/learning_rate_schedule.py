"""Learning rates as functions of the step, compiled into the training step."""

from __future__ import annotations

import math

from cellc import ops
from cellc.dtype import float32
from cellc.nn._learning_rate import LearningRateSchedule
from cellc.nn.dynamic_lr import check_cosine, check_decay, check_polynomial, check_warmup
from cellc.ops import _validate
from cellc.tensor import Tensor


class ExponentialDecayLR(LearningRateSchedule):
    """learning_rate * decay_rate^(step / decay_steps), the quotient rounded down if `is_stair`.

    Args:
        learning_rate, decay_rate: floats above 0.
        decay_steps: an int of at least 1.
        is_stair: whether the rate falls only every `decay_steps` steps.

    Inputs:
        global_step: int32 Tensor of shape (1,), the number of steps made before.

    Outputs:
        The learning rate, a float32 Tensor of the shape of `global_step`.

    Raises:
        TypeError, ValueError: an argument has another type or value.

    Examples:
        >>> schedule = nn.ExponentialDecayLR(0.1, 0.5, 2)
        >>> nn.SGD(nn.Dense(2, 2).trainable_params(), learning_rate=schedule).cls_name
        'SGD'
    """

    def __init__(self, learning_rate: float, decay_rate: float, decay_steps: int, is_stair: bool = False) -> None:
        super().__init__()
        check_decay(learning_rate, decay_rate, is_stair, self.cls_name)
        self.learning_rate = learning_rate
        self.decay_rate = decay_rate
        self.decay_steps = _validate.positive_int("decay_steps", decay_steps, self.cls_name)
        self.is_stair = is_stair

    def construct(self, global_step: Tensor) -> Tensor:
        return ops.mul(ops.pow(self.decay_rate, self._decays(global_step)), self.learning_rate)

    def _decays(self, global_step: Tensor) -> Tensor:
        decays = ops.div(ops.cast(global_step, float32), self.decay_steps)
        return ops.floor(decays) if self.is_stair else decays


class InverseDecayLR(ExponentialDecayLR):
    """learning_rate / (1 + decay_rate * step / decay_steps), the quotient rounded down if `is_stair`.

    Args, inputs, outputs and errors: as for ExponentialDecayLR.
    """

    def construct(self, global_step: Tensor) -> Tensor:
        return ops.div(self.learning_rate, ops.add(ops.mul(self._decays(global_step), self.decay_rate), 1.0))


class NaturalExpDecayLR(ExponentialDecayLR):
    """learning_rate * e^(-decay_rate * step), the step rounded down to a multiple of `decay_steps` if `is_stair`.

    As in MindSpore, `decay_steps` has no effect otherwise. Args, inputs, outputs and errors: as for ExponentialDecayLR.
    """

    def construct(self, global_step: Tensor) -> Tensor:
        step = ops.cast(global_step, float32)
        if self.is_stair:
            step = ops.mul(self._decays(global_step), self.decay_steps)
        return ops.mul(ops.exp(ops.mul(step, -self.decay_rate)), self.learning_rate)


class CosineDecayLR(LearningRateSchedule):
    """min_lr + (max_lr - min_lr) / 2 * (1 + cos(pi * min(step, decay_steps) / decay_steps)).

    Loshchilov and Hutter, SGDR (https://arxiv.org/abs/1608.03983), without restarts.

    Args:
        min_lr: a float of at least 0.
        max_lr: a float above `min_lr`.
        decay_steps: an int of at least 1.

    Inputs, outputs and errors: as for ExponentialDecayLR.
    """

    def __init__(self, min_lr: float, max_lr: float, decay_steps: int) -> None:
        super().__init__()
        check_cosine(min_lr, max_lr, self.cls_name)
        self.min_lr = min_lr
        self.max_lr = max_lr
        self.decay_steps = _validate.positive_int("decay_steps", decay_steps, self.cls_name)

    def construct(self, global_step: Tensor) -> Tensor:
        angle = ops.mul(part_of(global_step, self.decay_steps), math.pi)
        return ops.add(ops.mul(ops.add(ops.cos(angle), 1.0), 0.5 * (self.max_lr - self.min_lr)), self.min_lr)


class PolynomialDecayLR(LearningRateSchedule):
    """(learning_rate - end_learning_rate) * (1 - min(step, decay_steps) / decay_steps)^power + end_learning_rate.

    With `update_decay_steps` the decay starts anew, slower: decay_steps * max(ceil(step / decay_steps), 1) stands for
    decay_steps.

    Args:
        learning_rate: a float above 0.
        end_learning_rate: a float of at least 0.
        decay_steps: an int of at least 1.
        power: a float above 0.
        update_decay_steps: see above.

    Inputs, outputs and errors: as for ExponentialDecayLR.
    """

    def __init__(
        self,
        learning_rate: float,
        end_learning_rate: float,
        decay_steps: int,
        power: float,
        update_decay_steps: bool = False,
    ) -> None:
        super().__init__()
        check_polynomial(learning_rate, end_learning_rate, power, self.cls_name)
        self.start_learning_rate = learning_rate
        self.end_learning_rate = end_learning_rate
        self.decay_steps = _validate.positive_int("decay_steps", decay_steps, self.cls_name)
        self.power = power
        self.update_decay_steps = _validate.boolean("update_decay_steps", update_decay_steps, self.cls_name)

    def construct(self, global_step: Tensor) -> Tensor:
        rest = ops.pow(ops.sub(1.0, self._part(global_step)), self.power)
        return ops.add(ops.mul(rest, self.start_learning_rate - self.end_learning_rate), self.end_learning_rate)

    def _part(self, global_step: Tensor) -> Tensor:
        if not self.update_decay_steps:
            return part_of(global_step, self.decay_steps)
        periods = ops.div(ops.cast(global_step, float32), self.decay_steps)
        return ops.div(periods, ops.maximum(ops.ceil(periods), 1.0))


class WarmUpLR(LearningRateSchedule):
    """learning_rate * min(step, warmup_steps) / warmup_steps: the first step's rate is 0.

    Args:
        learning_rate: a float of at least 0.
        warmup_steps: an int of at least 1.

    Inputs, outputs and errors: as for ExponentialDecayLR.
    """

    def __init__(self, learning_rate: float, warmup_steps: int) -> None:
        super().__init__()
        check_warmup(learning_rate, self.cls_name)
        self.learning_rate = learning_rate
        self.warmup_steps = _validate.positive_int("warmup_steps", warmup_steps, self.cls_name)

    def construct(self, global_step: Tensor) -> Tensor:
        return ops.mul(part_of(global_step, self.warmup_steps), self.learning_rate)


def part_of(step: Tensor, steps: int) -> Tensor:
    """min(step, steps) / steps in float32."""
    return ops.div(ops.cast(ops.minimum(step, steps), float32), steps)
