"""Batch normalization over the batches of a group of processes; here the group is this process."""

from __future__ import annotations

from typing import Any

from cellc.errors import bad_argument
from cellc.nn._batch_norm import _BatchNorm
from cellc.ops import _validate


class SyncBatchNorm(_BatchNorm):
    """gamma (x - mean) / sqrt(variance + eps) + beta for each channel, with the statistics of a group of processes.

    A program of cellc is one process, of rank 0, so that the group's statistics are those of its batch. Formula and
    the other arguments are those of BatchNorm2d.

    Args:
        process_groups: lists of the ranks that share statistics; None for all ranks in one group.

    Inputs:
        x: a Tensor of shape (N, C) or (N, C, H, W).

    Outputs:
        A Tensor of the shape and dtype of x.

    Raises:
        TypeError: as BatchNorm2d, and `process_groups` is no list of lists of ints.
        ValueError: as BatchNorm2d, and a rank is not in [0, number of processes) or is named twice.

    Examples:
        >>> nn.SyncBatchNorm(num_features=3, process_groups=[[0]])(ops.ones((1, 3, 2, 2))).shape
        (1, 3, 2, 2)
    """

    _axes = ((), ("H", "W"))

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.9,
        affine: bool = True,
        gamma_init: Any = "ones",
        beta_init: Any = "zeros",
        moving_mean_init: Any = "zeros",
        moving_var_init: Any = "ones",
        use_batch_statistics: bool | None = None,
        process_groups: list[list[int]] | None = None,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, gamma_init, beta_init, moving_mean_init, moving_var_init,
            use_batch_statistics,
        )  # fmt: skip
        if process_groups is not None:
            _check_ranks(process_groups, self.cls_name)
        self.process_groups = process_groups


def _check_ranks(groups: Any, owner: str) -> None:
    for number, group in enumerate(_validate.of_type("process_groups", groups, list, owner)):
        _validate.of_type(f"process_groups[{number}]", group, list, owner)
    ranks = [rank for group in groups for rank in group]
    for rank in ranks:
        _validate.int_in("process_groups", rank, 0, 0, owner)
    if len(set(ranks)) != len(ranks):
        raise bad_argument(ValueError, f"For '{owner}', 'process_groups' must not name a rank twice, but got {groups}.")


class GlobalBatchNorm(_BatchNorm):
    """SyncBatchNorm under its former name, with groups of one size; MindSpore deprecates it.

    A program of cellc is one process, so that each group is one batch, whatever `device_num_each_group` says. Formula
    and the other arguments are those of BatchNorm2d.

    Args:
        device_num_each_group: size of a group, at least 2.

    Inputs:
        x: a Tensor of shape (N, C) or (N, C, H, W).

    Outputs:
        A Tensor of the shape and dtype of x.

    Raises:
        TypeError: as BatchNorm2d, and `device_num_each_group` is not an int.
        ValueError: as BatchNorm2d, and `device_num_each_group` is below 2.

    Examples:
        >>> nn.GlobalBatchNorm(num_features=3)(ops.ones((1, 3, 2, 2))).shape
        (1, 3, 2, 2)
    """

    _axes = ((), ("H", "W"))

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.9,
        affine: bool = True,
        gamma_init: Any = "ones",
        beta_init: Any = "zeros",
        moving_mean_init: Any = "zeros",
        moving_var_init: Any = "ones",
        use_batch_statistics: bool | None = None,
        device_num_each_group: int = 2,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, gamma_init, beta_init, moving_mean_init, moving_var_init,
            use_batch_statistics,
        )  # fmt: skip
        if _validate.integer("device_num_each_group", device_num_each_group, self.cls_name) < 2:
            raise bad_argument(
                ValueError,
                f"For '{self.cls_name}', 'device_num_each_group' must be at least 2, but got {device_num_each_group}.",
            )
        self.group_device_num = device_num_each_group
