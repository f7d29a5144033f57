"""IR and assembly as text for people: the user's source lines as comments, and HTML in notebooks."""

from __future__ import annotations

import html
import linecache
import os
import re
from collections.abc import Iterator

_PLACE = re.compile(r'(?:"([^"]*)"\()?"([^"]+)":(\d+):\d+')


class Listing(str):
    """Text that prints as it is at a prompt, and as a block with dimmed comments in a notebook."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        escaped = html.escape(str(self), quote=False)
        comments = re.sub(r"(?m)^(\s*(?://|#).*)$", r'<span style="color:#888">\1</span>', escaped)
        return f'<pre style="line-height:1.3;overflow-x:auto">{comments}</pre>'


def strip_locations(line: str) -> tuple[str, str]:
    """The line without its ` loc(...)` parts, and the last of them."""
    kept, last, position = [], "", 0
    while (start := line.find(" loc(", position)) >= 0:
        end = _closing(line, start + 4)
        kept.append(line[position:start])
        last, position = line[start + 5 : end], end + 1
    return "".join(kept) + line[position:], last


def _closing(line: str, opening: int) -> int:
    depth, quoted = 0, False
    for index in range(opening, len(line)):
        if line[index] == '"' and line[index - 1] != "\\":
            quoted = not quoted
        elif not quoted and line[index] == "(":
            depth += 1
        elif not quoted and line[index] == ")":
            depth -= 1
            if depth == 0:
                return index
    return len(line) - 1


def _comment(location: str) -> str:
    """`lenet.py:21  x = self.conv1(x)  (net.conv1)` for each line a location names."""
    cells: dict[tuple[str, int], list[str]] = {}
    for cell, file, line in _PLACE.findall(location):
        found = cells.setdefault((file, int(line)), [])
        if cell and cell not in found:
            found.append(cell)
    parts = []
    for (file, line), names in cells.items():
        source = linecache.getline(file, line).strip()
        where = f"{os.path.basename(file)}:{line}"
        parts.append("  ".join(filter(None, (where, source, f"({', '.join(names)})" if names else ""))))
    return " | ".join(parts)


def readable_location(line: str) -> str:
    """A line of a table that ends with `loc(...)`, ending with the user's lines instead."""
    text, location = strip_locations(line)
    return f"{text}  {_comment(location)}".rstrip()


def _statements(text: str) -> Iterator[tuple[list[str], str]]:
    """Lines that belong together (an op with its regions), without locations, and the op's location."""
    lines: list[str] = []
    for raw in text.splitlines():
        line, location = strip_locations(raw)
        lines.append(line)
        inner = line.startswith("     ") or line.lstrip().startswith("^")
        opens = line.startswith("    ") and line.rstrip().endswith("{")
        if not inner and not opens:
            yield lines, location
            lines = []
    if lines:
        yield lines, ""


def annotate(text: str) -> Listing:
    """IR printed with locations, as IR with a comment above the ops of each line of the user's source."""
    output: list[str] = []
    previous = ""
    for lines, location in _statements(text):
        is_op = lines[0].startswith("    ") and not lines[0].startswith("    }")
        comment = _comment(location) if is_op else ""
        if comment and comment != previous:
            output.append(f"    // {comment}")
        previous = comment or previous if is_op else ""
        output.extend(lines)
    return Listing("\n".join(output) + "\n")
