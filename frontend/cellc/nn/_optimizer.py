"""The base of optimizers: parameters and groups of them, learning rates, weight decay, scaling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from cellc import ops
from cellc.dtype import float32, int32
from cellc.errors import bad_argument
from cellc.initializer import initializer
from cellc.nn._cell import Cell
from cellc.nn._container import CellList
from cellc.nn._learning_rate import (
    ConstantLearningRate,
    LearningRateSchedule,
    checked_rate,
    is_dynamic,
    stored_rate,
)
from cellc.nn._optimizer_groups import Setting, settings_of_groups, weight_decay_of
from cellc.nn._row_updates import decay_of_rows
from cellc.ops import _validate
from cellc.parameter import Parameter, ParameterTuple
from cellc.tensor import Tensor


class Optimizer(Cell):
    """Base of optimizers: `construct(gradients)` updates the parameters in place.

    A gradient goes through three steps before a subclass uses it, in this order: `decay_weight` (adds
    weight_decay * loss_scale * parameter), `gradients_centralization` and `scale_grad` (divides by loss_scale).
    Without groups, parameters whose names contain "beta" or "gamma" do not decay; in groups, those of a group with
    positive weight decay do, whatever their names.

    Args:
        learning_rate: a number; or a vector, list or iterable with one rate for each step; or a LearningRateSchedule.
        parameters: Parameters, or groups: dicts with the keys `params` and, each optional, `lr`, `weight_decay` and
            `grad_centralization`; one dict may have the key `order_params` alone, all parameters in the order
            of their gradients.
        weight_decay: L2 coefficient, a number or a Cell of the step.
        loss_scale: what gradients are divided by.

    Raises:
        TypeError, ValueError: an argument has another type or value than said above.
        KeyError: a group has another key.
        RuntimeError: a parameter is in two groups.
    """

    parameters: ParameterTuple
    global_step: Parameter
    learning_rate: Any  # a Parameter or schedule; with a rate for each group a ParameterTuple or CellList
    weight_decay: Any  # a number or Cell; a tuple of them in groups

    _takes_rows = False  # whether only the rows that a step looked up decay, see `_row_updates`

    def __init__(
        self,
        learning_rate: Any,
        parameters: Iterable[Any],
        weight_decay: float | Cell = 0.0,
        loss_scale: float = 1.0,
    ) -> None:
        super().__init__(auto_prefix=False)
        owner = self.cls_name
        listed = _listed(parameters, owner)
        scale = float(loss_scale) if isinstance(loss_scale, int) and not isinstance(loss_scale, bool) else loss_scale
        self.loss_scale = _validate.positive_float("loss_scale", scale, owner)
        self.global_step = Parameter(initializer(0, [1], int32), name="global_step", requires_grad=False)
        self.is_group = isinstance(listed[0], dict)
        rate = checked_rate(learning_rate, owner)
        decay = weight_decay_of(weight_decay, self.loss_scale, owner)
        if self.is_group:
            settings = settings_of_groups(listed, rate, decay, self.loss_scale, owner)
        else:
            stored = stored_rate(rate, "learning_rate")
            settings = [Setting(parameter, stored, decay, False, rate) for parameter in listed]
        self.is_group_lr = any("lr" in group for group in listed) if self.is_group else False
        self.is_group_params_ordered = self.is_group and any("order_params" in group for group in listed)
        self.dynamic_lr = is_dynamic(rate) or any(is_dynamic(setting.given_rate) for setting in settings)
        self._keep_settings(settings)

    def _keep_settings(self, settings: Sequence[Setting]) -> None:
        self.parameters = ParameterTuple(setting.parameter for setting in settings)
        if not self.is_group_lr:
            self.learning_rate = settings[0].learning_rate
        elif self.dynamic_lr:
            self.learning_rate = CellList(_as_schedules(settings), auto_prefix=False)
        else:
            self.learning_rate = ParameterTuple(cast(Parameter, setting.learning_rate) for setting in settings)
        decays = [setting.weight_decay for setting in settings]
        if self.is_group:
            self.decay_flags = tuple(isinstance(decay, Cell) or decay > 0 for decay in decays)
        else:
            names = [parameter.name for parameter in self.parameters]
            applies = isinstance(decays[0], Cell) or decays[0] > 0
            self.decay_flags = tuple(applies and "beta" not in name and "gamma" not in name for name in names)
        self.weight_decay = tuple(decays) if self.is_group else decays[0]
        self.dynamic_weight_decay = any(isinstance(decay, Cell) for decay in decays)
        self._decay_cells = CellList([cell for cell in decays if isinstance(cell, Cell)], auto_prefix=False)
        self.grad_centralization_flags = tuple(setting.centralize for setting in settings)

    def construct(self, gradients: tuple[Tensor, ...]) -> Any:
        raise NotImplementedError(f"{self.cls_name} must define construct(gradients)")

    def _checked_gradients(self, gradients: Any) -> tuple[Tensor, ...]:
        if not isinstance(gradients, tuple | list) or len(gradients) != len(self.parameters):
            count = len(gradients) if isinstance(gradients, tuple | list) else type(gradients).__name__
            message = f"For '{self.cls_name}', a tuple of {len(self.parameters)} gradients is taken, but got {count}."
            raise bad_argument(ValueError, message)
        return tuple(gradients)

    def prepared(self, gradients: Any) -> tuple[Tensor, ...]:
        """Gradients after weight decay, centralization and scaling."""
        return self.scale_grad(self.gradients_centralization(self.decay_weight(self._checked_gradients(gradients))))

    def get_weight_decay(self) -> Any:
        """The weight decay of this step (times loss_scale): a number or Tensor, or one for each parameter in groups."""
        if self.is_group:
            return tuple(self._decay_now(decay) for decay in self.weight_decay)
        return self._decay_now(self.weight_decay)

    def decays(self) -> tuple[Any, ...]:
        """The weight decay of this step for each parameter, see `get_weight_decay`."""
        found = self.get_weight_decay()
        return found if self.is_group else (found,) * len(self.parameters)

    def _decay_now(self, decay: float | Cell) -> float | Tensor:
        return ops.reshape(decay(self.global_step), ()) * self.loss_scale if isinstance(decay, Cell) else decay

    def decay_weight(self, gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Adds weight decay times parameter to the gradients of parameters that decay."""
        if not any(self.decay_flags):
            return gradients
        each = zip(gradients, self.parameters, self.decays(), self.decay_flags, strict=True)
        return tuple(self._decayed(gradient, parameter, decay) if flag else gradient
                     for gradient, parameter, decay, flag in each)  # fmt: skip

    def _decayed(self, gradient: Tensor, parameter: Parameter, decay: float | Tensor) -> Tensor:
        pull = ops.mul(parameter, _in_dtype_of(decay, parameter))
        return ops.add(gradient, decay_of_rows(pull, gradient) if self._takes_rows else pull)

    def gradients_centralization(self, gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Takes the mean over all axes but the first off, in groups that ask for it.

        Yong et al., Gradient Centralization (https://arxiv.org/abs/2004.01461). As in MindSpore, gradients of rank 1
        and those whose axis 1 is not a multiple of 16 stay as they are.
        """
        rows = zip(gradients, self.grad_centralization_flags, strict=True)
        return tuple(_centralized(gradient) if flag else gradient for gradient, flag in rows)

    def scale_grad(self, gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Divides gradients by the loss scale."""
        if self.loss_scale == 1.0:
            return gradients
        return tuple(ops.mul(gradient, 1.0 / self.loss_scale) for gradient in gradients)

    def get_lr(self) -> Any:
        """The learning rate of this step: a Tensor, or a tuple of one for each parameter in groups with rates.

        Where a rate or weight decay depends on the step, the step is counted here.
        """
        rates = tuple(self._rate_now(rate) for rate in self._rates())
        if self.dynamic_lr or self.dynamic_weight_decay:
            ops.assign_add(self.global_step, 1)
        return rates if self.is_group_lr else rates[0]

    def _rates(self) -> Iterable[Any]:
        return self.learning_rate if self.is_group_lr else (self.learning_rate,)

    def _rate_now(self, rate: Parameter | Cell) -> Tensor:
        return ops.reshape(rate(self.global_step), ()) if isinstance(rate, Cell) else rate

    def rates(self) -> tuple[Tensor, ...]:
        """The learning rate of this step for each parameter; counts the step as `get_lr` does."""
        found = self.get_lr()
        return found if self.is_group_lr else (found,) * len(self.parameters)

    def counted_step(self) -> Tensor:
        """The number of this step, 1 for the first, in float32; to be called after the rates of the step.

        For optimizers whose formulas need it: they count every step, also where neither rate nor decay depends on it.
        """
        if not (self.dynamic_lr or self.dynamic_weight_decay):
            ops.assign_add(self.global_step, 1)
        return ops.reshape(ops.cast(self.global_step, float32), ())

    def get_lr_parameter(self, param: Parameter | list[Parameter]) -> Any:
        """The Parameter that holds the learning rate of `param`, or a list of them for a list.

        Raises:
            TypeError: `param` is neither a Parameter nor a list.
            ValueError: the optimizer does not have the parameter.
        """
        if isinstance(param, list):
            return [self.get_lr_parameter(item) for item in param]
        if not isinstance(param, Parameter):
            raise bad_argument(TypeError, f"For '{self.cls_name}', 'param' must be a Parameter or a list of them.")
        at = next((at for at, item in enumerate(self.parameters) if item is param), None)
        if at is None:
            raise bad_argument(ValueError, f"For '{self.cls_name}', 'param' {param.name} is not in the optimizer.")
        rate = self.learning_rate[at] if self.is_group_lr else self.learning_rate
        return getattr(rate, "learning_rate", rate)


def widened(x: Tensor) -> Tensor:
    """x in float32 where it has fewer bits, for formulas that need the precision."""
    return ops.cast(x, float32) if x.dtype.itemsize < 4 else x


def _in_dtype_of(value: float | Tensor, like: Tensor) -> float | Tensor:
    """A number, or a Tensor in the dtype of `like`."""
    return value.astype(like.dtype) if isinstance(value, Tensor) else value


def _listed(parameters: Any, owner: str) -> list[Any]:
    if parameters is None:
        raise bad_argument(ValueError, f"For '{owner}', 'params' must not be None.")
    if not isinstance(parameters, Iterable):
        kind = type(parameters).__name__
        raise bad_argument(TypeError, f"For '{owner}', 'params' must be an iterable, but got {kind}.")
    listed = list(parameters)
    if not listed:
        raise bad_argument(ValueError, f"For '{owner}', 'params' must not be empty.")
    if not (all(isinstance(x, Parameter) for x in listed) or all(isinstance(x, dict) for x in listed)):
        kinds = ", ".join(sorted({type(x).__name__ for x in listed}))
        raise bad_argument(TypeError, f"For '{owner}', 'params' must hold Parameters or dicts, but got {kinds}.")
    return listed


def _as_schedules(settings: Sequence[Setting]) -> list[Cell]:
    """The rates as Cells; parameters that share a rate share the Cell."""
    made: dict[int, Cell] = {}
    cells = []
    for setting in settings:
        rate = setting.learning_rate
        if not isinstance(rate, LearningRateSchedule):
            rate = made.setdefault(id(rate), ConstantLearningRate(rate))
        cells.append(rate)
    return cells


def _centralized(gradient: Tensor) -> Tensor:
    if gradient.ndim < 2 or gradient.shape[1] % 16:
        return gradient
    return ops.sub(gradient, ops.reduce_mean(gradient, tuple(range(1, gradient.ndim)), keep_dims=True))
