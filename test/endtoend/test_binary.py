"""Standalone binaries: the same bits as the cell in Python, nothing but libc and libm needed."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from endtoend.helpers import (
    CLASSIFIERS,
    EXAMPLES,
    NETWORKS,
    assert_same_bits,
    cell_of,
    cli,
    leaves,
    run_binary,
    tensors,
)

import cellc
from cellc import folding, nn
from cellc.archive import weights_to_bytes

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler: cc is not installed")

ALLOWED = {"linux-vdso", "libc", "libm", "libpthread", "ld-linux-x86-64", "/lib64/ld-linux-x86-64"}


class Built:
    """A network four ways: the cell's answer, its exported file, and a binary made from it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.network = NETWORKS[name]
        self.cell = cell_of(name)
        self.expected = leaves(self.cell(*tensors(self.network.inputs)))
        self.file = folder / f"{name}.cellir"
        cellc.export(self.cell, *tensors(self.network.inputs), file_name=self.file, file_format="MLIR")
        self.binary = folder / name
        assert cli("compile", self.file, "-o", self.binary) == 0


_built: dict[str, Built] = {}


@pytest.fixture
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    name = request.param
    if name not in _built:
        _built[name] = Built(name, tmp_path_factory.mktemp(name))
    return _built[name]


every = pytest.mark.parametrize("built", NETWORKS, indirect=True)
lenet = pytest.mark.parametrize("built", ["lenet"], indirect=True)
several = pytest.mark.parametrize("built", ["several"], indirect=True)


@every
def test_a_loaded_file_answers_with_the_same_bits(built: Built):
    loaded = nn.GraphCell(cellc.load(built.file))
    assert_same_bits(leaves(loaded(*tensors(built.network.inputs))), built.expected)


@every
@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_binary_answers_with_the_same_bits(built: Built, threads: str):
    found = run_binary(built.binary, built.network.inputs, len(built.expected), "--threads", threads)
    assert_same_bits(found, built.expected)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_binary_from_python_source_and_a_weights_file(name: str, tmp_path: Path):
    network, cell = NETWORKS[name], cell_of(name)
    weights = {parameter.name: parameter.asnumpy() for parameter in cell.get_parameters()}
    (tmp_path / "w.safetensors").write_bytes(weights_to_bytes(weights))
    types = [part for text in network.types for part in ("--input", text)]
    binary = tmp_path / "net"
    assert cli("compile", network.source, *types, "--weights", tmp_path / "w.safetensors", "-o", binary) == 0
    found = run_binary(binary, network.inputs, 1)
    assert_same_bits(found, leaves(cell(*tensors(network.inputs))))


@several
def test_structures_survive_in_a_file(built: Built):
    """bool, f16, f64 and int results; a scalar; dicts, lists and tuples."""
    found = nn.GraphCell(cellc.load(built.file))(*tensors(built.network.inputs))
    assert list(found) == ["large", "halves", "sums"]
    assert isinstance(found["halves"], list)
    assert isinstance(found["sums"], tuple)
    kinds = [(array.dtype.name, array.shape) for array in built.expected]
    assert kinds == [
        ("bool", (3, 6)), ("float16", (3, 6)), ("bool", (3,)), ("float64", (6,)), ("float32", ()), ("int32", (3,)),
    ]  # fmt: skip


@every
def test_only_the_c_library_is_linked(built: Built):
    said = subprocess.run(["ldd", built.binary], capture_output=True, text=True, check=True).stdout
    names = {line.split()[0].split(".so")[0] for line in said.splitlines()}
    assert names <= ALLOWED, said


@lenet
def test_lenet_is_small(built: Built):
    weights = sum(parameter.asnumpy().nbytes for parameter in built.cell.get_parameters())
    assert built.binary.stat().st_size < weights + 500_000


@several
def test_help_names_inputs_and_outputs(built: Built):
    done = subprocess.run([built.binary, "--help"], capture_output=True, text=True, env={}, check=True)
    for text in ("usage: several", "x ", "f32[3,6]", "rows", "i32[3]", "keep", "bool[3]", "f64[6]"):
        assert text in done.stdout, done.stdout


@lenet
def test_time_prints_times_and_writes_the_same_answer(built: Built):
    folder = built.binary.parent
    np.save(folder / "x.npy", built.network.inputs[0])
    command = ["./lenet", "x.npy", "-o", "timed.npy", "--time", "5"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={}, check=True)
    assert len(re.findall(r"\d+(?:\.\d+)? ?(?:ns|us|ms|s)\b", done.stdout + done.stderr)) >= 3, done
    assert_same_bits([np.load(folder / "timed.npy")], built.expected)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((2, 1, 28, 27), np.float32), "2,1,28,27"),
        (np.zeros((2, 1, 28, 28), np.float64), "f64"),
        (None, "in.npy"),
    ],
)
@lenet
def test_a_binary_refuses_other_inputs(built: Built, array: np.ndarray | None, said: str, tmp_path: Path):
    if array is not None:
        np.save(tmp_path / "in.npy", array)
    command = [built.binary, "in.npy", "-o", "out.npy"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env={})
    assert done.returncode == 1
    assert said in done.stderr.replace("float64", "f64"), done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert not (tmp_path / "out.npy").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "0 input files given, 1 are needed (see --help)"),
        (["x.npy"], "no output file given: use -o out.npy (see --help)"),
        (["x.npy", "x.npy", "-o", "y.npy"], "2 input files given, 1 are needed (see --help)"),
        (["x.npy", "-o", "y.npy", "-o", "z.npy"], "2 output files given, there are 1 outputs (see --help)"),
        (["x.npy", "-o"], "a file name must follow -o"),
        (["x.npy", "-o", "y.npy", "--threads", "0"], "a number from 1 to 1024 must follow --threads"),
        (["--thread", "1"], "unknown option --thread"),
    ],
)
@lenet
def test_wrong_usage_of_a_binary(built: Built, arguments: list[str], said: str, tmp_path: Path):
    done = subprocess.run([built.binary, *arguments], cwd=tmp_path, capture_output=True, text=True, env={})
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"lenet: error: {said}\n")


