"""Layers that make or rearrange elements without computing: OneHot, Range, Roll, Pad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cellc import ops
from cellc.dtype import DType, float32, int32, int64
from cellc.errors import bad_argument
from cellc.nn._cell import Cell
from cellc.nn._precision import tensor_input
from cellc.ops import _validate
from cellc.ops._indexing import one_hot_mask
from cellc.tensor import Tensor


class OneHot(Cell):
    """`on_value` at the index along a new axis of extent `depth`, `off_value` elsewhere.

    Args:
        axis: where the new axis stands in the result; -1 for last.
        depth: extent of the new axis.
        on_value, off_value: the values, numbers.
        dtype: dtype of the result.

    Inputs:
        indices: a Tensor of int32 or int64 of any shape. An index outside [0, depth) has `off_value` everywhere.

    Outputs:
        A Tensor of one axis more than `indices`.

    Raises:
        TypeError: `axis` or `depth` is not an int, `dtype` is no dtype, `indices` does not hold int32 or int64.
        ValueError: `axis` is below -1 or above the rank of `indices`, or `depth` is negative.

    Examples:
        >>> nn.OneHot(depth=3)(Tensor([2, 0])).asnumpy()
        array([[0., 0., 1.],
               [1., 0., 0.]], dtype=float32)
    """

    def __init__(
        self, axis: int = -1, depth: int = 1, on_value: float = 1.0, off_value: float = 0.0, dtype: DType = float32
    ) -> None:
        super().__init__()
        self.axis = _validate.integer("axis", axis, self.cls_name)
        self.depth = _validate.non_negative_int("depth", depth, self.cls_name)
        self.dtype = _validate.element_type("dtype", dtype, self.cls_name)
        self.on_value = _validate.of_type("on_value", on_value, (float, int, bool), self.cls_name)
        self.off_value = _validate.of_type("off_value", off_value, (float, int, bool), self.cls_name)

    def construct(self, indices: Tensor) -> Tensor:
        if tensor_input("indices", indices, self.cls_name).dtype not in (int32, int64):
            message = f"For '{self.cls_name}', 'indices' must be Int32 or Int64, but got {indices.dtype}."
            raise bad_argument(TypeError, message)
        _validate.int_in("axis", self.axis, -1, indices.ndim, self.cls_name)
        on, off = (ops.fill(self.dtype, (), value) for value in (self.on_value, self.off_value))
        return ops.select(one_hot_mask(indices, self.depth, self.axis), on, off)


class Range(Cell):
    """start, start + delta, ... up to but without limit; with one argument from 0 up to it.

    Args:
        start, limit: the first value and the bound, numbers; without `limit` they are 0 and `start`.
        delta: the step, a number other than 0.

    Outputs:
        A Tensor (n,) of int32 if all arguments are ints, else of float32.

    Raises:
        TypeError: an argument is not a number.
        ValueError: `delta` is 0.

    Examples:
        >>> nn.Range(1, 8, 2)().asnumpy()
        array([1, 3, 5, 7], dtype=int32)
    """

    def __init__(self, start: float, limit: float | None = None, delta: float = 1) -> None:
        super().__init__()
        numbers = {"start": start, "delta": delta, **({} if limit is None else {"limit": limit})}
        for name, value in numbers.items():
            _validate.of_type(name, value, (int, float), self.cls_name)
        if delta == 0:
            raise bad_argument(ValueError, f"For '{self.cls_name}', 'delta' must not be 0, but got {delta}.")
        first, last = (0, start) if limit is None else (start, limit)
        whole = all(isinstance(value, int) for value in numbers.values())
        self.result_tensor = Tensor(np.arange(first, last, delta), int32 if whole else float32)

    def construct(self) -> Tensor:
        return self.result_tensor


class Roll(Cell):
    """Moves elements by `shift` places along `axis` towards larger indices; what leaves at the end enters in front.

    Args:
        shift: the number of places, an int, or one int for each axis.
        axis: an int, or a tuple or list of ints; one that is named again moves again.

    Inputs:
        input_x: a Tensor.

    Outputs:
        A Tensor of the shape and dtype of `input_x`.

    Raises:
        TypeError: an argument is of another type, or one is an int and the other is not.
        ValueError: the lengths of `shift` and `axis` differ, or `input_x` has no such axis.

    Examples:
        >>> nn.Roll(shift=2, axis=0)(Tensor([0, 1, 2, 3, 4])).asnumpy()
        array([3, 4, 0, 1, 2])
    """

    def __init__(self, shift: int | tuple[int, ...] | list[int], axis: int | tuple[int, ...] | list[int]) -> None:
        super().__init__()
        for name, value in (("shift", shift), ("axis", axis)):
            _validate.of_type(name, value, (int, tuple, list), self.cls_name)
            for item in value if isinstance(value, tuple | list) else (value,):
                _validate.integer(name, item, self.cls_name)
        self.shift, self.axis = shift, axis
        self._moves = self._pairs()

    def _pairs(self) -> tuple[tuple[int, int], ...]:
        shift, axis, owner = self.shift, self.axis, self.cls_name
        if isinstance(shift, int) and isinstance(axis, int):
            return ((shift, axis),)
        if isinstance(shift, int) or isinstance(axis, int):
            message = f"For '{owner}', 'shift' and 'axis' must both be ints or both be not, but got {shift} and {axis}."
            raise bad_argument(TypeError, message)
        if len(shift) != len(axis):
            message = f"For '{owner}', 'shift' and 'axis' must have one length, but got {shift} and {axis}."
            raise bad_argument(ValueError, message)
        return tuple(zip(shift, axis, strict=True))

    def construct(self, input_x: Tensor) -> Tensor:
        x = tensor_input("input_x", input_x, self.cls_name)
        places = [0] * x.ndim
        for shift, axis in self._moves:
            at = _validate.axis_in("axis", axis, x.ndim, self.cls_name)
            places[at] = (places[at] + shift) % max(x.shape[at], 1)
        ends = [(_Run(extent - n, extent), _Run(0, extent - n)) for n, extent in zip(places, x.shape, strict=True)]
        return _joined(x, [runs if runs[0].start < runs[0].limit else runs[1:] for runs in ends])


@dataclass(frozen=True)
class _Run:
    """The indices from `start` on, below `limit`, along an axis; the last one first if `backwards`."""

    start: int
    limit: int
    backwards: bool = False


def _joined(x: Tensor, runs: Sequence[Sequence[_Run]], chosen: tuple[_Run, ...] = ()) -> Tensor:
    """The tensor whose axis i is made of the runs `runs[i]` of the axis of x, end to end; `chosen` are those of the
    first axes. Joining axis by axis would move every element as often as there are axes.
    """
    axis = len(chosen)
    if axis < len(runs):
        parts = [_joined(x, runs, (*chosen, run)) for run in runs[axis]]
        return parts[0] if len(parts) == 1 else ops.concat(parts, axis)
    part = x[tuple(slice(run.start, run.limit) for run in chosen)] if chosen else x
    backwards = tuple(axis for axis, run in enumerate(chosen) if run.backwards)
    return ops.reverse(part, backwards) if backwards else part


class Pad(Cell):
    """Elements around a tensor: zeros, or its own elements mirrored.

    Args:
        paddings: a tuple with (before, after) for each of at most 4 axes.
        mode: "CONSTANT" for zeros, "REFLECT" for elements mirrored at the first and last one, "SYMMETRIC" for
            elements mirrored at the border, so that the first and last one come twice.

    Inputs:
        x: a Tensor with as many axes as there are paddings.

    Outputs:
        A Tensor in the dtype of x, of extents before + extent + after.

    Raises:
        TypeError: `paddings` is not a tuple, or holds something else than ints.
        ValueError: `paddings` has more than 4 entries, one that is no pair or a negative number; `mode` is something
            else; x has another rank, or too few elements to be mirrored.

    Examples:
        >>> nn.Pad(((2, 1),), mode="REFLECT")(Tensor([1.0, 2.0, 3.0])).asnumpy()
        array([3., 2., 1., 2., 3., 2.], dtype=float32)
    """

    paddings: tuple[tuple[int, int], ...]
    mode: str

    def __init__(self, paddings: tuple[tuple[int, int], ...], mode: str = "CONSTANT") -> None:
        super().__init__()
        owner = self.cls_name
        self.mode = _validate.one_of("mode", mode, ("CONSTANT", "REFLECT", "SYMMETRIC"), owner)
        self.paddings = _validate.of_type("paddings", paddings, tuple, owner)
        pairs = all(isinstance(item, tuple | list) and len(item) == 2 for item in paddings)
        if not pairs or len(paddings) > 4:
            message = f"For '{owner}', 'paddings' must be a pair for each of at most 4 axes, but got {paddings}."
            raise bad_argument(ValueError, message)
        for side in (side for item in paddings for side in item):
            _validate.non_negative_int("paddings", side, owner)

    def construct(self, x: Tensor) -> Tensor:
        if tensor_input("x", x, self.cls_name).ndim != len(self.paddings):
            message = f"For '{self.cls_name}', 'paddings' {self.paddings} must have one pair for each axis of 'x', "
            raise bad_argument(ValueError, f"{message}but got shape {x.shape}.")
        if self.mode == "CONSTANT":
            return ops.pad(x, self.paddings)
        return _joined(x, [self._runs(x, axis, *pair) for axis, pair in enumerate(self.paddings)])

    def _runs(self, x: Tensor, axis: int, before: int, after: int) -> list[_Run]:
        """The axis of `x` between its mirrored borders."""
        extent, skipped = x.shape[axis], int(self.mode == "REFLECT")
        if max(before, after) > extent - skipped:
            message = f"For '{self.cls_name}', 'paddings' {(before, after)} of axis {axis} in mode {self.mode} must "
            raise bad_argument(ValueError, f"{message}be at most {extent - skipped}, but got shape {x.shape}.")
        front = _Run(skipped, skipped + before, backwards=True)
        back = _Run(extent - skipped - after, extent - skipped, backwards=True)
        return [run for run in (front, _Run(0, extent), back) if run.start < run.limit or run == _Run(0, extent)]
