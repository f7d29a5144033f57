"""Checks that several families' `infer` share; each raises an error that names the op and the operand."""

from __future__ import annotations

from collections.abc import Sequence

from cellc.dialects.nn.definition import DTYPES, FLOATS, NUMBERS, InferenceError, NNTypeError, TensorType

_KINDS = {FLOATS: "a float dtype", NUMBERS: "a number dtype", ("bool",): "bool"}


def require_dtype(op: str, operand: str, type_: TensorType, allowed: tuple[str, ...]) -> None:
    if type_.dtype not in allowed:
        expected = _KINDS.get(allowed, " or ".join(allowed))
        raise NNTypeError(f"{op}: {operand} must have {expected}, got {type_}")


def require_known_dtype(op: str, dtype: str, allowed: tuple[str, ...] = DTYPES) -> None:
    if dtype not in allowed:
        raise NNTypeError(f"{op}: dtype must be one of {', '.join(allowed)}, got {dtype!r}")


def require_same_dtype(op: str, names: tuple[str, str], left: TensorType, right: TensorType) -> None:
    if left.dtype != right.dtype:
        raise NNTypeError(f"{op}: dtypes of {names[0]} and {names[1]} differ ({left} and {right})")


def require_same_type(op: str, names: tuple[str, str], left: TensorType, right: TensorType) -> None:
    require_same_dtype(op, names, left, right)
    if left.shape != right.shape:
        raise InferenceError(f"{op}: shapes of {names[0]} and {names[1]} differ ({left} and {right})")


def require_type(op: str, operand: str, type_: TensorType, expected: TensorType, because: str) -> None:
    """The operand must be exactly of the expected type, which follows from the others (`because`)."""
    if type_.dtype != expected.dtype:
        raise NNTypeError(f"{op}: {operand} is {type_}, expected {expected} ({because})")
    if type_.shape != expected.shape:
        raise InferenceError(f"{op}: {operand} is {type_}, expected {expected} ({because})")


def require_rank(op: str, operand: str, type_: TensorType, rank: int) -> None:
    if type_.rank != rank:
        raise InferenceError(f"{op}: {operand} must have rank {rank}, got {type_}")


def require_axis(op: str, name: str, axis: int, rank: int) -> None:
    """Axes count from 0; the front end has turned negative ones into these."""
    if not 0 <= axis < rank:
        raise InferenceError(f"{op}: {name} {axis} is out of range for rank {rank}")


def require_axes(op: str, name: str, axes: Sequence[int], rank: int) -> None:
    for axis in axes:
        require_axis(op, name, axis, rank)
    if len(set(axes)) != len(axes):
        raise InferenceError(f"{op}: {list(axes)} repeats an {name}")


def require_shape(op: str, name: str, shape: Sequence[int]) -> None:
    if any(extent < 0 for extent in shape):
        raise InferenceError(f"{op}: {name} {list(shape)} has a negative extent")


def require_length(op: str, name: str, values: Sequence[int], length: int) -> None:
    if len(values) != length:
        raise InferenceError(f"{op}: {name} must have {length} entries, got {list(values)}")


def require_at_least(op: str, name: str, values: Sequence[int], least: int) -> None:
    if any(value < least for value in values):
        raise InferenceError(f"{op}: {name} must be >= {least}, got {list(values)}")
