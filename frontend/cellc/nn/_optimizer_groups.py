"""Parameter groups: what an optimizer is told about each of its parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.nn._learning_rate import LearningRateSchedule, checked_rate, stored_rate
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor

_KEYS = ("params", "lr", "weight_decay", "order_params", "grad_centralization")


class Setting(NamedTuple):
    """A parameter, its learning rate as stored and as given, its weight decay, and whether to centralize."""

    parameter: Parameter
    learning_rate: Parameter | LearningRateSchedule
    weight_decay: float | Cell
    centralize: bool
    given_rate: float | Tensor | LearningRateSchedule


def weight_decay_of(value: Any, loss_scale: float, owner: str) -> float | Cell:
    """A weight decay times the loss scale; a Cell is scaled when it is asked.

    Raises:
        TypeError: it is neither a number nor a Cell.
        ValueError: it is negative.
    """
    if isinstance(value, Cell):
        return value
    number = float(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(number, float):
        message = f"For '{owner}', 'weight_decay' must be a number or a Cell, but got {value!r}."
        raise bad_argument(TypeError, message)
    return _validate.non_negative_float("weight_decay", number, owner) * loss_scale


def settings_of_groups(
    groups: list[dict[str, Any]], rate: Any, decay: float | Cell, loss_scale: float, owner: str
) -> list[Setting]:
    """The settings of all parameters, in the order of `order_params` where it is given."""
    default = stored_rate(rate, "learning_rate")
    lengths = [rate.size] if isinstance(rate, Tensor) and rate.ndim == 1 else []
    settings: list[Setting] = []
    order = None
    for number, group in enumerate(groups):
        _check_keys(group, owner)
        if "order_params" in group:
            order = list(group["order_params"])
            continue
        given = checked_rate(group["lr"], owner) if "lr" in group else rate
        stored = stored_rate(given, f"learning_rate_group_{number}") if "lr" in group else default
        if isinstance(given, Tensor) and given.ndim == 1:
            lengths.append(given.size)
        own = weight_decay_of(group["weight_decay"], loss_scale, owner) if "weight_decay" in group else decay
        centralize = _validate.boolean("grad_centralization", group.get("grad_centralization", False), owner)
        settings += [Setting(parameter, stored, own, centralize, given) for parameter in _params(group, owner)]
    if len(set(lengths)) > 1:
        message = f"For '{owner}', all vectors of learning rates must have one length, but got {lengths}."
        raise bad_argument(ValueError, message)
    _check_distinct(settings, owner)
    return settings if order is None else _ordered(settings, order, owner)


def _check_keys(group: dict[str, Any], owner: str) -> None:
    unknown = [key for key in group if key not in _KEYS]
    if unknown:
        raise KeyError(f"For '{owner}', a group of 'params' may have the keys {', '.join(_KEYS)}, but got {unknown}.")
    if "order_params" not in group:
        if "params" not in group:
            raise KeyError(f"For '{owner}', a group of 'params' must have the key 'params', but got {list(group)}.")
        return
    if len(group) > 1:
        message = f"For '{owner}', 'order_params' must be alone in its group, but got {list(group)}."
        raise bad_argument(ValueError, message)
    if not isinstance(group["order_params"], Iterable):
        kind = type(group["order_params"]).__name__
        raise bad_argument(TypeError, f"For '{owner}', 'order_params' must be an iterable, but got {kind}.")


def _params(group: dict[str, Any], owner: str) -> list[Parameter]:
    params = group["params"]
    if not isinstance(params, Iterable):
        message = f"For '{owner}', 'params' of a group must be an iterable, but got {type(params).__name__}."
        raise bad_argument(TypeError, message)
    listed = list(params)
    if not listed:
        raise bad_argument(ValueError, f"For '{owner}', 'params' of a group must not be empty.")
    for parameter in listed:
        _validate.of_type("params", parameter, Parameter, owner)
    return listed


def _check_distinct(settings: list[Setting], owner: str) -> None:
    seen: set[str] = set()
    for setting in settings:
        name = setting.parameter.name
        if name in seen:
            raise bad_argument(RuntimeError, f"For '{owner}', parameter {name} is in 'params' twice.")
        seen.add(name)


def _ordered(settings: list[Setting], order: list[Parameter], owner: str) -> list[Setting]:
    by_name = {setting.parameter.name: setting for setting in settings}
    names = [parameter.name for parameter in order]
    if sorted(names) != sorted(by_name):
        message = f"For '{owner}', 'order_params' must hold the parameters of all groups, each once, but got {names}."
        raise bad_argument(ValueError, message)
    return [by_name[name] for name in names]
