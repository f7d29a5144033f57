"""Rows of losses that are not in `table.py`, and their oracles."""

import numpy as np
from conformance.oracles import reduced
from conformance.row import Row, floats

from cellc import Tensor, nn


def constant(*shape, seed=1, low=0.5, high=1.5):
    """The values of a weight."""
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def probabilities(*shape):
    """Two inputs in (0, 1)."""
    return lambda rng: tuple(rng.uniform(0.05, 0.95, shape).astype(np.float32) for _ in range(2))


def logits_and_signs(*shape):
    return lambda rng: (rng.standard_normal(shape).astype(np.float32), rng.choice([-1, 1], shape).astype(np.float32))


def logits_and_labels(logits, labels, low, high):
    """Logits and int32 labels in [low, high)."""
    return lambda rng: (rng.standard_normal(logits).astype(np.float32), rng.integers(low, high, labels, np.int32))


def vectors_and_signs(x, labels):
    return lambda rng: (*floats(x, x)(rng), rng.choice([-1, 0, 1], labels, p=[0.45, 0.1, 0.45]).astype(np.int32))


def bce(weight=1.0):
    return lambda x, y: -weight * (y * np.log(x + 1e-12) + (1 - y) * np.log(1 - x + 1e-12))


def bce_with_logits(weight=1.0, pos_weight=1.0):
    def oracle(x, y):
        return weight * (pos_weight * y * np.logaddexp(0, -x) + (1 - y) * np.logaddexp(0, x))

    return oracle


def soft_margin(x, y):
    return np.logaddexp(0, -x * y)


def smooth_l1(beta):
    def oracle(x, y):
        d = np.abs(x - y)
        return np.where(d < beta, d**2 / (2 * beta), d - beta / 2)

    return oracle


def rmse(p, x, y):
    return np.sqrt(np.mean((x - y) ** 2))


def cosine_embedding(margin):
    def oracle(x1, x2, labels):
        cos = (x1 * x2).sum(1) / (np.linalg.norm(x1, axis=1) * np.linalg.norm(x2, axis=1))
        return np.where(labels == 1, 1 - cos, np.where(labels == -1, np.maximum(0, cos - margin), 0))

    return oracle


def dice(p, x, y, smooth=1e-5):
    return 1 - 2 * (x * y).sum() / ((x * x).sum() + (y * y).sum() + smooth)


def multi_class_dice(activation, weights=None, ignored=None):
    def oracle(p, x, y):
        x = activation(x)
        total = 0.0
        for i in range(x.shape[1]):
            if i != ignored:
                total = total + dice(p, x[:, i], y[:, i]) * (1.0 if weights is None else weights[i].astype(float))
        return total / x.shape[1]

    return oracle


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def focal(gamma=2.0, weight=None, labels_are_numbers=True):
    def oracle(x, labels):
        x, labels = x.reshape(*x.shape[:2], -1), labels.reshape(*labels.shape[:2], -1)
        p = softmax(x, 1)
        w = np.ones(x.shape[1]) if weight is None else weight.astype(float)
        loss = -((1 - p) ** gamma) * np.log(p) * w[:, None]
        if labels_are_numbers:
            return np.take_along_axis(loss, labels.astype(int) % x.shape[1], 1)[:, 0].mean(axis=1)
        return (loss * labels).mean(axis=2)

    return oracle


def cross_entropy_of_numbers(reduction="mean", weight=None, ignored=-100, smoothing=0.0):
    """One place after another."""

    def oracle(p, x, labels):
        classes = x.shape[1] if x.ndim > 1 else x.shape[0]
        rows = np.moveaxis(x, 1, -1).reshape(-1, classes) if x.ndim > 1 else x[None]
        w = np.ones(classes) if weight is None else weight.astype(float)
        losses, counts = [], []
        for row, label in zip(rows, labels.reshape(-1), strict=True):
            log_p = np.log(softmax(row))
            target = np.full(classes, smoothing / classes)
            target[label] += 1 - smoothing
            losses.append(0.0 if label == ignored else -(w * target * log_p).sum())
            counts.append(0.0 if label == ignored else w[label])
        if reduction == "mean":
            return np.sum(losses) / np.sum(counts)
        return np.sum(losses) if reduction == "sum" else np.reshape(losses, labels.shape)

    return oracle


def cross_entropy_of_probabilities(weight, smoothing):
    def oracle(x, labels):
        target = labels * (1 - smoothing) + smoothing / x.shape[1]
        w = weight.astype(float).reshape(-1, *[1] * (x.ndim - 2))
        return -(w * target * np.log(softmax(x, 1))).sum(axis=1)

    return oracle


def sampled_softmax(sampled, of_true, of_sampled):
    def oracle(weights, biases, labels, x):
        losses = []
        for row, true, expected in zip(x, labels, of_true, strict=True):
            ids = [*true, *sampled]
            logits = weights[ids] @ row + biases[ids] - np.log(np.array([*expected, *of_sampled], np.float64))
            losses.append(-np.log(softmax(logits)[: len(true)] + 1e-20).mean())
        return np.array(losses)

    return oracle


_SAMPLE = (np.array([4, 0, 6], np.int32), constant(3, 2, seed=3), constant(3, seed=4))


def _sampled_inputs(rng):
    weights, biases, x = floats((7, 5), (7,), (3, 5))(rng)
    return weights, biases, np.array([[1, 2], [3, 0], [5, 5]], np.int32), x