def test_the_c_example_answers_as_the_cell(tmp_path: Path):
    """examples/c: an object and its header, linked into a C program; it draws the same stroke as below."""
    cell = cell_of("lenet")
    image = np.zeros((1, 1, 28, 28), np.float32)
    image[0, 0, 4:24, 14] = 1
    cellc.export(cell, cellc.Tensor(image), file_name=tmp_path / "lenet.cellir")
    assert cli("compile", tmp_path / "lenet.cellir", "--emit=object", "-o", tmp_path / "lenet.o") == 0
    assert (tmp_path / "lenet.h").exists()
    flags = subprocess.run([sys.executable, "-m", "cellc.runtime.library"], capture_output=True, text=True, check=True)
    command = ["cc", "-std=c11", "-Wall", "-Werror", "-I.", EXAMPLES / "c/embed.c", "lenet.o"]
    subprocess.run([*command, *shlex.split(flags.stdout), "-o", "embed"], cwd=tmp_path, check=True)
    said = subprocess.run(["./embed"], cwd=tmp_path, capture_output=True, text=True, env={}, check=True).stdout
    assert said == f"this looks like a {cell(cellc.Tensor(image)).asnumpy().argmax()}\n"


def test_a_network_without_weights(tmp_path: Path):
    source = tmp_path / "square.py"
    source.write_text("from cellc import nn\n\nclass Square(nn.Cell):\n    def construct(self, x): return x * x\n")
    assert cli("compile", f"{source}:Square", "--input", "x:7xf64", "-o", tmp_path / "square") == 0
    x = np.linspace(-1, 1, 7)
    assert_same_bits(run_binary(tmp_path / "square", [x], 1), [x * x])


def test_other_cpu_levels_can_be_asked_for(tmp_path: Path):
    """A binary for AVX2 runs on every machine that has AVX-512."""
    network, cell = NETWORKS["mlp"], cell_of("mlp")
    cellc.export(cell, *tensors(network.inputs), file_name=tmp_path / "mlp.cellir")
    assert cli("compile", tmp_path / "mlp.cellir", "--cpu", "v3", "-o", tmp_path / "mlp") == 0
    found = run_binary(tmp_path / "mlp", network.inputs, 1)[0]
    np.testing.assert_allclose(found, leaves(cell(*tensors(network.inputs)))[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cpu", ["native", "portable"])
def test_packed_weights_replace_the_weights(cpu: str, tmp_path: Path) -> None:
    """A weight that is packed is in the binary in panels only; one that is read as it is stays, and the bits stay."""
    cell, x = nn.Dense(96, 128).set_train(False), tensors((np.ones((64, 96), np.float32),))
    cell.weight.set_data(np.random.default_rng(0).standard_normal((128, 96), np.float32))
    cell.bias.set_data(np.arange(128, dtype=np.float32))
    cellc.export(cell, *x, file_name=tmp_path / "net.cellir", file_format="MLIR")
    assert cli("compile", tmp_path / "net.cellir", "--cpu", cpu, "-o", tmp_path / "net") == 0
    held = (tmp_path / "net").read_bytes()
    assert cell.weight.asnumpy()[0].tobytes() not in held
    assert cell.bias.asnumpy().tobytes() in held
    np.save(tmp_path / "x.npy", x[0].asnumpy())
    subprocess.run([tmp_path / "net", tmp_path / "x.npy", "-o", tmp_path / "y.npy"], env={}, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), cell(*x).asnumpy())


def test_weights_too_large_to_prepare_give_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether scales are part of the filters does not depend on when they are multiplied."""
    random = np.random.default_rng(0)
    cell = nn.SequentialCell(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU()).set_train(False)
    for parameter in cell.get_parameters():
        parameter.set_data(random.uniform(0.1, 1, parameter.shape).astype(np.float32))
    x = tensors((random.standard_normal((2, 3, 9, 9)).astype(np.float32),))
    cellc.export(cell, *x, file_name=tmp_path / "net.cellir", file_format="MLIR")
    monkeypatch.setattr(folding, "MOST_BYTES", 0)
    assert cli("compile", tmp_path / "net.cellir", "-o", tmp_path / "net") == 0
    np.save(tmp_path / "x.npy", x[0].asnumpy())
    subprocess.run([tmp_path / "net", tmp_path / "x.npy", "-o", tmp_path / "y.npy"], env={}, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), cell(*x).asnumpy())
