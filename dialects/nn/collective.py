"""Operations that several processes compute together.

All processes of the group must run the same ones, in the same order. `meaning` says what they give the processes; it
takes one operand per process. `evaluate` is that of a process alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, ClassVar

import numpy as np

from cellc.dialects.nn.checks import require_dtype
from cellc.dialects.nn.definition import InferenceError, OpDefinition, TensorType, nn_op, require

DTYPES = ("f32", "f64", "i32", "i64")
"""What MPI computes with: 16-bit floats are converted before. What is only moved may have any."""

_FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "sum": np.add, "prod": np.multiply, "min": np.minimum, "max": np.maximum,
}  # fmt: skip
REDUCTIONS = tuple(_FUNCTIONS)


class CollectiveDefinition(OpDefinition):
    """An operation of one operand for each process of a group."""

    operands = ("x",)

    @staticmethod
    def meaning(xs: Sequence[np.ndarray], **attributes: Any) -> list[np.ndarray]:
        """The result for each process, by rank, from the operands of all of them."""
        raise NotImplementedError

    @classmethod
    def evaluate(cls, x: np.ndarray, **attributes: Any) -> np.ndarray:
        return cls.meaning([x], **attributes)[0]


@nn_op
class AllReduce(CollectiveDefinition):
    """The sum (product, minimum, maximum) of x over the processes, element by element; each of them gets it.

    `%r = nn.all_reduce %x {reduction = "sum", group = "world"} : (tensor<4xf32>) -> tensor<4xf32>`
    """

    name = "all_reduce"
    attributes: ClassVar = {"reduction": "str", "group": "str"}

    @staticmethod
    def infer(x: TensorType, *, reduction: str, group: str) -> TensorType:
        _require_reduction("all_reduce", x, reduction)
        _require_group("all_reduce", group)
        return x

    @staticmethod
    def meaning(xs: Sequence[np.ndarray], *, reduction: str, group: str) -> list[np.ndarray]:
        return [_reduced(xs, reduction)] * len(xs)


@nn_op
class Reduce(CollectiveDefinition):
    """As `all_reduce`, but the process `root` alone gets the result, and the others zeros.

    `%r = nn.reduce %x {reduction = "sum", root = 0, group = "world"} : (tensor<4xf32>) -> tensor<4xf32>`
    """

    name = "reduce"
    attributes: ClassVar = {"reduction": "str", "root": "int", "group": "str"}

    @staticmethod
    def infer(x: TensorType, *, reduction: str, root: int, group: str) -> TensorType:
        _require_reduction("reduce", x, reduction)
        _require_root("reduce", root)
        _require_group("reduce", group)
        return x

    @staticmethod
    def meaning(xs: Sequence[np.ndarray], *, reduction: str, root: int, group: str) -> list[np.ndarray]:
        results = [np.zeros_like(x) for x in xs]
        results[root] = _reduced(xs, reduction)
        return results


@nn_op
class ReduceScatter(CollectiveDefinition):
    """As `all_reduce`, but each process gets only its share of the rows, in the order of the processes.

    `%r = nn.reduce_scatter %x {reduction = "sum", processes = 2, group = "world"} : (tensor<4xf32>) -> tensor<2xf32>`
    """

    name = "reduce_scatter"
    attributes: ClassVar = {"reduction": "str", "processes": "int", "group": "str"}

    @staticmethod
    def infer(x: TensorType, *, reduction: str, processes: int, group: str) -> TensorType:
        _require_reduction("reduce_scatter", x, reduction)
        _require_rows("reduce_scatter", x, processes)
        _require_group("reduce_scatter", group)
        rows, *rest = x.shape
        if rows % processes:
            raise InferenceError(f"reduce_scatter: {processes} processes cannot share the {rows} rows of x evenly")
        return TensorType((rows // processes, *rest), x.dtype)

    @staticmethod
    def meaning(xs: Sequence[np.ndarray], *, reduction: str, processes: int, group: str) -> list[np.ndarray]:
        _check_count(xs, processes)
        return np.split(_reduced(xs, reduction), processes)


@nn_op
class AllGather(CollectiveDefinition):
    """The x of all processes one after the other along the first axis, in the order of the processes.

    `%r = nn.all_gather %x {processes = 2, group = "world"} : (tensor<4xf32>) -> tensor<8xf32>`
    """

    name = "all_gather"
    attributes: ClassVar = {"processes": "int", "group": "str"}

    @staticmethod
    def infer(x: TensorType, *, processes: int, group: str) -> TensorType:
        _require_rows("all_gather", x, processes)
        _require_group("all_gather", group)
        return TensorType((x.shape[0] * processes, *x.shape[1:]), x.dtype)

    @staticmethod
    def meaning(xs: Sequence[np.ndarray], *, processes: int, group: str) -> list[np.ndarray]:
        _check_count(xs, processes)
        return [np.concatenate(xs)] * processes


@nn_op
class Broadcast(CollectiveDefinition):
    """The x of the process `root`, for all of them.

    `%r = nn.broadcast %x {root = 0, group = "world"} : (tensor<4xf32>) -> tensor<4xf32>`
    """

    name = "broadcast"
    attributes: ClassVar = {"root": "int", "group": "str"}

    @staticmethod
    def infer(x: TensorType, *, root: int, group: str) -> TensorType:
        _require_root("broadcast", root)
        _require_group("broadcast", group)
        return x

    @staticmethod
    def meaning(xs: Sequence[np.ndarray], *, root: int, group: str) -> list[np.ndarray]:
        return [xs[root]] * len(xs)


def _reduced(xs: Sequence[np.ndarray], reduction: str) -> np.ndarray:
    return reduce(_FUNCTIONS[reduction], xs)


def _check_count(xs: Sequence[np.ndarray], processes: int) -> None:
    if len(xs) != processes:
        raise ValueError(f"operands of {len(xs)} processes, not of {processes}")


def _require_reduction(op: str, x: TensorType, reduction: str) -> None:
    require_dtype(op, "x", x, DTYPES)
    if reduction not in REDUCTIONS:
        raise InferenceError(f"{op}: reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")


def _require_rows(op: str, x: TensorType, processes: int) -> None:
    require(processes >= 1, f"{op}: processes must be >= 1, got {processes}")
    require(x.rank >= 1, f"{op}: x must have a first axis, got {x}")


def _require_root(op: str, root: int) -> None:
    require(root >= 0, f"{op}: root must be >= 0, got {root}")


def _require_group(op: str, group: str) -> None:
    if not re.fullmatch(r"\w+", group):
        raise InferenceError(f"{op}: group must be letters, digits and underscores, got {group!r}")
