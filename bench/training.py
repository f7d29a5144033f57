"""What `Model.train` costs beyond the compiled step: the same steps called bare, and fed from several datasets.

All take turns of an epoch each; printed are the bare step's time and the medians of each round's ratios to it.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import numpy as np
from timing import seconds
from workloads import WORKLOADS, Workload, training_step

import cellc
from cellc import Model
from cellc import dataset as ds

STEPS = {"MLP": 400, "LeNet": 400, "ResNet18": 8}
"""Of an epoch, which is what each side's turn takes: short, so that a round's turns find the machine alike, but not so
short that beginning an epoch, 1 to 2 ms, is more of it than in training (MNIST: 938 steps of 64 images)."""


def pictures(workload: Workload) -> tuple[np.ndarray, np.ndarray]:
    """What files of images hold, MNIST's with 28 x 28 points: bytes (height, width, channels) and labels."""
    random = np.random.default_rng(0)
    batch, *shape = workload.shape
    channels, height, width = shape if len(shape) == 3 else (1, 28, 28)
    images = random.integers(0, 256, (STEPS[workload.torch_name] * batch, height, width, channels), np.uint8)
    return images, random.integers(0, 10, len(images)).astype(np.uint32)


def from_arrays(workload: Workload) -> ds.Dataset:
    """Floats in memory, in batches."""
    images, labels = pictures(workload)
    inputs = (images / np.float32(255)).reshape(-1, *workload.shape[1:])
    return ds.NumpySlicesDataset((inputs, labels.astype(np.int32)), ["image", "label"]).batch(workload.shape[0])


def pipeline(workload: Workload) -> ds.Dataset:
    """The usual way from bytes to batches; the rows are shuffled twice."""
    images, labels = pictures(workload)
    flat = len(workload.shape) == 2
    rows = ds.NumpySlicesDataset((images.reshape(len(images), -1) if flat else images, labels), ["image", "label"])
    rescale = ds.vision.Rescale(1 / 255, 0.0)
    rows = rows.map(rescale if flat else [rescale, ds.vision.HWC2CHW()], "image")
    rows = rows.map(ds.transforms.TypeCast(cellc.int32), "label")
    return rows.shuffle(1000).batch(workload.shape[0], drop_remainder=True)


def bare(workload: Workload) -> Callable[[], object]:
    """Calls of the compiled step, on Tensors that are there before."""
    step = training_step(workload, workload.cell())
    batches = list(from_arrays(workload))

    def run() -> None:
        for batch in batches:
            step(*batch)

    return run


def own_functions(workload: Workload) -> ds.Dataset:
    """The pipeline with a function of the user's, which gets the rows of a batch one after another."""
    rows = ds.NumpySlicesDataset(pictures(workload), ["image", "label"])
    rows = rows.map([ds.vision.Rescale(1 / 255, 0.0), lambda image: image.reshape(workload.shape[1:])], "image")
    rows = rows.map(ds.transforms.TypeCast(cellc.int32), "label")
    return rows.shuffle(1000).batch(workload.shape[0], drop_remainder=True)


def trained(workload: Workload, rows: ds.Dataset) -> Callable[[], object]:
    """An epoch of `Model.train`."""
    model = Model(training_step(workload, workload.cell()))
    return lambda: model.train(1, rows)


SOURCES = (from_arrays, pipeline, own_functions)


def measure(workload: Workload, rounds: int) -> tuple[float, list[float]]:
    """Seconds of the bare step, and how many times as long a step of `Model.train` takes for each source."""
    sides = [bare(workload), *(trained(workload, source(workload)) for source in SOURCES)]
    for side in sides:
        side()
    times = [[seconds(side) for side in sides] for _ in range(rounds)]
    ratios = [statistics.median(row[side] / row[0] for row in times) for side in range(1, len(sides))]
    return statistics.median(row[0] for row in times) / STEPS[workload.torch_name], ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    print(f"{'':40s} {'bare ms':>8s} " + " ".join(f"{source.__name__:>13s}" for source in SOURCES))
    for workload in WORKLOADS:
        if workload.optimizer and workload.torch_name in STEPS:
            step, ratios = measure(workload, options.rounds)
            columns = " ".join(f"{ratio:13.3f}" for ratio in ratios)
            print(f"{workload.name:40s} {step * 1e3:8.3f} {columns}", flush=True)


if __name__ == "__main__":
    main()
