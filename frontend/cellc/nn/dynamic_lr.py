"""Lists of learning rates, one for each step; they stay the same within an epoch."""

from __future__ import annotations

import math
from typing import Any

from cellc.errors import bad_argument
from cellc.ops import _validate


def piecewise_constant_lr(
    milestone: list[int] | tuple[int, ...], learning_rates: list[float] | tuple[float, ...]
) -> list[float]:
    """`learning_rates[i]` up to step `milestone[i]`.

    Raises:
        TypeError: an argument is neither a tuple nor a list, a milestone not an int or a rate not a float.
        ValueError: their lengths differ, or milestones are not positive or not increasing.

    Examples:
        >>> nn.piecewise_constant_lr([2, 5], [0.1, 0.05])
        [0.1, 0.1, 0.05, 0.05, 0.05]
    """
    owner = "piecewise_constant_lr"
    _validate.of_type("milestone", milestone, (tuple, list), owner)
    _validate.of_type("learning_rates", learning_rates, (tuple, list), owner)
    if len(milestone) != len(learning_rates):
        message = (
            f"For '{owner}', 'milestone' and 'learning_rates' must have one length, "
            f"but got {len(milestone)} and {len(learning_rates)}."
        )
        raise bad_argument(ValueError, message)
    rates: list[float] = []
    for at, (end, rate) in enumerate(zip(milestone, learning_rates, strict=True)):
        _validate.positive_int(f"milestone[{at}]", end, owner)
        _validate.of_type(f"learning_rates[{at}]", rate, float, owner)
        if end < len(rates):
            message = f"For '{owner}', 'milestone' must not decrease, but milestone[{at}] is {end} after {len(rates)}."
            raise bad_argument(ValueError, message)
        rates += [rate] * (end - len(rates))
    return rates


def exponential_decay_lr(
    learning_rate: float,
    decay_rate: float,
    total_step: int,
    step_per_epoch: int,
    decay_epoch: int,
    is_stair: bool = False,
) -> list[float]:
    """learning_rate * decay_rate^(epoch / decay_epoch), the quotient rounded down if `is_stair`.

    Args:
        learning_rate, decay_rate: floats above 0.
        total_step: how many rates.
        step_per_epoch: epoch = step // step_per_epoch.
        decay_epoch: an int of at least 1.
        is_stair: whether the rate falls only every `decay_epoch` epochs.

    Raises:
        TypeError, ValueError: an argument has another type or value.

    Examples:
        >>> nn.exponential_decay_lr(0.1, 0.9, 3, 2, 1)
        [0.1, 0.1, 0.09000000000000001]
    """
    check_decay(learning_rate, decay_rate, is_stair, "exponential_decay_lr")
    parts = _decay_parts(total_step, step_per_epoch, decay_epoch, is_stair, "exponential_decay_lr")
    return [learning_rate * decay_rate**part for part in parts]


