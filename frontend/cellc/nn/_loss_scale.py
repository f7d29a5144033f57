"""Training with a scaled loss, so that small gradients do not vanish in narrow floats."""

from __future__ import annotations

import functools
from typing import Any

from cellc import ops
from cellc.dtype import float32, int32
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.nn._optimizer import Optimizer
from cellc.nn._wrapper import TrainOneStepCell
from cellc.ops._state import assigning_where
from cellc.parameter import Parameter
from cellc.tensor import Tensor
from cellc.trace import gradient, snapshot


class DynamicLossScaleUpdateCell(Cell):
    """Divides the scale by `scale_factor`, down to 1, at an overflow; multiplies it after `scale_window` steps without.

    Args:
        loss_scale_value: the first scale, a number.
        scale_factor: an int.
        scale_window: how many steps without overflow, an int.

    Inputs:
        loss_scale: the Parameter that holds the scale; it is updated.
        overflow: bool Tensor, whether this step's gradients overflowed.

    Outputs:
        overflow.

    Parameters: `current_iterator_step`, which begins with 1, and `last_overflow_iterator_step`.

    Examples:
        >>> nn.DynamicLossScaleUpdateCell(loss_scale_value=2**12, scale_factor=2, scale_window=1000).get_loss_scale()
        4096
    """

    def __init__(self, loss_scale_value: float, scale_factor: int, scale_window: int) -> None:
        super().__init__()
        self.loss_scale_value = loss_scale_value
        self.scale_factor = scale_factor
        self.scale_window = scale_window
        self.cur_iter = Parameter(Tensor(1, int32), name="current_iterator_step")
        self.last_overflow_iter = Parameter(Tensor(0, int32), name="last_overflow_iterator_step")

    def get_loss_scale(self) -> float:
        """The first scale."""
        return self.loss_scale_value

    def construct(self, loss_scale: Parameter, overflow: Tensor) -> Tensor:
        long_without = ops.greater_equal(ops.sub(self.cur_iter, self.last_overflow_iter), self.scale_window)
        lower = ops.maximum(ops.div(loss_scale, self.scale_factor), 1.0)
        higher = ops.select(long_without, ops.mul(loss_scale, self.scale_factor), loss_scale)
        ops.assign(loss_scale, ops.select(overflow, lower, higher))
        changed = ops.logical_or(overflow, long_without)
        ops.assign(self.last_overflow_iter, ops.select(changed, self.cur_iter, self.last_overflow_iter))
        ops.assign_add(self.cur_iter, 1)
        return overflow


class FixedLossScaleUpdateCell(Cell):
    """Keeps the scale; the step is still left out at an overflow.

    Args:
        loss_scale_value: the scale, a number.

    Inputs:
        loss_scale: not used.
        overflow: bool Tensor, whether this step's gradients overflowed.

    Outputs:
        overflow.

    Examples:
        >>> nn.FixedLossScaleUpdateCell(1024.0).get_loss_scale()
        1024.0
    """

    def __init__(self, loss_scale_value: float) -> None:
        super().__init__()
        self.loss_scale_value = loss_scale_value

    def get_loss_scale(self) -> float:
        """The scale."""
        return self.loss_scale_value

    def construct(self, loss_scale: Any, overflow: Tensor) -> Tensor:
        return overflow


