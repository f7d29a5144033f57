"""Where the compiled C runtime is.

``python -m cellc.runtime.library`` prints the flags with which a C program is compiled and linked.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

LIBRARY_VARIABLE = "CELLC_RUNTIME_LIBRARY"
SHARED_NAME = "libcellc_runtime.so"
STATIC_NAMES = ("libcellc_main.a", "libcellc_runtime.a")
_HERE = Path(__file__).resolve().parent


class LibraryNotFoundError(ImportError):
    """The C runtime is not built, or not where it should be; the message says where it was looked for."""


def _folders() -> list[Path]:
    """A folder (or a library file's folder) named by the environment, else ``lib`` beside this file."""
    named = os.environ.get(LIBRARY_VARIABLE)
    if not named:
        return [_HERE / "lib"]
    path = Path(named)
    return [path if path.is_dir() else path.parent]


def find_file(name: str) -> Path:
    """The path of a library file of the runtime. Raises :class:`LibraryNotFoundError`."""
    for folder in _folders():
        if (folder / name).is_file():
            return folder / name
    tried = ", ".join(str(folder) for folder in _folders())
    raise LibraryNotFoundError(
        f"{name} of the cellc runtime was not found in {tried}. It comes with the installed package; in a source tree "
        f"build it with `cmake -S . -B build && cmake --build build`, or set {LIBRARY_VARIABLE} to its folder."
    )


def find_library() -> Path:
    """The path of the shared library. Raises :class:`LibraryNotFoundError`."""
    named = os.environ.get(LIBRARY_VARIABLE)
    if named and Path(named).is_file():
        return Path(named)
    return find_file(SHARED_NAME)


def include_folder() -> Path:
    """The folder to give a C compiler as ``-I``."""
    return _HERE / "include"


def compiler_flags() -> list[str]:
    """What a C compiler needs to compile and link a program that embeds a model."""
    return [f"-I{include_folder()}", str(find_file(STATIC_NAMES[-1])), "-lm", "-lpthread"]


if __name__ == "__main__":
    print(shlex.join(compiler_flags()))
