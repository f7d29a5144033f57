"""Padding of the rows of a batch to one shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from cellc.dataset._columns import no_column
from cellc.errors import bad_argument


class Padding:
    """What `batch` is told in `pad_info`: for some columns the shape of a row, and the value that fills it up.

    Args:
        info: (shape, value) by column, where the shape or one of its sizes is None for the greatest of the batch, and
            the value is None for 0; None is (None, None), and an empty dict is that for all columns.
        columns: the columns that there are.

    Raises:
        TypeError: `info` is something else.
        ValueError: there is no such column.
    """

    def __init__(self, info: Any, columns: list[str]) -> None:
        if not isinstance(info, dict) or not all(_is_setting(setting) for setting in info.values()):
            wanted = "a dict of (shape or None, number or None) by column"
            raise bad_argument(TypeError, f"For 'batch', 'pad_info' must be {wanted}, but got {info!r}.")
        for name in info:
            if name not in columns:
                no_column(name, columns, "batch")
        self._settings = {name: setting or (None, None) for name, setting in (info or dict.fromkeys(columns)).items()}

    def padded(self, values: list[np.ndarray], name: str) -> list[np.ndarray]:
        """The rows of a column, of one shape where it is one of those to pad.

        Raises:
            ValueError: rows have other ranks, or a row is greater than the shape.
        """
        if name not in self._settings:
            return values
        shape, fill = self._settings[name]
        if len({value.ndim for value in values}) > 1 or (shape is not None and len(shape) != values[0].ndim):
            found = sorted({value.shape for value in values})
            wanted = f"must have one rank to be padded to {'one shape' if shape is None else tuple(shape)}"
            raise ValueError(f"For 'batch', rows of column {name!r} {wanted}, but have shapes {found}.")
        greatest = np.max([value.shape for value in values], axis=0, initial=0)
        sizes = [most if size is None else size for most, size in zip(greatest, shape or greatest, strict=True)]
        if any(most > size for most, size in zip(greatest, sizes, strict=True)):
            message = f"For 'batch', 'pad_info' {tuple(sizes)} of column {name!r} is less than a row's size"
            raise ValueError(f"{message}: up to {tuple(int(most) for most in greatest)}.")
        return [_filled(value, sizes, 0 if fill is None else fill) for value in values]


def _is_setting(setting: Any) -> bool:
    if setting is None:
        return True
    if not isinstance(setting, tuple) or len(setting) != 2:
        return False
    shape, fill = setting
    sizes = shape is None or (isinstance(shape, list | tuple) and all(size is None or _is_size(size) for size in shape))
    return sizes and isinstance(fill, int | float | np.number | None)


def _is_size(size: Any) -> bool:
    return isinstance(size, int | np.integer) and not isinstance(size, bool) and bool(size >= 0)


def _filled(value: np.ndarray, sizes: list[int], fill: float) -> np.ndarray:
    if not sizes:
        return value
    widths = [(0, size - have) for size, have in zip(sizes, value.shape, strict=True)]
    return np.pad(value, widths, constant_values=fill)
