"""Makes v1.cellir, v1_input.npy and v1_expected.npy in a folder: `python make_v1.py FOLDER`."""

import sys
from pathlib import Path

import numpy as np

import cellc
from cellc import nn


class Small(nn.Cell):
    """Convolution, normalization, pooling and two dense layers; f32[2, 1, 12, 12] -> f32[2, 5]."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, pad_mode="valid", has_bias=True)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(2, 2)
        self.flatten = nn.Flatten()
        self.hidden = nn.Dense(4 * 5 * 5, 16, activation="tanh")
        self.last = nn.Dense(16, 5)

    def construct(self, x):
        x = self.pool(self.relu(self.norm(self.conv(x))))
        return self.last(self.hidden(self.flatten(x)))


def expected(x, w):
    """The network's formulas in float64."""
    x, w = x.astype(np.float64), {name: value.astype(np.float64) for name, value in w.items()}
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    y = np.einsum("nchwrs,kcrs->nkhw", windows, w["conv.weight"]) + w["conv.bias"][:, None, None]
    scale = w["norm.gamma"] / np.sqrt(w["norm.moving_variance"] + 1e-5)
    y = (y - w["norm.moving_mean"][:, None, None]) * scale[:, None, None] + w["norm.beta"][:, None, None]
    y = np.maximum(y, 0).reshape(2, 4, 5, 2, 5, 2).max((3, 5)).reshape(2, -1)
    y = np.tanh(y @ w["hidden.weight"].T + w["hidden.bias"])
    return (y @ w["last.weight"].T + w["last.bias"]).astype(np.float32)


def main(folder):
    random = np.random.default_rng(2026)
    net = Small().set_train(False)
    weights = {}
    for parameter in net.get_parameters():
        low, high = (0.5, 1.5) if "variance" in parameter.name else (-0.3, 0.3)
        weights[parameter.name] = random.uniform(low, high, parameter.shape).astype(np.float32)
        parameter.set_data(cellc.Tensor(weights[parameter.name]))
    x = random.uniform(-1, 1, (2, 1, 12, 12)).astype(np.float32)
    cellc.export(net, cellc.Tensor(x), file_name=folder / "v1.cellir", file_format="MLIR")
    np.save(folder / "v1_input.npy", x)
    np.save(folder / "v1_expected.npy", expected(x, weights))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
