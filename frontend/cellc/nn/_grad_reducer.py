"""Gradients of data parallelism: the mean, or the sum, of all processes' gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from cellc import communication, ops
from cellc.errors import bad_argument
from cellc.lookups import lookup_counts, note_lookup_counts
from cellc.nn._cell import Cell
from cellc.nn._optimizer import widened
from cellc.ops import _validate
from cellc.parameter import Parameter
from cellc.tensor import Tensor

BUCKET_BYTES = 1 << 20
"""Small gradients travel together up to this size: few messages, and the first leave while others are computed."""

ALONE_BYTES = 1 << 18
"""From this size on a gradient travels alone: joining gradients copies them twice, and a message costs less."""


class DistributedGradReducer(Cell):
    """The mean of each gradient over the processes of a group.

    Small gradients are joined into buckets from the last parameter on, since its gradient is there first. Each bucket
    or large gradient is sent as soon as it is complete. Gradients narrower than float32 travel in float32.

    Args:
        parameters: the parameters, in the order of their gradients. Gradients of those with `layerwise_parallel` stay
            as they are.
        mean: whether to divide by `degree`; None for `gradients_mean` of `set_auto_parallel_context`.
        degree: what to divide by; None for the number of processes.
        fusion_type: accepted for MindSpore's sake.
        group: a group's name.

    Inputs:
        grads: a tuple of Tensors.

    Outputs:
        A tuple of Tensors, of the same shapes and dtypes.

    Raises:
        TypeError, ValueError: an argument has another type or value.

    Examples:
        >>> net = nn.Dense(4, 2)
        >>> reducer = nn.DistributedGradReducer(net.trainable_params())
        >>> [gradient.shape for gradient in reducer((ops.ones((2, 4)), ops.ones((2,))))]
        [(2, 4), (2,)]
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        mean: bool | None = None,
        degree: int | None = None,
        fusion_type: int = 1,
        group: str = communication.WORLD_GROUP,
    ) -> None:
        super().__init__(auto_prefix=False)
        self._reduced = [not _validate.of_type("parameters", parameter, Parameter, self.cls_name).layerwise_parallel
                         for parameter in parameters]  # fmt: skip
        if mean is not None:
            _validate.boolean("mean", mean, self.cls_name)
        self.mean = communication.get_auto_parallel_context("gradients_mean") if mean is None else mean
        self.degree = _validate.positive_int("degree", communication.world_size() if degree is None else degree,
                                             self.cls_name)  # fmt: skip
        communication.checked_group(group)
        self.group = group

    def construct(self, grads: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        if len(grads) != len(self._reduced):
            message = f"For '{self.cls_name}', {len(self._reduced)} gradients are taken, but got {len(grads)}."
            raise bad_argument(ValueError, message)
        found: list[Tensor] = list(grads)
        for bucket in self._buckets(grads):
            for at, reduced in zip(bucket, self._reduce([grads[at] for at in bucket]), strict=True):
                found[at] = reduced
                self._keep_lookups(grads[at], reduced)
        return tuple(found)

    def _keep_lookups(self, grad: Tensor, reduced: Tensor) -> None:
        """Rows that any process looked up are rows of the reduced gradient."""
        counts = lookup_counts(grad)
        if counts is not None:
            note_lookup_counts(reduced, ops.all_reduce(counts, group=self.group))

    def _buckets(self, grads: tuple[Tensor, ...]) -> list[list[int]]:
        """The numbers of the gradients that travel together, in the order in which they are complete."""
        buckets: list[list[int]] = []
        small: list[int] = []
        room, dtype = 0, None
        for at in reversed(range(len(grads))):
            if not self._reduced[at]:
                continue
            size = grads[at].size * max(4, grads[at].dtype.itemsize)
            if size >= ALONE_BYTES:
                buckets.append([at])
                continue
            if size > room or widened(grads[at]).dtype is not dtype:
                buckets.append(small := [])
                room, dtype = BUCKET_BYTES, widened(grads[at]).dtype
            small.append(at)
            room -= size
        return sorted(buckets, key=min, reverse=True)

    def _reduce(self, grads: list[Tensor]) -> list[Tensor]:
        """The gradients of one bucket over the group."""
        parts = [ops.reshape(widened(grad), (grad.size,)) for grad in grads]
        total = ops.all_reduce(parts[0] if len(parts) == 1 else ops.concat(tuple(parts)), group=self.group)
        total = ops.mul(total, 1.0 / self.degree) if self.mean and self.degree != 1 else total
        found, start = [], 0
        for grad in grads:
            end = start + math.prod(grad.shape)
            found.append(ops.cast(ops.reshape(total[start:end], grad.shape), grad.dtype))
            start = end
        return found


def data_parallel_reducer(parameters: Iterable[Parameter]) -> Any:
    """What a training step does with its gradients: reduces them in data-parallel mode, else nothing."""
    if communication.get_auto_parallel_context("parallel_mode") != communication.ParallelMode.DATA_PARALLEL:
        return ops.identity
    return DistributedGradReducer(parameters, degree=communication.get_auto_parallel_context("device_num"))
