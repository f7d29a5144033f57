"""Settings of training in several processes."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

from cellc.communication.management import world_size
from cellc.errors import bad_argument
from cellc.ops import _validate


class ParallelMode:
    """How processes share the work: not at all, or each with a batch of its own.

    The other modes are names that scripts compare with; `set_auto_parallel_context` refuses them.
    """

    STAND_ALONE = "stand_alone"
    DATA_PARALLEL = "data_parallel"
    HYBRID_PARALLEL = "hybrid_parallel"
    SEMI_AUTO_PARALLEL = "semi_auto_parallel"
    AUTO_PARALLEL = "auto_parallel"
    MODE_LIST: ClassVar[list[str]] = [STAND_ALONE, DATA_PARALLEL, HYBRID_PARALLEL, SEMI_AUTO_PARALLEL, AUTO_PARALLEL]


_MODES = (ParallelMode.STAND_ALONE, ParallelMode.DATA_PARALLEL)
"""What there is here."""


_DEFAULTS: dict[str, Any] = {
    "parallel_mode": ParallelMode.STAND_ALONE,
    "gradients_mean": False,
    "device_num": None,
    "global_rank": None,
    "parameter_broadcast": False,
}

# MindSpore's keys that tune how it sends gradients. They are remembered, and change nothing.
_DEFAULTS.update({"all_reduce_fusion_config": [], "comm_fusion": {}, "gradient_fp32_sync": True})
_settings = dict(_DEFAULTS)


def set_auto_parallel_context(**settings: Any) -> None:
    """Changes settings.

    Args:
        parallel_mode: "stand_alone" or "data_parallel": training steps that are made from then on reduce their
            gradients over all processes.
        gradients_mean: whether to the mean, or the sum.
        device_num, global_rank: what to take the number of processes and this one's for; by default what they are.
        parameter_broadcast: whether `Model.train` first gives all processes the parameters of the first.
        all_reduce_fusion_config, comm_fusion, gradient_fp32_sync: remembered, without effect.

    Raises:
        TypeError: a value of a wrong type.
        ValueError: an unknown setting, or another mode: cellc has no automatic or pipeline parallelism.
    """
    owner = "set_auto_parallel_context"
    for name, value in settings.items():
        if name not in _DEFAULTS:
            known = ", ".join(_DEFAULTS)
            raise bad_argument(ValueError, f"For '{owner}', there is no setting {name!r}; there are {known}.")
        if name == "parallel_mode":
            _validate.one_of(name, value, _MODES, owner)
        elif isinstance(_DEFAULTS[name], bool):
            _validate.boolean(name, value, owner)
        elif isinstance(_DEFAULTS[name], list | dict):
            _validate.of_type(name, value, type(_DEFAULTS[name]), owner)
        else:
            _validate.non_negative_int(name, value, owner)
    _settings.update(copy.deepcopy(settings))


def get_auto_parallel_context(attr_key: str) -> Any:
    """The present value of a setting.

    Raises:
        ValueError: an unknown setting.
    """
    if attr_key not in _settings:
        raise bad_argument(ValueError, f"For 'get_auto_parallel_context', there is no setting {attr_key!r}.")
    value = copy.deepcopy(_settings[attr_key])  # lists and dicts among them are not for others to change
    return world_size() if attr_key == "device_num" and value is None else value


def reset_auto_parallel_context() -> None:
    """Puts all settings back."""
    _settings.update(_DEFAULTS)
