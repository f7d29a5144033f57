"""What makes a compiled function trace again, and how it says so.

While a function is traced, `Cell.__getattribute__` records which attributes of which cells it read. When anything
that could matter changed (`context.epoch` grew, or a recorded list, dict or array has other contents), the recorded
values are compared with the present ones.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from cellc.dialects.nn.definition import TensorType
from cellc.running import state

_WATCHED: list[type] = []


_Class = TypeVar("_Class", bound=type)


def watched(cls: _Class) -> _Class:
    """Class decorator: reads of the instances' attributes are recorded while something is traced."""
    _WATCHED.append(cls)
    return cls


_active = 0
_installing = threading.Lock()


@contextmanager
def watching() -> Iterator[None]:
    """Installs the recording `__getattribute__`; outside tracing, attribute access runs at full speed."""
    global _active
    with _installing:
        _active += 1
        for cls in _WATCHED:
            cls.__getattribute__ = _recording_getattribute  # type: ignore[method-assign]
    try:
        yield
    finally:
        with _installing:
            _active -= 1
            if _active == 0:
                for cls in _WATCHED:
                    del cls.__getattribute__


_MISSING = object()


def _lookup(cell: Any, name: str) -> Any:
    """What an instance holds under `name`: an attribute, a parameter or a child."""
    attributes = object.__getattribute__(cell, "__dict__")
    for members in (attributes, attributes.get("_params", ()), attributes.get("_cells", ())):
        if name in members:
            return members[name]
    return _MISSING


def _recording_getattribute(self: Any, name: str) -> Any:
    if state.stack and not name.startswith("__") and _lookup(self, name) is not _MISSING:
        state.stack[-1].reads[id(self), name] = self
    return object.__getattribute__(self, name)


class _Contents(tuple):
    """A shallow copy of a container, compared element by element."""


class _Array:
    """The elements of a NumPy array, which may be edited in place."""

    __slots__ = ("elements",)

    def __init__(self, elements: np.ndarray) -> None:
        self.elements = elements

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Array):
            return False
        one, two = self.elements, other.elements
        return one.dtype == two.dtype and one.shape == two.shape and one.tobytes() == two.tobytes()

    __hash__ = None  # pyright: ignore[reportAssignmentType]


def _snapshot(value: Any, keep: bool = False) -> Any:
    """The contents of containers; with `keep` arrays are copied, so that later edits show."""
    if isinstance(value, list | tuple):
        return _Contents([type(value), *(_snapshot(item, keep) for item in value)])
    if isinstance(value, dict):
        return _Contents([dict, *((key, _snapshot(item, keep)) for key, item in value.items())])
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return _Array(value.copy() if keep else value)
    return value


_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def _same(old: Any, new: Any) -> bool:
    if old is new:
        return True
    if isinstance(old, _Contents | tuple) and type(old) is type(new) and len(old) == len(new):
        return all(_same(a, b) for a, b in zip(old, new, strict=True))
    if isinstance(old, _Array):
        return old == new
    if isinstance(old, float | complex) and isinstance(new, float | complex):
        return repr(old) == repr(new)  # 0.0 and -0.0 are equal, NaN is not even equal to itself
    return isinstance(old, _PLAIN) and type(old) is type(new) and old == new


def _may_be_edited(value: Any) -> bool:
    """Whether the value may change without being assigned."""
    return isinstance(value, _Array) or (isinstance(value, _Contents) and not issubclass(value[0], tuple))


class Reads:
    """The attributes a trace read, with the values they had."""

    def __init__(self, reads: dict[tuple[int, str], Any]) -> None:
        # As they are after tracing: what construct itself assigned is part of what was compiled.
        self._values = [(cell, name, _snapshot(_lookup(cell, name), keep=True)) for (_, name), cell in reads.items()]
        self._containers = [
            (cell, name, value)
            for cell, name, value in self._values
            if _may_be_edited(value) and name not in ("_cells", "_params")
        ]

    def contents_changed(self) -> bool:
        """Whether a list, dict or array has other contents; other changes show in `context.epoch`, these do not."""
        if not self._containers:
            return False
        return any(not _same(old, _snapshot(_lookup(cell, name))) for cell, name, old in self._containers)

    def changed(self) -> str | None:
        """What differs from then, in words, or None."""
        for cell, name, old in self._values:
            new = _snapshot(_lookup(cell, name))
            if not _same(old, new):
                return f"{cell.cls_name}.{name} was {_shown(old)}, is {_shown(new)}"
        return None


def _shown(value: Any) -> str:
    if value is _MISSING:
        return "absent"
    if isinstance(value, _Contents):
        inner = ", ".join(_shown(item[1] if value[0] is dict else item) for item in value[1:])
        return {list: "[%s]", tuple: "(%s)", dict: "{%s}"}.get(value[0], "(%s)") % inner
    if isinstance(value, _Array):
        return f"an array {value.elements.dtype}{list(value.elements.shape)}"
    text = repr(value)
    return text if len(text) <= 60 else f"a {type(value).__name__}"


def _type(type: TensorType) -> str:
    return f"{type.dtype}[{','.join(map(str, type.shape))}]"


def difference(old: Sequence[Any], new: Sequence[Any], names: Sequence[str]) -> str:
    """How two signatures differ: `x was f32[32,1,28,28], is f32[5,1,28,28]`."""
    if len(old[0]) != len(new[0]):
        return f"it was called with {len(old[0])} tensor(s), now with {len(new[0])}"
    parts = [
        f"{name} was {_type(before)}, is {_type(after)}"
        for name, before, after in zip(names, old[0], new[0], strict=True)
        if before != after
    ]
    return "; ".join(parts) or f"its other arguments were {old[1]}, are {new[1]}"


def explain(name: str, reason: str) -> None:
    """Says on stderr why `name` is compiled again."""
    print(f"cellc: compiling {name} again: {reason}", file=sys.stderr)
