"""Batch normalization over the batches of a group of processes."""

from __future__ import annotations

import functools
from typing import Any

from cellc import communication, ops
from cellc.errors import bad_argument
from cellc.nn._batch_norm import _BatchNorm
from cellc.ops import _validate
from cellc.tensor import Tensor


class SyncBatchNorm(_BatchNorm):
    """gamma (x - mean) / sqrt(variance + eps) + beta for each channel, with the statistics of a group of processes.

    The statistics are those of the batches of all processes of the group together, whatever their sizes; before
    `communication.init` a process is alone. Formula and the other arguments are those of BatchNorm2d.

    Args:
        process_groups: lists of the ranks that share statistics; None for all ranks in one group. A process that is in
            none of them is alone.

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
        group = _own_group(process_groups)
        self._statistics = None if group is None else functools.partial(_group_moments, group)


def _check_ranks(groups: Any, owner: str) -> None:
    for number, group in enumerate(_validate.of_type("process_groups", groups, list, owner)):
        _validate.of_type(f"process_groups[{number}]", group, list, owner)
    ranks = [rank for group in groups for rank in group]
    for rank in ranks:
        _validate.int_in("process_groups", rank, 0, communication.world_size() - 1, owner)
    if len(set(ranks)) != len(ranks):
        raise bad_argument(ValueError, f"For '{owner}', 'process_groups' must not name a rank twice, but got {groups}.")


def _own_group(groups: list[list[int]] | None) -> str | None:
    """The name of this process's group, which is made where there is none yet; None for a process alone."""
    if communication.world_size() == 1:
        return None
    if groups is None:
        return communication.WORLD_GROUP
    rank = communication.get_rank()
    ranks = next((sorted(group) for group in groups if rank in group), [rank])
    if len(ranks) == 1:
        return None
    name = f"ranks_{'_'.join(map(str, ranks))}"
    if not communication.is_member(name):
        communication.create_group(name, ranks)
    return name


def _group_moments(group: str, x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each channel over the batches of a group."""
    count = ops.fill(x.dtype, (1,), float(x.size // x.shape[1]))
    sums = ops.all_reduce(ops.concat((ops.reduce_sum(x, axes), count)), group=group)
    total = sums[x.shape[1] :]
    mean = ops.div(sums[: x.shape[1]], total)
    centered = ops.sub(x, ops.reshape(mean, (x.shape[1],) + (1,) * (x.ndim - 2)))
    return mean, ops.div(ops.all_reduce(ops.reduce_sum(ops.square(centered), axes), group=group), total)


class GlobalBatchNorm(_BatchNorm):
    """SyncBatchNorm under its former name, with groups of one size; MindSpore deprecates it.

    Ranks 0 to n - 1 are the first group of n, and so on; before `communication.init` a process is alone. Formula and
    the other arguments are those of BatchNorm2d.

    Args:
        device_num_each_group: n, the size of a group, at least 2.

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
        size = communication.world_size()
        if size > 1 and size % device_num_each_group:
            message = (
                f"For '{self.cls_name}', 'device_num_each_group' {device_num_each_group} must divide {size} processes."
            )
            raise bad_argument(ValueError, message)
        firsts = range(0, size, device_num_each_group)
        group = _own_group([list(range(first, first + device_num_each_group)) for first in firsts])
        self._statistics = None if group is None else functools.partial(_group_moments, group)
