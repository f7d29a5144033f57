"""The pass registry, pipelines as data, and the driver's checks."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from xdsl.context import Context
from xdsl.dialects import tensor
from xdsl.dialects.builtin import ModuleOp, TensorType, f32
from xdsl.parser import Parser
from xdsl.passes import ModulePass

from cellc.passes import pass_registry
from cellc.passes.context import make_context
from cellc.passes.pass_registry import PASSES, UnknownPassError, get_pass
from cellc.passes.pipelines import PIPELINES, PassError, parse_passes, run_pipeline
from cellc.tools import opt

TEXT = """
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32> loc("net.py":7:3)
} loc("net.py":6:1)
"""


def _module() -> ModuleOp:
    return Parser(make_context(), TEXT).parse_module()


@pytest.mark.parametrize("name", PASSES)
def test_name_is_the_key(name: str) -> None:
    assert get_pass(name).name == name


def test_pipelines_name_known_passes() -> None:
    assert all(step in PASSES for pipeline in PIPELINES.values() for step in pipeline)


def test_unknown_pass_lists_the_known() -> None:
    with pytest.raises(UnknownPassError, match="no pass 'fuse'; passes: canonicalize-nn"):
        get_pass("fuse")


def test_a_pipeline_can_be_named_among_passes() -> None:
    assert [step.name for step in parse_passes("linalg,fuse-elementwise")] == [*PIPELINES["linalg"], "fuse-elementwise"]


@dataclass(frozen=True)
class Lossy(ModulePass):
    """Makes an op without a location."""

    name = "lossy"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            end = function.body.block.last_op
            function.body.block.insert_op_before(tensor.EmptyOp((), TensorType(f32, [2])), end)


@dataclass(frozen=True)
class Broken(ModulePass):
    """Fails."""

    name = "broken"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        raise KeyError("no such layer")


def test_lost_location_is_an_error() -> None:
    with pytest.raises(PassError, match=r"lossy lost the source location of 1 op\(s\): tensor.empty"):
        run_pipeline(_module(), [Lossy()], make_context())


def test_failing_pass_leaves_a_reproducer(tmp_path: Path) -> None:
    with pytest.raises(PassError, match="pass broken failed: KeyError: 'no such layer'") as caught:
        run_pipeline(_module(), [Broken()], make_context(), reproducer_dir=tmp_path)
    source, command = tmp_path / "broken-0.mlir", tmp_path / "broken-0.sh"
    assert str(source) in str(caught.value)
    assert str(command) in str(caught.value)
    assert command.read_text() == f"cellc-opt {source} -p 'broken'\n"
    assert 'loc("net.py":7:3)' in source.read_text()


def test_the_reproducer_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pass_registry.PASSES, "broken", f"{__name__}:Broken")
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    source = tmp_path / "in.mlir"
    source.write_text(TEXT)
    monkeypatch.setattr(pass_registry, "import_module", lambda name: sys.modules[name])
    assert opt.main([str(source), "-p", "broken", "--reproducer-dir", str(tmp_path)]) == 1
    words = (tmp_path / "broken-0.sh").read_text().split()
    assert opt.main([words[1], "-p", words[3].strip("'")]) == 1


def test_passes_are_imported_only_when_run() -> None:
    code = "import sys, cellc.passes.pass_registry; assert 'cellc.passes.fuse_elementwise' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_wrong_usage_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert opt.main([str(tmp_path / "missing.mlir")]) == 2
    assert capsys.readouterr().err == f"cellc-opt: {tmp_path / 'missing.mlir'}: No such file or directory\n"


def test_expected_errors_must_come(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "valid.mlir"
    source.write_text("// expected-error {{something}}\n" + TEXT)
    assert opt.main([str(source), "--verify-diagnostics"]) == 1
    assert "expected error not produced: something" in capsys.readouterr().err
