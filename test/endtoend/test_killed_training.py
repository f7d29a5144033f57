"""Training that is killed at any moment, while saving too, goes on bit-equal to training that is not."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np

SCRIPT = """
    import os, sys
    import numpy as np
    import cellc
    from cellc import Model, Tensor, dataset, nn, train

    class Saved(train.Callback):
        '''Saves the whole step after each epoch, in one file, and says so before and after.'''

        def on_train_epoch_end(self, run_context):
            run = run_context.original_args()
            print("saving", flush=True)
            cellc.save_checkpoint(run.train_network, "step.ckpt", append_dict={"epoch": run.cur_epoch_num})
            print("epoch", run.cur_epoch_num, flush=True)

    cellc.set_seed(7)
    rng = np.random.default_rng(0)
    inputs, labels = rng.standard_normal((64, 64)).astype(np.float32), rng.integers(0, 10, 64).astype(np.int32)
    rows = dataset.NumpySlicesDataset((inputs, labels), ["x", "y"]).map(lambda x: x + 1, "x").shuffle(16).batch(8)
    net = nn.SequentialCell([nn.Dense(64, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Dropout(0.5), nn.Dense(512, 10)])
    loss = nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean")
    rate = nn.ExponentialDecayLR(1e-3, 0.9, 10)
    model = Model(net, loss, nn.Adam(net.trainable_params(), rate))
    done = 0
    if os.path.exists("step.ckpt"):
        found = cellc.load_checkpoint("step.ckpt")
        done = int(found.pop("epoch").asnumpy())
        assert cellc.load_param_into_net(model.train_network, found) == []
    model.train(int(sys.argv[1]), rows, Saved(), initial_epoch=done)
    np.savez("weights.npz", **{p.name: p.asnumpy() for p in model.train_network.get_parameters()})
"""


def start(folder, epochs):
    folder.mkdir(exist_ok=True)
    (folder / "script.py").write_text(textwrap.dedent(SCRIPT))
    command = [sys.executable, "script.py", str(epochs)]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)


def killed(folder, epochs, random_numbers):
    """Whether the run was killed, some time after the beginning of a save, before its end."""
    process = start(folder, epochs)
    lines = random_numbers.randrange(1, 2 * epochs)
    for _ in range(lines):
        process.stdout.readline()
    time.sleep(random_numbers.uniform(0, 0.01))
    os.kill(process.pid, signal.SIGKILL)
    process.stdout.close()
    return process.wait() == -signal.SIGKILL


def finished(folder, epochs):
    process = start(folder, epochs)
    process.communicate(timeout=240)
    assert process.returncode == 0
    with np.load(folder / "weights.npz") as file:
        return dict(file)


def test_killed_training_goes_on_bit_equal(tmp_path):
    epochs, numbers = 12, random.Random(1)
    assert sum(killed(tmp_path / "killed", epochs, numbers) for _ in range(3)) > 0
    one, other = finished(tmp_path / "killed", epochs), finished(tmp_path / "whole", epochs)
    assert one.keys() == other.keys()
    for name, wanted in other.items():
        np.testing.assert_array_equal(one[name], wanted, err_msg=name)
