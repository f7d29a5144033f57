"""Compiled training steps: in place, without allocations, the same bits on any number of threads, no compiler."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from endtoend.helpers import NETWORKS, cell_of, python, tensors

import cellc
from cellc import nn, ops

TRAIN = """
import hashlib, sys
import cellc
from cellc import nn
from endtoend.helpers import NETWORKS, cell_of, tensors
from endtoend.test_training import step_of, labels_of

name, steps = sys.argv[1], int(sys.argv[2])
cell, step = step_of(name)
inputs = tensors(NETWORKS[name].inputs)
for _ in range(steps):
    loss = step(*inputs, labels_of(name))
digest = hashlib.sha256(loss.asnumpy().tobytes())
for parameter in step.get_parameters():
    digest.update(parameter.asnumpy().tobytes())
print(digest.hexdigest())
print("xdsl" in sys.modules, "torch_mlir" in sys.modules)
"""
OPTIMIZERS = {
    "lenet": lambda p: nn.Adam(p, learning_rate=1e-3),
    "mlp": lambda p: nn.Momentum(p, learning_rate=0.05, momentum=0.9),
    "lstm": lambda p: nn.SGD(p, learning_rate=0.5, momentum=0.5),
    "batch_norm": lambda p: nn.Momentum(p, learning_rate=0.05, momentum=0.9, use_nesterov=True),
}
every = pytest.mark.parametrize("name", OPTIMIZERS)


class WithLoss(nn.Cell):
    """Loss of a network with any number of inputs; the labels come last."""

    def __init__(self, net: nn.Cell):
        super().__init__(auto_prefix=False)
        self.net = net
        self.loss = nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean")

    def construct(self, *inputs: cellc.Tensor) -> cellc.Tensor:
        return self.loss(self.net(*inputs[:-1]), inputs[-1])


def step_of(name: str) -> tuple[nn.Cell, nn.TrainOneStepCell]:
    cell = cell_of(name)
    step = nn.TrainOneStepCell(WithLoss(cell), OPTIMIZERS[name](cell.trainable_params()))
    return cell, step.set_train()


def labels_of(name: str) -> cellc.Tensor:
    return cellc.Tensor(np.arange(NETWORKS[name].inputs[0].shape[0], dtype=np.int32) % 4)


def environment(**changes: str) -> dict[str, str]:
    """The environment for a process of its own; helpers are found from there."""
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **changes}


@every
def test_parameters_keep_their_storage_and_learn(name: str):
    cell, step = step_of(name)
    arguments = [*tensors(NETWORKS[name].inputs), labels_of(name)]
    first = float(step(*arguments).asnumpy())
    before = {p.name: (p._elements().ctypes.data, p.asnumpy().copy()) for p in step.get_parameters()}
    for _ in range(30):
        loss = step(*arguments)
    assert float(loss.asnumpy()) < 0.7 * first
    for parameter in step.get_parameters():
        assert parameter._elements().ctypes.data == before[parameter.name][0], parameter.name
    for parameter in cell.trainable_params():
        assert not np.array_equal(parameter.asnumpy(), before[parameter.name][1]), parameter.name


@every
def test_nothing_is_allocated_in_the_steady_state(name: str):
    _, step = step_of(name)
    arguments = [*tensors(NETWORKS[name].inputs), labels_of(name)]
    for _ in range(3):
        step(*arguments)
    before = cellc.runtime.allocation_count()
    assert before > 0
    for _ in range(50):
        step(*arguments)
    assert cellc.runtime.allocation_count() == before


@every
def test_any_number_of_threads_gives_the_same_bits(name: str):
    said = []
    for threads in ("1", "2", "5"):
        done = python(TRAIN, name, 20, env=environment(CELLC_NUM_THREADS=threads))
        assert done.returncode == 0, done.stderr
        said.append(done.stdout.split()[0])
    assert len(set(said)) == 1


def test_a_second_process_imports_no_compiler_and_needs_none(tmp_path: Path):
    """Cold without any program in PATH (no cc); warm, neither xDSL nor MLIR is imported."""
    env = environment(CELLC_CACHE_DIR=str(tmp_path / "cache"), PATH="", CC="/nonexistent/cc")
    cold = python(TRAIN, "mlp", 3, env=env)
    assert cold.returncode == 0, cold.stderr
    warm = python(TRAIN, "mlp", 3, env=env)
    assert warm.returncode == 0, warm.stderr
    assert cold.stdout.splitlines()[1].startswith("True")
    assert warm.stdout.splitlines()[1] == "False False"
    assert cold.stdout.splitlines()[0] == warm.stdout.splitlines()[0]


def test_a_trained_step_trains_on_after_export(tmp_path: Path):
    """Exporting looks at the parameters and changes nothing; the file holds their values of that moment."""
    cell, step = step_of("mlp")
    arguments = [*tensors(NETWORKS["mlp"].inputs), labels_of("mlp")]
    step(*arguments)
    expected = cell(arguments[0]).asnumpy()
    cellc.export(cell, arguments[0], file_name=tmp_path / "net.cellir")
    step(*arguments)
    loaded = nn.GraphCell(cellc.load(tmp_path / "net.cellir"))
    assert loaded(arguments[0]).asnumpy().tobytes() == expected.tobytes()
    assert cell(arguments[0]).asnumpy().tobytes() != expected.tobytes()


@pytest.mark.parametrize("name", ["mlp", "lstm"])
def test_a_loaded_graph_trains_as_the_cell_does(name: str, tmp_path: Path):
    """Gradients flow through a GraphCell: ten steps give what ten steps of the cell give, bit for bit."""
    inputs, labels = tensors(NETWORKS[name].inputs), labels_of(name)
    cellc.export(cell_of(name), *inputs, file_name=tmp_path / "net.cellir")
    trained = []
    for cell in (cell_of(name), nn.GraphCell(cellc.load(tmp_path / "net.cellir"))):
        step = nn.TrainOneStepCell(WithLoss(cell), OPTIMIZERS[name](cell.trainable_params())).set_train()
        for _ in range(10):
            step(*inputs, labels)
        trained.append({parameter.name: parameter.asnumpy() for parameter in cell.trainable_params()})
    assert trained[0].keys() == trained[1].keys()
    for key, value in trained[0].items():
        assert value.tobytes() == trained[1][key].tobytes(), key


def test_a_loaded_graph_inside_a_bigger_cell(tmp_path: Path):
    x = tensors(NETWORKS["mlp"].inputs)[0]
    cellc.export(cell_of("mlp"), x, file_name=tmp_path / "net.cellir")

    class Bigger(nn.Cell):
        def __init__(self):
            super().__init__()
            self.body = nn.GraphCell(cellc.load(tmp_path / "net.cellir"))

        def construct(self, x):
            return ops.relu(self.body(x * 2)).sum()

    bigger = Bigger()
    assert sorted(bigger.parameters_dict()) == [f"body.{name}" for name in sorted(cell_of("mlp").parameters_dict())]
    expected = np.maximum(cell_of("mlp")(x * 2).asnumpy(), 0).astype(np.float64).sum()
    np.testing.assert_allclose(bigger(x).asnumpy(), expected, rtol=1e-6)


def test_running_statistics_survive_export_in_training_mode(tmp_path: Path):
    """A BatchNorm exported while training updates its statistics in the loaded graph as well."""
    x = tensors(NETWORKS["batch_norm"].inputs)[0]
    cell = cell_of("batch_norm").set_train()
    cellc.export(cell, x, file_name=tmp_path / "net.cellir")
    loaded = nn.GraphCell(cellc.load(tmp_path / "net.cellir"))
    for _ in range(2):
        assert cell(x).asnumpy().tobytes() == loaded(x).asnumpy().tobytes()
    for name, parameter in cell.parameters_dict().items():
        assert loaded.parameters_dict()[name].asnumpy().tobytes() == parameter.asnumpy().tobytes(), name
