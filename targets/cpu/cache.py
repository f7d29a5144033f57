"""Compiled code on disk, shared by all processes of one user.

`~/.cache/cellc` (or `$XDG_CACHE_HOME/cellc`, or `CELLC_CACHE_DIR`); `CELLC_CACHE=0` turns it off. What is
stored is executed, so a directory that others can write to is refused. Losing the cache only costs time:
nothing here raises, and a problem is a warning, given once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import warnings
from pathlib import Path

LIMIT_BYTES = 1 << 30
_MAGIC = b"cellc-cache-2\n"
_DIGEST_BYTES = hashlib.sha256().digest_size
_TEMPORARY = ".writing-"

_warned: set[str] = set()
_unchecked_bytes: dict[Path, int] = {}


def key(*parts: str | bytes) -> str:
    """The key of an entry that depends on these parts, in this order."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def get(key: str) -> bytes | None:
    """The entry's content; None when there is none or it is damaged."""
    directory = _directory(create=False)
    if directory is None:
        return None
    path = directory / key
    try:
        stored = path.read_bytes()
        os.utime(path)
    except OSError:
        return None
    content = stored[len(_MAGIC) + _DIGEST_BYTES :]
    if stored[: len(_MAGIC) + _DIGEST_BYTES] == _header(key, content):
        return content
    with contextlib.suppress(OSError):
        path.unlink()
    return None


def put(key: str, content: bytes) -> None:
    """Stores an entry, whole or not at all; the least recently used ones make room."""
    directory = _directory(create=True)
    if directory is None:
        return
    stored = _header(key, content) + content
    try:
        _write(directory / key, stored)
    except OSError as error:
        _warn(f"cellc's cache in {directory} cannot be written ({error.strerror}); compiling goes on without it")
        return
    _make_room(directory, len(stored))


def _header(key: str, content: bytes) -> bytes:
    """What an entry begins with; the key is part of it, so that an entry under another's name counts as damaged."""
    return _MAGIC + hashlib.sha256(key.encode() + content).digest()


def _write(path: Path, data: bytes) -> None:
    import tempfile  # slow to import, and most processes only read

    descriptor, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _directory(*, create: bool) -> Path | None:
    """The cache's directory, when it may be used."""
    if os.environ.get("CELLC_CACHE") == "0":
        return None
    try:
        directory = _location()
        if create:
            with contextlib.suppress(FileExistsError):
                directory.mkdir(mode=0o700, parents=True)
        status = directory.stat()
    except (OSError, RuntimeError) as error:
        if isinstance(error, FileNotFoundError) and not create:
            return None
        _warn(f"cellc's cache is not used: {error}")
        return None
    if not stat.S_ISDIR(status.st_mode):
        problem = "it is not a directory"
    elif status.st_uid != os.geteuid():
        problem = "another user owns it"
    elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        problem = "other users can write to it (chmod 700 helps)"
    else:
        return directory
    _warn(f"cellc's cache in {directory} is not used: {problem}")
    return None


def _location() -> Path:
    if chosen := os.environ.get("CELLC_CACHE_DIR"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cellc"


def _make_room(directory: Path, written: int) -> None:
    """Evicts down to 3/4 of the limit; looks at the directory first and after each 1/16 of the limit written."""
    unchecked = _unchecked_bytes.get(directory, LIMIT_BYTES) + written
    _unchecked_bytes[directory] = unchecked
    if unchecked < LIMIT_BYTES // 16:
        return
    _unchecked_bytes[directory] = 0
    entries = []
    with contextlib.suppress(OSError), os.scandir(directory) as listing:
        for entry in listing:
            with contextlib.suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                entries.append((status.st_mtime, status.st_size, entry.path))
    total = sum(size for _, size, _ in entries)
    if total <= LIMIT_BYTES:
        return
    for _, size, path in sorted(entries):
        if total <= LIMIT_BYTES * 3 // 4:
            break
        with contextlib.suppress(OSError):
            os.unlink(path)
            total -= size


def _warn(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message, RuntimeWarning, stacklevel=_users_level())


def _users_level() -> int:
    """The `stacklevel` of the nearest caller that is not cellc: what was being run when the cache failed."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and f"{frame.f_globals.get('__name__')}.".startswith("cellc."):
        level, frame = level + 1, frame.f_back
    return level
