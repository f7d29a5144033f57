"""The `.cellir` file: a zip of `manifest.json`, `module.mlir` and `weights.safetensors`.

Reading one executes nothing: JSON, MLIR text and raw arrays only. Everything the file says about
itself is checked before it is believed, and what is wrong is named by file and field.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import struct
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy

FORMAT_VERSION = 1
OPSET_VERSION = 2
"""1 to 2: `random_uniform` uses all words of a counter. Older files are read, and draw the numbers of version 2."""
MANIFEST, MODULE, WEIGHTS = "manifest.json", "module.mlir", "weights.safetensors"
MAX_TENSOR_BYTES = 64 << 30
"""No tensor of a network in a file is larger; a damaged extent must not become an allocation."""

# safetensors.numpy reads no bf16 (it writes it), so arrays are made from the raw bytes here.
_DTYPES = {
    "F16": np.float16, "BF16": ml_dtypes.bfloat16, "F32": np.float32, "F64": np.float64, "I8": np.int8,
    "I16": np.int16, "I32": np.int32, "I64": np.int64, "U8": np.uint8, "BOOL": np.bool_,
}  # fmt: skip
_SAFETENSORS_NAMES = {name.lower(): name for name in _DTYPES}


class ArchiveError(ValueError):
    """A `.cellir` or weights file is damaged, incomplete or newer than this cellc."""


class Archive(NamedTuple):
    """What a `.cellir` file holds."""

    manifest: dict[str, Any]
    module: str
    weights: dict[str, np.ndarray]


def write_archive(path: str | os.PathLike, manifest: dict, module: str, weights: dict[str, np.ndarray]) -> None:
    """Writes the file whole or not at all: under another name beside it, then renamed."""
    path = Path(path)
    members = {
        MANIFEST: json.dumps(manifest, indent=2).encode(),
        MODULE: module.encode(),
        WEIGHTS: weights_to_bytes(weights),
    }
    # What is no file, such as a device or a pipe, must not be replaced by one.
    beside = path if path.exists() and not path.is_file() else path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
            for name, data in members.items():
                # A fixed date: the same network gives the same bytes.
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
        if beside != path:
            os.replace(beside, path)
    except OSError as error:
        raise OSError(error.errno, f"cannot write {path}: {error.strerror}") from None
    finally:
        if beside != path:
            with contextlib.suppress(OSError):
                beside.unlink()


def read_archive(path: str | os.PathLike) -> Archive:
    """Reads and checks a file; raises `ArchiveError` naming the member and field at fault."""
    path = Path(path)
    with _open(path) as archive:
        manifest = _read_manifest(path, _member(path, archive, MANIFEST))
        try:
            module = _member(path, archive, MODULE).decode()
        except UnicodeDecodeError:
            raise ArchiveError(f"{path}: {MODULE}: not UTF-8 text") from None
        weights = weights_from_bytes(f"{path}: {WEIGHTS}", _member(path, archive, WEIGHTS))
    _check_weights(path, manifest, weights)
    return Archive(manifest, module, weights)


def _open(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        raise ArchiveError(f"{path}: not a .cellir file, or cut short (it has no zip directory)") from None
    except OSError as error:
        if error.filename is not None:  # the file could not be opened
            raise type(error)(f"{path}: {_reason(error)}") from None
        raise ArchiveError(f"{path}: damaged: {error}") from None
    except (ValueError, NotImplementedError, OverflowError, struct.error) as error:
        raise ArchiveError(f"{path}: damaged zip directory: {error}") from None


def _reason(error: OSError) -> str:
    return "no such file" if isinstance(error, FileNotFoundError) else error.strerror or str(error)


def weights_to_bytes(weights: dict[str, np.ndarray]) -> bytes:
    """The safetensors bytes of named arrays."""
    return safetensors.numpy.save({name: np.array(array, order="C") for name, array in weights.items()})


def weights_from_bytes(where: str, data: bytes) -> dict[str, np.ndarray]:
    """Named arrays from safetensors bytes; `where` begins the message of an error."""
    try:
        entries = safetensors.deserialize(data)
    except safetensors.SafetensorError as error:
        raise ArchiveError(f"{where}: damaged: {error}") from None
    weights = {}
    for name, entry in entries:
        if entry["dtype"] not in _DTYPES:
            raise ArchiveError(f"{where}: tensor '{name}' has dtype {entry['dtype']}, which cellc does not know")
        dtype = _DTYPES[entry["dtype"]]
        weights[name] = np.frombuffer(bytes(entry["data"]), dtype).reshape(entry["shape"])
    return weights


def read_weights(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Named arrays of a safetensors file."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise type(error)(f"{path}: {_reason(error)}") from None
    return weights_from_bytes(str(path), data)


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        information = archive.getinfo(name)
        if information.compress_type != zipfile.ZIP_STORED or information.flag_bits & 1:
            raise ArchiveError(f"{path}: {name}: compressed or encrypted, which cellc does not write")
        if information.file_size > path.stat().st_size:
            raise ArchiveError(f"{path}: {name}: damaged: larger than the file")
        return archive.read(information)
    except KeyError:
        raise ArchiveError(f"{path}: {name} is missing") from None
    except ArchiveError:
        raise
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError, struct.error) as error:
        raise ArchiveError(f"{path}: {name}: damaged: {error}") from None


def _read_manifest(path: Path, data: bytes) -> dict[str, Any]:
    where = f"{path}: {MANIFEST}"
    try:
        manifest = json.loads(data)
    except ValueError as error:
        raise ArchiveError(f"{where}: not JSON: {error}") from None
    except RecursionError:
        raise ArchiveError(f"{where}: nested too deeply") from None
    if not isinstance(manifest, dict):
        raise ArchiveError(f"{where}: expected an object, found {type(manifest).__name__}")
    for field, newest in (("format", FORMAT_VERSION), ("opset", OPSET_VERSION)):
        version = manifest.get(field)
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise ArchiveError(f"{where}: field '{field}' must be a positive integer, is {version!r}")
        if version > newest:
            raise ArchiveError(f"{where}: field '{field}' is {version}; this cellc reads up to {newest}: update cellc")
    for field in ("inputs", "outputs", "weights"):
        _check_entries(where, field, manifest.get(field))
        _check_names(where, field, [entry["name"] for entry in manifest[field]])
    return manifest


def _check_entries(where: str, field: str, entries: Any) -> None:
    if not isinstance(entries, list):
        raise ArchiveError(f"{where}: field '{field}' must be a list, is {entries!r}")
    for index, entry in enumerate(entries):
        place = f"{where}: field '{field}[{index}]'"
        if not isinstance(entry, dict):
            raise ArchiveError(f"{place} must be an object")
        shape = entry.get("shape")
        if not isinstance(shape, list) or not all(type(extent) is int and extent >= 0 for extent in shape):
            raise ArchiveError(f"{place}.shape must be a list of extents, is {shape!r}")
        for key in ("name", "dtype"):
            if not isinstance(entry.get(key), str):
                raise ArchiveError(f"{place}.{key} must be a string, is {entry.get(key)!r}")
        if entry["dtype"] not in _SAFETENSORS_NAMES:
            raise ArchiveError(f"{place}.dtype is {entry['dtype']!r}, which is none of {', '.join(_SAFETENSORS_NAMES)}")
        if not isinstance(entry.get("trainable", True), bool):
            raise ArchiveError(f"{place}.trainable must be true or false, is {entry['trainable']!r}")
        if math.prod(shape) * 8 > MAX_TENSOR_BYTES:
            raise ArchiveError(f"{place}.shape is {shape}: too large")


def _check_names(where: str, field: str, names: list[str]) -> None:
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name in seen:
            raise ArchiveError(f"{where}: field '{field}[{number}]'.name is {name!r}, as that of an entry before it")
        seen.add(name)


def _check_weights(path: Path, manifest: dict[str, Any], weights: dict[str, np.ndarray]) -> None:
    expected = {entry["name"]: entry for entry in manifest["weights"]}
    for name, entry in expected.items():
        if name not in weights:
            raise ArchiveError(f"{path}: {WEIGHTS}: tensor '{name}' is missing (named in {MANIFEST})")
        found = f"{weights[name].dtype.name}{list(weights[name].shape)}"
        named = f"{_DTYPES[_SAFETENSORS_NAMES[entry['dtype']]].__name__}{entry['shape']}"
        if found != named:
            raise ArchiveError(f"{path}: {WEIGHTS}: tensor '{name}' is {found}, {MANIFEST} says {named}")
    for name in sorted(weights.keys() - expected.keys()):
        raise ArchiveError(f"{path}: {WEIGHTS}: tensor '{name}' is not named in {MANIFEST}")
