"""Tensors made from a shape or a range. Shapes are ints or tuples of ints, known when the cell is traced."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from cellc import arithmetic
from cellc.arithmetic import as_tensor
from cellc.dtype import DType, float32, int32
from cellc.errors import bad_argument
from cellc.ops import _validate
from cellc.ops._arithmetic import Operand, add, cast, mul
from cellc.ops._indexing import range_tensor
from cellc.tensor import Tensor

Shape = int | Sequence[int]


def fill(type: DType | str, shape: Shape, value: float) -> Tensor:
    """A tensor of `shape` whose elements are all `value`."""
    extents = (shape,) if isinstance(shape, int) else tuple(shape)
    for extent in extents:
        _validate.non_negative_int("shape", extent, "fill")
    return arithmetic.full(extents, value, _validate.element_type("type", type, "fill"))


def ones(shape: Shape, type: DType | str = float32) -> Tensor:
    """A tensor of `shape` whose elements are 1."""
    return fill(type, shape, 1)


def zeros(shape: Shape, type: DType | str = float32) -> Tensor:
    """A tensor of `shape` whose elements are 0."""
    return fill(type, shape, 0)


def ones_like(input_x: Operand) -> Tensor:
    """Ones in the shape and dtype of `input_x`."""
    tensor = as_tensor(input_x)
    return fill(tensor.dtype, tensor.shape, 1)


def zeros_like(input_x: Operand) -> Tensor:
    """Zeros in the shape and dtype of `input_x`."""
    tensor = as_tensor(input_x)
    return fill(tensor.dtype, tensor.shape, 0)


def arange(start: float = 0, stop: float | None = None, step: float = 1, rtype: DType | str | None = None) -> Tensor:
    """start, start + step, ... up to but without `stop`; with one argument from 0 up to it.

    The dtype is int32 if all three are ints, else float32, unless `rtype` names one.

    Raises:
        TypeError: an argument is not a number.
        ValueError: `step` is 0.
    """
    first, last = (0, start) if stop is None else (start, stop)
    for name, number in (("start", first), ("stop", last), ("step", step)):
        _validate.of_type(name, number, (int, float), "arange")
    whole = all(isinstance(number, int) for number in (first, last, step))
    wanted = _validate.element_type("rtype", rtype, "arange") if rtype is not None else int32 if whole else float32
    if step == 0:
        raise bad_argument(ValueError, "For 'arange', 'step' must not be 0.")
    count = max(ceil((last - first) / step), 0)
    steps = range_tensor(count, (int32 if whole else wanted).code)
    return cast(add(mul(steps, step), first), wanted)


def range(start: float, limit: float, delta: float = 1) -> Tensor:
    """start, start + delta, ... up to but without `limit`."""
    return arange(start, limit, delta)
