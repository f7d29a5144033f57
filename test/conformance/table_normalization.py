"""Rows of normalizations that are not in `table.py`, and their oracles."""

import numpy as np
from conformance.row import Row, floats, of

from cellc import nn


def _by_channel(values, x):
    return values.reshape(-1, *[1] * (x.ndim - 2))


def batch_norm(training, prefix=""):
    """Over every axis but that of the channels; `prefix` stands before the names of the parameters."""

    def oracle(p, x):
        axes = tuple(axis for axis in range(x.ndim) if axis != 1)
        moving = ("moving_mean", "moving_variance") if prefix else ("mean", "variance")
        mean, variance = (x.mean(axis=axes), x.var(axis=axes)) if training else (p[prefix + name] for name in moving)
        normal = (x - _by_channel(mean, x)) / np.sqrt(_by_channel(variance, x) + 1e-5)
        return _by_channel(p[prefix + "gamma"], x) * normal + _by_channel(p[prefix + "beta"], x)

    return oracle


def group_norm(groups, eps=1e-5):
    def oracle(p, x):
        normal = np.empty_like(x)
        size = x.shape[1] // groups
        for n in range(len(x)):
            for first in range(0, x.shape[1], size):
                part = x[n, first : first + size]
                normal[n, first : first + size] = (part - part.mean()) / np.sqrt(part.var() + eps)
        return _by_channel(p["gamma"], x) * normal + _by_channel(p["beta"], x)

    return oracle


ROWS = [
    Row("BatchNorm1d evaluation", of(nn.BatchNorm1d, 4), floats((3, 4)), batch_norm(False)),
    Row("BatchNorm1d training", of(nn.BatchNorm1d, 17), floats((9, 17)), batch_norm(True), training=True),
    Row("BatchNorm3d evaluation", of(nn.BatchNorm3d, 3), floats((2, 3, 2, 4, 3)), batch_norm(False, "bn2d.")),
    Row("BatchNorm3d training", of(nn.BatchNorm3d, 3), floats((2, 3, 2, 4, 3)), batch_norm(True, "bn2d."),
        training=True),
    Row("SyncBatchNorm", of(nn.SyncBatchNorm, 3), floats((2, 3, 4, 5)), batch_norm(True), training=True),
    Row("SyncBatchNorm rank 2", of(nn.SyncBatchNorm, 3, process_groups=[[0]]), floats((2, 3)), batch_norm(False)),
    Row("GlobalBatchNorm", of(nn.GlobalBatchNorm, 3), floats((2, 3, 4, 5)), batch_norm(False)),
    Row("GlobalBatchNorm rank 2", of(nn.GlobalBatchNorm, 3), floats((5, 3)), batch_norm(True), training=True),
    Row("GroupNorm", of(nn.GroupNorm, 2, 6), floats((2, 6, 3, 5)), group_norm(2)),
    Row("GroupNorm one group", of(nn.GroupNorm, 1, 3, 0.1), floats((2, 3, 2, 2)), group_norm(1, 0.1)),
    Row("GroupNorm wide", of(nn.GroupNorm, 3, 33), floats((2, 33, 5, 7)), group_norm(3)),
    Row("InstanceNorm2d", of(nn.InstanceNorm2d, 3), floats((2, 3, 3, 5)), group_norm(3)),
    Row("InstanceNorm2d training", of(nn.InstanceNorm2d, 3), floats((2, 3, 3, 5)), group_norm(3), training=True),
]  # fmt: skip
