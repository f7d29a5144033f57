"""Weights, inputs and results on their way between processes: safetensors, which hold numbers only, in order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file


def save(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes the arrays; the file itself sorts them, so that their order is kept beside them."""
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    save_file(contiguous, path, metadata={"names": json.dumps(list(arrays))})


def load(path: Path) -> dict[str, np.ndarray]:
    """The arrays in the order in which they were given to `save`."""
    with safe_open(path, "numpy") as file:
        return {name: file.get_tensor(name) for name in json.loads(file.metadata()["names"])}


def trainable(name: str) -> bool:
    """Whether an optimizer changes this weight: all but batch normalization's running statistics."""
    return not name.rpartition(".")[2].startswith("moving_")


def layers(names: list[str]) -> dict[str, list[str]]:
    """The weights of each layer, layers in order: "conv.weight" is `weight` of `conv`."""
    found: dict[str, list[str]] = {}
    for name in names:
        layer, _, weight = name.rpartition(".")
        found.setdefault(layer, []).append(weight)
    return found
