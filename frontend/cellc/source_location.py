"""Finds the user's line: the innermost frame that is not cellc's own."""

from __future__ import annotations

import os
import sys
from itertools import islice
from types import CodeType, FrameType

import numpy as np

from cellc.graph import Location

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
# NumPy calls `__array__` back from frames of its own; those are not the user's either.
_NOT_THE_USERS = (_PACKAGE, os.path.dirname(np.__file__) + os.sep, "<frozen ")
_UNKNOWN = Location("<unknown>", 1, 0)
_positions: dict[tuple[CodeType, int], Location] = {}


class _Owners(dict[str, bool]):
    """File name -> whether it is part of cellc or NumPy; asked for each frame below each op, so it is remembered."""

    def __missing__(self, filename: str) -> bool:
        ours = self[filename] = filename.startswith(_NOT_THE_USERS)
        return ours


_is_ours = _Owners()


def is_ours(filename: str) -> bool:
    """Whether a source file is part of cellc or NumPy (the user is everybody else)."""
    return _is_ours[filename]


def user_frame() -> FrameType | None:
    """The innermost frame that runs the user's code, or None (a thread that only runs ours)."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_ours[frame.f_code.co_filename]:
        frame = frame.f_back
    return frame


def user_location(cell: str = "") -> Location:
    """The user's file, line and columns that are being executed, with the path of the running Cell."""
    frame = user_frame()
    if frame is None:
        return _UNKNOWN._replace(cell=cell)
    file, line, column, _, end_column = location_of(frame.f_code, frame.f_lasti)
    return Location(file, line, column, cell, end_column)


def location_of(code: CodeType, instruction: int) -> Location:
    """The source position of one bytecode instruction; remembered, because finding it is slow."""
    key = (code, instruction)
    found = _positions.get(key)
    if found is None:
        line, end_line, column, end_column = next(islice(code.co_positions(), instruction // 2, None))
        if line is None:
            line, column = code.co_firstlineno, None
        if column is None or end_line != line:
            end_column = column = column or 0
        found = _positions[key] = Location(code.co_filename, line, column, "", end_column or 0)
    return found
