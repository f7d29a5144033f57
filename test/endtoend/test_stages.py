"""`cellc compile --emit=...` on a two-layer MLP: every stage is text that the tools downstream accept."""

from __future__ import annotations

import platform
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
from endtoend.helpers import NETWORKS, cell_of, cli, tensors

import cellc
from cellc.passes.mlir import verify

PURELIB = Path(sysconfig.get_path("purelib"))
BISHENGIR = PURELIB / "ascendnpuir/bin/bishengir-opt"


@pytest.fixture(scope="module")
def mlp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("stages") / "mlp.cellir"
    cellc.export(cell_of("mlp"), *tensors(NETWORKS["mlp"].inputs), file_name=file)
    return file


def emitted(file: Path, stage: str, *options: str) -> str:
    output = file.with_suffix(f".{stage}")
    assert cli("compile", file, f"--emit={stage}", "-o", output, *options) == 0
    return output.read_text()


@pytest.mark.parametrize("stage", ["nn", "linalg", "kernels", "host"])
def test_ir_stages_are_read_back_by_cellc_opt(mlp: Path, stage: str):
    text = emitted(mlp, stage)
    from cellc.tools import opt

    assert opt.main([str(mlp.with_suffix(f".{stage}"))]) == 0
    assert {"nn": "nn.matmul", "linalg": "linalg.generic", "kernels": "func.call", "host": "host.launch"}[stage] in text


def test_text_goes_to_standard_output_without_a_file(mlp: Path, capsys: pytest.CaptureFixture[str]):
    assert cli("compile", mlp, "--emit=nn") == 0
    assert capsys.readouterr().out == emitted(mlp, "nn")


def test_linalg_is_valid_for_upstream_mlir(mlp: Path):
    verify(emitted(mlp, "linalg"))


def test_no_stage_names_a_path_of_the_author(mlp: Path):
    for stage in ("nn", "linalg", "kernels", "host"):
        assert str(Path(__file__).parent) not in emitted(mlp, stage)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the registers are those of x86-64")
def test_assembly_has_fused_multiply_adds_of_the_level(mlp: Path):
    v4, v3 = emitted(mlp, "asm", "--cpu", "v4"), emitted(mlp, "asm", "--cpu", "v3")
    assert re.search(r"vfmadd\w+ps.*zmm", v4)
    assert re.search(r"vfmadd\w+ps.*ymm", v3)
    assert "zmm" not in v3


def test_ptx_is_assembled_without_spills(mlp: Path):
    ptx = emitted(mlp, "ptx")
    assert ".target sm_90" in ptx
    assert ".visible .entry kernel_0" in ptx
    found = sorted(PURELIB.glob("nvidia/**/bin/ptxas"))
    if not found:
        pytest.skip("ptxas is not installed (extra `gpu`)")
    file = str(mlp.with_suffix(".ptx"))
    command = [str(found[0]), "-v", "-arch=sm_90", file, "-o", file + ".cubin"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    spills = re.findall(r"(\d+) bytes spill stores, (\d+) bytes spill loads", done.stderr)
    assert spills
    assert set(spills) == {("0", "0")}


def test_hivm_is_accepted_and_says_what_was_cast(mlp: Path):
    text = emitted(mlp, "hivm")
    assert "// cast: " in text
    assert "f32" in text.split("func.func")[1].split("{")[0], "an f32 network keeps its f32 interface"
    assert "hivm.hir.mmad" in text, "matrix products run on the cube unit"
    if not BISHENGIR.exists():
        pytest.skip("bishengir-opt is not installed (extra `ascend`)")
    done = subprocess.run([BISHENGIR, mlp.with_suffix(".hivm")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "hivm.hir.mmad" in done.stdout


@pytest.mark.parametrize("stage", ["ptx", "hivm"])
def test_a_kernel_that_a_target_has_not_is_refused_by_name(stage: str, capsys: pytest.CaptureFixture[str], tmp_path):
    lenet = tmp_path / "lstm.cellir"
    cellc.export(cell_of("lstm"), *tensors(NETWORKS["lstm"].inputs), file_name=lenet)
    assert cli("compile", lenet, f"--emit={stage}") == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert re.search(r"kernel_\d+\w*", said.err), said.err
    assert len(said.err.splitlines()) == 1
