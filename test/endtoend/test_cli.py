"""Wrong usage of the command line: one message on stderr that names the thing at fault, status 1 or 2, no traceback."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from endtoend.helpers import MODELS, NETWORKS, cell_of, cli, tensors

import cellc
from cellc.archive import weights_to_bytes

MLP = f"{MODELS}:Mlp"
X = ("--input", "x:5x20xf32")


@pytest.fixture(scope="module")
def mlp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("cli") / "mlp.cellir"
    cellc.export(cell_of("mlp"), *tensors(NETWORKS["mlp"].inputs), file_name=file)
    return file


class Said:
    """The status and the message of a command that fails."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: object, lines: int = 1) -> tuple[int, str]:
        status = cli(*arguments)
        captured = self.capsys.readouterr()
        assert captured.out == "", captured.out
        assert "Traceback" not in captured.err
        assert captured.err.startswith(("cellc: ", "usage: ")), captured.err
        if captured.err.startswith("cellc: "):
            assert len(captured.err.splitlines()) <= lines, captured.err
        return status, captured.err


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return Said(capsys)


USAGE = {
    "no command": ((), "COMMAND"),
    "an unknown command": (("frobnicate",), "frobnicate"),
    "an unknown option": (("compile", "net.cellir", "--fast"), "--fast"),
    "no source": (("compile",), "SOURCE"),
    "an unknown stage": (("compile", MLP, *X, "--emit=wasm"), "wasm"),
    "no output": (("compile", MLP, *X), "-o"),
    "no output of an object": (("compile", MLP, *X, "--emit=object"), "-o"),
    "a source of neither form": (("compile", "net.onnx", "-o", "net"), "net.onnx"),
    "a missing Python file": (("compile", "nowhere.py:Net", *X, "-o", "net"), "nowhere.py: no such file"),
    "a folder": (("compile", f"{MODELS.parent}:Net", *X, "-o", "net"), "no such file"),
    "no such Cell": (("compile", f"{MODELS}:Nothing", *X, "-o", "net"), "has no 'Nothing'"),
    "no name": (("compile", f"{MODELS}:", *X, "-o", "net"), "names no Cell"),
    "something else": (("compile", f"{MODELS}:not_a_cell", *X, "-o", "net"), "not_a_cell is of type int, not a Cell"),
    "a class that is no Cell": (("compile", f"{MODELS}:NotACellClass", *X, "-o", "net"), "not a Cell"),
    "no inputs": (("compile", MLP, "-o", "net"), "--input x:"),
    "an input without a type": (("compile", MLP, "--input", "x", "-o", "net"), "--input x:"),
    "an input without a dtype": (("compile", MLP, "--input", "x:5x20", "-o", "net"), "--input x:5x20"),
    "an input of an unknown dtype": (("compile", MLP, "--input", "x:5x20xf31", "-o", "net"), "'f31'"),
    "an input with a negative extent": (("compile", MLP, "--input", "x:-5x20xf32", "-o", "net"), "x:-5x20xf32"),
    "an input with another separator": (("compile", MLP, "--input", "x:5,20,f32", "-o", "net"), "x:5,20,f32"),
    "an input with no name": (("compile", MLP, "--input", ":5x20xf32", "-o", "net"), ":5x20xf32"),
    "two inputs of one name": (("compile", MLP, *X, *X, "-o", "net"), "an input 'x' already"),
    "inputs in another order": (
        ("compile", f"{MODELS}:Difference", "--input", "y:3xf32", "--input", "x:3xf32", "-o", "net"),
        "argument 1 of construct is 'x'",
    ),
    "an input too large": (("compile", MLP, "--input", "x:999999x9999999xf32", "-o", "net"), "too large"),
    "an unknown CPU level": (("compile", MLP, *X, "--cpu", "v9", "-o", "net"), "v9"),
    "an unknown GPU": (("compile", MLP, *X, "--emit=ptx", "--arch", "sm_1"), "sm_1"),
}  # fmt: skip


