"""Optimizers with Adam's averages: AdamOffload, LazyAdam, AdamWeightDecay, Lamb."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

from cellc import ops
from cellc.nn._adam import Adam, average, single
from cellc.nn._cell import Cell
from cellc.nn._optimizer import Optimizer, widened
from cellc.nn._row_updates import rows_alone
from cellc.ops import _validate
from cellc.tensor import Tensor


class _WithoutAMSGrad(Adam):
    """Adam without the argument `use_amsgrad`."""

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
    ) -> None:
        super().__init__(params, learning_rate, beta1, beta2, eps, use_locking, use_nesterov, weight_decay, loss_scale)


class LazyAdam(_WithoutAMSGrad):
    """Adam that leaves the rows of a table that a step does not look up as they are, averages and parameter.

    So it is where a network reads the table by `nn.EmbeddingLookup(sparse=True)`, `nn.MultiFieldEmbeddingLookup`,
    `ops.SparseGatherV2` or `ops.EmbeddingLookup` alone, and gradients are computed in the program that updates (as in
    TrainOneStepCell), scaled or reduced over processes at most. All other gradients are dense, and it is Adam. As in
    MindSpore, weight decay is added to the gradient of a row once for each time it was looked up.

    Args, inputs, outputs, parameters and errors: as for Adam, without `use_amsgrad`.
    """

    def _assigning(self, gradient: Tensor) -> AbstractContextManager[None]:
        return rows_alone(gradient)


class AdamOffload(_WithoutAMSGrad):
    """Adam, whose averages MindSpore keeps in the host's memory; here they are where the parameters are.

    As in MindSpore, gradients are not centralized and all are dense. Args, inputs, outputs, parameters and errors: as
    for LazyAdam.
    """

    _takes_rows = False

    def gradients_centralization(self, gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return gradients


class AdamWeightDecay(Optimizer):
    """m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; w = w - lr (m / (sqrt(v) + eps) + weight_decay w).

    Loshchilov and Hutter, Decoupled Weight Decay Regularization (https://arxiv.org/abs/1711.05101), without its
    correction of bias, as in MindSpore. All is computed in float32 at least.

    Args:
        params, learning_rate, weight_decay: see Optimizer.
        beta1, beta2: decay rates of the averages, in (0, 1).
        eps: a float above 0.

    Inputs:
        gradients: a tuple of Tensors, one for each parameter.

    Outputs:
        A tuple of True, one for each parameter.

    Parameters: `learning_rate`, `global_step`, and `adam_m.<name>` and `adam_v.<name>` for each parameter.

    Raises:
        TypeError: a rate or `eps` is not a float, and see Optimizer.
        ValueError: a rate or `eps` is out of range, and see Optimizer.
    """

    _prefixes = ("adam_m", "adam_v")

    def __init__(
        self,
        params: Iterable[Any],
        learning_rate: Any = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-6,
        weight_decay: float | Cell = 0.0,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay)
        self.beta1 = single(_validate.float_between("beta1", beta1, 0.0, 1.0, self.cls_name))
        self.beta2 = single(_validate.float_between("beta2", beta2, 0.0, 1.0, self.cls_name))
        self.eps = _validate.positive_float("eps", eps, self.cls_name)
        self.moments1 = self.parameters.clone(prefix=self._prefixes[0], init="zeros")
        self.moments2 = self.parameters.clone(prefix=self._prefixes[1], init="zeros")

    def construct(self, gradients: tuple[Tensor, ...]) -> tuple[bool, ...]:
        decays = self.decays()
        for at, (gradient, lr) in enumerate(zip(self._checked_gradients(gradients), self.rates(), strict=True)):
            parameter = widened(self.parameters[at])
            mean, variance = self._averages(at, gradient)
            update = ops.div(mean, ops.add(ops.sqrt(variance), self.eps))
            if self.decay_flags[at]:
                update = ops.add(update, ops.mul(parameter, decays[at]))
            ops.assign(self.parameters[at], ops.sub(parameter, ops.mul(update, lr)))
        return (True,) * len(self.parameters)

    def _averages(self, at: int, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """The averages of parameter number `at` after this step's update."""
        gradient = widened(gradient)
        mean = average(widened(self.moments1[at]), gradient, self.beta1)
        variance = average(widened(self.moments2[at]), ops.square(gradient), self.beta2)
        ops.assign(self.moments1[at], mean)
        ops.assign(self.moments2[at], variance)
        return mean, variance


class Lamb(AdamWeightDecay):
    """Adam with decoupled weight decay, each parameter's step scaled by a trust ratio |w| / |step|.

    With M = m / (1 - beta1^t) and V = v / (1 - beta2^t) of Adam's averages m and v, u = M / (sqrt(V) + eps) +
    weight_decay w and w = w - lr r u, where r = |w| / |M / sqrt(V + eps) + weight_decay w| is kept within [0, 10], and
    is 1 where w or g is zero. You et al., Large Batch Optimization for Deep Learning
    (https://arxiv.org/abs/1904.00962), in the form MindSpore computes. All is computed in float32 at least.

    Args:
        params, weight_decay: see Optimizer.
        learning_rate: see Optimizer; it has no default.
        beta1, beta2: decay rates of the averages, in (0, 1).
        eps: a float above 0.

    Inputs:
        gradients: a tuple of Tensors, one for each parameter.

    Outputs:
        A tuple of True, one for each parameter.

    Parameters: `learning_rate`, `global_step`, which counts every step, and `lamb_m.<name>` and `lamb_v.<name>` for
    each parameter.

    Raises:
        TypeError: a rate or `eps` is not a float, and see Optimizer.
        ValueError: a rate or `eps` is out of range, and see Optimizer.
    """

    _prefixes = ("lamb_m", "lamb_v")

    def __init__(
        self,
        params: Iterable[Any],
        learning_rate: Any,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-6,
        weight_decay: float | Cell = 0.0,
    ) -> None:
        super().__init__(params, learning_rate, beta1, beta2, eps, weight_decay)

    def construct(self, gradients: tuple[Tensor, ...]) -> tuple[bool, ...]:
        decays = self.decays()
        rates = self.rates()
        step = self.counted_step()
        corrections = [ops.sub(1.0, ops.pow(beta, step)) for beta in (self.beta1, self.beta2)]
        centralized = self.gradients_centralization(self._checked_gradients(gradients))
        for at, (gradient, lr) in enumerate(zip(centralized, rates, strict=True)):
            parameter = widened(self.parameters[at])
            mean, variance = (
                ops.div(value, correction)
                for value, correction in zip(self._averages(at, gradient), corrections, strict=True)
            )
            decay = ops.mul(parameter, decays[at])
            tried = ops.add(ops.mul(mean, ops.rsqrt(ops.add(variance, self.eps))), decay)
            update = ops.div(mean, ops.add(ops.sqrt(variance), self.eps))
            update = ops.add(update, decay) if self.decay_flags[at] else update
            trust = _trust_ratio(parameter, widened(gradient), tried)
            ops.assign(self.parameters[at], ops.sub(parameter, ops.mul(update, ops.mul(trust, lr))))
        return (True,) * len(self.parameters)


def _trust_ratio(parameter: Tensor, gradient: Tensor, update: Tensor) -> Tensor:
    length = norm(parameter)
    known = ops.logical_and(ops.greater(length, 0), ops.greater(norm(gradient), 0))
    return ops.minimum(ops.select(known, ops.div(length, norm(update)), ops.ones_like(length)), 10.0)


def norm(x: Tensor) -> Tensor:
    """The Euclidean norm of all elements, a Tensor of rank 0."""
    return ops.sqrt(ops.reduce_sum(ops.square(x)))
