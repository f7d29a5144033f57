"""What the end-to-end tests share: networks with inputs, the command line in this process, binaries' answers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import cellc
from cellc import nn
from cellc.tools.main import main

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
MODELS = HERE / "models.py"


class Network(NamedTuple):
    """A Cell in a file, its inputs' types on the command line, and inputs."""

    source: str
    types: Sequence[str]
    inputs: Sequence[np.ndarray]


def _arrays() -> dict[str, Network]:
    random = np.random.default_rng(7)

    def floats(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    ids = random.integers(0, 50, (3, 6)).astype(np.int32)
    lengths = np.array([6, 1, 4], np.int32)
    rows, keep = np.array([0, 8, 3], np.int32), np.array([True, False, True])
    return {
        "lenet": Network(f"{EXAMPLES / 'lenet.py'}:LeNet", ["x:2x1x28x28xf32"], [floats(2, 1, 28, 28)]),
        "mlp": Network(f"{MODELS}:Mlp", ["x:5x20xf32"], [floats(5, 20)]),
        "lstm": Network(f"{MODELS}:LstmClassifier", ["ids:3x6xi32", "lengths:3xi32"], [ids, lengths]),
        "batch_norm": Network(f"{MODELS}:BatchNormNet", ["x:2x3x11x11xf32"], [floats(2, 3, 11, 11)]),
        "attention": Network(f"{MODELS}:Attention", ["x:2x21x24xf32"], [floats(2, 21, 24)]),
        "several": Network(f"{MODELS}:Several", ["x:3x6xf32", "rows:3xi32", "keep:3xbool"], [floats(3, 6), rows, keep]),
    }


NETWORKS = _arrays()
CLASSIFIERS = ("lenet", "mlp", "lstm", "batch_norm")


def cell_of(name: str) -> nn.Cell:
    """The Cell of a network, with weights that are the same at each call and statistics that are not 0 and 1."""
    path, _, cls = NETWORKS[name].source.rpartition(":")
    namespace: dict[str, Any] = {"__name__": Path(path).stem}
    exec(compile(Path(path).read_text(), path, "exec"), namespace)
    cellc.set_seed(3)
    cell = namespace[cls]()
    random = np.random.default_rng(5)
    for parameter in cell.get_parameters():
        if "moving" in parameter.name:
            parameter.set_data(cellc.Tensor(random.uniform(0.5, 2, parameter.shape).astype(np.float32)))
    return cell.set_train(False)


def tensors(arrays: Sequence[np.ndarray]) -> list[cellc.Tensor]:
    return [cellc.Tensor(array) for array in arrays]


def leaves(value: Any) -> list[np.ndarray]:
    """The arrays of a nested result, in the order of a binary's outputs."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in leaves(item)]
    return [value.asnumpy()]


def cli(*arguments: object) -> int:
    """`cellc ...` in this process; the exit status."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else 1


def python(code: str, *arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A Python program in a process of its own, in this folder."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=HERE, capture_output=True, text=True, env=env, timeout=120)


def run_binary(binary: Path, inputs: Sequence[np.ndarray], outputs: int, *options: str) -> list[np.ndarray]:
    """What a binary answers without any environment (`env -i`)."""
    for number, array in enumerate(inputs):
        np.save(binary.with_name(f"in{number}.npy"), array)
    files = [f"in{number}.npy" for number in range(len(inputs))]
    done = subprocess.run(
        ["env", "-i", f"./{binary.name}", *files, "-o", "out.npy", *options],
        cwd=binary.parent, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done
    names = ["out.npy"] if outputs == 1 else [f"out.{number}.npy" for number in range(outputs)]
    return [np.load(binary.with_name(name), allow_pickle=False) for name in names]


def assert_same_bits(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes(), f"largest difference {np.abs(one - other).max()}"
