"""Transforms of any arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cellc.dataset._random import generator
from cellc.dataset.transforms._rowwise import RowWise
from cellc.errors import bad_argument
from cellc.ops import _validate


class TypeCast(RowWise):
    """Converts to a dtype.

    Args:
        output_type: a dtype.
        data_type: its name in MindSpore 1.7; one of the two is given.

    Raises:
        TypeError: it is no dtype.
    """

    def __init__(self, output_type: Any = None, *, data_type: Any = None) -> None:
        name, value = ("output_type", output_type) if data_type is None else ("data_type", data_type)
        self._dtype = _validate.element_type(name, value, "TypeCast").numpy

    def __call__(self, data: Any) -> np.ndarray:
        return np.asarray(data).astype(self._dtype)

    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        return self(rows)


class OneHot(RowWise):
    """Turns a class number into a vector of zeros with a one.

    Args:
        num_classes: the length of the vector.

    Raises:
        TypeError, ValueError: `num_classes` is not an int of at least 1; while reading, where a class is out of range.
    """

    def __init__(self, num_classes: int) -> None:
        self._classes = _validate.positive_int("num_classes", num_classes, "OneHot")

    def __call__(self, data: Any) -> np.ndarray:
        labels = np.asarray(data)
        if not np.issubdtype(labels.dtype, np.integer) or labels.size == 0:
            raise TypeError(f"OneHot takes class numbers, but got {labels.dtype} of shape {labels.shape}.")
        if labels.min() < 0 or labels.max() >= self._classes:
            raise ValueError(f"OneHot of {self._classes} classes got class {labels.max()}.")
        return np.eye(self._classes, dtype=labels.dtype)[labels]

    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        return self(rows)


class Fill(RowWise):
    """Gives an array of the same shape and dtype with one value.

    Args:
        fill_value: the value.
    """

    def __init__(self, fill_value: Any) -> None:
        self._value = fill_value

    def __call__(self, data: Any) -> np.ndarray:
        return np.full_like(np.asarray(data), self._value)

    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        # Of one row: a value that is an array is to fit a row, and not all of them.
        return np.broadcast_to(self(rows[0]), rows.shape).copy()


class Compose:
    """Applies transforms one after another.

    Args:
        transforms: a list of functions.

    Raises:
        TypeError, ValueError: there is none, or one is not callable.
    """

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        self.transforms = functions(transforms, "Compose")

    def __call__(self, *data: Any) -> Any:
        for transform in self.transforms:
            result = transform(*data)
            data = result if isinstance(result, tuple) else (result,)
        return data[0] if len(data) == 1 else data


class RandomApply:
    """Applies transforms one after another, or with probability 1 - prob none of them.

    Args:
        transforms: a list of functions.
        prob: a number in [0, 1].

    Raises:
        TypeError, ValueError: an argument has another type or value.
    """

    def __init__(self, transforms: Sequence[Callable[..., Any]], prob: float = 0.5) -> None:
        self._all = Compose(transforms)
        self._probability = probability("prob", prob, "RandomApply")

    def __call__(self, data: Any) -> Any:
        return self._all(data) if generator().random() < self._probability else data


class RandomChoice:
    """Applies one of the transforms.

    Args:
        transforms: a list of functions.

    Raises:
        TypeError, ValueError: there is none, or one is not callable.
    """

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        self._transforms = functions(transforms, "RandomChoice")

    def __call__(self, data: Any) -> Any:
        return self._transforms[int(generator().integers(len(self._transforms)))](data)


def functions(transforms: Any, owner: str) -> list[Callable[..., Any]]:
    """A list of functions that is not empty."""
    if not isinstance(transforms, list | tuple) or not all(callable(one) for one in transforms):
        raise bad_argument(
            TypeError, f"For '{owner}', 'transforms' must be a list of functions, but got {transforms!r}."
        )
    if not transforms:
        raise bad_argument(ValueError, f"For '{owner}', 'transforms' must not be empty.")
    return list(transforms)


def probability(name: str, value: Any, owner: str) -> float:
    """A number in [0, 1]."""
    number = float(_validate.of_type(name, value, (int, float), owner))
    if not 0 <= number <= 1:
        raise bad_argument(ValueError, f"For '{owner}', '{name}' must be in [0, 1], but got {value}.")
    return number
