"""What a `Model` or `build_train_network` is told about the scale of the loss."""

from __future__ import annotations

from cellc.errors import bad_argument
from cellc.nn import Cell, DynamicLossScaleUpdateCell, FixedLossScaleUpdateCell
from cellc.ops import _validate


class LossScaleManager:
    """Base of loss scale managers; the step is compiled with `get_update_cell()`."""

    def get_loss_scale(self) -> float:
        """The first scale."""
        raise NotImplementedError(f"{type(self).__name__} must define get_loss_scale()")

    def update_loss_scale(self, overflow: bool) -> None:
        """Told of each step's overflow."""
        raise NotImplementedError(f"{type(self).__name__} must define update_loss_scale(overflow)")

    def get_update_cell(self) -> Cell | None:
        """The Cell that keeps the scale in a training step; None where steps are never left out."""
        raise NotImplementedError(f"{type(self).__name__} must define get_update_cell()")

    def get_drop_overflow_update(self) -> bool:
        """Whether a step with an overflow is left out."""
        return True


class FixedLossScaleManager(LossScaleManager):
    """One scale.

    Args:
        loss_scale: at least 1. Where `drop_overflow_update` is False the optimizer must have the same `loss_scale`.
        drop_overflow_update: whether a step with an overflow is left out.

    Raises:
        ValueError: `loss_scale` is below 1.
    """

    def __init__(self, loss_scale: float = 128.0, drop_overflow_update: bool = True) -> None:
        self._loss_scale = _at_least_one("loss_scale", loss_scale, "FixedLossScaleManager")
        self._drop = _validate.boolean("drop_overflow_update", drop_overflow_update, "FixedLossScaleManager")

    def get_loss_scale(self) -> float:
        """The scale."""
        return self._loss_scale

    def get_drop_overflow_update(self) -> bool:
        """Whether a step with an overflow is left out."""
        return self._drop

    def update_loss_scale(self, overflow: bool) -> None:
        """The scale stays."""

    def get_update_cell(self) -> Cell | None:
        """A FixedLossScaleUpdateCell, or None."""
        return FixedLossScaleUpdateCell(self._loss_scale) if self._drop else None


class DynamicLossScaleManager(LossScaleManager):
    """A scale that falls at an overflow and grows after some steps without.

    Args:
        init_loss_scale: the first scale, at least 1.
        scale_factor: what it is divided or multiplied by, above 0.
        scale_window: after how many steps without overflow it grows.

    Raises:
        TypeError, ValueError: an argument has another type or value.
    """

    def __init__(self, init_loss_scale: float = 2**24, scale_factor: int = 2, scale_window: int = 2000) -> None:
        owner = "DynamicLossScaleManager"
        self.loss_scale = _at_least_one("init_loss_scale", init_loss_scale, owner)
        self.scale_window = _validate.positive_int("scale_window", scale_window, owner)
        self.scale_factor = _validate.of_type("scale_factor", scale_factor, (int, float), owner)
        if scale_factor <= 0:
            raise bad_argument(ValueError, f"For '{owner}', 'scale_factor' must be above 0, but got {scale_factor}.")
        self._steps_without = 0

    def get_loss_scale(self) -> float:
        """The scale now."""
        return self.loss_scale

    def update_loss_scale(self, overflow: bool) -> None:
        """The scale after a step, for steps that are not compiled with the update cell."""
        self._steps_without = 0 if overflow else self._steps_without + 1
        if overflow:
            self.loss_scale = max(self.loss_scale / self.scale_factor, 1)
        elif self._steps_without % self.scale_window == 0:
            self.loss_scale *= self.scale_factor

    def get_update_cell(self) -> Cell:
        """A DynamicLossScaleUpdateCell that begins with the scale."""
        return DynamicLossScaleUpdateCell(self.loss_scale, int(self.scale_factor), self.scale_window)


def _at_least_one(name: str, value: float, owner: str) -> float:
    _validate.of_type(name, value, (int, float), owner)
    if value < 1:
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must be at least 1, but got {value}.")
    return value
