"""The networks that a Model runs, made of the one it is given."""

from __future__ import annotations

from typing import Any

from cellc.errors import bad_argument
from cellc.nn import Cell, GraphCell, Optimizer, WithEvalCell, WithLossCell
from cellc.ops import _validate
from cellc.train import amp

_SETTINGS = ("loss_scale_manager", "keep_batchnorm_fp32")


def check_settings(
    network: Cell, loss_fn: Cell | None, optimizer: Optimizer | None, amp_level: str, boost_level: str, kwargs: Any
) -> None:
    """Refuses arguments of a Model that do not fit together."""
    amp.checked_level(amp_level, "Model")
    _validate.one_of("boost_level", boost_level, ("O0",), "Model")
    for name in kwargs:
        if name not in _SETTINGS:
            message = f"For 'Model', keywords may be {', '.join(_SETTINGS)}, but got {name!r}."
            raise bad_argument(ValueError, message)
    if optimizer is None and (amp_level != "O0" or kwargs.get("loss_scale_manager") is not None):
        raise bad_argument(ValueError, "For 'Model', mixed precision and loss scaling need an 'optimizer'.")
    if isinstance(network, GraphCell) and (optimizer or loss_fn):
        raise bad_argument(ValueError, "For 'Model', a GraphCell goes without 'loss_fn' and 'optimizer'.")


def train_network_of(
    network: Cell, loss_fn: Cell | None, optimizer: Optimizer | None, amp_level: str, kwargs: dict[str, Any]
) -> Cell:
    """The training step; without an optimizer the network and the loss."""
    if optimizer is not None:
        return amp.build_train_network(network, optimizer, loss_fn, amp_level, **kwargs)
    return network if loss_fn is None else WithLossCell(network, loss_fn)


def eval_network_of(network: Cell, loss_fn: Cell | None, eval_network: Any, eval_indexes: Any, amp_level: str) -> Cell:
    """What `Model.eval` runs: the user's `eval_network`, or the network and the loss."""
    if eval_network is None:
        if loss_fn is None:
            raise bad_argument(ValueError, "For 'Model', 'metrics' need a 'loss_fn' or an 'eval_network'.")
        return WithEvalCell(network, loss_fn, amp_level != "O0")
    if eval_indexes is not None and not (isinstance(eval_indexes, list) and len(eval_indexes) == 3):
        message = f"For 'Model', 'eval_indexes' must be None or a list of three ints, but got {eval_indexes!r}."
        raise bad_argument(ValueError, message)
    return _validate.of_type("eval_network", eval_network, Cell, "Model")
