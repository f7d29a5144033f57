"""One row for each layer, loss and wrapper in each mode that matters: how it is made, fed and checked."""

from typing import Any

import numpy as np
from conformance import (
    oracles,
    table_activations,
    table_convolution,
    table_embedding,
    table_image,
    table_losses,
    table_normalization,
    table_pooling,
    table_recurrent,
    table_sparse,
    table_tools,
)
from conformance.row import Row, floats, of

from cellc import nn, ops


def ids(below, *shape):
    """One input of int32 in [-1, below]: one too small and one too great are among them."""
    return lambda rng: (rng.integers(-1, below + 1, shape).astype(np.int32),)


def logits_and_classes(rows, classes):
    return lambda rng: (
        rng.standard_normal((rows, classes)).astype(np.float32),
        rng.integers(0, classes, rows).astype(np.int32),
    )


def logits_and_probabilities(rows, classes):
    return lambda rng: tuple(a.astype(np.float32) for a in (rng.standard_normal((rows, classes)),
                                                            rng.dirichlet(np.ones(classes), rows)))  # fmt: skip


def _lstm_inputs(rng):
    x, h, c = (rng.standard_normal(shape).astype(np.float32) for shape in ((5, 3, 4), (4, 3, 2), (4, 3, 2)))
    return x, (h, c), np.array([5, 1, 3], np.int32)


