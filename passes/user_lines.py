"""The user's line behind a location."""

from __future__ import annotations

from xdsl.dialects.builtin import FileLineColLoc, FusedLoc, NameLoc
from xdsl.ir import Attribute


def user_line(location: Attribute) -> str:
    """`file:line` of the first place in the user's source, "" if there is none."""
    if isinstance(location, FileLineColLoc):
        return f"{location.filename.data}:{location.line.data}"
    if isinstance(location, NameLoc):
        return user_line(location.location)
    if isinstance(location, FusedLoc):
        return next(filter(None, map(user_line, location.locations)), "")  # pyright: ignore[reportArgumentType]
    return ""
