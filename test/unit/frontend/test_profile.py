"""Profiles of compiled programs, from Python and from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest

import cellc
from cellc import nn, ops
from cellc.tools.main import main

MODEL = """
from cellc import nn

class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.fc = nn.Dense(64, 32)

    def construct(self, x):
        return self.fc(x)
"""


class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.fc = nn.Dense(64, 32)
        self.softmax = nn.Softmax()

    def construct(self, x):
        return self.softmax(self.fc(x))


def ones(*shape: int) -> cellc.Tensor:
    return cellc.Tensor(np.ones(shape, np.float32))


def test_a_profile_names_kernels_flops_and_the_users_lines() -> None:
    found = cellc.profile(Net(), ones(16, 64), runs=3)
    matmul = next(row for row in found.rows if row.kind == "contraction")
    assert matmul.calls == 1
    assert matmul.flops >= 2 * 16 * 64 * 32
    assert matmul.bytes == 4 * (16 * 64 + 64 * 32 + 32 + 16 * 32)
    assert any(Path(label.rpartition(":")[0]).name == "test_profile.py" for label in matmul.labels)
    assert [row.seconds for row in found.rows] == sorted((row.seconds for row in found.rows), reverse=True)
    assert 0 < found.seconds < 10
    assert found.peak.flops > 1e9
    assert found.peak.bytes > 1e8
    assert matmul.name in str(found)
    assert "<pre>" in found._repr_html_()


def test_profiling_a_training_step_changes_no_parameter() -> None:
    net = Net()
    loss = nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean")
    optimizer = nn.Momentum(net.trainable_params(), 0.1, 0.9)
    step = nn.TrainOneStepCell(nn.WithLossCell(net, loss), optimizer).set_train()
    before = {parameter.name: parameter.asnumpy().copy() for parameter in step.get_parameters()}
    found = cellc.profile(step, ones(8, 64), cellc.Tensor(np.zeros(8, np.int32)), runs=2)
    assert sum(row.calls for row in found.rows) == len(found.commands)
    for parameter in step.get_parameters():
        np.testing.assert_array_equal(parameter.asnumpy(), before[parameter.name])


def test_functions_can_be_profiled() -> None:
    def double_exp(x):
        return ops.exp(x) * 2.0

    for function in (double_exp, cellc.jit(double_exp)):
        (row,) = cellc.profile(function, ones(100), runs=1).rows
        assert (row.flops, row.bytes) == (200, 800)


def test_runs_must_be_positive() -> None:
    with pytest.raises(ValueError, match="runs must be at least 1, got 0"):
        cellc.profile(Net(), ones(1, 64), runs=0)


def test_the_command_prints_json_and_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "profiled_net.py").write_text(MODEL)
    source = f"{tmp_path / 'profiled_net.py'}:Net"
    assert main(["profile", source, "--input", "x:16x64xf32", "--runs", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (kernel,) = found["kernels"]
    assert (kernel["kind"], kernel["calls"], kernel["share"]) == ("contraction", 1, 1.0)
    assert kernel["lines"][0].endswith("profiled_net.py:10")
    assert main(["profile", source, "--input", "x:16x64xf32", "--runs", "2"]) == 0
    assert "profiled_net.py:10" in capsys.readouterr().out
    assert main(["profile", source, "--input", "x:16x64xf32", "--runs", "0"]) == 2
