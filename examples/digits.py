"""Trains LeNet on scikit-learn's handwritten digits, exports it and ships it as a binary.

1,797 real images of 8x8 pixels, enlarged to 28x28. Every fifth image is a test image; the seed is
fixed. At the end the trained cell, the exported file run as a GraphCell and the standalone
binary answer the same test images, and their answers are compared.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from lenet import LeNet
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sklearn.datasets import load_digits

import cellc
from cellc import nn

BATCH = 32


def digits():
    """Images f32[1797, 1, 28, 28] in 0..1 and labels i32[1797], split into train and test."""
    bunch = load_digits()
    images = np.repeat(np.repeat(bunch.images / 16, 3, axis=1), 3, axis=2)
    images = np.pad(images, ((0, 0), (2, 2), (2, 2)))[:, None].astype(np.float32)
    labels = bunch.target.astype(np.int32)
    test = np.arange(len(labels)) % 5 == 0
    return (images[~test], labels[~test]), (images[test], labels[test])


def accuracy(net, images, labels):
    return float((net(cellc.Tensor(images)).asnumpy().argmax(1) == labels).mean())


def train(net, images, labels, test_set, epochs):
    """Runs compiled steps (forward, backward and update in one program) over shuffled batches."""
    loss = nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean")
    step = nn.TrainOneStepCell(nn.WithLossCell(net, loss), nn.Adam(net.trainable_params(), learning_rate=1e-3))
    step.set_train()
    order = np.random.default_rng(1)
    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.4f}  test accuracy {task.fields[accuracy]:.4f}"),
        TimeRemainingColumn(),
    )
    batches = len(images) // BATCH
    with Progress(*columns) as progress:
        task = progress.add_task("train", total=epochs * batches, epoch=0, loss=float("nan"), accuracy=0.0)
        for epoch in range(epochs):
            shuffled = order.permutation(len(images))
            for batch in range(batches):
                chosen = shuffled[batch * BATCH : (batch + 1) * BATCH]
                value = step(cellc.Tensor(images[chosen]), cellc.Tensor(labels[chosen]))
                progress.update(task, advance=1)
            net.set_train(False)
            reached = accuracy(net, *test_set)
            net.set_train(True)
            progress.update(task, epoch=epoch + 1, loss=float(value.asnumpy()), accuracy=reached)
    net.set_train(False)
    return reached


def compare(net, directory, images):
    """Answers `images` three ways; returns the largest difference from the trained cell for each."""
    file = directory / "lenet.cellir"
    cellc.export(net, cellc.Tensor(images), file_name=str(file), file_format="MLIR")
    print(f"exported {file} ({file.stat().st_size} bytes)")
    loaded = nn.GraphCell(cellc.load(str(file)))
    binary = directory / "lenet"
    subprocess.run([sys.executable, "-m", "cellc.tools.main", "compile", file, "-o", binary], check=True)
    np.save(directory / "x.npy", images)
    subprocess.run([binary, directory / "x.npy", "-o", directory / "y.npy"], check=True, env={})
    trained = net(cellc.Tensor(images)).asnumpy()
    return {
        "GraphCell": np.abs(trained - loaded(cellc.Tensor(images)).asnumpy()).max(),
        "binary": np.abs(trained - np.load(directory / "y.npy")).max(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--directory", type=Path, default=Path(".demo"), help="where the files go")
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    cellc.set_seed(1)
    net = LeNet()
    train_set, test_set = digits()
    reached = train(net, *train_set, test_set, arguments.epochs)
    print(f"test accuracy {reached:.4f}")
    differences = compare(net, arguments.directory, test_set[0])
    for name, difference in differences.items():
        print(f"{name}: largest difference from the trained cell {difference:g}")
    if reached < 0.97 or any(differences.values()):
        sys.exit("expected an accuracy of at least 0.97 and equal answers")


if __name__ == "__main__":
    main()
