"""`net.lower(x)`, and what is left when a pass fails."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp

from cellc import Parameter, Tensor, nn
from cellc import compile as compiler
from cellc.errors import CompileError
from cellc.listing import Listing, strip_locations
from cellc.passes import pass_registry
from cellc.passes.canonicalize_nn import CanonicalizeNNPass
from cellc.targets.cpu.target import CpuTarget
from cellc.targets.target import UnsupportedKernelError


class Net(nn.Cell):
    """A matrix product and a relu."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = Parameter(np.ones((3, 4), np.float32))
        self.relu = nn.ReLU()

    def construct(self, x: Tensor) -> Tensor:
        y = x @ self.weight
        return self.relu(y)


X = Tensor(np.ones((2, 3), np.float32))
HERE = Path(__file__).name


@pytest.fixture
def lowered():
    net = Net()
    return net.lower(X)


def test_every_stage_shows_its_ops_and_the_users_lines(lowered) -> None:
    expected = {
        "nn": ["nn.matmul", "nn.relu", "y = x @ self.weight  (net)", "return self.relu(y)  (net.relu)"],
        "linalg": ["linalg.generic", "y = x @ self.weight  (net)"],
        "kernels": ["cellc.kind", "func.call @kernel_0", "y = x @ self.weight  (net)"],
        "host": ["host.program @main", "host.launch @kernel_0"],
        "asm": ["kernel_0", "ret"],
        "memory": ["weight", "arena:"],
    }
    for stage, fragments in expected.items():
        text = getattr(lowered, stage)
        assert "loc(" not in text, stage
        for fragment in fragments:
            assert fragment in text, (stage, fragment)
    assert f"// {HERE}:" in lowered.nn
    assert repr(lowered).startswith("Lowered<net: 2 ops")


def test_listing_prints_as_it_is_and_as_html() -> None:
    listing = Listing("// a < b\nop\n")
    assert repr(listing) == "// a < b\nop\n"
    assert listing._repr_html_().count("&lt;") == 1


def test_strip_locations() -> None:
    line = '%1 = op(%0) : f32 loc("a(b"("x).py":1:2))'
    assert strip_locations(line) == ("%1 = op(%0) : f32", '"a(b"("x).py":1:2)')
    assert strip_locations("a loc(unknown), b loc(unknown)") == ("a, b", "unknown")


class _BrokenPass(CanonicalizeNNPass):
    def apply(self, ctx: object, op: ModuleOp) -> None:
        raise ValueError("something is wrong")


def test_a_failing_pass_leaves_a_reproducer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CELLC_REPRODUCERS", str(tmp_path))
    monkeypatch.setenv("CELLC_CACHE", "0")
    monkeypatch.setattr("cellc.passes.canonicalize_nn.CanonicalizeNNPass", _BrokenPass)
    compiler.set_backend(None)
    with pytest.raises(CompileError, match="pass canonicalize-nn failed: ValueError: something is wrong") as caught:
        Net()(X)
    (command,) = tmp_path.glob("*.sh")
    assert str(command.with_suffix(".mlir")) in str(caught.value)
    assert "nn.matmul" in command.with_suffix(".mlir").read_text()
    monkeypatch.undo()
    arguments = command.read_text().split()
    assert arguments[0] == "cellc-opt"
    source = command.with_suffix(".mlir")
    finished = subprocess.run(
        [sys.executable, "-m", "cellc.tools.opt", source, "-p", "canonicalize-nn"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert pass_registry.get_pass("canonicalize-nn") is CanonicalizeNNPass


def test_a_kernel_that_cannot_be_written_names_the_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(self: CpuTarget, kernel: object) -> None:
        raise UnsupportedKernelError("no such loop")

    monkeypatch.setenv("CELLC_REPRODUCERS", str(tmp_path))
    monkeypatch.setenv("CELLC_CACHE", "0")
    monkeypatch.setattr(CpuTarget, "emit_kernel", refuse)
    compiler.set_backend(None)
    with pytest.raises(CompileError, match=rf"no such loop\n  --> .*{HERE}:\d+\n  kernel: ") as caught:
        Net()(X)
    (kernel,) = tmp_path.glob("*.mlir")
    assert str(kernel) in str(caught.value)
    assert "linalg.generic" in kernel.read_text()


def test_all_stages_show_in_a_notebook():
    net = nn.Dense(2, 3)
    shown = net.lower(Tensor(np.zeros((1, 2), np.float32)))._repr_html_()
    assert shown.count("<details>") == 5
    assert "nn.matmul" in shown
    assert "arena" in shown
