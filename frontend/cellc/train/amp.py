"""Mixed precision: networks that compute in half precision, with parameters and losses in float32."""

from __future__ import annotations

from typing import Any

from cellc import ops
from cellc.dtype import DType, float16, float32
from cellc.errors import bad_argument
from cellc.nn import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    Cell,
    Optimizer,
    TrainOneStepCell,
    TrainOneStepWithLossScaleCell,
    WithLossCell,
)
from cellc.ops import _validate
from cellc.tensor import Tensor
from cellc.train.loss_scale_manager import DynamicLossScaleManager, LossScaleManager

LEVELS = ("O0", "O2", "O3", "auto")
_SETTINGS = ("cast_model_type", "keep_batchnorm_fp32", "loss_scale_manager")


def auto_mixed_precision(network: Cell, amp_level: str = "O0") -> Cell:
    """Makes a network compute in float16; its parameters stay float32.

    Args:
        network: the network; it is changed.
        amp_level: "O0" changes nothing, "O2" leaves batch normalization in float32, "O3" all computes in float16;
            "auto" is "O2".

    Returns:
        The network.

    Raises:
        TypeError: `network` is not a Cell.
        ValueError: `amp_level` is another string.
    """
    _validate.of_type("network", network, Cell, "auto_mixed_precision")
    level = checked_level(amp_level, "auto_mixed_precision")
    if level != "O0":
        _narrow(network, float16, keep_batch_norm=level == "O2")
    return network


def build_train_network(
    network: Cell,
    optimizer: Optimizer,
    loss_fn: Cell | None = None,
    level: str = "O0",
    boost_level: str = "O0",
    **kwargs: Any,
) -> Cell:
    """A training step of a network, with mixed precision and loss scaling.

    Args:
        network: the network, or the network with its loss where `loss_fn` is None; changed by levels above O0.
        optimizer: updates the parameters.
        loss_fn: the loss, computed in float32.
        level: "O0" float32; "O2" float16 but batch normalization, with dynamic loss scaling; "O3" all float16;
            "auto" is "O2".
        boost_level: "O0"; others change how MindSpore trains, which cellc does not.
        kwargs: `cast_model_type` (float16 or float32), `keep_batchnorm_fp32` (bool) and `loss_scale_manager`, instead
            of what the level says.

    Raises:
        TypeError: an argument has another type.
        ValueError: a level or a keyword is not known.
    """
    owner = "build_train_network"
    _validate.of_type("network", network, Cell, owner)
    _validate.of_type("optimizer", optimizer, Optimizer, owner)
    _validate.of_type("loss_fn", loss_fn, (Cell, type(None)), owner)
    _validate.one_of("boost_level", boost_level, ("O0",), owner)
    dtype, keep, manager = _settings(checked_level(level, owner), kwargs, owner)
    if dtype is float16:
        _narrow(network, dtype, keep)
    if loss_fn is not None:
        network = _LossInFloat32(network, loss_fn) if dtype is float16 else WithLossCell(network, loss_fn)
    update = None if manager is None else manager.get_update_cell()
    if update is not None:
        return TrainOneStepWithLossScaleCell(network, optimizer, update).set_train()
    return TrainOneStepCell(network, optimizer, 1.0 if manager is None else manager.get_loss_scale()).set_train()


def checked_level(level: Any, owner: str) -> str:
    """The level, "O2" for "auto".

    Raises:
        TypeError: it is not a str.
        ValueError: it is another str.
    """
    _validate.one_of("level", _validate.of_type("level", level, str, owner), LEVELS, owner)
    return "O2" if level == "auto" else level


def _settings(level: str, given: dict[str, Any], owner: str) -> tuple[DType, bool, LossScaleManager | None]:
    """What to compute in, whether batch normalization stays in float32, and who scales the loss."""
    for name in given:
        if name not in _SETTINGS:
            message = f"For '{owner}', keywords may be {', '.join(_SETTINGS)}, but got {name!r}."
            raise bad_argument(ValueError, message)
    dtype = given.get("cast_model_type", float32 if level == "O0" else float16)
    if dtype not in (float16, float32):
        message = f"For '{owner}', 'cast_model_type' must be float16 or float32, but got {dtype!r}."
        raise bad_argument(TypeError, message)
    keep = _validate.boolean("keep_batchnorm_fp32", given.get("keep_batchnorm_fp32", level == "O2"), owner)
    manager = given.get("loss_scale_manager", DynamicLossScaleManager() if level == "O2" else None)
    _validate.of_type("loss_scale_manager", manager, (LossScaleManager, type(None)), owner)
    return dtype, keep, manager


def _narrow(network: Cell, dtype: DType, keep_batch_norm: bool) -> None:
    network.to_float(dtype)
    if keep_batch_norm:
        for _, cell in network.cells_and_names():
            if isinstance(cell, BatchNorm1d | BatchNorm2d | BatchNorm3d):
                cell.to_float(float32)


class _LossInFloat32(WithLossCell):
    """The loss of a network that computes in half precision, from outputs and labels in float32."""

    def construct(self, data: Any, label: Any) -> Any:
        return self._loss_fn(_widened(self._backbone(data)), _widened(label))


def _widened(value: Any) -> Any:
    return ops.cast(value, float32) if isinstance(value, Tensor) and value.dtype.is_float else value
