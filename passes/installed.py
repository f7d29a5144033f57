"""Which version of a tool is installed, for the keys of caches."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path


def records(package: str) -> list[str]:
    """The names of a tool's records beside its package, which tell its version; empty when it is not installed.

    `importlib.metadata` reads the same, and takes longer to import than a program in the cache takes to load.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return []
    beside = Path(next(iter(spec.submodule_search_locations))).parent
    return sorted(name for name in os.listdir(beside) if name.startswith(f"{package}-"))
