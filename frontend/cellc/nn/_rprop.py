"""Resilient backpropagation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.nn._optimizer import Optimizer, widened
from cellc.ops import _validate
from cellc.tensor import Tensor


class Rprop(Optimizer):
    """w = w - sign(g) s, with a step s for each element that grows while the gradient keeps its sign.

    s, first the learning rate, is multiplied by etas[1] where g has the sign of the gradient before and by etas[0]
    where it has the other; there g counts as 0 now and at the next step. s stays within step_sizes. Riedmiller and
    Braun, A direct adaptive method for faster backpropagation learning: the RPROP algorithm (1993). All is computed
    in float32 at least.

    Args:
        params, learning_rate, weight_decay: see Optimizer.
        etas: (factor below 1, factor above 1), floats.
        step_sizes: (least, greatest), floats.

    Inputs:
        gradients: a tuple of Tensors, one for each parameter.

    Outputs:
        True.

    Parameters: `learning_rate`, `global_step`, which counts every step, and `prev.<name>` and `step_size.<name>` for
    each parameter.

    Raises:
        TypeError: `etas` or `step_sizes` is not a tuple of floats, and see Optimizer.
        ValueError: they have another length or order, and see Optimizer.
    """

    def __init__(
        self,
        params: Iterable[Any],
        learning_rate: Any = 0.1,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        weight_decay: float | Cell = 0.0,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay)
        self.etaminus, self.etaplus = _float_pair("etas", etas, self.cls_name)
        self.step_size_min, self.step_size_max = _float_pair("step_sizes", step_sizes, self.cls_name)
        if not 0 < self.etaminus < 1 < self.etaplus:
            message = f"For '{self.cls_name}', 'etas' must be 0 < etas[0] < 1 < etas[1], but got {etas}."
            raise bad_argument(ValueError, message)
        if self.step_size_min > self.step_size_max:
            message = f"For '{self.cls_name}', 'step_sizes' must not decrease, but got {step_sizes}."
            raise bad_argument(ValueError, message)
        self.prev = self.parameters.clone(prefix="prev", init="zeros")
        self.step_size = self.parameters.clone(prefix="step_size", init="zeros")

    def construct(self, gradients: tuple[Tensor, ...]) -> bool:
        prepared = self.prepared(gradients)
        rates = self.rates()
        step = self.counted_step()
        for at, (gradient, lr) in enumerate(zip(prepared, rates, strict=True)):
            self._step(at, widened(gradient), lr, step)
        return True

    def _step(self, at: int, gradient: Tensor, lr: Tensor, step: Tensor) -> None:
        agreement = ops.mul(gradient, widened(self.prev[at]))
        turned = ops.less(agreement, 0)
        factor = ops.select(turned, self.etaminus, ops.select(ops.greater(agreement, 0), self.etaplus, 1.0))
        size = ops.mul(ops.select(ops.equal(step, 1), lr, widened(self.step_size[at])), factor)
        size = ops.minimum(ops.maximum(size, self.step_size_min), self.step_size_max)
        used = ops.select(turned, ops.zeros_like(gradient), gradient)
        ops.assign(self.parameters[at], ops.sub(widened(self.parameters[at]), ops.mul(ops.sign(used), size)))
        ops.assign(self.prev[at], used)
        ops.assign(self.step_size[at], size)


def _float_pair(name: str, value: Any, owner: str) -> tuple[float, float]:
    _validate.of_type(name, value, tuple, owner)
    if len(value) != 2:
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must be a tuple of two floats, but got {value}.")
    first, second = (_validate.of_type(f"{name}[{at}]", item, float, owner) for at, item in enumerate(value))
    return first, second
