"""`cellc run` and `cellc.compat`: scripts that import mindspore."""

import subprocess
import sys
import textwrap

import pytest

SCRIPT = """
    import sys
    import numpy as np
    import mindspore as ms
    import mindspore.common.dtype as mstype
    import mindspore.dataset as ds
    import mindspore.dataset.transforms.c_transforms as C
    import mindspore.nn as nn
    from mindspore import Model, Tensor, context, load_checkpoint, load_param_into_net
    from mindspore.common.initializer import Normal
    from mindspore.nn.loss.loss import LossBase
    from mindspore.nn.metrics import Accuracy
    from mindspore.ops import operations as P
    from mindspore.train.callback import CheckpointConfig, LossMonitor, ModelCheckpoint
    from mindspore.train.serialization import export

    context.set_context(mode=context.GRAPH_MODE, device_target="CPU")
    ms.set_seed(1)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 256)
    inputs = (rng.standard_normal((256, 4)) + 2 * labels[:, None]).astype(np.float32)

    def dataset():
        rows = ds.NumpySlicesDataset((inputs, labels), ["data", "label"])
        return rows.map(C.TypeCast(mstype.int32), input_columns="label").shuffle(64).batch(32, drop_remainder=True)

    net = nn.SequentialCell([nn.Dense(4, 8, weight_init=Normal(0.2)), nn.ReLU(), nn.Dense(8, 2)])
    loss = nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean")
    model = Model(net, loss, nn.Momentum(net.trainable_params(), 0.1, 0.9), metrics={"acc": Accuracy()})
    config = CheckpointConfig(save_checkpoint_steps=8)
    callbacks = [LossMonitor(8), ModelCheckpoint("net", sys.argv[1], config)]
    model.train(4, dataset(), callbacks, dataset_sink_mode=False)
    assert load_param_into_net(net, load_checkpoint(sys.argv[1] + "/net-4_8.ckpt")) == []
    print("accuracy", model.eval(dataset())["acc"] > 0.9, P.Add()(Tensor(1.0), Tensor(2.0)))
"""


def run(tmp_path, text, *arguments, tool=True):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(text))
    command = [sys.executable, *(["-m", "cellc.tools.main", "run"] if tool else []), str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=tmp_path)


def test_an_unchanged_script_trains_saves_and_evaluates(tmp_path):
    done = run(tmp_path, SCRIPT, str(tmp_path / "saved"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "accuracy True 3.0"
    assert done.stdout.startswith("epoch: 1 step: 8, loss is ")


def test_compat_in_a_program_of_ones_own(tmp_path):
    done = run(tmp_path, "import cellc.compat\n" + textwrap.dedent("""
        import cellc, mindspore, mindspore.nn, mindspore.common.tensor
        from mindspore.nn.layer.basic import Dense
        assert mindspore is cellc and mindspore.nn is cellc.nn and Dense is cellc.nn.Dense
        assert cellc.nn.__spec__.name == "cellc.nn" and cellc.__spec__.name == "cellc"
        from mindspore import amp, log
        from mindspore.amp import build_train_network
        from mindspore.context import ParallelMode
        mindspore.context.set_auto_parallel_context(parallel_mode=ParallelMode.DATA_PARALLEL, gradients_mean=True)
        assert mindspore.get_auto_parallel_context("parallel_mode") == "data_parallel"
        assert amp is cellc.train.amp and build_train_network is cellc.build_train_network
        from mindspore.ops.primitive import Primitive, constexpr
        from mindspore.ops.composite.base import HyperMap
        from mindspore.ops.operations.math_ops import Add
        from mindspore.nn.metrics.accuracy import Accuracy
        from mindspore.nn.metrics.metric import rearrange_inputs
        from mindspore.dataset.engine.datasets import Dataset
        from mindspore.dataset.vision.utils import Inter
        from mindspore.train.callback._loss_monitor import LossMonitor
        assert HyperMap is cellc.ops.HyperMap and Add is cellc.ops.Add and Accuracy is cellc.nn.Accuracy
        assert Inter is cellc.dataset.vision.Inter and LossMonitor is cellc.LossMonitor
        assert rearrange_inputs.__module__ == "cellc.nn.metrics.metric"
        log.warning("said")
        from mindspore.common.api import _cell_graph_executor
        assert _cell_graph_executor.compile(Dense(2, 3), cellc.ops.ones((1, 2))) == ("predict", True)
    """), tool=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "said\n")


@pytest.mark.parametrize(("text", "said"), [
    ("import mindspore.profiler", "ModuleNotFoundError: mindspore.profiler: cellc has no cellc.profiler"),
    ("from mindspore import SummaryCollector", "cannot import name 'SummaryCollector'"),
    ("from mindspore import nn\nnn.thor", "cellc.nn.thor is not implemented yet"),
])  # fmt: skip
def test_what_is_not_there_is_named(tmp_path, text, said):
    done = run(tmp_path, text)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert said in lines[-1]
    assert lines[1].strip().startswith(f'File "{tmp_path}/script.py"')


def test_arguments_and_exit_status_are_the_scripts(tmp_path):
    done = run(tmp_path, "import sys\nprint(__name__, sys.argv[1:])\nsys.exit(7)", "--epochs", "3")
    assert (done.returncode, done.stdout) == (7, "__main__ ['--epochs', '3']\n")


def test_no_such_script(tmp_path):
    command = [sys.executable, "-m", "cellc.tools.main", "run", "none.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (2, "cellc: none.py: no such file\n")
