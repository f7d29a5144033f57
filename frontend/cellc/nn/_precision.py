"""What layers share about dtypes: checks of inputs, and computing in float32 what comes in half precision."""

from __future__ import annotations

from typing import Any

from cellc import dtype as dtypes
from cellc import ops
from cellc.dtype import DType
from cellc.errors import bad_argument
from cellc.ops import _validate
from cellc.tensor import Tensor


def tensor_input(name: str, value: Any, owner: str) -> Tensor:
    """`value`, a Tensor.

    Raises:
        TypeError: it is something else.
    """
    return _validate.of_type(name, value, Tensor, owner)


def float_input(name: str, value: Any, owner: str) -> Tensor:
    """`value`, a Tensor of floats.

    Raises:
        TypeError: it is something else.
    """
    return _validate.float_tensor(name, tensor_input(name, value, owner), owner)


def number_input(name: str, value: Any, owner: str) -> Tensor:
    """`value`, a Tensor of numbers.

    Raises:
        TypeError: it is something else, or holds bools.
    """
    if tensor_input(name, value, owner).dtype is dtypes.bool_:
        raise bad_argument(TypeError, f"For '{owner}', '{name}' must be a tensor of numbers, but got {value.dtype}.")
    return value


def same_shape(owner: str, **tensors: Tensor) -> None:
    """Checks that two tensors have one shape.

    Raises:
        ValueError: they do not.
    """
    (first, one), (second, other) = tensors.items()
    if one.shape != other.shape:
        raise bad_argument(
            ValueError,
            f"For '{owner}', '{first}' and '{second}' must have one shape, but got {one.shape} and {other.shape}.",
        )


def wide_dtype(dtype: DType) -> DType:
    """The dtype to compute in: float64 for float64, else float32."""
    return dtypes.float64 if dtype is dtypes.float64 else dtypes.float32


def wide(x: Tensor) -> Tensor:
    """`x` in the dtype to compute in."""
    return ops.cast(x, wide_dtype(x.dtype))
