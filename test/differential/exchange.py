"""Requests and answers between the two processes: JSON for what is small, safetensors for arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file


def pack(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """JSON for `value`; its arrays move to `arrays`."""
    if isinstance(value, np.ndarray):
        arrays[str(len(arrays))] = np.asarray(value, order="C")
        return {"array": str(len(arrays) - 1)}
    if isinstance(value, tuple):
        return {"tuple": [pack(item, arrays) for item in value]}
    if isinstance(value, list):
        return [pack(item, arrays) for item in value]
    if isinstance(value, dict):
        return {"dict": {key: pack(item, arrays) for key, item in value.items()}}
    return value


def unpack(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """What `pack` was given."""
    if isinstance(value, list):
        return [unpack(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "array":
        return arrays[content]
    if kind == "tuple":
        return tuple(unpack(item, arrays) for item in content)
    return {key: unpack(item, arrays) for key, item in content.items()}


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """The file of the arrays."""
    save_file(arrays, path)


def read(path: Path) -> dict[str, np.ndarray]:
    """What `write` wrote."""
    return load_file(path)