ROWS = [
    Row("ReLU", nn.ReLU, floats((3, 7)), oracles.relu),
    Row("ReLU6", nn.ReLU6, lambda rng: (rng.uniform(-3, 9, (3, 7)).astype(np.float32),), oracles.relu6),
    Row("Sigmoid", nn.Sigmoid, floats((3, 7)), oracles.sigmoid),
    Row("Tanh", nn.Tanh, floats((1, 17)), oracles.tanh),
    Row("GELU", nn.GELU, floats((3, 7)), oracles.gelu_tanh),
    Row("GELU exact", lambda: nn.GELU(False), floats((3, 7)), oracles.gelu_erf),
    Row("Softmax", nn.Softmax, floats((3, 7)), oracles.softmax(-1)),
    Row("Softmax axis 0 of 1", lambda: nn.Softmax(0), floats((1, 4)), oracles.softmax(0)),
    Row("LogSoftmax", nn.LogSoftmax, floats((5, 3)), oracles.log_softmax(-1)),
    Row("LogSoftmax axis 1", lambda: nn.LogSoftmax(1), floats((2, 3, 4)), oracles.log_softmax(1)),
    Row("Dense", of(nn.Dense, 5, 3), floats((4, 5)), oracles.dense()),
    Row("Dense 1x1", of(nn.Dense, 1, 1), floats((1, 1)), oracles.dense()),
    Row("Dense rank 3", of(nn.Dense, 5, 3, has_bias=False), floats((2, 4, 5)), oracles.dense()),
    Row("Dense relu", of(nn.Dense, 17, 16, activation="relu"), floats((3, 17)), oracles.dense(oracles.relu)),
    Row("Dense sigmoid", of(nn.Dense, 5, 3, activation=nn.Sigmoid()), floats((4, 5)), oracles.dense(oracles.sigmoid)),
    Row("Dense Tanh", of(nn.Dense, 5, 3, activation=ops.Tanh()), floats((4, 5)), oracles.dense(oracles.tanh)),
    Row("Conv2d same", of(nn.Conv2d, 3, 4, 3), floats((2, 3, 6, 5)), oracles.conv2d()),
    Row("Conv2d same stride 2", of(nn.Conv2d, 3, 4, 3, stride=2), floats((2, 3, 6, 5)), oracles.conv2d((2, 2))),
    Row("Conv2d same even", of(nn.Conv2d, 2, 3, (2, 4), stride=(1, 3)), floats((1, 2, 5, 7)), oracles.conv2d((1, 3))),
    Row("Conv2d 1x1", of(nn.Conv2d, 3, 5, 1, has_bias=True), floats((1, 3, 1, 1)), oracles.conv2d()),
    Row("Conv2d valid", of(nn.Conv2d, 3, 4, (3, 2), pad_mode="valid", has_bias=True), floats((2, 3, 6, 5)),
        oracles.conv2d(pad=(0, 0, 0, 0))),
    Row("Conv2d pad", of(nn.Conv2d, 3, 4, 3, pad_mode="pad", padding=(1, 2, 0, 3), stride=(2, 1)),
        floats((2, 3, 6, 5)), oracles.conv2d((2, 1), (1, 2, 0, 3))),
    Row("Conv2d dilation", of(nn.Conv2d, 2, 3, 3, dilation=(2, 1)), floats((1, 2, 7, 6)),
        oracles.conv2d(dilation=(2, 1))),
    Row("Conv2d groups", of(nn.Conv2d, 4, 6, 3, group=2), floats((2, 4, 5, 4)), oracles.conv2d(group=2)),
    Row("Conv2d depthwise", of(nn.Conv2d, 3, 3, 3, group=3), floats((1, 3, 4, 4)), oracles.conv2d(group=3)),
    Row("MaxPool2d", lambda: nn.MaxPool2d(2, 2), floats((2, 3, 5, 4)), oracles.pool2d(np.max, (2, 2), (2, 2), False)),
    Row("MaxPool2d same", lambda: nn.MaxPool2d((3, 2), (2, 1), "same"), floats((2, 3, 6, 5)),
        oracles.pool2d(np.max, (3, 2), (2, 1), True)),
    Row("MaxPool2d default", nn.MaxPool2d, floats((1, 1, 1, 1)), oracles.identity),
    Row("AvgPool2d", lambda: nn.AvgPool2d((2, 3), 2), floats((2, 3, 5, 7)),
        oracles.pool2d(np.mean, (2, 3), (2, 2), False)),
    Row("AvgPool2d same", lambda: nn.AvgPool2d(3, 2, "SAME"), floats((2, 3, 6, 5)),
        oracles.pool2d(np.mean, (3, 3), (2, 2), True)),
    Row("Flatten", nn.Flatten, floats((3, 2, 4)), oracles.flatten),
    Row("Flatten of 1", nn.Flatten, floats((1, 1, 1, 1)), oracles.flatten),
    Row("BatchNorm2d evaluation", of(nn.BatchNorm2d, 3), floats((2, 3, 4, 5)), oracles.batch_norm(False)),
    Row("BatchNorm2d training", of(nn.BatchNorm2d, 3), floats((2, 3, 4, 5)), oracles.batch_norm(True), training=True),
    Row("BatchNorm2d always batch", of(nn.BatchNorm2d, 2, eps=0.1, use_batch_statistics=True), floats((3, 2, 2, 2)),
        oracles.batch_norm(True, 0.1)),
    Row("BatchNorm2d never batch", of(nn.BatchNorm2d, 2, use_batch_statistics=False), floats((3, 2, 1, 2)),
        oracles.batch_norm(False), training=True),
    Row("LayerNorm", of(nn.LayerNorm, (6,)), floats((4, 6)), oracles.layer_norm((-1,))),
    Row("LayerNorm two axes", of(nn.LayerNorm, [3, 4], 1, 1, epsilon=1e-3), floats((2, 3, 4)),
        oracles.layer_norm((1, 2), 1e-3)),
    Row("Dropout evaluation", nn.Dropout, floats((3, 4)), oracles.identity),
    Row("Dropout keeping all", lambda: nn.Dropout(1.0), floats((3, 4)), oracles.identity, training=True),
    Row("Embedding", of(nn.Embedding, 7, 3), ids(7, 2, 5), oracles.embedding),
    Row("Embedding one-hot", of(nn.Embedding, 7, 3, use_one_hot=True), ids(7, 2, 5), oracles.embedding),
    Row("Embedding of one", of(nn.Embedding, 1, 1), ids(1, 6), oracles.embedding),
    Row("LSTM", of(nn.LSTM, 4, 3), floats((5, 2, 4)), oracles.lstm()),
    Row("LSTM one step", of(nn.LSTM, 1, 1, has_bias=False), floats((1, 1, 1)), oracles.lstm()),
    Row("LSTM batch first", of(nn.LSTM, 4, 3, 2, batch_first=True), floats((2, 5, 4)),
        oracles.lstm(2, batch_first=True)),
    Row("LSTM bidirectional", of(nn.LSTM, 4, 3, bidirectional=True), floats((5, 2, 4)),
        oracles.lstm(bidirectional=True)),
    Row("LSTM lengths", of(nn.LSTM, 4, 2, 2, bidirectional=True), _lstm_inputs, oracles.lstm(2, True)),
    Row("SequentialCell", of(lambda: nn.SequentialCell(nn.Dense(4, 3), nn.Tanh())), floats((2, 4)),
        lambda p, x: np.tanh(x @ p["0.weight"].T + p["0.bias"])),
    Row("MSELoss", nn.MSELoss, floats((3, 4), (3, 4)), oracles.reduced(oracles.squared_error, "mean")),
    Row("MSELoss sum", lambda: nn.MSELoss("sum"), floats((3, 4), (1, 4)),
        oracles.reduced(oracles.squared_error, "sum")),
    Row("MSELoss none", lambda: nn.MSELoss("none"), floats((1,), (1,)), oracles.reduced(oracles.squared_error, "none")),
    Row("L1Loss", nn.L1Loss, floats((3, 4), (3, 4)), oracles.reduced(oracles.absolute_error, "mean")),
    Row("SoftmaxCrossEntropyWithLogits", nn.SoftmaxCrossEntropyWithLogits, logits_and_probabilities(4, 5),
        oracles.reduced(oracles.cross_entropy, "none")),
    Row("SoftmaxCrossEntropyWithLogits sum", lambda: nn.SoftmaxCrossEntropyWithLogits(reduction="sum"),
        logits_and_probabilities(4, 5), oracles.reduced(oracles.cross_entropy, "sum")),
    Row("SoftmaxCrossEntropyWithLogits sparse", lambda: nn.SoftmaxCrossEntropyWithLogits(True, "mean"),
        logits_and_classes(4, 5), oracles.reduced(oracles.cross_entropy, "mean")),
    Row("SoftmaxCrossEntropyWithLogits sparse none", lambda: nn.SoftmaxCrossEntropyWithLogits(True),
        logits_and_classes(1, 2), oracles.reduced(oracles.cross_entropy, "none")),
    # Extents beside those of vectors and tiles: 15, 17, 31, 33, 65.
    Row("ReLU wide", nn.ReLU, floats((33, 65)), oracles.relu),
    Row("Softmax wide", nn.Softmax, floats((15, 65)), oracles.softmax(-1)),
    Row("Softmax wide axis 0", lambda: nn.Softmax(0), floats((33, 17)), oracles.softmax(0)),
    Row("Dense wide", of(nn.Dense, 65, 33), floats((17, 65)), oracles.dense(), tolerance=4e-6),
    Row("Dense one row", of(nn.Dense, 31, 129), floats((1, 31)), oracles.dense()),
    Row("Conv2d wide", of(nn.Conv2d, 5, 17, 3), floats((2, 5, 9, 19)), oracles.conv2d(), tolerance=4e-6),
    Row("Conv2d wide stride", of(nn.Conv2d, 3, 33, 5, stride=2, pad_mode="pad", padding=2), floats((1, 3, 17, 15)),
        oracles.conv2d((2, 2), (2, 2, 2, 2)), tolerance=4e-6),
    Row("MaxPool2d wide", lambda: nn.MaxPool2d(3, 2, "same"), floats((2, 3, 17, 33)),
        oracles.pool2d(np.max, (3, 3), (2, 2), True)),
    Row("AvgPool2d wide", lambda: nn.AvgPool2d(2, 2), floats((2, 3, 17, 33)),
        oracles.pool2d(np.mean, (2, 2), (2, 2), False)),
    Row("BatchNorm2d wide", of(nn.BatchNorm2d, 17), floats((3, 17, 5, 7)), oracles.batch_norm(True), training=True),
    Row("LayerNorm wide", of(nn.LayerNorm, (65,)), floats((15, 65)), oracles.layer_norm((-1,))),
    Row("Embedding wide", of(nn.Embedding, 33, 17), ids(33, 31), oracles.embedding),
    Row("LSTM wide", of(nn.LSTM, 17, 19), floats((4, 5, 17)), oracles.lstm(), tolerance=4e-6),
    Row("SoftmaxCrossEntropyWithLogits wide", lambda: nn.SoftmaxCrossEntropyWithLogits(True, "mean"),
        logits_and_classes(33, 17), oracles.reduced(oracles.cross_entropy, "mean")),
    Row("WithLossCell", of(lambda: nn.WithLossCell(nn.Dense(4, 2), nn.MSELoss())), floats((3, 4), (3, 2)),
        lambda p, x, y: np.mean((oracles.dense()(p, x) - y) ** 2)),
    Row("WithEvalCell", of(lambda: nn.WithEvalCell(nn.Dense(4, 2), nn.MSELoss())), floats((3, 4), (3, 2)),
        lambda p, x, y: (np.mean((oracles.dense()(p, x) - y) ** 2), oracles.dense()(p, x), y), gradient=False),
    *table_activations.ROWS,
    *table_normalization.ROWS,
    *table_losses.ROWS,
    *table_tools.ROWS,
    *table_convolution.ROWS,
    *table_embedding.ROWS,
    *table_pooling.ROWS,
    *table_recurrent.ROWS,
    *table_image.ROWS,
    *table_sparse.ROWS,
]  # fmt: skip


def inputs_of(row: Row) -> tuple[Any, ...]:
    """The row's inputs; the same at each call."""
    return row.inputs(np.random.default_rng(sum(map(ord, row.name))))
