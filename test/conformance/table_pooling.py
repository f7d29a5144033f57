"""Rows of pooling over one axis, and their oracles."""

import numpy as np
from conformance.oracles import pool2d
from conformance.row import Row, floats

from cellc import nn


def pool1d(reduce, kernel, stride, same):
    image = pool2d(reduce, (1, kernel), (1, stride), same)
    return lambda p, x: image(p, x[:, :, None])[:, :, 0]


def mean_of_first(kernel):
    return lambda p, x: x[:, :, :kernel].mean(axis=2, keepdims=True)


ROWS = [
    Row("MaxPool1d", lambda: nn.MaxPool1d(3, 2), floats((2, 3, 8)), pool1d(np.max, 3, 2, False)),
    Row("MaxPool1d same", lambda: nn.MaxPool1d(4, 3, "SAME"), floats((2, 3, 11)), pool1d(np.max, 4, 3, True)),
    Row("MaxPool1d wide", lambda: nn.MaxPool1d(2), floats((3, 5, 65)), pool1d(np.max, 2, 1, False)),
    Row("AvgPool1d", lambda: nn.AvgPool1d(3, 2), floats((2, 3, 8)), pool1d(np.mean, 3, 2, False)),
    Row("AvgPool1d same", lambda: nn.AvgPool1d(4, 3, "same"), floats((2, 3, 11)), pool1d(np.mean, 4, 3, True)),
    Row("AvgPool1d one window", lambda: nn.AvgPool1d(3, 4, "same"), floats((2, 3, 5)), mean_of_first(3)),
]
