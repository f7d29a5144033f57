"""The C runtime and its thin Python binding.

Each name below is imported at its first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cellc.runtime.binding import Module as Module
    from cellc.runtime.binding import RuntimeCallError as RuntimeCallError
    from cellc.runtime.binding import allocation_count as allocation_count
    from cellc.runtime.library import LibraryNotFoundError as LibraryNotFoundError
    from cellc.runtime.library import find_library as find_library
    from cellc.runtime.program import Buffer as Buffer
    from cellc.runtime.program import Copy as Copy
    from cellc.runtime.program import Fill as Fill
    from cellc.runtime.program import Kernel as Kernel
    from cellc.runtime.program import Launch as Launch
    from cellc.runtime.program import Program as Program
    from cellc.runtime.program import ProgramFormatError as ProgramFormatError
    from cellc.runtime.standalone import LinkError as LinkError
    from cellc.runtime.standalone import Variant as Variant
    from cellc.runtime.standalone import link_executable as link_executable
    from cellc.runtime.standalone import link_object as link_object

_HOMES = {
    "binding": ("Module", "RuntimeCallError", "allocation_count"),
    "library": ("LibraryNotFoundError", "find_library"),
    "program": ("Buffer", "Copy", "Fill", "Kernel", "Launch", "Program", "ProgramFormatError"),
    "standalone": ("LinkError", "Variant", "link_object", "link_executable"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Buffer",
    "Copy",
    "Fill",
    "Kernel",
    "Launch",
    "LibraryNotFoundError",
    "LinkError",
    "Module",
    "Program",
    "ProgramFormatError",
    "RuntimeCallError",
    "Variant",
    "allocation_count",
    "find_library",
    "link_executable",
    "link_object",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