class TrainOneStepWithLossScaleCell(TrainOneStepCell):
    """One training step whose loss is scaled before the gradients; they are divided by the scale afterwards.

    Where a gradient is infinite or not a number the parameters and the optimizer's state stay as they are.

    Args:
        network: a Cell that returns the loss.
        optimizer: updates its parameters in place.
        scale_sense: the scale, a Tensor of shape () or (1,), or a Cell with `get_loss_scale()` that is called with
            the scale and the overflow after each step.

    Inputs:
        The inputs of the network.

    Outputs:
        (the loss, whether there was an overflow, the scale of this step).

    Parameters: `scale_sense`, and those of network, optimizer and `scale_sense`.

    Raises:
        TypeError: `scale_sense` is neither a Tensor nor such a Cell; the network returns something else than a Tensor.
        ValueError: `scale_sense` has another shape.

    Examples:
        >>> net = nn.WithLossCell(nn.Dense(4, 2), nn.MSELoss())
        >>> manager = nn.DynamicLossScaleUpdateCell(2**12, 2, 1000)
        >>> step = nn.TrainOneStepWithLossScaleCell(net, nn.SGD(net.trainable_params(), 0.1), manager)
        >>> loss, overflow, scale = step(ops.ones((3, 4)), ops.ones((3, 2)))
        >>> bool(overflow), float(scale)
        (False, 4096.0)
    """

    scale_sense: Parameter

    def __init__(self, network: Cell, optimizer: Optimizer, scale_sense: Tensor | Cell) -> None:
        super().__init__(network, optimizer)
        self.loss_scaling_manager: Any = None
        if isinstance(scale_sense, Cell) and callable(getattr(scale_sense, "get_loss_scale", None)):
            self.loss_scaling_manager = scale_sense
            first = Tensor(self.loss_scaling_manager.get_loss_scale(), float32)
        elif isinstance(scale_sense, Tensor):
            first = self._checked_scale(scale_sense)
        else:
            kind = type(scale_sense).__name__
            wanted = "a Tensor or a Cell with get_loss_scale()"
            message = f"For '{self.cls_name}', 'scale_sense' must be {wanted}, but got {kind}."
            raise bad_argument(TypeError, message)
        self.scale_sense = Parameter(first, name="scale_sense")

    def _checked_scale(self, scale: Tensor) -> Tensor:
        if scale.shape not in ((), (1,)):
            message = f"For '{self.cls_name}', 'scale_sense' must have shape () or (1,), but got {scale.shape}."
            raise bad_argument(ValueError, message)
        return scale

    def set_sense_scale(self, sens: Tensor) -> None:
        """Sets the scale.

        Raises:
            TypeError: `sens` is not a Tensor.
        """
        if not isinstance(sens, Tensor):
            kind = type(sens).__name__
            raise bad_argument(TypeError, f"For '{self.cls_name}', 'sens' must be a Tensor, but got {kind}.")
        self.scale_sense.set_data(sens)

    def construct(self, *inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        weights = [snapshot(weight) for weight in self.weights]
        scale = snapshot(self.scale_sense)
        loss = self._checked_loss(self.network(*inputs))
        seed = ops.mul(ops.ones_like(loss), ops.cast(ops.reshape(scale, ()), loss.dtype))
        gradients = tuple(_divided(found, scale) for found in gradient(loss, seed, weights))
        gradients = self.grad_reducer(gradients)
        # Of the reduced gradients: what overflows in one process overflows in all, so all leave the step out.
        overflow = self.get_overflow_status(False, gradients)
        skip = self.process_loss_scale(overflow)
        with assigning_where(ops.logical_not(skip)):
            self.optimizer(gradients)
        return loss, overflow, scale

    def start_overflow_check(self, pre_cond: Any, compute_input: Any) -> tuple[Any, Any]:
        """(False, compute_input): an overflow is seen in the gradients, there is no status to clear."""
        return False, compute_input

    def get_overflow_status(self, status: Any, compute_output: tuple[Tensor, ...]) -> Tensor:
        """A bool Tensor of rank 0: whether an element is infinite or not a number."""
        finite = [ops.reduce_all(ops.isfinite(found)) for found in compute_output]
        return ops.logical_not(functools.reduce(ops.logical_and, finite))

    def process_loss_scale(self, overflow: Tensor) -> Tensor:
        """Tells the manager of the overflow; whether the step is to be left out."""
        if self.loss_scaling_manager is None:
            return overflow
        return self.loss_scaling_manager(self.scale_sense, overflow)


def _divided(found: Tensor, scale: Tensor) -> Tensor:
    return ops.mul(found, ops.cast(ops.reciprocal(ops.reshape(scale, ())), found.dtype))
