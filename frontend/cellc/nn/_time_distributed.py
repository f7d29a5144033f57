"""A layer applied to every step in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cellc import ops
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.ops import _validate
from cellc.ops._primitive import Primitive
from cellc.tensor import Tensor


class TimeDistributed(Cell):
    """Applies `layer` to every slice along an axis, and stacks the results along that axis.

    Args:
        layer: a Cell or a Primitive of one Tensor.
        time_axis: the axis, an int.
        reshape_with_axis: an axis that the layer treats as it treats a batch: time is joined with it and the layer
            called once. None calls the layer once for each step, as layers need whose slices matter to each other,
            such as batch normalization.

    Inputs:
        x: Tensor of rank 3 or more.

    Outputs:
        Tensor with the steps along `time_axis`, also where MindSpore leaves them beside the joined axis.

    Raises:
        TypeError: `layer`, `time_axis`, `reshape_with_axis`, x or what the layer returns has another type.
        ValueError: x has a rank below 3, an axis is out of range, or the layer changes the joined axis.

    Examples:
        >>> net = nn.TimeDistributed(nn.Dense(3, 6), time_axis=1, reshape_with_axis=0)
        >>> net(ops.ones((32, 10, 3))).shape
        (32, 10, 6)
    """

    def __init__(
        self, layer: Cell | Primitive | Callable[[Tensor], Tensor], time_axis: int, reshape_with_axis: int | None = None
    ) -> None:
        super().__init__()
        self.layer = _validate.of_type("layer", layer, (Cell, Primitive), self.cls_name)
        self.time_axis = _validate.integer("time_axis", time_axis, self.cls_name)
        if reshape_with_axis is not None:
            _validate.integer("reshape_with_axis", reshape_with_axis, self.cls_name)
        self.reshape_with_axis = reshape_with_axis

    def construct(self, inputs: Tensor) -> Tensor:
        if self._checked(inputs, "x").ndim < 3:
            message = f"For '{self.cls_name}', 'x' must have rank 3 or more, but got shape {inputs.shape}."
            raise bad_argument(ValueError, message)
        time = _validate.axis_in("time_axis", self.time_axis, inputs.ndim, self.cls_name)
        if self.reshape_with_axis is not None:
            batch = _validate.axis_in("reshape_with_axis", self.reshape_with_axis, inputs.ndim, self.cls_name)
            return self._joined(inputs, time, batch)
        steps = [self._checked(self.layer(step), "layer") for step in ops.unstack(inputs, time)]
        if time > steps[0].ndim:
            message = f"For '{self.cls_name}', 'time_axis' {time} is no axis beside results {steps[0].shape}."
            raise bad_argument(ValueError, message)
        return ops.stack(steps, time)

    def _joined(self, inputs: Tensor, time: int, batch: int) -> Tensor:
        if time == batch:
            message = f"For '{self.cls_name}', 'reshape_with_axis' must be another axis than 'time_axis', {time}."
            raise bad_argument(ValueError, message)
        order = [axis for axis in range(inputs.ndim) if axis != time]
        at = order.index(batch)
        order.insert(at, time)
        moved = ops.transpose(inputs, tuple(order))
        pair = moved.shape[at : at + 2]
        joined = ops.reshape(moved, (*moved.shape[:at], pair[0] * pair[1], *moved.shape[at + 2 :]))
        result = self._checked(self.layer(joined), "layer")
        if at >= result.ndim or result.shape[at] != pair[0] * pair[1]:
            message = (
                f"For '{self.cls_name}', 'layer' must keep axis {at} of {joined.shape}, but returned {result.shape}."
            )
            raise bad_argument(ValueError, message)
        split = ops.reshape(result, (*result.shape[:at], *pair, *result.shape[at + 1 :]))
        back = [axis for axis in range(split.ndim) if axis != at]
        if time > len(back):
            message = f"For '{self.cls_name}', 'time_axis' {time} is no axis beside results {result.shape}."
            raise bad_argument(ValueError, message)
        back.insert(time, at)
        return ops.transpose(split, tuple(back))

    def _checked(self, value: Any, name: str) -> Tensor:
        if not isinstance(value, Tensor):
            kind = type(value).__name__
            raise bad_argument(TypeError, f"For '{self.cls_name}', '{name}' must give a Tensor, but got {kind}.")
        return value