ROWS = [
    Row("BCELoss", nn.BCELoss, probabilities(3, 7), reduced(bce(), "none")),
    Row("BCELoss mean", lambda: nn.BCELoss(Tensor(constant(3, 7)), "mean"), probabilities(3, 7),
        reduced(bce(constant(3, 7)), "mean")),
    Row("BCELoss sum", lambda: nn.BCELoss(reduction="sum"), probabilities(2, 3, 4, 5), reduced(bce(), "sum"),
        tolerance=4e-6),
    Row("BCEWithLogitsLoss", nn.BCEWithLogitsLoss, floats((3, 7), (3, 7)), reduced(bce_with_logits(), "mean")),
    Row("BCEWithLogitsLoss weights",
        lambda: nn.BCEWithLogitsLoss("none", Tensor(constant(3, 1)), Tensor(constant(7, seed=2))),
        floats((3, 7), (3, 7)), reduced(bce_with_logits(constant(3, 1), constant(7, seed=2)), "none")),
    Row("BCEWithLogitsLoss sum", lambda: nn.BCEWithLogitsLoss("sum"), floats((1,), (1,)),
        reduced(bce_with_logits(), "sum")),
    Row("SoftMarginLoss", nn.SoftMarginLoss, logits_and_signs(5, 7), reduced(soft_margin, "mean")),
    Row("SoftMarginLoss none", lambda: nn.SoftMarginLoss("none"), logits_and_signs(2, 1, 3),
        reduced(soft_margin, "none")),
    Row("RMSELoss", nn.RMSELoss, floats((3, 4), (3, 4)), rmse),
    Row("RMSELoss broadcast", nn.RMSELoss, floats((3,), (2, 3)), rmse),
    Row("SmoothL1Loss", nn.SmoothL1Loss, floats((5, 7), (5, 7)), reduced(smooth_l1(1.0), "none")),
    Row("SmoothL1Loss mean", lambda: nn.SmoothL1Loss(0.3, "mean"), floats((33, 17), (33, 17)),
        reduced(smooth_l1(0.3), "mean")),
    Row("CosineEmbeddingLoss", nn.CosineEmbeddingLoss, vectors_and_signs((9, 5), (9,)),
        reduced(cosine_embedding(0.0), "mean")),
    Row("CosineEmbeddingLoss none", lambda: nn.CosineEmbeddingLoss(-0.5, "none"), vectors_and_signs((4, 5, 3), (4, 3)),
        reduced(cosine_embedding(-0.5), "none")),
    Row("DiceLoss", nn.DiceLoss, probabilities(3, 5), dice),
    Row("DiceLoss smooth", lambda: nn.DiceLoss(0.5), probabilities(2, 3, 4, 2), lambda p, x, y: dice(p, x, y, 0.5)),
    Row("MultiClassDiceLoss", nn.MultiClassDiceLoss, probabilities(3, 4), multi_class_dice(softmax)),
    Row("MultiClassDiceLoss weights",
        lambda: nn.MultiClassDiceLoss(Tensor(constant(3, 2)), 1, "sigmoid"), probabilities(2, 3, 4),
        multi_class_dice(lambda x: 1 / (1 + np.exp(-x)), constant(3, 2), 1)),
    Row("MultiClassDiceLoss plain", lambda: nn.MultiClassDiceLoss(activation=None), probabilities(2, 3, 4, 5),
        multi_class_dice(lambda x: x)),
    Row("FocalLoss", nn.FocalLoss, logits_and_labels((6, 3), (6, 1), -3, 3), reduced(focal(), "mean")),
    Row("FocalLoss weight", lambda: nn.FocalLoss(Tensor(constant(4)), 1.5, "none"),
        logits_and_labels((2, 4, 3, 5), (2, 1, 3, 5), 0, 4), reduced(focal(1.5, constant(4)), "none")),
    Row("FocalLoss factors", lambda: nn.FocalLoss(gamma=0.0, reduction="none"), floats((2, 4, 3), (2, 4, 3)),
        reduced(focal(0.0, labels_are_numbers=False), "none")),
    Row("CrossEntropyLoss", nn.CrossEntropyLoss, logits_and_labels((5, 4), (5,), 0, 4), cross_entropy_of_numbers()),
    Row("CrossEntropyLoss weight",
        lambda: nn.CrossEntropyLoss(Tensor(constant(4)), ignore_index=1, label_smoothing=0.2),
        logits_and_labels((3, 4, 5), (3, 5), 0, 4), cross_entropy_of_numbers("mean", constant(4), 1, 0.2)),
    Row("CrossEntropyLoss none", lambda: nn.CrossEntropyLoss(reduction="none", label_smoothing=0.5),
        logits_and_labels((2, 4, 3, 2), (2, 3, 2), 0, 4), cross_entropy_of_numbers("none", smoothing=0.5)),
    Row("CrossEntropyLoss vector", lambda: nn.CrossEntropyLoss(reduction="sum"), logits_and_labels((4,), (), 0, 4),
        cross_entropy_of_numbers("sum")),
    Row("CrossEntropyLoss probabilities",
        lambda: nn.CrossEntropyLoss(Tensor(constant(4)), label_smoothing=0.1), floats((3, 4, 5), (3, 4, 5)),
        reduced(cross_entropy_of_probabilities(constant(4), 0.1), "mean")),
    Row("SampledSoftmaxLoss",
        lambda: nn.SampledSoftmaxLoss(3, 7, 2, tuple(map(Tensor, _SAMPLE))), _sampled_inputs,
        reduced(sampled_softmax(*_SAMPLE), "none")),
    Row("SampledSoftmaxLoss mean",
        lambda: nn.SampledSoftmaxLoss(3, 7, 2, list(map(Tensor, _SAMPLE)), reduction="mean"), _sampled_inputs,
        reduced(sampled_softmax(*_SAMPLE), "mean")),
]  # fmt: skip