@pytest.mark.parametrize("case", USAGE)
def test_wrong_usage(case: str, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    arguments, named = USAGE[case]
    status, message = said(*arguments)
    assert status == 2, message
    assert named in message
    assert list(tmp_path.iterdir()) == []


FAILURES = {
    "a missing file": (("compile", "nothing.cellir", "-o", "net"), "nothing.cellir: no such file"),
    "a missing file to inspect": (("inspect", "nothing.cellir"), "nothing.cellir: no such file"),
    "a file of another kind": (("inspect", "text.cellir"), "text.cellir: not a .cellir file"),
    "a constructor that raises": (("compile", f"{MODELS}:Broken", *X, "-o", "net"), "no such thing as a Broken"),
    "a constructor with arguments": (("compile", f"{MODELS}:NeedsArgument", *X, "-o", "net"), "size"),
    "a file that does not import": (("compile", "error.py:Net", *X, "-o", "net"), "error.py"),
    "a file that leaves": (("compile", "leaves.py:Net", *X, "-o", "net"), "leaves.py"),
    "a construct that raises": (("compile", "raises.py:Net", *X, "-o", "net"), "raises.py:Net, line 4: KeyError: 'k'"),
    "too many inputs": (("compile", MLP, *X, "--input", "y:3xf32", "-o", "net"), "takes"),
    "missing weights": (("compile", MLP, *X, "--weights", "none.st", "-o", "net"), "none.st: no such file"),
    "damaged weights": (("compile", MLP, *X, "--weights", "text.cellir", "-o", "net"), "text.cellir: damaged"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILURES)
def test_failures(case: str, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.cellir").write_text("hello")
    (tmp_path / "error.py").write_text("class Net(:\n")
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit()\n")
    (tmp_path / "raises.py").write_text(
        "from cellc import nn\nclass Net(nn.Cell):\n    def construct(self, x):\n        return {}['k']\n"
    )
    arguments, named = FAILURES[case]
    status, message = said(*arguments)
    assert status in (1, 2), message
    assert named in message


def test_a_construct_that_fails_shows_the_users_line(said: Said, tmp_path: Path):
    status, message = said("compile", f"{MODELS}:RankMismatch", *X, "-o", tmp_path / "net", lines=20)
    assert status == 1
    assert "models.py" in message
    assert "x @ ops.ones" in message


@pytest.mark.parametrize(
    ("weights", "named"),
    [
        ({}, "weight 'hidden.bias' of"),
        ({"other": np.zeros(1, np.float32)}, "tensor 'other' is no parameter"),
        (None, "weight 'hidden.bias' is float64[33], the network has f32[33]"),
    ],
)
def test_weights_that_do_not_fit(weights: dict[str, np.ndarray] | None, named: str, said: Said, tmp_path: Path):
    if weights is None:
        weights = {parameter.name: parameter.asnumpy() for parameter in cell_of("mlp").get_parameters()}
        weights["hidden.bias"] = weights["hidden.bias"].astype(np.float64)
    (tmp_path / "w.safetensors").write_bytes(weights_to_bytes(weights))
    status, message = said("compile", MLP, *X, "--weights", tmp_path / "w.safetensors", "-o", tmp_path / "net")
    assert status in (1, 2)
    assert named in message
    assert "w.safetensors" in message
    assert not (tmp_path / "net").exists()


@pytest.mark.parametrize("emit", ["executable", "object", "nn", "asm"])
@pytest.mark.parametrize("output", ["missing/net", "folder", "file/net"])
def test_outputs_that_cannot_be_written(mlp: Path, emit: str, output: str, said: Said, tmp_path: Path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    status, message = said("compile", mlp, f"--emit={emit}", "-o", tmp_path / output)
    assert status in (1, 2)
    assert f"cannot write {tmp_path / output}" in message
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


@pytest.mark.parametrize("emit", ["executable", "nn"])
def test_a_full_disk(mlp: Path, emit: str, said: Said, tmp_path: Path):
    """/dev/full takes no byte, as a disk without space; and a device is never replaced by a file."""
    output = tmp_path / "full"
    output.symlink_to("/dev/full")
    status, message = said("compile", mlp, f"--emit={emit}", "-o", output)
    assert status in (1, 2)
    assert f"cannot write {output}: No space left" in message
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
    assert stat.S_ISCHR(os.stat(output).st_mode)


def test_exporting_to_a_full_disk(tmp_path: Path):
    output = tmp_path / "full.cellir"
    output.symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"cannot write .*full\.cellir: No space left"):
        cellc.export(cell_of("mlp"), *tensors(NETWORKS["mlp"].inputs), file_name=output)
    assert stat.S_ISCHR(os.stat(output).st_mode)
    with pytest.raises(OSError, match=r"cannot write .*net\.cellir: No such file or directory"):
        cellc.export(cell_of("mlp"), *tensors(NETWORKS["mlp"].inputs), file_name=tmp_path / "missing/net")
    assert [path.name for path in tmp_path.iterdir()] == ["full.cellir"]


def test_standard_output_that_is_full_or_closed(mlp: Path):
    command = [sys.executable, "-m", "cellc.tools.main", "compile", mlp, "--emit=asm"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 1


@pytest.mark.parametrize("emit", ["executable", "object"])
def test_no_c_compiler(mlp: Path, emit: str, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CC", "nonexistent-cc")
    status, message = said("compile", mlp, f"--emit={emit}", "-o", tmp_path / "net.o")
    assert status == 1
    assert "'nonexistent-cc' was not found" in message
    monkeypatch.setenv("CC", "false")
    status, message = said("compile", mlp, f"--emit={emit}", "-o", tmp_path / "net.o", lines=10)
    assert status == 1
    assert "false" in message
    assert list(tmp_path.iterdir()) == []


def test_an_input_for_a_file_that_has_its_own(mlp: Path, said: Said, tmp_path: Path):
    status, message = said("compile", mlp, *X, "-o", tmp_path / "net")
    assert status == 2
    assert "mlp.cellir knows its inputs" in message


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler: cc is not installed")
def test_an_existing_binary_stays_when_compiling_fails(mlp: Path, said: Said, tmp_path: Path, monkeypatch):
    (tmp_path / "net").write_text("precious")
    monkeypatch.setenv("CC", "false")
    status, _ = said("compile", mlp, "-o", tmp_path / "net", lines=10)
    assert status == 1
    assert (tmp_path / "net").read_text() == "precious"


def test_full_tracebacks_can_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CELLC_TRACEBACK", "full")
    with pytest.raises(FileNotFoundError):
        cli("inspect", tmp_path / "nothing.cellir")


def test_help_of_every_command(capsys: pytest.CaptureFixture[str]):
    for arguments in (("--help",), ("compile", "--help"), ("inspect", "--help"), ("doctor", "--help")):
        assert cli(*arguments) == 0
        captured = capsys.readouterr()
        assert captured.out.startswith("usage: cellc")
        assert captured.err == ""
    assert cli("--version") == 0
    assert capsys.readouterr().out == f"cellc {cellc.__version__}\n"


def test_inspect_and_doctor(mlp: Path, capsys: pytest.CaptureFixture[str]):
    assert cli("inspect", mlp) == 0
    text = capsys.readouterr().out
    for part in ("x", "f32[5, 20]", "output0", "f32[5, 7]", "hidden.weight", "nn.matmul"):
        assert part in text
    assert cli("doctor") in (0, 1)
    text = capsys.readouterr().out
    for part in ("C runtime", "CPU level", "MLIR", "llvmlite", "cc", "ptxas", "bishengir-opt"):
        assert part in text


def test_a_cell_may_also_be_a_function_or_an_instance(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    source = tmp_path / "nets.py"
    source.write_text("from cellc import nn\ndef make():\n    return nn.Dense(20, 3)\nready = nn.Dense(20, 3)\n")
    for name in ("make", "ready"):
        assert cli("compile", f"{source}:{name}", *X, "--emit=nn") == 0
        assert "nn.matmul" in capsys.readouterr().out