def natural_exp_decay_lr(
    learning_rate: float,
    decay_rate: float,
    total_step: int,
    step_per_epoch: int,
    decay_epoch: int,
    is_stair: bool = False,
) -> list[float]:
    """learning_rate * e^(-decay_rate * epoch), the epoch rounded down to a multiple of `decay_epoch` if `is_stair`.

    Args and errors: as for `exponential_decay_lr`.
    """
    check_decay(learning_rate, decay_rate, is_stair, "natural_exp_decay_lr")
    epochs = _epochs(total_step, step_per_epoch, decay_epoch, "natural_exp_decay_lr")
    if is_stair:
        epochs = [epoch // decay_epoch * decay_epoch for epoch in epochs]
    return [learning_rate * math.e ** (-decay_rate * epoch) for epoch in epochs]


def inverse_decay_lr(
    learning_rate: float,
    decay_rate: float,
    total_step: int,
    step_per_epoch: int,
    decay_epoch: int,
    is_stair: bool = False,
) -> list[float]:
    """learning_rate / (1 + decay_rate * epoch / decay_epoch), the quotient rounded down if `is_stair`.

    Args and errors: as for `exponential_decay_lr`.
    """
    check_decay(learning_rate, decay_rate, is_stair, "inverse_decay_lr")
    parts = _decay_parts(total_step, step_per_epoch, decay_epoch, is_stair, "inverse_decay_lr")
    return [learning_rate / (1 + decay_rate * part) for part in parts]


def cosine_decay_lr(
    min_lr: float, max_lr: float, total_step: int, step_per_epoch: int, decay_epoch: int
) -> list[float]:
    """min_lr + (max_lr - min_lr) / 2 * (1 + cos(pi * min(epoch, decay_epoch) / decay_epoch)).

    Loshchilov and Hutter, SGDR (https://arxiv.org/abs/1608.03983), without restarts.

    Raises:
        TypeError, ValueError: an argument has another type or value, or min_lr >= max_lr.

    Examples:
        >>> [round(rate, 4) for rate in nn.cosine_decay_lr(0.0, 1.0, 3, 1, 2)]
        [1.0, 0.5, 0.0]
    """
    check_cosine(min_lr, max_lr, "cosine_decay_lr")
    epochs = _epochs(total_step, step_per_epoch, decay_epoch, "cosine_decay_lr")
    half = 0.5 * (max_lr - min_lr)
    return [min_lr + half * (1 + math.cos(math.pi * min(epoch, decay_epoch) / decay_epoch)) for epoch in epochs]


def polynomial_decay_lr(
    learning_rate: float,
    end_learning_rate: float,
    total_step: int,
    step_per_epoch: int,
    decay_epoch: int,
    power: float,
    update_decay_epoch: bool = False,
) -> list[float]:
    """(learning_rate - end_learning_rate) * (1 - min(epoch, decay_epoch) / decay_epoch)^power + end_learning_rate.

    With `update_decay_epoch` the decay starts anew, slower: decay_epoch * max(ceil(epoch / decay_epoch), 1) stands
    for decay_epoch.

    Raises:
        TypeError, ValueError: an argument has another type or value.

    Examples:
        >>> [round(rate, 4) for rate in nn.polynomial_decay_lr(1.0, 0.0, 3, 1, 2, 1.0)]
        [1.0, 0.5, 0.0]
    """
    check_polynomial(learning_rate, end_learning_rate, power, "polynomial_decay_lr")
    _validate.boolean("update_decay_epoch", update_decay_epoch, "polynomial_decay_lr")
    rates = []
    for epoch in _epochs(total_step, step_per_epoch, decay_epoch, "polynomial_decay_lr"):
        length = decay_epoch * max(math.ceil(epoch / decay_epoch), 1) if update_decay_epoch else decay_epoch
        rest = 1 - min(epoch, length) / length
        rates.append((learning_rate - end_learning_rate) * rest**power + end_learning_rate)
    return rates


def warmup_lr(learning_rate: float, total_step: int, step_per_epoch: int, warmup_epoch: int) -> list[float]:
    """learning_rate * min(epoch, warmup_epoch) / warmup_epoch: it begins with 0.

    Raises:
        TypeError, ValueError: an argument has another type or value.

    Examples:
        >>> nn.warmup_lr(0.1, 3, 1, 2)
        [0.0, 0.05, 0.1]
    """
    check_warmup(learning_rate, "warmup_lr")
    _validate.positive_int("warmup_epoch", warmup_epoch, "warmup_lr")
    epochs = _epochs(total_step, step_per_epoch, warmup_epoch, "warmup_lr")
    return [learning_rate * min(epoch, warmup_epoch) / warmup_epoch for epoch in epochs]


def check_cosine(min_lr: float, max_lr: float, owner: str) -> None:
    """Checks the rates of a cosine decay."""
    _non_negative("min_lr", min_lr, owner)
    _positive("max_lr", max_lr, owner)
    if min_lr >= max_lr:
        message = f"For '{owner}', 'max_lr' must be above 'min_lr', but got {max_lr} and {min_lr}."
        raise bad_argument(ValueError, message)


def check_polynomial(learning_rate: float, end_learning_rate: float, power: float, owner: str) -> None:
    """Checks the floats of a polynomial decay."""
    _positive("learning_rate", learning_rate, owner)
    _non_negative("end_learning_rate", end_learning_rate, owner)
    _positive("power", power, owner)


def check_warmup(learning_rate: float, owner: str) -> None:
    """Checks the rate that a warm-up ends with."""
    _non_negative("learning_rate", learning_rate, owner)


def check_decay(learning_rate: float, decay_rate: float, is_stair: bool, owner: str) -> None:
    """Checks the rates of an exponential, natural exponential or inverse decay."""
    _positive("learning_rate", learning_rate, owner)
    _positive("decay_rate", decay_rate, owner)
    _validate.boolean("is_stair", is_stair, owner)


def _positive(name: str, value: Any, owner: str) -> None:
    _validate.positive_float(name, _validate.of_type(name, value, float, owner), owner)


def _non_negative(name: str, value: Any, owner: str) -> None:
    _validate.non_negative_float(name, _validate.of_type(name, value, float, owner), owner)


def _epochs(total_step: int, step_per_epoch: int, decay_epoch: int, owner: str) -> list[int]:
    """The epoch of each step."""
    _validate.positive_int("total_step", total_step, owner)
    _validate.positive_int("step_per_epoch", step_per_epoch, owner)
    _validate.positive_int("decay_epoch", decay_epoch, owner)
    return [step // step_per_epoch for step in range(total_step)]


def _decay_parts(total_step: int, step_per_epoch: int, decay_epoch: int, is_stair: bool, owner: str) -> list[float]:
    """epoch / decay_epoch of each step, rounded down if `is_stair`."""
    epochs = _epochs(total_step, step_per_epoch, decay_epoch, owner)
    return [epoch // decay_epoch if is_stair else epoch / decay_epoch for epoch in epochs]
